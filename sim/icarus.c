#include "sim/icarus.h"

#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/file.h"
#include "base/proc.h"
#include "sim/clock.h"

enum axm_status icarus_need(void)
{
    enum axm_status st = proc_need("iverilog", "iverilog");
    return st ? st : proc_need("vvp", "iverilog");
}

/* A scratch directory with bench.v, the file every run is made of. */
struct bench {
    struct strbuf dir, path, text;
};

static void bench_release(struct bench *b)
{
    if (b->dir.s)
        file_remove_tree(b->dir.s);
    strbuf_release(&b->dir);
    strbuf_release(&b->path);
    strbuf_release(&b->text);
}

static const char *bench_path(struct bench *b, const char *name)
{
    strbuf_reset(&b->path);
    strbuf_addf(&b->path, "%s/%s", b->dir.s, name);
    return b->path.failed ? "" : b->path.s;
}

/* The circuits' text, then the head of the bench: operand registers and instances. */
static void write_head(struct bench *b, const struct dut *const *duts, size_t n,
                       const uint64_t *runtime)
{
    const struct dut *d = duts[0];
    if (!d->standalone)
        write_verilog_library(&b->text);
    for (size_t k = 0; k < n; k++)
        strbuf_add(&b->text, duts[k]->text.s, duts[k]->text.len);
    strbuf_addf(&b->text,
        "`timescale 1ns/1ns\n"
        "module axm_bench;\n"
        "  reg clk_i;\n"
        "  reg [%d:0] a_i;\n"
        "  reg [%d:0] b_i;\n", d->width_a - 1, d->width_b - 1);
    for (int i = 0; i < d->n_runtime; i++)
        strbuf_addf(&b->text, "  wire [%d:0] r%d_i = %d'd%llu;\n", d->runtime[i].width - 1, i,
                    d->runtime[i].width, (unsigned long long)(runtime ? runtime[i] : 0));
    for (size_t k = 0; k < n; k++) {
        char instance[32], product[32];
        snprintf(instance, sizeof instance, "u_%zu", k);
        snprintf(product, sizeof product, "p_%zu", k);
        strbuf_addf(&b->text, "  wire [%d:0] %s;\n", d->width_p - 1, product);
        dut_write_instance(duts[k], instance, product, &b->text);
    }
}

/* Time passes for one operand pair: until all is settled, and over a clock edge. */
static const char *settle(const struct dut *d)
{
    return d->clock[0] ? "#1 clk_i = 1; #1 clk_i = 0;" : "#1;";
}

static enum axm_status run_bench(struct bench *b)
{
    if (b->text.failed)
        return fail(AXM_ENV, "test bench for Icarus: out of memory");
    enum axm_status st = file_write(bench_path(b, "bench.v"), b->text.s, b->text.len);
    if (st)
        return st;
    struct proc_opts in_dir = { .dir = b->dir.s };
    const char *const elaborate[] = { "iverilog", "-g2005", "-s", "axm_bench", "-o", "bench.vvp",
                                      "bench.v", NULL };
    const char *const run[] = { "vvp", "-n", "bench.vvp", NULL };
    st = proc_run(elaborate, &in_dir);
    return st ? st : proc_run(run, &in_dir);
}

static uint64_t gray(uint64_t i)
{
    return i ^ i >> 1;
}

/* pairs.hex: a << width_b | b, one pair a line. */
static enum axm_status write_pairs(struct bench *b, const struct stimulus *pairs)
{
    FILE *f = fopen(bench_path(b, "pairs.hex"), "w");
    if (!f)
        return fail(AXM_ENV, "%s: %s", b->path.s, strerror(errno));
    for (uint64_t i = 0; i < pairs->count; i++)
        fprintf(f, "%llx\n", (unsigned long long)((uint64_t)pairs->a[i] << pairs->width_b | pairs->b[i]));
    bool bad = ferror(f);
    if (fclose(f) || bad)
        return fail(AXM_ENV, "%s: cannot be written", b->path.s);
    return AXM_OK;
}

/* The bench applies every pair and writes all products in %z form: per 32 bits
 * of {p_n-1, ..., p_0}, low ones first, a word of values and a word that is 1 where
 * a bit is x or z. */
static void write_loop(struct bench *b, const struct dut *d, size_t n, const struct stimulus *pairs)
{
    int bits = pairs->width_a + pairs->width_b;
    uint64_t steps = pairs->count + (d->latency > 1 ? d->latency - 1 : 0);
    strbuf_addf(&b->text, "  integer f;\n  reg [63:0] i;\n");
    if (!pairs->exhaustive)
        strbuf_addf(&b->text, "  reg [%d:0] pairs [0:%llu];\n", bits - 1,
                    (unsigned long long)(pairs->count - 1));
    strbuf_addf(&b->text, "  initial begin\n");
    if (!pairs->exhaustive)
        strbuf_addf(&b->text, "    $readmemh(\"pairs.hex\", pairs);\n");
    strbuf_addf(&b->text,
        "    f = $fopen(\"products\", \"wb\");\n"
        "    clk_i = 0;\n"
        "    for (i = 0; i < %llu; i = i + 1) begin\n", (unsigned long long)steps);
    if (pairs->exhaustive)
        strbuf_addf(&b->text, "      {a_i, b_i} = i ^ (i >> 1);\n");
    else
        strbuf_addf(&b->text, "      {a_i, b_i} = pairs[i < %llu ? i : 0];\n",
                    (unsigned long long)pairs->count);
    strbuf_addf(&b->text, "      %s\n      $fwrite(f, \"%%z\", {", settle(d));
    for (size_t k = n; k-- > 0;)
        strbuf_addf(&b->text, "p_%zu%s", k, k ? ", " : "");
    strbuf_addf(&b->text, "});\n    end\n    $fclose(f);\n  end\nendmodule\n");
}

/* Bits first..first+width-1 of one row's value (half 0) or unknown (half 1) words. */
static uint64_t row_bits(const uint32_t *row, size_t first, int width, int half)
{
    uint64_t v = 0;
    for (int i = 0; i < width;) {
        size_t bit = first + i;
        int take = 32 - (int)(bit % 32);
        uint64_t word = row[2 * (bit / 32) + half] >> (bit % 32);
        v |= word << i;
        i += take;
    }
    return v & axm_mask(width);
}

enum { ROWS = 1024 };

struct rows {
    FILE *f;
    size_t words;               /* 32-bit words of a row */
    uint32_t *row;              /* [ROWS][words] */
    uint64_t *expected;
    uint32_t *a, *b;
    uint64_t *first_at;         /* by circuit: position of its first mismatch */
};

/* Products of the pairs first..first+n-1 of the order of application. */
static void compare_rows(struct rows *r, const struct dut *d, size_t circuits,
                         const struct axm_mul *const *model, const struct stimulus *pairs,
                         const uint64_t *runtime, uint64_t first, size_t n,
                         struct sim_result *result)
{
    for (size_t i = 0; i < n; i++) {
        if (pairs->exhaustive) {
            uint64_t ab = gray(first + i);
            r->a[i] = (uint32_t)(ab >> pairs->width_b);
            r->b[i] = (uint32_t)(ab & axm_mask(pairs->width_b));
        } else {
            r->a[i] = pairs->a[first + i];
            r->b[i] = pairs->b[first + i];
        }
    }
    for (size_t k = 0; k < circuits; k++) {
        axm_eval_many(model[k], r->a, r->b, r->expected, n);
        result[k].pairs += n;
        for (size_t i = 0; i < n; i++) {
            const uint32_t *row = r->row + i * r->words;
            uint64_t unknown = row_bits(row, k * d->width_p, d->width_p, 1);
            uint64_t actual = row_bits(row, k * d->width_p, d->width_p, 0) & ~unknown;
            if (actual == r->expected[i] && !unknown)
                continue;
            /* Lowest position of the stimulus, not of the order of application. */
            uint64_t at = pairs->exhaustive ? gray(first + i) : first + i;
            if (result[k].mismatches++ == 0 || at < r->first_at[k]) {
                r->first_at[k] = at;
                result[k].first = (struct sim_mismatch){ .a = r->a[i], .b = r->b[i],
                    .expected = r->expected[i], .actual = actual, .unknown = unknown != 0 };
                if (runtime)
                    memcpy(result[k].first.runtime, runtime, sizeof result[k].first.runtime);
            }
        }
    }
}

static enum axm_status compare_products(struct bench *b, const struct dut *d, size_t circuits,
                                        const struct axm_mul *const *model,
                                        const struct stimulus *pairs, const uint64_t *runtime,
                                        struct sim_result *result)
{
    struct rows r = { .words = 2 * ((circuits * d->width_p + 31) / 32) };
    enum axm_status st = AXM_OK;
    r.row = malloc(ROWS * r.words * sizeof *r.row);
    r.expected = malloc(ROWS * sizeof *r.expected);
    r.a = malloc(ROWS * sizeof *r.a);
    r.b = malloc(ROWS * sizeof *r.b);
    r.first_at = calloc(circuits, sizeof *r.first_at);
    r.f = fopen(bench_path(b, "products"), "rb");
    if (!r.row || !r.expected || !r.a || !r.b || !r.first_at) {
        st = fail(AXM_ENV, "%s: out of memory", d->module);
        goto out;
    }
    if (!r.f) {
        st = fail(AXM_ENV, "%s: vvp wrote no products", d->module);
        goto out;
    }
    for (int late = d->latency - 1; late > 0 && !st; late--)
        if (fread(r.row, r.words * sizeof *r.row, 1, r.f) != 1)
            st = fail(AXM_ENV, "%s: vvp wrote too few products", d->module);
    for (uint64_t first = 0; first < pairs->count && !st; first += ROWS) {
        size_t n = pairs->count - first < ROWS ? pairs->count - first : ROWS;
        if (fread(r.row, r.words * sizeof *r.row, n, r.f) != n)
            st = fail(AXM_ENV, "%s: vvp wrote too few products", d->module);
        else
            compare_rows(&r, d, circuits, model, pairs, runtime, first, n, result);
    }
out:
    if (r.f)
        fclose(r.f);
    free(r.row);
    free(r.expected);
    free(r.a);
    free(r.b);
    free(r.first_at);
    return st;
}

enum axm_status icarus_compare(const struct dut *const *duts, size_t n,
                               const struct axm_mul *const *model, const struct stimulus *pairs,
                               const uint64_t *runtime, struct sim_result *result)
{
    double start = clock_seconds();
    struct bench b = { 0 };
    enum axm_status st = file_scratch_dir(&b.dir);
    if (st)
        goto out;
    assert(pairs->first == 0);
    for (size_t k = 1; k < n; k++)
        assert(dut_same_shape(duts[0], duts[k]));
    write_head(&b, duts, n, runtime);
    write_loop(&b, duts[0], n, pairs);
    if (!pairs->exhaustive && (st = write_pairs(&b, pairs)))
        goto out;
    if ((st = run_bench(&b)))
        goto out;
    st = compare_products(&b, duts[0], n, model, pairs, runtime, result);
    double share = (clock_seconds() - start) / n;
    for (size_t k = 0; k < n; k++)
        result[k].seconds += share;
out:
    bench_release(&b);
    return st;
}

enum axm_status icarus_vcd(const struct dut *d, uint64_t a, uint64_t b, const uint64_t *runtime,
                           const char *path)
{
    struct bench bench = { 0 };
    struct strbuf vcd = { 0 };
    enum axm_status st = file_scratch_dir(&bench.dir);
    if (st)
        goto out;
    write_head(&bench, &d, 1, runtime);
    strbuf_addf(&bench.text,
        "  integer i;\n"
        "  initial begin\n"
        "    $dumpfile(\"trace.vcd\");\n"
        "    $dumpvars(0, axm_bench);\n"
        "    clk_i = 0;\n"
        "    a_i = 0;\n"
        "    b_i = 0;\n"
        "    %s\n"
        "    a_i = %d'd%llu;\n"
        "    b_i = %d'd%llu;\n"
        "    for (i = 0; i < %d; i = i + 1) begin\n"
        "      %s\n"
        "    end\n"
        "    #1 $finish;\n"
        "  end\n"
        "endmodule\n",
        settle(d), d->width_a, (unsigned long long)a, d->width_b, (unsigned long long)b,
        d->latency > 1 ? d->latency : 1, settle(d));
    if ((st = run_bench(&bench)) ||
        (st = file_read(bench_path(&bench, "trace.vcd"), (size_t)1 << 30, &vcd)))
        goto out;
    st = file_write(path, vcd.s, vcd.len);
out:
    strbuf_release(&vcd);
    bench_release(&bench);
    return st;
}
