#!/bin/sh
# The result store under kill -9, two processes at once, and a full disk: what
# coef prints in the end is what an undisturbed run prints.  Quick: 41 specs;
# AXM_FULL: every 8-bit variant.
set -u
B=${B:-build}
axmul=$B/axmul
for tool in yosys sta; do
    command -v $tool > /dev/null || { echo "SKIP coef_kill: no $tool"; exit 0; }
done
[ -e /usr/share/qflow/tech/osu018/osu018_stdcells.lib ] || { echo "SKIP coef_kill: no qflow-tech-osu018"; exit 0; }
work=$(mktemp -d) || exit 3
mkdir "$work/small" "$work/tmp"
trap 'umount "$work/small" 2> /dev/null; rm -rf "$work"' EXIT
export TMPDIR="$work/tmp"   # what a killed run leaves there goes with it
seed=1 failed=0

if [ -n "${AXM_FULL:-}" ]; then
    specs=--all
else
    specs=
    for y in 1 2 3 4; do
        for x in 4 5 6 7 8; do specs="$specs scdm8s_x${x}_y$y cdm8u_x${x}_y$y"; done
    done
    specs="$specs drum8u_k4"
fi
# shellcheck disable=SC2086  # words
coef() { "$axmul" coef $specs --format csv --vectors 500 --quiet --store "$@"; }

verdict() {   # NAME WHY, a failure if WHY is not empty
    if [ -n "$2" ]; then
        echo "FAIL coef_kill__$1: $2"
        failed=1
    else
        echo "PASS coef_kill__$1"
    fi
}

# Empty if the store is whole, else what is wrong.
damage() {
    if command -v sqlite3 > /dev/null; then
        said=$(sqlite3 "$1" 'PRAGMA integrity_check' 2>&1)
    else
        said=$(python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("PRAGMA integrity_check").fetchone()[0])' "$1" 2>&1)
    fi
    [ "$said" = ok ] || echo "integrity_check: $said"
}

rows() { "$axmul" db query 'SELECT count(*) AS n FROM measurement' --store "$1" --format csv | tail -1; }

began=$(date +%s%N)
coef "$work/calm.sqlite" > "$work/calm" 2> "$work/err" || {
    verdict undisturbed_run "exit code $?: $(head -1 "$work/err")"
    exit 1
}
took=$((($(date +%s%N) - began) / 1000000))
echo "  undisturbed: $(wc -l < "$work/calm") lines, $took ms"

# Ten moments, in ms; together they leave the last run something to do.
moments=$(awk -v seed=$seed -v most=$((took / 6)) 'BEGIN { srand(seed); for (i = 0; i < 10; i++) print int(rand() * most) }')
why='' ran=''
for ms in $moments; do
    # shellcheck disable=SC2086  # words
    "$axmul" coef $specs --format csv --vectors 500 --quiet --store "$work/killed.sqlite" > "$work/out" 2>&1 &
    pid=$!
    sleep "$(awk -v ms="$ms" 'BEGIN { print ms / 1000 }')"
    kill -9 $pid 2> /dev/null && ran="$ran $ms"
    wait $pid 2> /dev/null
    [ ! -e "$work/killed.sqlite" ] || why="${why:-$(damage "$work/killed.sqlite")}"
done
echo "  seed $seed; killed after$ran ms; then $(rows "$work/killed.sqlite") measured of $(rows "$work/calm.sqlite")"
coef "$work/killed.sqlite" > "$work/killed" 2> "$work/err" || why="${why:-exit code $?: $(head -1 "$work/err")}"
cmp -s "$work/calm" "$work/killed" || why="${why:-another table: $(diff "$work/calm" "$work/killed" | head -3)}"
[ -n "$ran" ] || why=${why:-no run was killed}
verdict ten_kills_change_nothing "${why:-$(damage "$work/killed.sqlite")}"

coef "$work/both.sqlite" > "$work/one" 2> "$work/one.err" &
first=$!
coef "$work/both.sqlite" > "$work/two" 2> "$work/two.err"
second=$?
wait $first
first=$?
why=$(damage "$work/both.sqlite")
[ "$first $second" = '0 0' ] || why="exit codes $first and $second: $(cat "$work/one.err" "$work/two.err" | head -1)"
cmp -s "$work/calm" "$work/one" && cmp -s "$work/calm" "$work/two" || why=${why:-another table}
[ "$(rows "$work/both.sqlite")" = "$(rows "$work/calm.sqlite")" ] || why=${why:-another number of measurements}
verdict two_processes_at_once "$why"

if ! mount -t tmpfs -o size=512k none "$work/small" 2> /dev/null; then
    echo "SKIP coef_kill__full_disk: no right to mount"
else
    store=$work/small/r.sqlite why=
    "$axmul" coef scdm8s_x4_y1 --vectors 500 --quiet --store "$store" > "$work/before" 2> "$work/err"
    for left in 0 80; do   # KiB: none to open it, or some for a few results
        dd if=/dev/zero of="$work/small/full" bs=4096 2> /dev/null   # ends when nothing is left
        truncate -s "-${left}K" "$work/small/full"
        coef "$store" > "$work/out" 2> "$work/err"
        code=$?
        [ "$code" = 3 ] || why=${why:-exit code $code, expected 3, with $left KiB}
        [ "$(wc -l < "$work/err")" = 1 ] && grep -qE "$store.*(full|No space)" "$work/err" ||
            why=${why:-not one line that names store and disk: $(cat "$work/err")}
        [ ! -s "$work/out" ] || why=${why:-a table in spite of it}
        rm -f "$work/small/full"   # to look at it takes room, too
        why=${why:-$(damage "$store")}
        echo "  $left KiB left: $(cat "$work/err"); $(rows "$store") measured"
    done
    "$axmul" coef scdm8s_x4_y1 --vectors 500 --quiet --store "$store" > "$work/after" 2>&1
    cmp -s "$work/before" "$work/after" || why=${why:-what was stored is lost: $(head -1 "$work/after")}
    [ "$(rows "$store")" -gt 2 ] || why=${why:-no result before the disk was full}
    verdict full_disk "$why"
fi
exit $failed
