#!/bin/sh
# docs_sweep.sh: writes docs/sweep.md to standard output; every figure in it is computed here or published (Table 9,
# appendix C).  EPOCHS: of each cell (default 8).  Cells that are done lie in $B/docs-sweep: run again, it goes on from
# there.
set -eu
B=${B:-build}
axmul=$B/axmul
epochs=${EPOCHS:-8}
work=$B/docs-sweep
mkdir -p "$work"

"$axmul" sweep lenet5i -o "$work" --epochs "$epochs" --format csv > "$work/table"
"$axmul" show lenet5i --complexity > "$work/complexity"

exec /usr/bin/python3 - "$work" <<'PY'
import csv, glob, math, sys

work = sys.argv[1]
rows = list(csv.DictReader(open(f"{work}/table")))
batches = list(dict.fromkeys(r["batch"] for r in rows))
rates = list(dict.fromkeys(r["lr"] for r in rows))
epochs = int(rows[0]["epochs"])
at = {(r["batch"], r["lr"]): r for r in rows}
seconds = sorted(float(e["seconds"]) for f in glob.glob(f"{work}/*-epochs{epochs}.csv") for e in csv.DictReader(open(f)))

def grid(title, cell):
    print(f"{title}\n\n| batch | " + " | ".join(rates) + " |\n|" + " --- |" * (len(rates) + 1))
    for b in batches:
        print(f"| {b} | " + " | ".join(cell(at[b, r]) for r in rates) + " |")
    print()

def ranks(values):   # of equal values the mean
    order = sorted(values)
    return [order.index(v) + (order.count(v) - 1) / 2 for v in values]

def spearman(x, y):
    x, y = ranks(x), ranks(y)
    mx, my = sum(x) / len(x), sum(y) / len(y)
    return sum((a - mx) * (b - my) for a, b in zip(x, y)) / math.sqrt(sum((a - mx) ** 2 for a in x) * sum((b - my) ** 2 for b in y))

ours = [float(r["test_top1_percent"]) for r in rows]
printed = [float(r["printed_percent"]) for r in rows]
steps = [epochs * (50000 // int(r["batch"])) for r in rows]
mean = sum(printed) / len(printed)
error = 100 * math.sqrt(mean / 100 * (1 - mean / 100) / 10000)

print(f"""# Batch size and learning rate

Written by `make docs-sweep`: Table 9 of Shakibhamedan et al. 2024 with `axmul sweep lenet5i --epochs {epochs}`, and its
appendix C. Adam, constant learning rate, cross-entropy, no augmentation; the last 10,000 of the 60,000 training images
of MNIST are held out, the epoch that is best on them is kept and scored once on the 10,000 test images. Float32,
seed {rows[0]["seed"]}.

**{epochs} epochs here, 5000 in the paper.** So the figures are not the same thing: at {epochs} epochs a cell has taken {min(steps)} to
{max(steps)} steps, and those with a large batch and a low rate have only begun.

Seconds an epoch: {seconds[0]:.1f} least, {seconds[len(seconds) // 2]:.1f} median, {seconds[-1]:.1f} most, {sum(seconds):.0f} in all.

## Table 9
""")
grid(f"Ours, test top-1 in % after {epochs} epochs; learning rates across:", lambda r: f'{float(r["test_top1_percent"]):.2f}')
grid("Printed, after 5000 epochs:", lambda r: f'{float(r["printed_percent"]):.2f}')
grid("Ours less printed, points:", lambda r: f'{float(r["test_top1_percent"]) - float(r["printed_percent"]):+.2f}')
print(f"""Spearman's rank correlation of the {len(rows)} cells, ours with printed: {spearman(ours, printed):+.2f}. That of ours with batch size is
{spearman(ours, [int(r["batch"]) for r in rows]):+.2f}, with learning rate {spearman(ours, [float(r["lr"]) for r in rows]):+.2f}; of the printed ones {spearman(printed, [int(r["batch"]) for r in rows]):+.2f} and {spearman(printed, [float(r["lr"]) for r in rows]):+.2f}.

The printed accuracies lie between {min(printed):.2f} and {max(printed):.2f} %: {round(100 * (max(printed) - min(printed)))} images of 10,000 from the worst cell to the best. The standard
error of one such accuracy is {error:.3f} points; two networks that err on different images have to be {1.96 * math.sqrt(2) * error:.2f} points apart
before that is more than chance (95 %). So the order of the printed cells is nothing that another run could be expected
to repeat. Ours is the order of how far each has come: the best reached {max(ours):.2f} %, {sum(1 for v in ours if v >= 98)} of {len(ours)} cells 98 %.

## Appendix C

`axmul show lenet5i --complexity` counts multiplications in the graph; beside them what is printed, errata marked:

```text
{open(f"{work}/complexity").read().rstrip()}
```

## What this leaves out

One seed, few epochs. `axmul sweep lenet5i -o DIR --epochs 5000` does all of the paper's and goes on where it was
interrupted; at the seconds above that is {sum(seconds) / epochs * 5000 / 86400:.1f} days.""")
PY
