#!/bin/sh
# axmul report: the page of a generated store of 1,000 multipliers in headless Chromium, and what is refused.
set -u
B=${B:-build}
axmul=$B/axmul
work=$(mktemp -d) || exit 3
trap 'rm -rf "$work"' EXIT

verdict() {   # NAME, and what is wrong on standard input
    odd=$(head -n 1)
    if [ -n "$odd" ]; then echo "FAIL report__$1: $odd"; else echo "PASS report__$1"; fi
}
expect() {   # CODE WORDS COMMAND...: exit code, one line that has the words, no page
    code=$1 words=$2
    shift 2
    rm -f "$work/none.html"
    "$@" --quiet > "$work/out" 2> "$work/err"
    got=$?
    [ $got = "$code" ] || echo "exit code $got, not $code: $*"
    [ "$(wc -l < "$work/err")" = 1 ] && grep -q -- "$words" "$work/err" || echo "$* says: $(cat "$work/err")"
    [ ! -e "$work/none.html" ] || echo "$* left a page"
}

store=$work/store.sqlite
"$axmul" db query 'SELECT 1' --store "$store" > /dev/null
if [ -s "$B/vendor/missing" ]; then
    expect 3 'without the plotting library' "$axmul" report -o "$work/none.html" --store "$store" 2>&1 | verdict says_what_it_lacks
    echo "SKIP report__page: $(cat "$B/vendor/missing")"
    exit 0
fi

# Figures that nobody measured, of real multipliers and one foreign name that has to be escaped.
{
    for family in scdm8s cdm8u drum8s drum8u mitchell8s mitchell8u trunc8s trunc8u bam8s bam8u tosam8s tosam8u bam8x7u trunc8x7u; do
        "$axmul" list "${family}_*" --format csv | tail -n +2 | cut -d, -f1
    done
    echo exact16u
    echo drum16s_k6
} > "$work/specs"
python3 - "$store" "$work" <<'PY'
import random, sqlite3, sys
store, work = sys.argv[1:]
r = random.Random(1)
specs = [s.strip() for s in open(work + "/specs")]
paper = ["scdm8s_x%d_y%d" % (x, y) for x in range(4, 9) for y in range(1, 5)] + ["scdm8s_x0_y0", "array8s", "exact8s", "array8u", "exact8u"]
wide = [s for s in specs if "16" in s]
others = [s for s in specs if s not in paper and s not in wide]
specs = paper + wide + ["</script><img src=x onerror=alert(1)>\"&"]
specs += r.sample(others, 1000 - len(specs))
db = sqlite3.connect(store)
for i, s in enumerate(specs):
    for liberty in "osu018_stdcells", "osu035_stdcells":
        for slew in ((.1, .3) if i < 5 else (.1,)):
            row = dict(key="%s %s %g" % (s, liberty, slew), spec=s, netlist_sha256="n", liberty=liberty, liberty_sha256="l",
                       mode="adders", stimulus="uniform 20000 seed 1", tools="none", cells=100 + i, steps=1,
                       area_um2=3000 + 6000 * r.random(), delay_ns=2 + 2 * r.random(), leakage_nw=50,
                       measured_at="2026-01-01", input_slew_ns=slew, output_load_pf=.02)
            for d in "zero", "unit", "liberty":
                row.update({"energy_%s_pj" % d: 5 + 20 * r.random(), "energy_%s_ci95_pj" % d: .1, "toggles_%s" % d: 50,
                            "switching_%s_pj" % d: 3})
            db.execute("INSERT INTO measurement (%s) VALUES (%s)" % (", ".join(row), ", ".join("?" * len(row))), list(row.values()))
db.commit()
open(work + "/accuracy.csv", "w").write("mult,order,images,top1_percent,top1_low_percent,top1_high_percent,model,images_of,first\n"
    + "".join("%s,paper,100,%g,90,99,/somewhere/net.axm,200,0\n" % (s, 90 + i / 10) for i, s in enumerate(paper)))
open(work + "/plane.csv", "w").write("epoch,row,layer,outputs,i_xt_bits,i_ty_bits\n" + "".join(
    "%d,exact8s,conv%d,64,%g,%g\n" % (e, l, 13 - l - .1 * e, 3.2 - .1 * l + .01 * e) for e in range(9) for l in range(5)))
open(work + "/history.csv", "w").write("generation,evaluations,remembered,repeated,run,best_correct,images,seconds,best_cost\n"
    + "".join("%d,%d,0,0,%d,%d,100,1.5,0.6\n" % (g, 50 * g, 50 * g, 60 + g) for g in range(30)))
log = sqlite3.connect(work + "/search.sqlite")
log.executescript("create table score (key text not null, genome blob not null, hits integer not null, images integer not null,"
    " primary key (key, genome)) without rowid; create table space (key text primary key, network text not null, layers text not null,"
    " weight_is_a text not null, multipliers text not null) without rowid;")
log.execute("insert into space values ('k', 'lenet5i', 'a,b,c,d,e,f,g,h', '1,1,1,1,1,0,0,0', ?)", (",".join(paper[:20]),))
genomes = {bytes([g] * 8) for g in range(20)} | {bytes(r.randrange(20) for _ in range(8)) for _ in range(300)}
log.executemany("insert into score values ('k', ?, ?, 100)", [(g, 99 - max(g)) for g in sorted(genomes)])
log.commit()
PY
files="--accuracy $work/accuracy.csv --plane $work/plane.csv --search $work/search.sqlite --history $work/history.csv"
# shellcheck disable=SC2086  # words, throughout
{
    "$axmul" report -o "$work/page.html" --store "$store" $files --quiet --threads 4 || echo "exit code $?"
    "$axmul" report -o "$work/again.html" --store "$store" $files --quiet --threads 1 || echo "exit code $?"
    cmp "$work/page.html" "$work/again.html"
} 2>&1 | verdict same_page_whatever_the_threads
{
    grep -q 'Permission is hereby granted' "$work/page.html" || echo "the library's licence is not in the page"
    grep -oE '(src|href)="?https?:[^" ]*' "$work/page.html"
    grep -nF '<img src=x' "$work/page.html" | cut -c 1-80
    grep -nF "$work" "$work/page.html" | cut -c 1-80
    size=$(wc -c < "$work/page.html")
    [ "$size" -lt 4000000 ] || echo "$size bytes"
} | verdict page_is_self_contained
python3 - "$work/page.html" <<'PY' 2>&1 | verdict data_are_what_was_given
import base64, json, re, sys, zlib
page = open(sys.argv[1], encoding="utf-8").read()
d = json.loads(re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.S).group(1))
of = {m["spec"]: m for m in d["multipliers"]}
if len(of) < 1000 or '</script><img src=x onerror=alert(1)>"&' not in of: print(len(of), "multipliers")
# MAE, WCE and EP of drum8u_k4's complement by its definition: truncation of the low l bits of both operands
e = [(a & ~3) * (b & ~3) - a * b for a in range(256) for b in range(256)]
m = next(m for s, m in of.items() if s == "trunc8u_l2_m2") if "trunc8u_l2_m2" in of else None
if m and (abs(m["error"][0] - sum(map(abs, e)) / 65536) > 1e-4 or m["error"][2] != max(map(abs, e))): print(m["error"])
if len(d["conditions"]) != 4 or d["conditions"][0]["multipliers"] != 1000: print(d["conditions"])
if len(d["conditions"][0]["tracks"]) != 2: print("no comparison with Table 4:", d["conditions"][0])
s = d["searches"][0]
if s["evaluated"] < 300 or len(s["homogeneous"]) != 20 or s["homogeneous"]["scdm8s_x4_y2"] != [98] or s["best"] != ["scdm8s_x4_y1"] * 8: print(s["best"], s["homogeneous"])
# 20 x the first row of Table 4 saves 1 / .78 - 1 and 1 - .78
if not any(abs(p[1] - 100 * (1 / .78 - 1)) < 1e-4 and abs(p[2] - 22) < 1e-4 for p in s["points"]): print("savings")
if d["accuracy"][0]["name"] != "model net.axm, 100 of 200 images, weight: paper": print(d["accuracy"][0]["name"])
if d["accuracy"][0]["of"]["scdm8s_x4_y1"] != [90, 90, 99]: print(d["accuracy"][0]["of"])
if len(d["planes"][0]["rows"]) != 45 or len(d["history"][0]["rows"]) != 30: print("rows of files")
mapped = [m for m in d["multipliers"] if "map" in m]
if sum(len(m["map"]) for m in mapped) > 2048 * 1024 or len(mapped) < 100: print(len(mapped), "heat maps")
raw = zlib.decompress(base64.b64decode(of["scdm8s_x4_y1"]["map"]))
if len(raw) != 131072: print(len(raw), "bytes of map")
PY

{
    expect 2 'says where the page goes' "$axmul" report --store "$store"
    expect 2 'mhz must be' "$axmul" report -o "$work/none.html" --store "$store" --mhz 0
    expect 2 'no family "foo"' "$axmul" report foo8u -o "$work/none.html" --store "$store"
    expect 2 'lacks the column mult' "$axmul" report -o "$work/none.html" --store "$store" --accuracy "$work/plane.csv"
    expect 2 'lacks the column row' "$axmul" report -o "$work/none.html" --store "$store" --plane "$work/accuracy.csv"
    expect 3 'No such file' "$axmul" report -o "$work/none.html" --store "$store" --plane "$work/none.csv"
    expect 3 'unable to open' "$axmul" report -o "$work/none.html" --store "$store" --search "$work/none.sqlite"
    expect 2 'not a log of axmul search' "$axmul" report -o "$work/none.html" --store "$store" --search "$store"
    expect 3 'No such file' "$axmul" report -o "$work/no/none.html" --store "$store"
} 2>&1 | verdict usage_errors

[ -s "$work/page.html" ] || exit 1
if ! command -v chromium > /dev/null; then
    echo "SKIP report__in_chromium: no chromium"
    exit 0
fi
mkdir "$work/profile"
python3 tests/report_browser.py "$work/page.html" "$work/profile" ${AXM_PICTURE:+"$AXM_PICTURE" all} || {
    tail -n 5 "$work/profile/log"
    echo "FAIL report__in_chromium: see above"
}
