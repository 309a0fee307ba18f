#!/bin/sh
# Sets up, builds, lints and runs the tests; `quick` or `full`.  Ends with one
# closing line: N passed, N failed, N skipped.
set -u
mode=${1:-quick}
B=${B:-build}
export B
if [ "$mode" = full ]; then
    export AXM_FULL=1
fi
jobs=$(nproc)
scripts/setup.sh || exit 3
make -s -j"$jobs" all tests || { echo "check: the build failed"; echo "0 passed, 1 failed"; exit 1; }
results=$B/check
rm -rf "$results"
mkdir -p "$results"

# One test program or script: its output to a file, its verdict beside it.
cat > "$results/run" <<'EOF'
#!/bin/sh
t=$1
name=$(basename "$t")
start=$(date +%s)
"$t" > "$B/check/$name.log" 2>&1 < /dev/null
echo "$? $(($(date +%s) - start))" > "$B/check/$name.exit"
EOF
chmod +x "$results/run"
{ ls -S "$B"/tests/test_* | grep -vE '\.(d|c)$'; ls tests/*.sh; } | xargs -P "$jobs" -n 1 "$results/run"

passed=0 failed=0 skipped=0
for exit_file in "$results"/*.exit; do
    name=$(basename "$exit_file" .exit)
    log=$results/$name.log
    read -r code seconds < "$exit_file"
    case $name in
    *.sh)
        p=$(grep -c '^PASS ' "$log"); f=$(grep -c '^FAIL ' "$log"); s=$(grep -c '^SKIP ' "$log")
        rerun="tests/$name" ;;
    *)
        p=$(grep -c '^\[       OK \]' "$log"); f=$(grep -c '^\[  FAILED  \] test_' "$log")
        s=$(grep -c '^\[  SKIPPED \] test_' "$log")
        # cmocka lists failed and skipped tests twice: as they happen and at the end.
        f=$(grep '^\[  FAILED  \] test_' "$log" | sort -u | wc -l)
        s=$(grep '^\[  SKIPPED \] test_' "$log" | sort -u | wc -l)
        rerun="$B/tests/$name" ;;
    esac
    # A crash or a sanitizer report leaves no verdict line behind.
    [ "$code" = 0 ] || [ "$f" -gt 0 ] || f=1
    passed=$((passed + p)) failed=$((failed + f)) skipped=$((skipped + s))
    printf '%-28s %3d passed %3d failed %3d skipped %4d s\n' "$name" "$p" "$f" "$s" "$seconds"
    grep -h '^SKIP' "$log" | sort -u
    if [ "$f" -gt 0 ]; then
        cat "$log"
        case $name in
        *.sh) echo "run it alone: $rerun" ;;
        *)  tests=$(grep '^\[  FAILED  \] test_' "$log" | sort -u | sed 's/.*\] //')
            for t in $tests; do echo "run it alone: $rerun $t"; done
            [ -n "$tests" ] || echo "run it alone: $rerun" ;;
        esac
    fi
done

if [ "$mode" = full ]; then
    make -s -j"$jobs" fuzzers || failed=$((failed + 1))
    for f in "$B"/fuzz/fuzz_*; do
        [ -x "$f" ] || continue
        name=$(basename "$f")
        mkdir -p "$results/corpus-$name"
        if "$f" -max_total_time=60 -max_len=65536 "$results/corpus-$name" "tests/fuzz_corpus/$name" > "$results/$name.log" 2>&1; then
            passed=$((passed + 1))
            echo "$name: 60 s, $(grep -c NEW "$results/$name.log") new inputs"
        else
            failed=$((failed + 1))
            tail -40 "$results/$name.log"
        fi
    done
fi
echo "$passed passed, $failed failed, $skipped skipped"
[ "$failed" = 0 ]
