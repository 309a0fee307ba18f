#!/bin/sh
# docs_cosim.sh: writes docs/cosim-mnist.md to standard output; every figure in it is measured here.  IMAGES: fewer
# than the 10,000 of the test set, to try the script.  What is done lies in $B/docs-cosim: run again, it goes on
# with the run that was interrupted, from its beginning, because its seconds are figures of the page.
set -eu
B=${B:-build}
axmul=$B/axmul
images=${IMAGES:-10000}
work=$B/docs-cosim
. scripts/docs_work.sh
keep_of_same "$work" "$images $(sha256sum < "$axmul")"

row1=scdmr8s_x8_y3,scdmr8s_x6_y2,scdmr8s_x5_y2,scdmr8s_x4_y3,scdmr8s_x6_y2,scdmr8s_x5_y2,scdmr8s_x6_y4,scdmr8s_x6_y2

# NAME MULTIPLIERS OPTIONS...: rows in NAME.csv, what it says in NAME.log, the command in NAME.command.
cosim() {
    name=$1 mult=$2
    shift 2
    [ ! -e "$work/$name.csv" ] || return 0
    echo "axmul cosim builtin:lenet5i --data mnist --images $images --mult $mult $*" > "$work/$name.command"
    "$axmul" cosim builtin:lenet5i --data mnist --images "$images" --mult "$mult" "$@" --format csv \
        > "$work/$name.tmp" 2> "$work/$name.log"
    mv "$work/$name.tmp" "$work/$name.csv"
}

"$axmul" data mnist > "$work/data.log" 2>&1
# The arrays and the gates are compiled before anything is timed.
for backend in bitslice cycle 'rtl --rows 16 --cols 8'; do
    # shellcheck disable=SC2086  # words
    for mult in exact8s SCDM8_52 SCDM8_83 drum8s_k4 "$row1"; do
        "$axmul" cosim builtin:lenet5i --mult "$mult" --backend $backend --images 16 --quiet > /dev/null 2>&1
    done
done
for m in exact8s SCDM8_52 SCDM8_83 drum8s_k4 row1; do
    mult=$m
    [ $m != row1 ] || mult=$row1
    cosim bitslice.$m "$mult" --backend bitslice --threads 1
    cosim cycle.$m "$mult" --backend cycle --threads 1
    cosim rtl.$m "$mult" --backend rtl --rows 16 --cols 8 --processes 2
done

cpu=$(sed -n 's/^model name[[:space:]]*: //p' /proc/cpuinfo | head -n 1)
CPU=$cpu LOAD=$(cut -d' ' -f1 /proc/loadavg) exec /usr/bin/python3 - "$work" "$images" <<'PY'
import csv, os, re, sys

work, images = sys.argv[1], int(sys.argv[2])
backends = ("bitslice", "cycle", "rtl")
names = ("exact8s", "SCDM8_52", "SCDM8_83", "drum8s_k4", "row1")
titles = {"row1": "Table 3, row 1, on `scdmr8s`"}

def rows(backend, name):
    with open(f"{work}/{backend}.{name}.csv") as f:
        return {r["layer"]: r for r in csv.DictReader(f)}

def said(backend, name):
    with open(f"{work}/{backend}.{name}.log") as f:
        text = f.read()
    compared = re.search(r"every layer equal: (\d+) codes and (\d+) accumulators compared", text)
    speed = re.search(r"([\d.]+) s, ([\d.]+) (M|G)MAC/s", text)
    if not compared or not speed:
        sys.exit(f"docs_cosim.sh: {backend}, {name} did not end with every layer equal:\n{text}")
    return (*map(int, compared.groups()), float(speed[1]), float(speed[2]) * (1000 if speed[3] == "G" else 1))

def title(name):
    return titles.get(name, f"`{name}`")

def command(backend, name):
    with open(f"{work}/{backend}.{name}.command") as f:
        return f.read().strip()

print(f"""# MNIST through the hardware

Written by `make docs-cosim`; `axmul help cosim` and [cosim.md](cosim.md) say what is compared. {images:,} test images
go through the int8 `lenet5i` that comes with axmul; all layers were bit-equal to the C engine in every run
below, else there would be no page. Machine: {os.environ["CPU"]}, 2 cores, load {os.environ["LOAD"]} at the end;
one run each, wall time with everything, but models compiled in advance.

- gates: the multiplier's netlist, the sums as netlists too, 512 images at a time; one core;
- cycle-accurate: the weight-stationary 8x8 array of these gates, edge by edge; one core;
- RTL: the Verilog of a 16x8 array in Verilator, products from a table that stands for the multiplier (which
  `axmul verify` proves equal to its gates); two processes.

| multiplier | gates, s | MMAC/s | cycle-accurate, s | MMAC/s | RTL, s | MMAC/s |
| --- | --- | --- | --- | --- | --- | --- |""")
for n in names:
    line = [title(n)]
    for b in backends:
        _, _, seconds, speed = said(b, n)
        line += [f"{seconds:.1f}", f"{speed:,.0f}"]
    print("| " + " | ".join(line) + " |")

print("\nCompared in each run (of an array's RTL either codes or accumulators leave, so some batches run twice):\n")
print("| backend | codes | accumulators |\n| --- | --- | --- |")
for b in backends:
    codes, sums, _, _ = said(b, "SCDM8_52")
    print(f"| {b} | {codes:,} | {sums:,} |")

print("""
## Clock cycles

The same for all multipliers, because nothing in the array waits for one. An image takes
""")
for b, shape, end in (("cycle", "8x8", ";"), ("rtl", "16x8", ".")):
    same = {n: [(k, r["cycles"]) for k, r in rows(b, n).items()] for n in names}
    if any(s != same["exact8s"] for s in same.values()):
        sys.exit(f"docs_cosim.sh: {b}: the cycles differ between multipliers")
    r = rows(b, "SCDM8_52")["all"]
    print(f'- {int(r["cycles"]) / images:,.0f} cycles on the {shape} array, '
          f'{float(r["utilisation_percent"]):.1f} % of its cells at work{end}')
print("""
| layer | multiplications | 8x8: cycles | utilisation % | 16x8: cycles | utilisation % |
| --- | --- | --- | --- | --- | --- |""")
small, large = rows("cycle", "SCDM8_52"), rows("rtl", "SCDM8_52")
for layer, r in small.items():
    print(f'| {layer} | {int(r["multiplications"]):,} | {int(r["cycles"]):,} | {float(r["utilisation_percent"]):.1f} '
          f'| {int(large[layer]["cycles"]):,} | {float(large[layer]["utilisation_percent"]):.1f} |')
print("""
In the cycle-accurate model every image has an array of its own, so a dense layer is a product of one row and
loads its weights for each image; the RTL gets a whole batch of images at a time. So the cycles of the dense
layers are not to be compared.

## The commands
""")
print("```")
for b in backends:
    for n in names:
        print("$ " + command(b, n))
print("```")
PY
