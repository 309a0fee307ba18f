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
exact = [r for r in csv.DictReader(open(sys.argv[1])) if r["row"] == "exact"][0]
gain = float(best["top1_percent"]) - float(exact["top1_percent"])
pairs = 100 * (int(best["only_here"]) - int(best["only_exact"])) / int(best["images"])
if abs(float(best["gain_points"]) - gain) > 1e-9 or abs(pairs - gain) > 1e-9 or exact["gain_points"] + exact["mcnemar_p"]:
    print("gain", best["gain_points"], "is not", gain, pairs)
if not float(best["gain_low_points"]) < gain < float(best["gain_high_points"]):
    print("gain", gain, "is not within its interval")
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

# Every algorithm, as many evaluations as a second allows.
options() {
    case $1 in
    ga | nsga2) echo "--population 16 --generations 8 --images 80 --seed $seed" ;;
    random) echo "--population 40 --generations 4 --images 80 --seed $seed" ;;
    greedy) echo "--mult exact8s,scdm8s_x4_y2,scdm8s_x7_y3 --images 80" ;;
    exhaustive) echo "--mult scdm8s_x4_y1,scdm8s_x7_y3 --images 20" ;;
    esac
}
rows() {   # FILE: scores in it, and whether it is whole
    /usr/bin/python3 -c 'import os, sqlite3, sys
try:
    db = sqlite3.connect(sys.argv[1]) if os.path.exists(sys.argv[1]) else None
    print(db.execute("select count(*) from score").fetchone()[0] if db else 0, db.execute("pragma integrity_check").fetchone()[0] if db else "ok")
except sqlite3.OperationalError:   # killed before there were tables
    print(0, "ok")' "$1"
}
algorithms="ga nsga2 greedy random exhaustive"
now_ms() { echo $(($(date +%s%N) / 1000000)); }
for a in $algorithms; do
    began=$(now_ms)
    # shellcheck disable=SC2046
    search $a $(options $a) --threads 2 --store "$work/calm-$a.sqlite" > "$work/calm-$a"
    echo $(($(now_ms) - began)) > "$work/took-$a"
    rows "$work/calm-$a.sqlite" > "$work/all-$a"
    {
        [ "$(wc -l < "$work/calm-$a")" -gt 3 ] || echo "$(wc -l < "$work/calm-$a") lines"
        for threads in 1 4; do
            # shellcheck disable=SC2046
            search $a $(options $a) --threads $threads --store "$work/$threads-$a.sqlite" --history "$work/history" |
                cmp - "$work/calm-$a"
            read -r all _ < "$work/all-$a"
            awk -F, -v all="$all" 'END { if ($5 != all) print $5 " of " all " scores are in the history" }' "$work/history"
        done
        # shellcheck disable=SC2046
        search $a $(options $a) --store "$work/calm-$a.sqlite" --history "$work/history" | cmp - "$work/calm-$a"
        awk -F, 'END { if ($5 != 0) print "all scores were known, and " $5 " were computed" }' "$work/history"
    } 2>&1 | verdict same_result_with_1_2_and_4_threads_$a
done
nsga2=$(options nsga2)
{
    for mib in 0 1; do
        search nsga2 $nsga2 --memory $mib --store "$work/memory$mib.sqlite" | cmp - "$work/calm-nsga2"
    done
    AXMUL_CPU=avx2 search nsga2 $nsga2 --store "$work/avx2.sqlite" | cmp - "$work/calm-nsga2"
} 2>&1 | verdict same_front_whatever_computes_it

# Energy by either definition: along the front it falls as accuracy does, and the two fronts are not the same.
{
    for saving in plain paper; do
        search random --population 300 --generations 1 --images 60 --seed 3 --saving $saving --store "$work/saving.sqlite" > "$work/saving-$saving"
    done
    /usr/bin/python3 - "$work/saving-plain" "$work/saving-paper" <<'PY'
import csv, sys
fronts = []
for path in sys.argv[1:]:
    key = "saving_%s_percent" % path.rsplit("-", 1)[1]
    rows = [r for r in csv.DictReader(open(path)) if r["row"] == "front"]
    points = sorted(((float(r[key]), float(r["search_top1_percent"])) for r in rows), reverse=True)
    if not all(a[0] > b[0] and a[1] < b[1] for a, b in zip(points, points[1:])):
        print(key, points)
    fronts.append({r["assignment"] for r in rows})
if fronts[0] == fronts[1]:
    print("both definitions give the same front:", fronts[0])
PY
} 2>&1 | verdict energy_by_both_definitions

# The paper's settings: as many generations and evaluations, on the images that are scored.
{
    for g in 25 50; do
        preset=paper
        [ $g = 50 ] || preset=paper25
        search ga --preset $preset --images 3 --mult exact8s,scdm8s_x8_y4 --store "$work/preset.sqlite" --history "$work/history" > "$work/preset" || echo "exit code $?"
        [ "$(tail -n 1 "$work/history" | cut -d, -f1,2)" = "$g,$((50 * (g + 1)))" ] || echo "$preset ends with $(tail -n 1 "$work/history" | cut -d, -f1,2)"
        [ "$(field "$work/preset" best protocol)" = paper ] || echo "$preset: protocol $(field "$work/preset" best protocol)"
    done
} 2>&1 | verdict presets_of_the_paper

# The areas that --compare prints, from the front's rows.
{
    search nsga2 $nsga2 --compare --store "$work/calm-nsga2.sqlite" > "$work/compare"
    /usr/bin/python3 - "$work/calm-nsga2" "$work/compare" <<'PY'
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

# Killed at ten random moments or more, until one of them came while there was something to lose.  What was scored
# before is in the store, and is taken from there.
for a in $algorithms; do
    {
        read -r all _ < "$work/all-$a"
        midst=0 before=0 kills=0
        for share in $(awk -v seed=$seed 'BEGIN { srand(seed); for (i = 0; i < 40; i++) print rand() }'); do
            [ $kills -lt 10 ] || [ $midst = 0 ] || break
            # shellcheck disable=SC2046
            "$axmul" search $a builtin:lenet5i --quiet --format csv $(options $a) --store "$work/killed-$a.sqlite" > "$work/out" 2>&1 &
            pid=$!
            # Later and later, should other work have slowed this one down.
            sleep "$(awk -v s="$share" -v took="$(cat "$work/took-$a")" -v k=$kills 'BEGIN { print s * took / 2500 * 2 ^ int(k / 10) }')"
            kill -9 $pid 2> /dev/null
            wait $pid 2> /dev/null
            n=$(rows "$work/killed-$a.sqlite")
            [ "${n#* }" = ok ] || echo "the store is damaged: $n"
            n=${n% *}
            [ "$n" -ge "$before" ] || echo "$n scores after $before"
            [ "$n" = "$before" ] || [ "$n" = "$all" ] || midst=$((midst + 1))
            before=$n kills=$((kills + 1))
        done
        [ $midst -gt 0 ] || echo "no score was kept by any of $kills runs that were killed"
        # shellcheck disable=SC2046
        search $a $(options $a) --store "$work/killed-$a.sqlite" --history "$work/history" | cmp - "$work/calm-$a"
        awk -F, -v all="$all" -v kept="$before" 'END { if (kept + $5 != all) print $5 " of " all " scores computed, though " kept " were kept" }' "$work/history"
    } 2>&1 | verdict ten_kills_change_nothing_$a
done

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
