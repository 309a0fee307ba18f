#include "dnn/gemm.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dnn/gemm_impl.h"

static const char *const level_names[] = { "portable", "avx2", "avx512", "vbmi" };

static enum gemm_level level_of_machine(void)
{
#ifdef __x86_64__
    bool avx512 = __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
                  __builtin_cpu_supports("avx512vl");
    if (avx512 && __builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vnni"))
        return GEMM_VBMI;
    if (avx512)
        return GEMM_AVX512;
    if (__builtin_cpu_supports("avx2"))
        return GEMM_AVX2;
#endif
    return GEMM_PORTABLE;
}

enum gemm_level gemm_level_best(void)
{
    enum gemm_level best = level_of_machine();
    const char *cpu = getenv("AXMUL_CPU");
    for (int l = GEMM_PORTABLE; cpu && l < (int)best; l++)
        if (!strcmp(cpu, level_names[l]))
            return (enum gemm_level)l;
    return best;
}

enum axm_status gemm_level_check(void)
{
    const char *cpu = getenv("AXMUL_CPU");
    bool known = !cpu || !*cpu;
    for (int l = GEMM_PORTABLE; l <= GEMM_VBMI && !known; l++)
        known = !strcmp(cpu, level_names[l]);
    return known ? AXM_OK
                 : fail(AXM_USAGE, "AXMUL_CPU must be portable, avx2, avx512 or vbmi, got \"%s\"", cpu);
}

const char *gemm_level_name(enum gemm_level level)
{
    return level_names[level];
}

void *gemm_alloc(size_t bytes)
{
    void *p = aligned_alloc(GEMM_ALIGN, gemm_round_up(bytes ? bytes : 1, GEMM_ALIGN));
    if (p)
        memset(p, 0, gemm_round_up(bytes ? bytes : 1, GEMM_ALIGN));
    return p;
}

/* --- the table ---------------------------------------------------------------------- */

/* An 8-bit code (or a narrower operand's pattern) as a pattern of f's operand. */
static uint32_t operand(const struct axm_mul *m, int width, uint32_t code)
{
    if (width <= 8 || !axm_mul_signed(m))
        return code;
    return (uint32_t)axm_sign_extend(code, 8) & (uint32_t)axm_mask(width);
}

static enum axm_status tabulate(const struct axm_mul *m, const struct gemm_opts *o, struct gemm_table *t)
{
    int width_x = o->weight_is_a ? axm_mul_width_b(m) : axm_mul_width_a(m);
    int width_w = o->weight_is_a ? axm_mul_width_a(m) : axm_mul_width_b(m);
    t->is_signed = axm_mul_signed(m);
    t->x_bits = width_x < 8 ? width_x : 8;
    t->w_bits = width_w < 8 ? width_w : 8;
    t->x_count = o->x_below_128 && t->x_bits == 8 ? 128 : 1 << t->x_bits;
    t->w_count = 1 << t->w_bits;
    t->value = gemm_alloc(sizeof *t->value * (size_t)t->w_count << 8);
    if (!t->value)
        return fail(AXM_ENV, "%s: out of memory for its table", axm_mul_name(m));
    for (uint32_t w = 0; w < (uint32_t)t->w_count; w++) {
        uint32_t a[256], b[256];
        uint64_t product[256];
        for (uint32_t x = 0; x < 256; x++) {
            uint32_t px = operand(m, width_x, x & (uint32_t)(t->x_count - 1)), pw = operand(m, width_w, w);
            a[x] = o->weight_is_a ? pw : px;
            b[x] = o->weight_is_a ? px : pw;
        }
        axm_eval_many(m, a, b, product, 256);
        for (int x = 0; x < 256; x++) {
            int64_t v = axm_mul_value(m, product[x], axm_mul_width_product(m));
            if (v != (int32_t)v)
                return fail(AXM_USAGE, "%s: the product of %" PRIu32 " and %" PRIu32 ", %" PRId64
                            ", does not fit 32 bits", axm_mul_name(m), a[x], b[x], v);
            t->value[w << 8 | (uint32_t)x] = (int32_t)v;
        }
        t->least[w] = t->most[w] = t->value[w << 8];
        for (int x = 1; x < t->x_count; x++) {
            int32_t v = t->value[w << 8 | (uint32_t)x];
            t->least[w] = v < t->least[w] ? v : t->least[w];
            t->most[w] = v > t->most[w] ? v : t->most[w];
        }
    }
    return AXM_OK;
}

static const char *const plan_names[] = {
    [GEMM_BIT_LINEAR] = "bit-linear", [GEMM_RESIDUAL6] = "residual6", [GEMM_RESIDUAL7] = "residual7",
    [GEMM_RESIDUAL8] = "residual8",   [GEMM_PLANES6] = "planes6",     [GEMM_PLANES7] = "planes7",
    [GEMM_PLANES8] = "planes8",       [GEMM_ROWS] = "rows",           [GEMM_TILED] = "tiled",
    [GEMM_WIDE] = "wide",
};

const char *gemm_plan_name(enum gemm_plan_kind kind)
{
    return plan_names[kind];
}

static void describe(struct gemm *g)
{
    const struct gemm_form *f = &g->f;
    int len = snprintf(g->text, sizeof g->text, "%s, %s", plan_names[g->kind], level_names[g->level]);
    char *at = g->text + len;
    size_t left = sizeof g->text - (size_t)len;
    const char *planes = f->n_planes == 1 ? "plane" : "planes";
    char passes[40];
    snprintf(passes, sizeof passes, "%d %s pass%s", f->n_terms, g->level == GEMM_VBMI ? "VNNI" : "vpmaddwd",
             f->n_terms == 1 ? "" : "es");
    if (g->kind == GEMM_TILED || g->kind == GEMM_ROWS)
        return;
    if (f->n_terms && f->n_planes)
        snprintf(at, left, ": %s and %d %s", passes, f->n_planes, planes);
    else if (f->n_planes)
        snprintf(at, left, ": %d %s", f->n_planes, planes);
    else
        snprintf(at, left, ": %s", passes);
}

/* Planes by x, all w in a row. */
static enum axm_status transpose_planes(struct gemm *g, const char *name)
{
    const struct gemm_form *f = &g->f;
    size_t planes = (size_t)f->n_planes, entries = (size_t)1 << f->class_bits;
    g->by_x = gemm_alloc(256 * planes * 256);
    if (!g->by_x)
        return fail(AXM_ENV, "%s: out of memory for its planes", name);
    for (size_t x = 0; x < 256; x++)
        for (size_t p = 0; p < planes; p++)
            for (size_t w = 0; w < (size_t)g->t.w_count; w++)
                g->by_x[(x * planes + p) * 256 + w] =
                    f->plane[(w * planes + p) * entries + (f->class_of.table[x] & (entries - 1))];
    return AXM_OK;
}

/* Products by w as product rows hold them. */
static enum axm_status tabulate_rows(struct gemm *g, const char *name)
{
    g->product = gemm_alloc((size_t)g->t.w_count * 256 * sizeof *g->product);
    if (!g->product)
        return fail(AXM_ENV, "%s: out of memory for its products", name);
    for (int i = 0; i < g->t.w_count << 8; i++)
        g->product[i] = (uint16_t)(g->t.value[i] - g->t.least[i >> 8]);
    return AXM_OK;
}

static const struct gemm_kernel *kernel(const struct gemm *g)
{
#ifdef __x86_64__
    if (g->level == GEMM_VBMI && g->kind <= GEMM_PLANES8)
        return &gemm_kernel_vbmi;
    if (g->kind == GEMM_ROWS)
        return g->level == GEMM_AVX2 ? &gemm_kernel_rows_avx2 : &gemm_kernel_rows_avx512;
    if (g->kind == GEMM_BIT_LINEAR)
        return g->level == GEMM_AVX2 ? &gemm_kernel_dot_avx2 : &gemm_kernel_dot_avx512;
#endif
    (void)g;
    return NULL;
}

enum axm_status gemm_open(const struct axm_mul *m, const struct gemm_opts *o, struct gemm **out)
{
    struct gemm *g = calloc(1, sizeof *g);
    if (!g)
        return fail(AXM_ENV, "%s: out of memory", axm_mul_name(m));
    g->level = o->level < 0 ? gemm_level_best() : (enum gemm_level)o->level;
    enum axm_status st = tabulate(m, o, &g->t);
    if (st == AXM_OK && g->level > level_of_machine())
        st = fail(AXM_USAGE, "this machine has no %s", gemm_level_name(g->level));
    if (st == AXM_OK)
        st = gemm_choose(&g->t, axm_mul_name(m), g->level, o->plan, &g->kind, &g->f);
    if (st == AXM_OK && g->f.n_planes)
        st = transpose_planes(g, axm_mul_name(m));
    if (st == AXM_OK && g->kind == GEMM_ROWS)
        st = tabulate_rows(g, axm_mul_name(m));
    if (st != AXM_OK) {
        gemm_close(g);
        return st;
    }
    describe(g);
    *out = g;
    return AXM_OK;
}

void gemm_close(struct gemm *g)
{
    if (!g)
        return;
    free(g->t.value);
    free(g->by_x);
    free(g->product);
    gemm_form_release(&g->f);
    free(g);
}

enum gemm_plan_kind gemm_plan(const struct gemm *g)
{
    return g->kind;
}

const char *gemm_describe(const struct gemm *g)
{
    return g->text;
}

/* --- a weight matrix ---------------------------------------------------------------- */

static enum axm_status check_range(const struct gemm *g, const uint8_t *w, size_t n, size_t k)
{
    for (size_t i = 0; i < n; i++) {
        int64_t least = 0, most = 0;
        for (size_t j = 0; j < k; j++) {
            int p = w[i * k + j];
            if (p >= g->t.w_count)
                return fail(AXM_USAGE, "weight %zu of row %zu is the pattern %d, the operand has %d bits",
                            j, i, p, g->t.w_bits);
            least += g->t.least[p];
            most += g->t.most[p];
        }
        if (least < INT32_MIN || most > INT32_MAX)
            return fail(AXM_USAGE, "row %zu of the weights: a sum of its %zu products could be %" PRId64
                        ", beyond 32 bits", i, k, least < INT32_MIN ? least : most);
    }
    return AXM_OK;
}

enum axm_status gemm_pack(const struct gemm *g, const uint8_t *w, size_t n, size_t k,
                          struct gemm_weights **out)
{
    enum axm_status st = check_range(g, w, n, k);
    if (st != AXM_OK)
        return st;
    struct gemm_weights *p = calloc(1, sizeof *p);
    if (!p)
        return fail(AXM_ENV, "out of memory for %zu x %zu weights", n, k);
    *p = (struct gemm_weights){ .g = g, .n = n, .k = k, .w = gemm_alloc(n * k + 1),
                                .base = gemm_alloc(n * sizeof *p->base) };
    if (!p->w || !p->base)
        st = fail(AXM_ENV, "out of memory for %zu x %zu weights", n, k);
    if (st == AXM_OK) {
        memcpy(p->w, w, n * k);
        for (size_t i = 0; i < n; i++) {
            uint32_t sum = 0;
            for (size_t j = 0; j < k; j++)
                sum += (uint32_t)g->f.constant[w[i * k + j]];
            p->base[i] = (int32_t)sum;
        }
        if (kernel(g))
            st = kernel(g)->pack(p);
    }
    if (st == AXM_OK)
        *out = p;
    else
        gemm_weights_free(p);
    return st;
}

void gemm_weights_free(struct gemm_weights *w)
{
    if (!w)
        return;
    free(w->w);
    free(w->base);
    free(w->dot);
    free(w->index);
    free(w->groups);
    free(w->group_begin);
    free(w->spare);
    free(w);
}

size_t gemm_scratch(const struct gemm_weights *w, size_t m)
{
    return kernel(w->g) ? kernel(w->g)->scratch(w, m) : 0;
}

void gemm_run(const struct gemm_weights *w, const uint8_t *x, size_t x_stride, size_t m, int32_t *acc,
              size_t acc_stride, void *scratch)
{
    if (kernel(w->g))
        kernel(w->g)->run(w, x, x_stride, m, acc, acc_stride, scratch);
    else
        gemm_run_tiled(w, x, x_stride, m, acc, acc_stride);
}

/* --- the definition ------------------------------------------------------------------ */

void gemm_reference(const struct axm_mul *m, bool weight_is_a, const uint8_t *w, const uint8_t *x,
                    size_t x_stride, size_t m_rows, size_t n, size_t k, int32_t *acc, size_t acc_stride)
{
    int width_x = weight_is_a ? axm_mul_width_b(m) : axm_mul_width_a(m);
    int width_w = weight_is_a ? axm_mul_width_a(m) : axm_mul_width_b(m);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < m_rows; j++) {
            uint64_t sum = 0;
            for (size_t l = 0; l < k; l++) {
                uint32_t px = operand(m, width_x, x[l * x_stride + j]);
                uint32_t pw = operand(m, width_w, w[i * k + l]);
                uint64_t p = weight_is_a ? axm_eval(m, pw, px) : axm_eval(m, px, pw);
                sum += (uint64_t)axm_mul_value(m, p, axm_mul_width_product(m));
            }
            acc[i * acc_stride + j] = (int32_t)(uint32_t)sum;
        }
}
