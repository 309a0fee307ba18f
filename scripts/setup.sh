#!/bin/sh
# Installs the Debian packages that are missing; silent but for one line when
# there are none.  The one list of what axmul needs.
set -eu
packages="gcc g++ make binutils pkg-config clang libclang-rt-14-dev
    libcmocka-dev libcjson-dev libmd-dev libsqlite3-dev
    verilator iverilog yosys berkeley-abc gnuplot-nox
    opensta qflow-tech-osu018 qflow-tech-osu035 qflow-tech-osu050
    python3-numpy man-db"

missing=
for p in $packages; do
    status=$(dpkg-query -W -f '${Status}' "$p" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $p"
done
if [ -z "$missing" ]; then
    echo "setup: nothing to install"
    exit 0
fi
as_root=
if [ "$(id -u)" != 0 ]; then
    if ! command -v sudo > /dev/null; then
        echo "setup: not root and no sudo; install these Debian packages:$missing" >&2
        exit 3
    fi
    as_root=sudo
fi
echo "setup: installing$missing"
export DEBIAN_FRONTEND=noninteractive
$as_root apt-get update -q > /dev/null || { echo "setup: apt-get update failed" >&2; exit 3; }
# shellcheck disable=SC2086
$as_root apt-get install -q -y --no-install-recommends $missing > /dev/null || {
    echo "setup: apt-get install failed; missing:$missing" >&2
    exit 3
}
