#include "sim/verilator.h"

#include <assert.h>
#include <dlfcn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/progress.h"
#include "sim/clock.h"
#include "sim/verilate.h"

/* What costs least in all.  64 TOSAM 8x8 circuits take 0.5 s to compile and 0.2 s
 * to run over all pairs at -O0, 1.7 and 0.2 s at -O1; one 12x12 multiplier 0.4
 * and 6.2 s at -O0, 0.5 and 1.4 s at -O1.  -O2 and -march=native compile longer
 * than they save; g++ is slower in both.  Verilator itself takes 0.5 to 2 s for 64. */
enum { QUICK_BITS = 18 };

static const char *optimization(const struct dut *d)
{
    return d->width_a + d->width_b + dut_runtime_bits(d) <= QUICK_BITS ? "-O0" : "-O1";
}

/* --- what is compiled ----------------------------------------------------------- */

static void write_top(const struct dut *const *duts, size_t n, struct strbuf *out)
{
    const struct dut *d = duts[0];
    strbuf_adds(out, "module axm_top (\n");
    if (d->clock[0])
        strbuf_adds(out, "  input wire clk_i,\n");
    strbuf_addf(out, "  input wire [%d:0] a_i,\n  input wire [%d:0] b_i,\n", d->width_a - 1,
                d->width_b - 1);
    for (int i = 0; i < d->n_runtime; i++)
        strbuf_addf(out, "  input wire [%d:0] r%d_i,\n", d->runtime[i].width - 1, i);
    /* Unpacked: one wide vector compiles 15 times slower. */
    strbuf_addf(out, "  output wire [%d:0] p_o [0:%zu]\n);\n", d->width_p - 1, n - 1);
    for (size_t k = 0; k < n; k++) {
        char instance[32], product[32];
        snprintf(instance, sizeof instance, "u_%zu", k);
        snprintf(product, sizeof product, "p_o[%zu]", k);
        dut_write_instance(duts[k], instance, product, out);
    }
    strbuf_adds(out, "endmodule\n");
}

/* The C face of the simulator.  With registers, the product of pair t is out after clock
 * edge t + latency - 1. */
static void write_shim(const struct dut *d, size_t n, struct strbuf *out)
{
    strbuf_adds(out,
        "extern \"C\" {\n"
        "struct axm_sim { VerilatedContext context; Vaxm_top top{&context}; };\n"
        "void *axm_sim_new() { return new axm_sim; }\n"
        "void axm_sim_free(void *s) { delete static_cast<axm_sim *>(s); }\n"
        "void axm_sim_run(void *s, const uint64_t *runtime, const uint32_t *a,\n"
        "                 const uint32_t *b, size_t n, uint64_t *product)\n"
        "{\n"
        "    Vaxm_top &top = static_cast<axm_sim *>(s)->top;\n");
    for (int i = 0; i < d->n_runtime; i++)
        strbuf_addf(out, "    top.r%d_i = runtime[%d];\n", i, i);
    strbuf_addf(out,
        "    const size_t late = %d;\n"
        "    for (size_t t = 0; t < n + late; t++) {\n"
        "        top.a_i = t < n ? a[t] : 0;\n"
        "        top.b_i = t < n ? b[t] : 0;\n", d->latency > 1 ? d->latency - 1 : 0);
    if (d->clock[0])
        strbuf_adds(out,
            "        top.clk_i = 0;\n"
            "        top.eval();\n"
            "        top.clk_i = 1;\n");
    strbuf_addf(out,
        "        top.eval();\n"
        "        if (t >= late)\n"
        "            for (size_t k = 0; k < %zu; k++)\n"
        "                product[k * n + t - late] = top.p_o[k];\n"
        "    }\n"
        "}\n"
        "}\n", n);
}

/* --- the loaded simulator --------------------------------------------------------- */

struct verilator_sim {
    void *library, *sim;
    size_t n;
    int width_a, width_b;
    void *(*new_sim)(void);
    void (*free_sim)(void *);
    void (*run)(void *, const uint64_t *, const uint32_t *, const uint32_t *, size_t, uint64_t *);
};

static enum axm_status find_functions(struct verilator_sim *v, const char *what)
{
    *(void **)&v->new_sim = dlsym(v->library, "axm_sim_new");
    *(void **)&v->free_sim = dlsym(v->library, "axm_sim_free");
    *(void **)&v->run = dlsym(v->library, "axm_sim_run");
    if (v->new_sim && v->free_sim && v->run && (v->sim = v->new_sim()))
        return AXM_OK;
    dlclose(v->library);
    return fail(AXM_ENV, "%s: its compiled simulator cannot be used; delete it from the cache", what);
}

enum axm_status verilator_open(const struct dut *const *duts, size_t n, struct verilator_sim **out)
{
    struct strbuf verilog = { 0 }, top = { 0 }, shim = { 0 };
    struct verilator_sim *v = calloc(1, sizeof *v);
    if (!duts[0]->standalone)
        write_verilog_library(&verilog);
    for (size_t k = 0; k < n; k++) {
        assert(dut_same_shape(duts[0], duts[k]));
        strbuf_add(&verilog, duts[k]->text.s, duts[k]->text.len);
    }
    write_top(duts, n, &top);
    write_shim(duts[0], n, &shim);
    const struct verilate job = { .what = duts[0]->module, .verilog = &verilog, .top = &top, .shim = &shim,
        .systemverilog = duts[0]->systemverilog, .optimization = optimization(duts[0]) };
    enum axm_status st = v ? AXM_OK : fail(AXM_ENV, "%s: out of memory", duts[0]->module);
    if (!st && !(st = verilate_load(&job, &v->library)))
        st = find_functions(v, duts[0]->module);
    strbuf_release(&verilog);
    strbuf_release(&top);
    strbuf_release(&shim);
    if (st) {
        free(v);
        return st;
    }
    v->n = n;
    v->width_a = duts[0]->width_a;
    v->width_b = duts[0]->width_b;
    *out = v;
    return AXM_OK;
}

void verilator_close(struct verilator_sim *v)
{
    if (!v)
        return;
    v->free_sim(v->sim);
    dlclose(v->library);
    free(v);
}

void verilator_run(struct verilator_sim *v, const uint64_t *runtime, const uint32_t *a,
                   const uint32_t *b, size_t n, uint64_t *product)
{
    static const uint64_t zeros[RUNTIME_PORTS];
    v->run(v->sim, runtime ? runtime : zeros, a, b, n, product);
}

static void compare_products(const struct axm_mul *m, const uint32_t *a, const uint32_t *b,
                             const uint64_t *product, size_t n, const uint64_t *runtime,
                             struct sim_result *result)
{
    uint64_t expected[256];
    result->pairs += n;
    for (size_t begin = 0; begin < n; begin += sizeof expected / sizeof expected[0]) {
        size_t count = n - begin;
        if (count > sizeof expected / sizeof expected[0])
            count = sizeof expected / sizeof expected[0];
        axm_eval_many(m, a + begin, b + begin, expected, count);
        for (size_t i = 0; i < count; i++) {
            if (product[begin + i] == expected[i])
                continue;
            if (result->mismatches++ == 0) {
                result->first = (struct sim_mismatch){ .a = a[begin + i], .b = b[begin + i],
                    .expected = expected[i], .actual = product[begin + i] };
                if (runtime)
                    memcpy(result->first.runtime, runtime, sizeof result->first.runtime);
            }
        }
    }
}

enum axm_status verilator_compare(struct verilator_sim *v, const struct axm_mul *const *model,
                                  const struct stimulus *pairs, const uint64_t *runtime,
                                  struct sim_result *result)
{
    assert(pairs->width_a == v->width_a && pairs->width_b == v->width_b);
    enum { CHUNK = 1000 };   /* not a power of two: the products of v->n circuits would share cache sets */
    uint32_t a[CHUNK], b[CHUNK];
    uint64_t *product = malloc(v->n * CHUNK * sizeof *product);
    if (!product)
        return fail(AXM_ENV, "%zu simulated circuits: out of memory", v->n);
    double start = clock_seconds();
    enum axm_status st = AXM_OK;
    for (uint64_t first = 0; first < pairs->count && !st; first += CHUNK) {
        size_t n = pairs->count - first < CHUNK ? pairs->count - first : CHUNK;
        stimulus_get(pairs, first, n, a, b);
        verilator_run(v, runtime, a, b, n, product);
        for (size_t k = 0; k < v->n; k++)
            compare_products(model[k], a, b, product + k * n, n, runtime, &result[k]);
        if (progress_stop_requested())
            st = AXM_STOPPED;
    }
    double share = (clock_seconds() - start) / v->n;
    for (size_t k = 0; k < v->n; k++)
        result[k].seconds += share;
    free(product);
    return st;
}
