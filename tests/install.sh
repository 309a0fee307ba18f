#!/bin/sh
# make install into a staging root, then what a user of it does: compile against
# the headers by pkg-config, in C and C++, shared and static, and run.
set -u
B=${B:-build}
root=$(mktemp -d) || exit 3
trap 'rm -rf "$root"' EXIT
usr=$root/usr
export PKG_CONFIG_SYSROOT_DIR="$root" PKG_CONFIG_PATH="$usr/lib/pkgconfig"

verdict() {   # NAME WHY, a failure if WHY is not empty
    if [ -n "$2" ]; then echo "FAIL install__$1: $2"; else echo "PASS install__$1"; fi
}

make -s B="$B" install DESTDIR="$root" PREFIX=/usr > "$root/log" 2>&1 || {
    cat "$root/log"
    verdict into_a_staging_root "make install failed"
    exit 1
}
missing=
for f in bin/axmul lib/libaxmul.a lib/libaxmul.so lib/libaxmul.so.0 lib/pkgconfig/axmul.pc \
    include/axmul/axmul.h share/man/man1/axmul.1 share/bash-completion/completions/axmul; do
    [ -e "$usr/$f" ] || missing="$missing $f"
done
verdict into_a_staging_root "${missing:+missing:$missing}"

# 156 is -100 in eight bits.
cat > "$root/user.c" <<'EOC'
#include <axmul.h>
#include <stdio.h>

int main(void)
{
    struct axm_mul *exact, *scdm;
    struct axm_lut lut;
    struct axm_metrics metrics;
    struct axm_spec spec;
    static struct axm_circuit_opts opts;
    char *text;
    size_t len;
    if (axm_mul_open("exact8s", &exact) || axm_mul_open("scdm8s_x5_y2", &scdm) || axm_lut_build(exact, &lut) ||
        axm_metrics_from_lut(&lut, &metrics) || axm_spec_parse("SCDM8_52", &spec) ||
        axm_circuit_print(&spec, AXM_CIRCUIT_VERILOG, &opts, &text, &len))
        return 1;
    printf("%lld %s %d %g %d\n", (long long)axm_mul_value(exact, axm_eval(exact, 156, 7), 16),
           axm_mul_name(scdm), (int)axm_mul_value(scdm, axm_eval(scdm, 3, 3), 16), metrics.mae.value,
           len > 100 && text[len] == '\0');
    axm_circuit_free(text);
    axm_lut_release(&lut);
    axm_mul_close(scdm);
    axm_mul_close(exact);
    return axm_mul_open("no8such", &exact) == AXM_USAGE ? 0 : 1;
}
EOC
# x = 5: the columns of 3 x 3 below 5 lose their carries: 1, 1^1, 1 = 101 in binary.
expected="-700 scdm8s_x5_y2 5 0 1"
cp "$root/user.c" "$root/user.cc"
for how in c_shared c_static c++_shared c++_static; do
    case $how in c++*) cc="g++ -std=c++11" src=$root/user.cc ;; *) cc="${CC:-gcc} -std=c99" src=$root/user.c ;; esac
    # What comes with the system stays shared: Debian has no static libraries of all of it.
    case $how in
    *static) flags="-Wl,-Bstatic $(pkg-config --cflags --libs axmul) -Wl,-Bdynamic $(pkg-config --static --libs-only-l axmul |
        sed 's/-laxmul//')" ;;
    *) flags=$(pkg-config --cflags --libs axmul) ;;
    esac
    why=
    # shellcheck disable=SC2086  # words
    $cc -Wall -Wextra -pedantic -Werror -o "$root/user_$how" "$src" $flags > "$root/log" 2>&1 || {
        cat "$root/log"
        why="does not compile"
    }
    [ -n "$why" ] || got=$(LD_LIBRARY_PATH=$usr/lib "$root/user_$how" 2> "$root/err")
    case $how in
    *static) [ -n "$why" ] || ! ldd "$root/user_$how" | grep -q libaxmul || why="needs libaxmul.so" ;;
    *) [ -n "$why" ] || LD_LIBRARY_PATH=$usr/lib ldd "$root/user_$how" | grep -q "$usr/lib/libaxmul.so.0 " || why="not linked to libaxmul.so.0" ;;
    esac
    [ -n "$why" ] || [ "$got" = "$expected" ] || why="printed \"$got\", not \"$expected\""
    [ -n "$why" ] || [ "$(wc -l < "$root/err")" = 1 ] || why="an unknown family is not one line of message"
    verdict "$how" "$why"
done

# verilog: specs are there for who asks for them.  A carry-less 2 x 2: 3 x 3 is 101 in binary.
cat > "$root/two.v" <<'EOV'
module two (input [1:0] A, input [1:0] B, output [3:0] O);
  assign O = {2'b0, A & {2{B[0]}}} ^ {1'b0, A & {2{B[1]}}, 1'b0};
endmodule
EOV
cat > "$root/foreign.c" <<'EOC'
#include <axmul.h>
#include <stdio.h>

int main(int argc, char **argv)
{
    struct axm_mul *m;
    if (argc != 2 || axm_mul_open(argv[1], &m) != AXM_ENV)   /* not yet */
        return 1;
    axm_enable_verilog();
    if (axm_mul_open(argv[1], &m))
        return 2;
    printf("%d %d\n", (int)axm_eval(m, 3, 3), (int)axm_eval(m, 2, 3));
    axm_mul_close(m);
    return 0;
}
EOC
if ! command -v yosys > /dev/null || ! command -v verilator > /dev/null; then
    echo "SKIP install__verilog_specs: no yosys or no verilator"
else
    why=
    # shellcheck disable=SC2046
    "${CC:-gcc}" -Wall -Wextra -pedantic -Werror -o "$root/foreign" "$root/foreign.c" \
        $(pkg-config --cflags --libs axmul) > "$root/log" 2>&1 || {
        cat "$root/log"
        why="does not compile"
    }
    [ -n "$why" ] || got=$(AXMUL_CACHE=$root/cache LD_LIBRARY_PATH=$usr/lib "$root/foreign" "verilog:$root/two.v:u" 2> "$root/err")
    [ -n "$why" ] || [ "$got" = "5 6" ] || why="printed \"$got\", not \"5 6\": $(tail -1 "$root/err")"
    verdict verilog_specs "$why"
fi

odd=$(nm -D --defined-only "$usr/lib/libaxmul.so" | awk '$3 != "AXMUL_0" && $3 !~ /^axm_[a-z0-9_]*@@AXMUL_0$/ { print $3 }')
verdict shared_library_exports_axm_only "$odd"
odd=$(nm -g --defined-only "$usr/lib/libaxmul.a" | awk 'NF == 3 && $3 !~ /^axm_/ { print $3 }')
verdict static_library_defines_axm_only "$odd"
# Each function of the public headers can be called, and nothing else is exported.
# shellcheck disable=SC2046
"${CC:-gcc}" -E -P $(pkg-config --cflags axmul) "$usr/include/axmul/axmul.h" |
    sed '/^static inline/,/^}/d; /^typedef/d' | grep -o '\<axm_[a-z0-9_]*(' | tr -d '(' | sort -u > "$root/declared"
nm -D --defined-only "$usr/lib/libaxmul.so" | sed -n 's/.* T \(axm_[a-z0-9_]*\)@.*/\1/p' | sort > "$root/exported"
odd=$(comm -3 "$root/declared" "$root/exported" | tr -s '\t\n' ' ')
verdict headers_declare_what_is_exported "$odd"

if ! command -v man > /dev/null; then
    echo "SKIP install__man_page_renders: no man"
else
    MANWIDTH=80 man --warnings -l "$usr/share/man/man1/axmul.1" > "$root/page" 2> "$root/warnings"
    why=$(head -1 "$root/warnings")
    [ -n "$why" ] || grep -q 'SYNOPSIS' "$root/page" || why="no synopsis"
    verdict man_page_renders "$why"
fi
verdict completion_is_legal "$(bash -n "$usr/share/bash-completion/completions/axmul" 2>&1)"
verdict version_is_that_of_pkg_config \
    "$("$usr/bin/axmul" --version | grep -qF "$(pkg-config --modversion axmul)" || "$usr/bin/axmul" --version)"
grep -rl "$root" "$usr/lib/pkgconfig" "$usr/share" > "$root/odd"
verdict names_no_build_path "$(cat "$root/odd")"
