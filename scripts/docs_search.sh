#!/bin/sh
# docs_search.sh MODEL: writes docs/search.md to standard output; every figure in it is computed here or
# published (Tables 3 and 4).  MODEL's data set is mnist.  SMALLER: options that make the searches small, to
# try the script.  What is done lies in $B/docs-search: run again, it goes on with the search that was
# interrupted, from its beginning, because its seconds are figures of the page.
set -eu
B=${B:-build}
axmul=$B/axmul
model=$1
work=$B/docs-search
. scripts/docs_work.sh
keep_of_same "$work" "${SMALLER:-} $(sha256sum < "$model") $("$axmul" --version | head -n 1)"

# NAME STORE ALGORITHM OPTIONS...: a search, its rows in NAME.csv and its generations in NAME.history.
search() {
    name=$1 store=$2 algorithm=$3
    shift 3
    [ ! -e "$work/$name.csv" ] || return 0
    rm -f "$work/$store".sqlite*
    # shellcheck disable=SC2086  # words
    "$axmul" search "$algorithm" "$model" --data mnist --format csv --store "$work/$store.sqlite" \
        --history "$work/$name.history" "$@" ${SMALLER:-} > "$work/$name.tmp"
    mv "$work/$name.tmp" "$work/$name.csv"
}

search ga-paper ga-paper ga --preset paper
search ga-honest ga-honest ga --preset paper --protocol honest
search nsga2 nsga2 nsga2
# The search itself is in the store by now.
if [ ! -e "$work/compare" ]; then
    # shellcheck disable=SC2086  # words
    "$axmul" search nsga2 "$model" --data mnist --format csv --store "$work/nsga2.sqlite" --compare ${SMALLER:-} > "$work/compare.tmp"
    mv "$work/compare.tmp" "$work/compare"
fi
"$axmul" search published "$model" --data mnist --format csv > "$work/published.csv"
for order in wa aw aw,aw,aw,aw,aw,wa,wa,wa; do
    "$axmul" search published "$model" --data mnist --format csv --order $order > "$work/published-$order.csv"
done

cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
CPU=$cpu exec /usr/bin/python3 - "$work" <<'PY'
import csv, os, sys

work = sys.argv[1]

def rows(name):
    with open(f"{work}/{name}") as f:
        return list(csv.DictReader(f))

def interval(r):
    return f'{float(r["top1_low_percent"]):.2f}..{float(r["top1_high_percent"]):.2f}'

def gain(r):
    if not r["gain_points"]:
        return "-"
    return "{:+.2f} ({:+.2f}..{:+.2f})".format(*(float(r[f"gain_{k}points"]) for k in ("", "low_", "high_")))

def p(r):
    v = float(r["mcnemar_p"]) if r["mcnemar_p"] else None
    return "-" if v is None else f"{v:.2g}" if v > 0 else "< 1e-300"

def table(head, body):
    print("| " + " | ".join(head) + " |")
    print("|" + " --- |" * len(head))
    for line in body:
        print("| " + " | ".join(str(c) for c in line) + " |")
    print()

def savings(r):
    return f'{float(r["saving_paper_percent"]):.1f} %', f'{float(r["saving_plain_percent"]):.1f} %'

runs = {"ga-paper": ("ga, paper", rows("ga-paper.csv")), "ga-honest": ("ga, honest", rows("ga-honest.csv"))}
images = {k: (r[0]["search_images"], r[0]["searched_on"], r[0]["images"]) for k, (_, r) in runs.items()}

print(f"""# Which multiplier in which layer

Written by `make docs-search`: lenet5i on MNIST (`models/lenet5i-int8.axm`), a multiplier of the 20 SCDM8 for each of
its 8 layers, energy by the coefficients that Table 4 prints. `axmul help search` has the algorithms and protocols.

## Genetic algorithm, by the paper's protocol and by an honest one

Algorithm 1: population 50, 50 generations, mutation 0.1, fitness = accuracy, seed {runs["ga-paper"][1][0]["seed"]}. The two runs
differ in the images that fitness is computed on.

- **paper**: the {images["ga-paper"][0]} test images, which are those that the result is scored on. Its accuracy is biased: the best of
  thousands is picked by the images that it is scored on, and p knows nothing of that.
- **honest**: {images["ga-honest"][0]} validation images, which the network was not trained on; what was found is scored once on the {images["ga-honest"][2]}
  test images.

*gain* is the accuracy less the exact multiplier's on the same test images, in points, with its 95 % interval for pairs
(Bonett and Price 2012); p is McNemar's (exact, two-sided); "only here" are images that the assignment has right and the
exact multiplier wrong. *best*: the most accurate seen; *last*: the best of the last
generation, which Algorithm 1 returns.
""")
body = []
for title, r in runs.values():
    for x in r:
        if x["row"] in ("exact", "best", "last"):
            exact = x["row"] == "exact"
            body.append([title, x["row"], f'{float(x["search_top1_percent"]):.2f}', f'{float(x["top1_percent"]):.2f}',
                         interval(x), *(["-"] * 6 if exact else [gain(x), x["only_here"], x["only_exact"], p(x), *savings(x)]),
                         "-" if exact else x["assignment"]])
table(["search, protocol", "row", "searched, %", "test top-1, %", "95 % interval", "gain", "only here", "only exact",
       "p", "E0/E-1", "1-E/E0", "assignment (Table 4's rows)"], body)

verdicts = []
for title, r in runs.values():
    best = next(x for x in r if x["row"] == "best")
    sure = "is more than chance would give" if float(best["mcnemar_p"]) < .05 else "is not told apart from chance"
    verdicts.append(f"{title}: best minus exact {gain(best)} points on the test images, p = {p(best)}, which alone {sure}")
print(";\n".join(verdicts) + ".\n")

print("""### Time

Wall and processor time of the search (scoring not counted). A score is *known* if the same assignment
came before; *shared* are layers that were taken from another assignment that begins alike.
""")
body = []
for k, title in (("ga-paper", "ga, paper"), ("ga-honest", "ga, honest"), ("nsga2", "nsga2, honest")):
    h = rows(f"{k}.history")[-1]
    asked, run, s = int(h["evaluations"]), int(h["run"]), float(h["seconds"])
    layers = int(h["layers_run"]) + int(h["layers_shared"])
    body.append([title, h["images"], asked, f"{s:.0f} s", f'{float(h["cpu_seconds"]):.0f} s', h["threads"],
                 f"{asked / s:.1f}", f'{asked / float(h["cpu_seconds"]):.1f}', f"{100 * (1 - run / asked):.1f} %",
                 f'{100 * int(h["layers_shared"]) / layers:.1f} %'])
table(["search", "images", "evaluations", "wall", "processor", "threads", "evaluations/s", "per processor second", "known",
       "layers shared"], body)
h = rows("ga-paper.history")[-1]
least = float(h["cpu_seconds"]) / int(h["threads"])
print(f"""On {os.environ['CPU']}, 2 cores. Where the processor time is far below twice the wall time, other work had the machine; {h["threads"]}
threads with it for themselves need at least {least:.0f} s for the first row.
""")

print("""## The four published assignments

Table 3, on this network. Its authors chose them for their own network, on the test images; ours has other weights, and
rows of Table 4 with y = 4 or x = 8 are fragile ([accuracy.md](accuracy.md)). Savings are the paper's formula (A.4.1) with
the printed coefficients. Test top-1 in %: *default*, the weight is a in convolutions and b in dense layers, as in the
authors' network; *w = a*, *w = b*: in every layer; *swapped*: b in convolutions, a in dense layers.
""")
others = [rows(f"published-{o}.csv") for o in ("wa", "aw", "aw,aw,aw,aw,aw,wa,wa,wa")]
body = []
for i, x in enumerate(rows("published.csv")):
    exact = x["row"] == "exact"
    body.append([x["row"], x["assignment"], *(["-"] * 2 if exact else
                 [x["printed_saving_percent"] + " %", f'{float(x["saving_paper_percent"]):.1f} %']),
                 f'{float(x["saving_plain_percent"]):.1f} %', "-" if exact else f'{float(x["printed_top1_percent"]):.2f}',
                 f'{float(x["top1_percent"]):.2f}', interval(x), gain(x), p(x),
                 *(f'{float(o[i]["top1_percent"]):.2f}' for o in others)])
table(["row", "assignment", "E0/E-1, printed", "ours", "1-E/E0", "top-1, printed", "default", "95 % interval", "gain", "p", "w = a",
       "w = b", "swapped"], body)

last = rows("nsga2.history")[-1]
print(f"""## NSGA-II: accuracy and energy

Population 50, {last["generation"]} generations, accuracy and plain saving (1-E/E0), on the last {last["images"]} validation images;
begins with the 20 homogeneous assignments (one multiplier in all layers). Beside it random search with as many
evaluations, and the homogeneous 20. Hypervolume: the area, in % x %, between the front and the corner of that accuracy
and the energy of the exact multiplier, on the images searched on. *dominated*: points that one of NSGA-II's is at least
as good as in both.
""")
body = []
for x in rows("compare"):
    body.append([x["front_of"], x["evaluations"], x["points"], f'{float(x["hypervolume_0"]):.1f}',
                 f'{float(x["hypervolume_95"]):.2f}', f'{x["dominated"]} of {x["points"]}' if x["dominated"] else "-"])
table(["front of", "evaluations", "points", "hypervolume above 0 %", "above 95 %", "dominated"], body)

front = [x for x in rows("nsga2.csv") if x["row"] == "front" and float(x["search_top1_percent"]) >= 95]
print("Its front above 95 %, scored on the test images:\n")
table(["validation, %", "test top-1, %", "95 % interval", "gain", "p", "E0/E-1", "1-E/E0", "assignment"],
      [[f'{float(x["search_top1_percent"]):.2f}', f'{float(x["top1_percent"]):.2f}', interval(x), gain(x), p(x), *savings(x),
        x["assignment"]] for x in front])
print("""What this leaves out: one network of one seed, one run of each search; another seed gives another front;
`--saving paper` searches by the other definition. Nothing is retrained. Coefficients are those printed in Table 4; `--coef energy` measures them ([power.md](power.md)).""")
PY
