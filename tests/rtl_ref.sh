#!/bin/sh
# The hand-written references as users meet them: silent under verilator -Wall
# at the ends of every parameter's range, and readable by Yosys.
set -u
trap 'rm -f "$log"' EXIT
log=$(mktemp) || exit 3

# module, then sets of parameters
cases='
ref_exact WidthA=2,WidthB=2 WidthA=32,WidthB=5,Signed=1
ref_cdm WidthA=2,WidthB=4 WidthA=32,WidthB=32,Signed=1,K=64'"'"'h2200010203040506
ref_cdmr WidthA=2,WidthB=4,WidthK=4 WidthA=8,WidthB=8,Signed=1 WidthA=32,WidthB=32,Signed=1
ref_trunc L=7,M=7 C=1,Comp=1 C=15,Comp=1,Signed=1 C=1,Comp=2,Signed=1 C=15,Comp=2 WidthA=32,WidthB=32,C=63,Comp=1,Signed=1
ref_bam H=0,V=0 H=7,V=15,Signed=1 WidthA=2,WidthB=32,H=31,V=33
ref_drum K=2 K=8,Signed=1 WidthA=2,WidthB=32,K=32,Signed=1 WidthA=32,WidthB=32,K=6,Signed=1,OnesComplement=1
ref_mitchell T=0 T=7,Signed=1 WidthA=2,WidthB=32,T=31 WidthA=32,WidthB=32,T=31,Signed=1
ref_tosam H=0,T=0 H=3,T=2,WidthA=2 WidthA=32,WidthB=32,H=31,T=31,Signed=1 H=2,T=7
'

lint() {
    top=$1 set=$2
    # shellcheck disable=SC2046
    verilator --lint-only -Wall --top-module "$top" $(echo "-G$set" | sed 's/,/ -G/g') rtl/ref/*.v > "$log" 2>&1
    [ -s "$log" ] && { echo "FAIL rtl_ref_lint: $top $set: $(head -n 1 "$log")"; return 1; }
    return 0
}

read_it() {
    top=$1 set=$2
    yosys -q -p "read_verilog rtl/ref/*.v; chparam $(echo "-set $set" | sed 's/=/ /g; s/,/ -set /g') $top;
                 hierarchy -check -top $top; proc; check -assert" > "$log" 2>&1 ||
        { echo "FAIL rtl_ref_yosys: $top $set: $(grep -m 1 ERROR "$log")"; return 1; }
}

for_each() {
    bad=0 n=0
    while read -r top sets; do
        for set in $sets; do
            n=$((n + 1))
            "$1" "$top" "$set" || bad=1
        done
    done <<LIST
$(echo "$cases" | grep .)
LIST
    [ "$n" -gt 20 ] || { echo "FAIL rtl_ref: only $n cases"; bad=1; }
    return $bad
}

named=yes
for top in rtl/ref/*.v; do
    name=$(basename "$top" .v)
    grep -q "^module $name " "$top" || { echo "FAIL rtl_ref_names: $top must hold module $name"; named=no; }
done
[ $named = yes ] && echo "PASS rtl_ref_names"
if ! command -v verilator > /dev/null; then echo "SKIP rtl_ref_lint: no verilator"
elif for_each lint; then echo "PASS rtl_ref_lint"; fi
if ! command -v yosys > /dev/null; then echo "SKIP rtl_ref_yosys: no yosys"
elif for_each read_it; then echo "PASS rtl_ref_yosys"; fi
