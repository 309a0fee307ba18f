#!/bin/sh
# The proofs a release rests on.  Quick: some of them; AXM_FULL: every 8-bit
# variant of every family in three simulators, wide circuits on all 2^32 pairs,
# formal proofs up to 32 bits, and a thousand mutants.
set -u
B=${B:-build}
axmul=$B/axmul
log=$(mktemp) || exit 3
trap 'rm -f "$log"' EXIT
failed=0

# proves NAME ARGUMENT...
proves() {
    name=$1
    shift
    began=$(date +%s)
    if "$axmul" "$@" > "$log" 2>&1 < /dev/null; then
        echo "PASS verify__$name"
    else
        echo "FAIL verify__$name: exit code $?: $(tail -1 "$log")"
        failed=1
    fi
    echo "  $(($(date +%s) - began)) s: axmul $*"
    cat "$log"
}

for tool in verilator iverilog yosys berkeley-abc; do
    command -v $tool > /dev/null || { echo "SKIP verify: no $tool"; exit 0; }
done

wide12="drum12u_k5 drum12s_k5 mitchell12u mitchell12s_t5 trunc12u_l3_m3 trunc12s_c10_var cdm12u_x5_y4_z3 scdm12s_x5_y4_z3"
wide16="drum16u_k6 drum16s_k6 mitchell16u mitchell16s_t7 trunc16u_l4_m4 trunc16s_c12_const
    cdm16u_x5_y4_z3_w2 scdm16s_x5_y4_z3_w2"
ten="scdm8s_x5_y2 cdm8u_x8_y4 drum8u_k4 drum8s_k3 mitchell8u mitchell8s_t4 trunc8u_l2_m2 trunc8s_c6_const
    bam8u_h2_v4 tosam8s_h2_t5 exact8u exact8s"
# shellcheck disable=SC2086
if [ -n "${AXM_FULL:-}" ]; then
    proves every_8bit_variant verify --all-8bit
    proves wide_12_bits verify $wide12
    proves wide_16_bits verify $wide16
    proves wide_16_bits_verilator verify drum16u_k6 --sim verilator --exhaustive
    proves wide_16_bits_formally verify $wide16 --sim bitslice --formal
    proves exact_32_bits_formally verify array32u wallace32s dadda32s_ks booth32s exact32s --formal
    proves mutants_are_caught mutate $ten --count 100
else
    proves scdm8_published verify scdm8s_x4_y1 scdm8s_x5_y2 scdm8s_x8_y4 scdmr8s
    proves wide_16_bits verify drum16u_k6 scdm16s_x5_y4_z3_w2 --sim bitslice
    proves array_32_bits_formally verify array32u --formal --sim bitslice
    proves mutants_are_caught mutate scdm8s_x5_y2 drum8u_k4 --count 30
fi
exit $failed
