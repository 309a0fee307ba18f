#include <stdlib.h>
#include <string.h>

#include "dnn/gemm_impl.h"

/* Operands are taken apart once, products are made of the parts:
 *
 *   product  u(x) u(w), wrapped to the product's bits: exact, trunc without columns, drum
 *   log      mitchell: log2 with 16 bits of fraction, in which no operand of 16 bits is rounded; the sum's
 *            carry into the integer part is the next octave */
enum kind { PRODUCT, LOG, MODEL };

enum { LANES = 32 };

struct part {
    uint32_t u;             /* PRODUCT: the factor; LOG: the logarithm */
    uint32_t sign, kept;    /* LOG: masks; kept is 0 for an operand of 0 */
};

struct parts {
    uint32_t u[LANES], sign[LANES], kept[LANES];
};

struct wide {
    const struct axm_mul *m;
    const struct axm_spec *s;
    bool weight_is_a;
    enum kind kind;
    int drum_k, log_t, cut_a, cut_b;
};

static int param(const struct axm_spec *s, const char *key)
{
    int i = axm_param_find(s->family, key);
    return i >= 0 && axm_param_exists(s, i) ? s->p[i] : 0;
}

static void classify(struct wide *w)
{
    const struct axm_spec *s = w->s;
    w->kind = MODEL;
    if (!s)
        return;
    const char *name = s->family->name;
    if (s->family->exact)
        w->kind = PRODUCT;
    else if (!strcmp(name, "trunc") && !param(s, "c")) {
        w->kind = PRODUCT;
        w->cut_a = param(s, "l");
        w->cut_b = param(s, "m");
    } else if (!strcmp(name, "drum") && !param(s, "oc")) {
        w->kind = PRODUCT;
        w->drum_k = param(s, "k");
    } else if (!strcmp(name, "mitchell")) {
        w->kind = LOG;
        w->log_t = param(s, "t");
    }
}

static struct part take_apart(const struct wide *w, uint32_t pattern, bool is_a)
{
    int bits = is_a ? w->s->width_a : w->s->width_b, cut = is_a ? w->cut_a : w->cut_b;
    pattern &= (uint32_t)axm_mask(bits);
    uint32_t value = w->s->is_signed ? (uint32_t)axm_sign_extend(pattern, bits) : pattern;
    uint32_t sign = w->s->is_signed ? -(value >> 31) : 0, x = (value ^ sign) - sign;
    int top = 31 - __builtin_clz(x | 1);
    if (w->kind == LOG) {
        uint32_t fraction = (x << (16 - top)) & 0xffff & ~(uint32_t)axm_mask(16 - w->log_t);
        return (struct part){ (uint32_t)top << 16 | fraction, sign, x ? UINT32_MAX : 0 };
    }
    if (w->drum_k && top >= w->drum_k) {
        int dropped = top - w->drum_k + 1;
        x = (x >> dropped | 1) << dropped;
    }
    return (struct part){ .u = ((x ^ sign) - sign) & ~(uint32_t)axm_mask(cut) };
}

#define ALWAYS_INLINE static inline __attribute__((always_inline))

ALWAYS_INLINE void add_products(const struct parts *x, uint32_t u, int unused, const bool is_signed,
                                int64_t *sum)
{
    for (int i = 0; i < LANES; i++) {
        uint32_t p = x->u[i] * u << unused;
        sum[i] += is_signed ? (int64_t)((int32_t)p >> unused) : (int64_t)(p >> unused);
    }
}

ALWAYS_INLINE void add_powers(const struct parts *x, struct part w, const bool is_signed, int64_t *sum)
{
    for (int i = 0; i < LANES; i++) {
        uint32_t log = x->u[i] + w.u, p = ((log & 0xffff) | 0x10000) << 15;
        uint32_t sign = x->sign[i] ^ w.sign;
        p = p >> ((31 - (log >> 16)) & 31) & x->kept[i] & w.kept;
        p = (p ^ sign) - sign;
        sum[i] += is_signed ? (int64_t)(int32_t)p : (int64_t)p;
    }
}

/* Sums of a row of weights with LANES columns. */
ALWAYS_INLINE void sums(enum kind kind, bool is_signed, int unused, const struct parts *x,
                        const struct part *w, size_t k, int64_t sum[LANES])
{
    if (kind == PRODUCT && is_signed)
        for (size_t l = 0; l < k; l++)
            add_products(&x[l], w[l].u, unused, true, sum);
    else if (kind == PRODUCT)
        for (size_t l = 0; l < k; l++)
            add_products(&x[l], w[l].u, unused, false, sum);
    else if (is_signed)
        for (size_t l = 0; l < k; l++)
            add_powers(&x[l], w[l], true, sum);
    else
        for (size_t l = 0; l < k; l++)
            add_powers(&x[l], w[l], false, sum);
}

#define SUMS(NAME, TARGET) \
    TARGET static void NAME(enum kind kind, bool is_signed, int unused, const struct parts *x, \
                            const struct part *w, size_t k, int64_t sum[LANES]) \
    { \
        sums(kind, is_signed, unused, x, w, k, sum); \
    }
SUMS(sums_portable, )
#ifdef __x86_64__
SUMS(sums_avx2, __attribute__((target("avx2"))))
SUMS(sums_avx512, __attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,prefer-vector-width=512"))))
#endif

typedef void sums_fn(enum kind kind, bool is_signed, int unused, const struct parts *x, const struct part *w,
                     size_t k, int64_t sum[LANES]);

static void run_model(const struct wide *w, const uint16_t *weight, const uint16_t *x, size_t x_stride,
                      size_t lanes, size_t k, int64_t sum[LANES])
{
    uint32_t a[LANES], b[LANES];
    uint64_t product[LANES];
    for (size_t l = 0; l < k; l++) {
        for (size_t i = 0; i < lanes; i++) {
            a[i] = w->weight_is_a ? weight[l] : x[l * x_stride + i];
            b[i] = w->weight_is_a ? x[l * x_stride + i] : weight[l];
        }
        axm_eval_many(w->m, a, b, product, lanes);
        for (size_t i = 0; i < lanes; i++)
            sum[i] += axm_mul_value(w->m, product[i], axm_mul_width_product(w->m));
    }
}

enum axm_status gemm_wide(const struct axm_mul *m, const struct gemm_opts *o, const uint16_t *w,
                          const uint16_t *x, size_t x_stride, size_t m_rows, size_t n, size_t k, int64_t *acc,
                          size_t acc_stride)
{
    int widest = axm_mul_width_a(m) > axm_mul_width_b(m) ? axm_mul_width_a(m) : axm_mul_width_b(m);
    struct wide wide = { .m = m, .s = axm_mul_spec(m), .weight_is_a = o->weight_is_a };
    sums_fn *fn = sums_portable;
    if (widest > 16)
        return fail(AXM_USAGE, "%s: operands of at most 16 bits, got %d", axm_mul_name(m), widest);
    classify(&wide);
    int level = o->level < 0 ? (int)gemm_level_best() : o->level, unused = 32 - axm_mul_width_product(m);
#ifdef __x86_64__
    if (level >= (int)GEMM_AVX512)
        fn = sums_avx512;
    else if (level >= (int)GEMM_AVX2)
        fn = sums_avx2;
#endif
    (void)level;
    struct parts *px = gemm_alloc(k * sizeof *px);
    struct part *pw = gemm_alloc(n * k * sizeof *pw);
    if (!px || !pw) {
        free(px);
        free(pw);
        return fail(AXM_ENV, "%s: out of memory for %zu operands", axm_mul_name(m), k);
    }
    for (size_t i = 0; i < n * k && wide.kind != MODEL; i++)
        pw[i] = take_apart(&wide, w[i], o->weight_is_a);
    for (size_t m0 = 0; m0 < m_rows; m0 += LANES) {
        size_t lanes = m_rows - m0 < LANES ? m_rows - m0 : LANES;
        for (size_t l = 0; l < k && wide.kind != MODEL; l++)
            for (size_t i = 0; i < lanes; i++) {
                struct part p = take_apart(&wide, x[l * x_stride + m0 + i], !o->weight_is_a);
                px[l].u[i] = p.u;
                px[l].sign[i] = p.sign;
                px[l].kept[i] = p.kept;
            }
        for (size_t i = 0; i < n; i++) {
            int64_t sum[LANES] = { 0 };
            if (wide.kind == MODEL)
                run_model(&wide, w + i * k, x + m0, x_stride, lanes, k, sum);
            else
                fn(wide.kind, axm_mul_signed(m), unused, px, pw + i * k, k, sum);
            memcpy(acc + i * acc_stride + m0, sum, lanes * sizeof *acc);
        }
    }
    free(px);
    free(pw);
    return AXM_OK;
}
