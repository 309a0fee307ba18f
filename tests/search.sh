#!/bin/sh
# axmul search: the published assignments, threads, kills, and what its tables say.
set -u
B=${B:-build}
axmul=$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT
seed=1

verdict() {   # NAME, and what is wrong on standard input
    odd=$(head -n 1)
    if [ -n "$odd" ]; then echo "FAIL search__$1: $odd"; else echo "PASS search__$1"; fi
}
search() { a=$1; shift; "$axmul" search "$a" builtin:lenet5i --quiet --format csv "$@"; }
# FILE ROW KEY: that column of the rows called so; quoted cells hold commas.
field() {
    /usr/bin/python3 -c 'import csv, sys
for r in csv.DictReader(open(sys.argv[1])):
    if r["row"] == sys.argv[2]: print(r[sys.argv[3]])' "$@"
}
expect() {   # CODE WORDS COMMAND...: exit code, and the message has the words
    code=$1 words=$2
    shift 2
    "$@" > "$work/out" 2> "$work/err"
    got=$?
    [ $got = "$code" ] || echo "exit code $got, not $code: $*"
    [ "$(wc -l < "$work/err")" = 1 ] && grep -q -- "$words" "$work/err" || echo "$* says: $(cat "$work/err")"
}

# Table 3: 56, 57, 50 and 61 %; each within half a per cent of what the coefficients give.
{
    search published --images 50 > "$work/published" || echo "exit code $?"
    for row in 1 2 3 4; do field "$work/published" $row saving_paper_percent; done |
        awk 'BEGIN { split("56 57 50 61", printed) } { d = $1 - printed[NR]; if (d > .5 || d < -.5) print "assignment " NR ": " $1 " %" }
             END { if (NR != 4) print NR " rows" }'
} 2>&1 | verdict published_savings

# What a row says is what infer says.
small="--population 12 --generations 3 --seed $seed"
{
    # shellcheck disable=SC2086  # words, throughout
    search ga --protocol paper --images 200 $small --store "$work/a.sqlite" --history "$work/history" > "$work/ga" ||
        echo "exit code $?"
    "$axmul" infer builtin:lenet5i --quiet --format csv --images 200 --mult "$(field "$work/ga" best mults)" > "$work/infer"
    /usr/bin/python3 - "$work/ga" "$work/infer" <<'PY'
import csv, sys
best = [r for r in csv.DictReader(open(sys.argv[1])) if r["row"] == "best"][0]
same = list(csv.DictReader(open(sys.argv[2])))[0]
for key in "correct", "top1_low_percent", "top1_high_percent", "saving_paper_percent", "saving_plain_percent":
    if abs(float(best[key]) - float(same[key])) > 1e-9:
        print(key, best[key], "is not", same[key])
if best["search_correct"] != best["correct"] or best["protocol"] != "paper":
    print("protocol paper scores on what it searches on")
PY
    awk -F, 'NR > 1 && $2 != $3 + $4 + $5 { print "evaluations do not add up: " $0 }
             NR > 1 && $6 + $7 != 8 * $5 { print "layers do not add up: " $0 }
             END { if (NR != 5) print NR " lines of history" }' "$work/history"
} 2>&1 | verdict rows_are_what_infer_says

# Search and score do not share an image, and say so.
{
    search random $small --images 61 --store "$work/a.sqlite" > "$work/honest" || echo "exit code $?"
    [ "$(field "$work/honest" best images)$(field "$work/honest" best search_images)" = 3031 ] || echo "not 31 and 30 images"
    [ "$(field "$work/honest" best scored_on)" = "odd test images" ] || echo "scored on: $(field "$work/honest" best scored_on)"
    [ "$(field "$work/honest" best protocol)" = honest ] || echo "not labelled honest"
    "$axmul" search random builtin:lenet5i $small --images 60 --store "$work/a.sqlite" 2> /dev/null |
        head -n 1 | grep -q 'honest: searched on 30 even .* scored once on 30 odd' || echo "the text does not say so"
    "$axmul" search random builtin:lenet5i --protocol paper $small --images 60 --store "$work/a.sqlite" 2> /dev/null |
        head -n 1 | grep -q 'paper: searched and scored on the same' || echo "nor that it is the paper's"
} 2>&1 | verdict protocols_are_labelled

nsga2="--population 16 --generations 8 --images 80 --seed $seed"
search nsga2 $nsga2 --store "$work/calm.sqlite" > "$work/calm"
{
    for threads in 1 4; do
        search nsga2 $nsga2 --threads $threads --store "$work/$threads.sqlite" | cmp - "$work/calm"
    done
    search nsga2 $nsga2 --store "$work/calm.sqlite" | cmp - "$work/calm"
    for mib in 0 1; do
        search nsga2 $nsga2 --memory $mib --store "$work/memory$mib.sqlite" | cmp - "$work/calm"
    done
    AXMUL_CPU=avx2 search nsga2 $nsga2 --store "$work/avx2.sqlite" | cmp - "$work/calm"
} 2>&1 | verdict same_front_whatever_computes_it

# The areas that --compare prints, from the front's rows.
{
    search nsga2 $nsga2 --compare --store "$work/calm.sqlite" > "$work/compare"
    /usr/bin/python3 - "$work/calm" "$work/compare" <<'PY'
import csv, sys
front = [(float(r["search_top1_percent"]), float(r["saving_plain_percent"]))
         for r in csv.DictReader(open(sys.argv[1])) if r["row"] == "front"]
own, random, homogeneous = list(csv.DictReader(open(sys.argv[2])))
for corner in 0, 95:
    area = reached = 0
    for accuracy, saving in sorted(front, key=lambda p: -p[1]):
        if accuracy > max(corner, reached):
            area += (accuracy - max(corner, reached)) * saving
            reached = accuracy
    if abs(area - float(own["hypervolume_%d" % corner])) > 1e-6:
        print(own, "but", area)
if int(random["evaluations"]) < int(own["evaluations"]) or homogeneous["evaluations"] != "20":
    print("budgets differ:", own, random, homogeneous)
# It begins with the homogeneous assignments, as far as the population goes: its front is as good as those.
if int(homogeneous["dominated"]) < 16:
    print("homogeneous ones not dominated:", homogeneous)
PY
} 2>&1 | verdict hypervolumes_by_hand

# Killed at ten moments, which together leave the last run something to do.
began=$(date +%s%N)
search nsga2 $nsga2 --store "$work/timed.sqlite" > /dev/null
took=$((($(date +%s%N) - began) / 1000000))
{
    for ms in $(awk -v seed=$seed -v most=$((took / 4)) 'BEGIN { srand(seed); for (i = 0; i < 10; i++) print int(rand() * most) }'); do
        "$axmul" search nsga2 builtin:lenet5i --quiet --format csv $nsga2 --store "$work/killed.sqlite" > "$work/out" 2>&1 &
        pid=$!
        sleep "$(awk -v ms="$ms" 'BEGIN { print ms / 1000 }')"
        kill -9 $pid 2> /dev/null
        wait $pid 2> /dev/null
    done
    search nsga2 $nsga2 --store "$work/killed.sqlite" | cmp - "$work/calm"
    /usr/bin/python3 -c 'import sqlite3, sys
print(sqlite3.connect(sys.argv[1]).execute("pragma integrity_check").fetchone()[0])' "$work/killed.sqlite" | grep -v '^ok$'
} 2>&1 | verdict ten_kills_change_nothing

{
    expect 2 'the first operand must be ga, nsga2' "$axmul" search best builtin:lenet5i
    expect 2 'elite is for ga' "$axmul" search nsga2 builtin:lenet5i --elite 2
    expect 2 'population has no meaning' "$axmul" search greedy builtin:lenet5i --population 9
    expect 2 'mutation must be 0..1' "$axmul" search ga builtin:lenet5i --mutation 2
    expect 2 'Table 4 has no coefficient' "$axmul" search ga builtin:lenet5i --mult drum8s_k4,exact8s
    expect 2 'even population' "$axmul" search nsga2 builtin:lenet5i --population 5 --images 4 --store "$work/a.sqlite"
    expect 2 'no training images' "$axmul" search ga builtin:lenet5i --validation 10
    expect 2 'too many to try all' "$axmul" search exhaustive builtin:lenet5i --images 4 --store "$work/a.sqlite"
    expect 3 'unable to open' "$axmul" search ga builtin:lenet5i --images 4 --store "$work/none/a.sqlite"
    expect 2 'is for --protocol honest' "$axmul" search ga builtin:lenet5i --preset paper --validation 9
} | verdict usage_errors
