#!/bin/sh
# check.sh quick|full: sets up, builds, and runs every test there is.
#
#   tests/test_*.c   unit tests; cmocka tells what passed
#   tests/*.sh       print lines PASS NAME, FAIL NAME: WHY, SKIP NAME: WHY
#   fuzz/fuzz_*.c    full only: a minute each, beginning at tests/fuzz_corpus/NAME/
#
# full also sets AXM_FULL=1, at which tests do their exhaustive parts.
# The last line counts: N passed, N failed, N skipped.  Exit code 1 if any failed.
set -u
cd "$(dirname "$0")/.." || exit 3
export LC_ALL=C B="${B:-build}" CMOCKA_MESSAGE_OUTPUT=stdout
logs=$B/check
unset MAKEFLAGS MFLAGS   # of a make that called us, whose job server is not ours

# Runs one test of any kind.  Its output goes to $logs/NAME.log, its results to
# $logs/NAME.res: lines of P, F or S, name, and how to run it alone, by tabs.
run_one() {
    name=$(basename "$1" .sh) alone=$1 limit=600 began=$(date +%s)
    log=$logs/$name.log
    [ -z "${AXM_FULL:-}" ] || { alone="AXM_FULL=1 $1" limit=7200; }
    set -- "$1"
    case $1 in
    */fuzz_*)
        new=$B/fuzz/corpus/$name
        mkdir -p "$new"
        set -- "$1" -max_total_time=60 -timeout=10 "-artifact_prefix=$new-" "$new" "tests/fuzz_corpus/$name" ;;
    esac
    timeout -k 5 "$limit" "$@" < /dev/null > "$log" 2>&1
    awk -v test="$1" -v name="$name" -v alone="$alone" -v limit="$limit" -v code=$? '
        function result(letter, what, how) { printf "%s\t%s\t%s\n", letter, what, how; count[letter]++ }
        function ended(letter) {
            what = substr($0, RSTART + 13)
            if (what in running) { delete running[what]; result(letter, what) }
        }
        # cmocka; a test that began and did not end is the one that failed
        match($0, /\[ RUN      \] test_/) { running[substr($0, RSTART + 13)] = 1 }
        match($0, /\[       OK \] test_/) { ended("P") }
        match($0, /\[  SKIPPED \] test_/) { ended("S") }
        test ~ /\.sh$/ && /^(PASS|FAIL|SKIP) / {
            what = $2
            sub(/:$/, "", what)
            result(substr($1, 1, 1), what, alone)
        }
        END {
            for (what in running) result("F", what, alone " " what)
            if (code == 124) result("F", name ": no end after " limit " s", alone)
            else if (code && !count["F"]) result("F", name ": exit code " code, alone)
            else if (!code && test ~ /\/fuzz_/) result("P", name)
            else if (!code && !count["P"] && !count["S"]) result("F", name ": no test in it", alone)
        }' "$log" > "$logs/$name.res"
    echo "$name: $(tally "$logs/$name.res"), $(($(date +%s) - began)) s"
}

# The counts in result files.
tally() {
    cat "$@" | awk '{ count[$1]++ } END { printf "%d passed, %d failed, %d skipped\n", count["P"], count["F"], count["S"] }'
}

case ${1:-quick} in
quick) ;;
full) export AXM_FULL=1 ;;
--one) run_one "$2"; exit ;;
*) echo "usage: check.sh quick|full" >&2; exit 2 ;;
esac

scripts/setup.sh || exit 3
rm -rf "$logs" && mkdir -p "$logs" || exit 3
targets="all tests${AXM_FULL:+ fuzzers}"
# shellcheck disable=SC2086  # words
if ! make -s -j"$(nproc)" B="$B" $targets < /dev/null > "$logs/make.log" 2>&1; then
    cat "$logs/make.log"
    echo "rerun: make $targets"
    echo "0 passed, 1 failed, 0 skipped"
    exit 1
fi

# Shell tests begin first: they take longest.
{
    ls tests/*.sh
    for t in tests/test_*.c; do echo "$B/tests/$(basename "$t" .c)"; done
    [ -z "${AXM_FULL:-}" ] || for t in fuzz/fuzz_*.c; do echo "$B/fuzz/$(basename "$t" .c)"; done
} > "$logs/list"
xargs -P "$(nproc)" -n 1 scripts/check.sh --one < "$logs/list"

for r in $(grep -l '^F' "$logs"/*.res); do
    echo "=== $(basename "$r" .res) failed; its output:"
    cat "${r%.res}.log"
done
grep -h '^ *SKIP' "$logs"/*.log | sort -u
cat "$logs"/*.res | awk -F '\t' '$1 == "F" { print "FAILED " $2 "; rerun: " $3 }'
tally "$logs"/*.res | tee "$logs/total"
grep -q ' 0 failed' "$logs/total"
