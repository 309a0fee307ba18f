/* Area of every exact structure: what the rule in multiply_smallest() rests on.
 *
 *     build/bench/bench_exact_area             8x8 only, some seconds
 *     build/bench/bench_exact_area all         every width of the table, some minutes
 *     build/bench/bench_exact_area all FILE    with another liberty file
 *
 * um^2 after Yosys' synth -flatten; abc -liberty, of the hierarchical Verilog.
 * Without area in it: wires, and drive strengths for any load. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"
#include "gen/multiply.h"
#include "gen/write.h"

#define DEFAULT_LIBERTY "/usr/share/qflow/tech/osu018/osu018_stdcells.lib"

enum structure { MATRIX, BOOTH, RADIX4, SMALLEST };

static const struct variant {
    const char *name;
    enum structure structure;
    enum tree_kind tree;
    enum adder_kind adder;
} variants[] = {
    { "array", MATRIX, TREE_ARRAY, ADDER_RCA },
    { "rows", MATRIX, TREE_RIPPLE, ADDER_RCA },
    { "wallace", MATRIX, TREE_WALLACE, ADDER_RCA },
    { "dadda", MATRIX, TREE_DADDA, ADDER_RCA },
    { "dadda_cla", MATRIX, TREE_DADDA, ADDER_CLA },
    { "dadda_ks", MATRIX, TREE_DADDA, ADDER_KS },
    { "dadda_bk", MATRIX, TREE_DADDA, ADDER_BK },
    { "booth_array", BOOTH, TREE_ARRAY, ADDER_RCA },
    { "booth_wallace", BOOTH, TREE_WALLACE, ADDER_RCA },
    { "booth_dadda", BOOTH, TREE_DADDA, ADDER_RCA },
    { "radix4_rows", RADIX4, TREE_RIPPLE, ADDER_RCA },
    { "radix4_dadda", RADIX4, TREE_DADDA, ADDER_RCA },
    { "chosen", SMALLEST, TREE_DADDA, ADDER_RCA },
};

static const int widths[][2] = {   /* the first is the short table */
    { 8, 8 }, { 2, 2 }, { 3, 3 }, { 4, 4 }, { 5, 5 }, { 6, 6 }, { 7, 7 }, { 8, 2 }, { 8, 3 },
    { 8, 4 }, { 8, 5 }, { 8, 6 }, { 8, 7 }, { 12, 12 }, { 16, 16 },
};

static struct bus multiply(struct netlist *nl, const struct bus *a, const struct bus *b, bool is_signed,
                           const struct variant *v)
{
    switch (v->structure) {
    case MATRIX: return multiply_matrix(nl, a, b, is_signed, v->tree, v->adder);
    case BOOTH: return multiply_booth(nl, a, b, is_signed, v->tree, v->adder);
    case RADIX4: return multiply_radix4(nl, a, b, v->tree, v->adder);
    case SMALLEST: break;
    }
    return multiply_smallest(nl, a, b, is_signed);
}

static enum axm_status write_variant(const char *path, const int *width, bool is_signed,
                                     const struct variant *v)
{
    struct netlist *nl = netlist_new("top");
    if (!nl)
        return fail(AXM_ENV, "bench_exact_area: out of memory");
    struct bus a = netlist_add_input(nl, "a_i", width[0]), b = netlist_add_input(nl, "b_i", width[1]);
    struct bus p = multiply(nl, &a, &b, is_signed, v);
    netlist_add_output(nl, "p_o", &p);
    struct strbuf text = { 0 };
    enum axm_status st = netlist_sweep(nl);
    if (st == AXM_OK)
        st = write_verilog(nl, &(struct verilog_opts){ 0 }, &text);
    if (st == AXM_OK)
        st = file_write(path, text.s, text.len);
    strbuf_release(&text);
    netlist_free(nl);
    return st;
}

static enum axm_status measure(const char *dir, const char *liberty, const int *width, bool is_signed,
                               const struct variant *v, double *area)
{
    struct strbuf path = { 0 }, script = { 0 }, out = { 0 };
    strbuf_addf(&path, "%s/top.v", dir);
    strbuf_addf(&script, "read_verilog %s; synth -flatten -top top; abc -liberty %s; opt_clean; "
                "stat -liberty %s", path.s, liberty, liberty);
    enum axm_status st = write_variant(path.s, width, is_signed, v);
    if (st == AXM_OK)
        st = proc_run((const char *const[]){ "yosys", "-p", script.s, NULL },
                      &(struct proc_opts){ .out = &out });
    if (st == AXM_OK) {
        /* The last statistics are those of the mapped netlist. */
        const char *last = NULL;
        for (const char *s = out.s; (s = strstr(s, "Chip area for")) != NULL; s++)
            last = s;
        if (!last || sscanf(strchr(last, ':') ? strchr(last, ':') : "", ": %lf", area) != 1)
            st = fail(AXM_ENV, "yosys: no chip area in its output for %s", v->name);
    }
    strbuf_release(&path);
    strbuf_release(&script);
    strbuf_release(&out);
    return st;
}

static enum axm_status print_table(const char *dir, const char *liberty, size_t count, bool is_signed)
{
    printf("%-14s", is_signed ? "signed" : "unsigned");
    for (size_t w = 0; w < count; w++)
        printf(" %4dx%-2d", widths[w][0], widths[w][1]);
    printf("\n");
    for (size_t i = 0; i < sizeof variants / sizeof variants[0]; i++) {
        if (is_signed && variants[i].structure == RADIX4)
            continue;
        printf("%-14s", variants[i].name);
        for (size_t w = 0; w < count; w++) {
            double area;
            enum axm_status st = measure(dir, liberty, widths[w], is_signed, &variants[i], &area);
            if (st != AXM_OK)
                return st;
            printf(" %7.0f", area);
            fflush(stdout);
        }
        printf("\n");
    }
    printf("\n");
    return AXM_OK;
}

int main(int argc, char **argv)
{
    size_t count = argc > 1 && strcmp(argv[1], "all") == 0 ? sizeof widths / sizeof widths[0] : 1;
    const char *liberty = argc > 2 ? argv[2] : DEFAULT_LIBERTY;
    if (!proc_have("yosys") || !file_exists(liberty)) {
        printf("SKIP: area of exact structures: needs yosys and %s (Debian: yosys, qflow-tech-osu018)\n",
               liberty);
        return AXM_OK;
    }
    struct strbuf dir = { 0 };
    enum axm_status st = file_scratch_dir(&dir);
    if (st != AXM_OK)
        return (int)st;
    printf("area in um^2, %s\n\n", strrchr(liberty, '/') ? strrchr(liberty, '/') + 1 : liberty);
    st = print_table(dir.s, liberty, count, false);
    if (st == AXM_OK)
        st = print_table(dir.s, liberty, count, true);
    file_remove_tree(dir.s);
    strbuf_release(&dir);
    return (int)st;
}
