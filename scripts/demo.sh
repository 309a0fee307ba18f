#!/bin/sh
# The main job on an embedded default: generate, verify and measure the 20
# multipliers SCDM8_XY of the first paper, and run a network with each.  Called by `make demo`.
set -eu
axmul=${B:-build}/axmul
out=${B:-build}/demo
variants=$(for x in 4 5 6 7 8; do for y in 1 2 3 4; do echo "scdm8s_x${x}_y${y}"; done; done)

began=$(date +%s)
count() { echo $#; }

rm -rf "$out"
mkdir -p "$out/verilog" "$out/tables" "$out/plots"

echo "1. Verilog of the exact multiplier and the 20 SCDM8 in $out/verilog"
# shellcheck disable=SC2086
"$axmul" gen exact8s $variants -o "$out/verilog/"

echo
echo "2. Is the Verilog the C model? Every operand pair, in three simulators"
# shellcheck disable=SC2086
"$axmul" verify exact8s $variants --format csv > "$out/verify.csv"
awk -F, 'NR > 1 { n[$2]++; pairs[$2] += $4; bad[$2] += $5 }
    END { for (b in n) printf "   %-10s %d multipliers, %d operand pairs, %d mismatches\n", b, n[b], pairs[b], bad[b] }' \
    "$out/verify.csv"

echo
echo "3. Are the tables those of the authors? SHA-256 of all 20"
# shellcheck disable=SC2086
"$axmul" lut $variants -o "$out/tables/" --as bin
agree=0
while read -r hash name; do
    xy=${name#SCDM8_}
    file="$out/tables/scdm8s_x${xy%?}_y${xy#?}.bin"
    if [ "$(sha256sum < "$file" | cut -d' ' -f1)" = "$hash" ]; then
        agree=$((agree + 1))
    else
        echo "   $name differs"
    fi
done < tests/data/scdm8_tables.sha256
echo "   $agree of 20 agree"

echo
echo "4. Output entropy beside the published one"
"$axmul" entropy --paper

echo
echo "5. Errors, all operand pairs"
# shellcheck disable=SC2086
"$axmul" metrics exact8s $variants
# shellcheck disable=SC2086
"$axmul" metrics exact8s $variants --format csv > "$out/metrics.csv"

echo
echo "6. Product maps over -10..10, and an error map"
for s in exact8s scdm8s_x4_y1 scdm8s_x8_y4; do
    "$axmul" plot product "$s" -o "$out/plots/"
done
"$axmul" plot error scdm8s_x8_y4 -o "$out/plots/"

echo
echo "7. MNIST: an int8 network with each of them in all layers, 1,000 test images, energy by Table 4"
"$axmul" infer builtin:lenet5i --paper
"$axmul" infer builtin:lenet5i --paper --format csv > "$out/accuracy.csv"

echo
echo "8. The same network on the gates of one of them, every accumulator and code compared"
"$axmul" cosim builtin:lenet5i --mult scdm8s_x5_y2 --images 256

echo
echo "9. 20 images through the RTL of an 8x8 weight-stationary array: Verilator, compared bit by bit, with cycles"
"$axmul" cosim builtin:lenet5i --mult scdm8s_x5_y2 --backend rtl --rows 8 --cols 8 --images 20
"$axmul" gen array --mult scdm8s_x5_y2 --rows 8 --cols 8 -o "$out/array"

echo
echo "Done in $(($(date +%s) - began)) s. In $out:"
echo "   verilog/     $(count "$out"/verilog/*) circuits"
echo "   tables/      $(count "$out"/tables/*) multiplication tables, int16, a = -128..127 outer, b inner"
echo "   verify.csv   what was compared with what, on how many operand pairs"
echo "   metrics.csv  every error metric"
echo "   plots/       $(count "$out"/plots/*) pictures (SVG)"
echo "   accuracy.csv top-1, top-5 and energy of the network with each multiplier"
echo "   array/       the systolic array's Verilog, test benches, register map, SDC"
echo "Next: $axmul help, $axmul list"
[ "$agree" = 20 ] || { echo "demo: a table differs from the authors'" >&2; exit 1; }
