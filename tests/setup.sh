#!/bin/sh
# scripts/setup.sh on machines made up of false dpkg-query, apt-get, id and sudo.
set -u
world=$(mktemp -d) || exit 3
trap 'rm -rf "$world"' EXIT
log=$world/log

cat > "$world/dpkg-query" <<'EOF2'
#!/bin/sh
for p in "$@"; do :; done
case " $ABSENT " in *" $p "*) exit 1 ;; *" $p:half "*) printf config-files ;; *) printf installed ;; esac
EOF2
cat > "$world/apt-get" <<'EOF2'
#!/bin/sh
echo "apt-get $* ($DEBIAN_FRONTEND)" >> "$LOG"
[ -z "${APT_FAILS:-}" ] || { echo "E: no network"; exit 100; }
EOF2
cat > "$world/id" <<'EOF2'
#!/bin/sh
echo "${USER_ID:-0}"
EOF2
chmod +x "$world"/*

# Runs setup in the world; sets got (both streams), code and calls.
run() {
    : > "$log"
    got=$(env LOG="$log" "$@" PATH="$world:$PATH" scripts/setup.sh 2>&1 < /dev/null)
    code=$?
    calls=$(cat "$log")
}
verdict() {   # NAME, and what must be equal: WHAT IS SHOULD ...
    name=setup__$1 why=
    shift
    while [ $# -gt 1 ]; do
        [ "$1" = "$2" ] || why="${why:-got \"$1\" instead of \"$2\"}"
        shift 2
    done
    if [ -n "$why" ]; then echo "FAIL $name: $why"; else echo "PASS $name"; fi
}

run ABSENT=
verdict nothing_missing_is_one_line_and_no_call "$got" "setup: nothing to install" "$code" 0 "$calls" ""

run ABSENT="yosys libmd-dev:half"
options="-q -o DPkg::Lock::Timeout=120"
verdict only_what_is_missing_is_installed "$got" "setup: installing libmd-dev yosys" "$code" 0 "$calls" \
    "apt-get $options update (noninteractive)
apt-get $options install -y --no-install-recommends libmd-dev yosys (noninteractive)"

for have in no yes; do   # npm comes with setup data, unless the machine has one from elsewhere
    rm -f "$world/npm"
    [ $have = no ] || { printf '#!/bin/sh\n' > "$world/npm"; chmod +x "$world/npm"; }
    : > "$log"
    mkdir -p "$world/bin"
    for tool in sh env cat rm mktemp printf; do ln -sf "$(command -v $tool)" "$world/bin/$tool"; done
    got=$(env LOG="$log" ABSENT=npm PATH="$world:$world/bin" sh scripts/setup.sh data 2>&1 < /dev/null)
    code=$?
    if [ $have = no ]; then
        verdict data_installs_npm "$code" 0 "$got" "setup: installing npm"
    else
        verdict data_keeps_an_npm_from_elsewhere "$code" 0 "$got" "setup: nothing to install"
    fi
done

run ABSENT=yosys APT_FAILS=1
verdict a_failing_apt_is_quoted "$code" 3 "$got" "setup: installing yosys
E: no network
setup: apt-get update failed; what is missing: yosys"

printf '#!/bin/sh\nexit 1\n' > "$world/sudo"
chmod +x "$world/sudo"
run ABSENT="yosys gcc" USER_ID=1000
verdict without_rights_it_says_what_to_run "$code" 3 "$calls" "" "$got" "setup: as root, run: apt-get install gcc yosys"

printf '#!/bin/sh\nshift\necho sudo >> "$LOG"\nexec "$@"\n' > "$world/sudo"
run ABSENT=yosys USER_ID=1000
verdict with_sudo_it_installs "$code" 0 "$(echo "$calls" | grep -c '^apt-get.*yosys (noninteractive)')" 1 \
    "$(echo "$calls" | head -1)" sudo
