/* drum, mitchell, tosam: multipliers that look for the leading one. */
#include <assert.h>

#include "gen/bus.h"
#include "gen/families.h"
#include "gen/multiply.h"

/* Bits that hold the numbers 0..highest. */
static int bits_for(int highest)
{
    int bits = 0;
    while (highest >> bits)
        bits++;
    return bits;
}

/* The OR of n nets as a balanced tree. */
static net or_all(struct netlist *nl, const net *x, int n)
{
    if (n == 0)
        return NET_0;
    if (n == 1)
        return x[0];
    net low = or_all(nl, x, n / 2);
    return netlist_or(nl, low, or_all(nl, x + n / 2, n - n / 2));
}

/* --- sign and magnitude ---------------------------------------------------------- */

/* x, or if `negative` its complement: two's, or one's when ones. */
static struct bus complement_if(struct netlist *nl, net negative, const struct bus *x, bool ones)
{
    struct bus flipped = bus_zero(x->n), zero = bus_zero(x->n);
    for (int i = 0; i < x->n; i++)
        flipped.bit[i] = netlist_xor(nl, x->bit[i], negative);
    return ones ? flipped : adder_build(nl, ADDER_RCA, &flipped, &zero, negative, NULL);
}

/* An unsigned core: multiplies magnitudes. */
typedef struct bus core_fn(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                           const struct bus *b);

/* The core as it is, or between magnitudes and a sign. */
static struct bus sign_magnitude(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                                 const struct bus *b, bool ones, core_fn *core)
{
    if (!s->is_signed)
        return core(nl, s, a, b);
    net sign_a = a->bit[a->n - 1], sign_b = b->bit[b->n - 1];
    netlist_scope_enter(nl, "magnitude_a");
    struct bus magnitude_a = complement_if(nl, sign_a, a, ones);
    netlist_scope_leave(nl);
    netlist_scope_enter(nl, "magnitude_b");
    struct bus magnitude_b = complement_if(nl, sign_b, b, ones);
    netlist_scope_leave(nl);

    struct bus product = core(nl, s, &magnitude_a, &magnitude_b);

    netlist_scope_enter(nl, "sign");
    product = complement_if(nl, netlist_xor(nl, sign_a, sign_b), &product, ones);
    netlist_scope_leave(nl);
    return product;
}

/* --- shifts ---------------------------------------------------------------------- */

/* x * 2^amount modulo 2^width, a logarithmic shifter.  Small steps come first:
 * the number is still narrow then, and beyond its ends a multiplexer is one
 * gate or none. */
static struct bus shift_left(struct netlist *nl, const struct bus *x, const struct bus *amount,
                             int width)
{
    struct bus now = bus_slice(x, 0, width), next = bus_zero(width);
    netlist_scope_enter(nl, "shift");
    for (int k = 0; k < amount->n; k++) {
        for (int i = 0; i < width; i++)
            next.bit[i] = netlist_mux(nl, amount->bit[k], now.bit[i], bus_at(&now, i - (1 << k)));
        now = next;
    }
    netlist_scope_leave(nl);
    return now;
}

/* --- drum ------------------------------------------------------------------------ */

/* What drum keeps of an operand, min(n, k) bits, and how far it is shifted back. */
struct kept {
    struct bus bits, shift;
};

static struct kept drum_keep(struct netlist *nl, const struct bus *x, int k, const char *lod_scope,
                             const char *extract_scope)
{
    int n = x->n;
    if (n <= k)
        return (struct kept){ .bits = *x };

    /* leads[p]: the leading one is at p >= k; small: it is below k. */
    struct kept out = { .bits = bus_zero(k), .shift = bus_zero(bits_for(n - k)) };
    net leads[AXM_WIDTH_MAX], above = NET_0;
    netlist_scope_enter(nl, lod_scope);
    for (int p = n - 1; p >= k; p--) {
        leads[p] = netlist_and(nl, x->bit[p], netlist_not(nl, above));
        above = netlist_or(nl, above, x->bit[p]);
    }
    net small = netlist_not(nl, above), term[AXM_WIDTH_MAX + 1];
    for (int i = 0; i < out.shift.n; i++) {
        int terms = 0;
        for (int p = k; p < n; p++)
            if ((p - k + 1) >> i & 1)
                term[terms++] = leads[p];
        out.shift.bit[i] = or_all(nl, term, terms);
    }
    netlist_scope_leave(nl);

    netlist_scope_enter(nl, extract_scope);
    for (int i = 0; i < k; i++) {
        if (i == 0 || i == k - 1) {   /* a shifted operand has ones at both ends */
            out.bits.bit[i] = netlist_or(nl, x->bit[i], above);
            continue;
        }
        int terms = 0;
        term[terms++] = netlist_and(nl, small, x->bit[i]);
        for (int p = k; p < n; p++)
            term[terms++] = netlist_and(nl, leads[p], x->bit[p - k + 1 + i]);
        out.bits.bit[i] = or_all(nl, term, terms);
    }
    netlist_scope_leave(nl);
    return out;
}

static struct bus add_unsigned(struct netlist *nl, const struct bus *x, const struct bus *y, int width)
{
    struct bus wide_x = bus_slice(x, 0, width), wide_y = bus_slice(y, 0, width);
    return adder_build(nl, ADDER_RCA, &wide_x, &wide_y, NET_0, NULL);
}

static struct bus drum_core(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                            const struct bus *b)
{
    int k = spec_value(s, "k"), width = a->n + b->n;
    struct kept ka = drum_keep(nl, a, k, "lod_a", "extract_a");
    struct kept kb = drum_keep(nl, b, k, "lod_b", "extract_b");

    netlist_scope_enter(nl, "multiply");
    struct bus product = multiply_smallest(nl, &ka.bits, &kb.bits, false);
    netlist_scope_leave(nl);

    int furthest = (a->n > k ? a->n - k : 0) + (b->n > k ? b->n - k : 0);
    if (furthest == 0)
        return bus_slice(&product, 0, width);
    netlist_scope_enter(nl, "shift_amount");
    struct bus amount = add_unsigned(nl, &ka.shift, &kb.shift, bits_for(furthest));
    netlist_scope_leave(nl);
    return shift_left(nl, &product, &amount, width);
}

struct bus build_drum(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                      const struct bus *b, const struct bus *extra)
{
    (void)extra;
    return sign_magnitude(nl, s, a, b, spec_value(s, "oc") != 0, drum_core);
}

/* --- logarithms ------------------------------------------------------------------ */

/* x = 2^exponent (1 + fraction); a zero has exponent and fraction 0. */
struct scaled {
    struct bus exponent;    /* enough bits for n - 1 */
    struct bus fraction;    /* n - 1 bits */
    net nonzero;
};

/* Shifts the leading one to the top by halving steps: a step is taken where the
 * top half is all zeros.  With the zeros above x that fill it up to a power of
 * two, the complement of the steps is the position of the leading one. */
static struct scaled normalize(struct netlist *nl, const struct bus *x, const char *scope)
{
    struct scaled out = { .exponent = bus_zero(bits_for(x->n - 1)) };
    int size = 1 << out.exponent.n;
    struct bus now = bus_slice(x, 0, size), next = bus_zero(size);
    netlist_scope_enter(nl, scope);
    for (int k = out.exponent.n - 1; k >= 0; k--) {
        net any = or_all(nl, now.bit + size - (1 << k), 1 << k);
        for (int i = 0; i < size; i++)
            next.bit[i] = netlist_mux(nl, any, bus_at(&now, i - (1 << k)), now.bit[i]);
        out.exponent.bit[k] = any;
        now = next;
    }
    netlist_scope_leave(nl);
    out.nonzero = now.bit[size - 1];
    out.fraction = bus_slice(&now, size - x->n, x->n - 1);
    return out;
}

/* The `bits` highest bits of the fraction, zeros below a shorter one. */
static struct bus fraction_top(const struct scaled *x, int bits)
{
    return bus_slice(&x->fraction, x->fraction.n - bits, bits);
}

/* mantissa * 2^(exponent - point), rounded down, or 0 unless both are nonzero. */
static struct bus scale_back(struct netlist *nl, const struct scaled *a, const struct scaled *b,
                             const struct bus *mantissa, int point, const struct bus *exponent,
                             int width)
{
    struct bus gated = bus_zero(mantissa->n);
    netlist_scope_enter(nl, "zero");
    net nonzero = netlist_and(nl, a->nonzero, b->nonzero);
    for (int i = 0; i < mantissa->n; i++)
        gated.bit[i] = netlist_and(nl, mantissa->bit[i], nonzero);
    netlist_scope_leave(nl);
    struct bus shifted = shift_left(nl, &gated, exponent, point + width);
    return bus_slice(&shifted, point, width);
}

/* Exponent and fraction side by side are Mitchell's logarithm; the carry of the
 * fractions into the exponents tells the two cases apart, and in both the
 * mantissa is 1 and the fraction of the sum. */
static struct bus mitchell_core(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                                const struct bus *b)
{
    int t = spec_value(s, "t"), width = a->n + b->n;
    struct scaled sa = normalize(nl, a, "lod_a"), sb = normalize(nl, b, "lod_b");
    int exponent_bits = bits_for(width - 1);
    struct bus log_a = fraction_top(&sa, t), log_b = fraction_top(&sb, t);
    log_a.n = log_b.n = t + exponent_bits;
    for (int i = 0; i < exponent_bits; i++) {
        log_a.bit[t + i] = bus_at(&sa.exponent, i);
        log_b.bit[t + i] = bus_at(&sb.exponent, i);
    }
    netlist_scope_enter(nl, "adder");
    struct bus sum = add_unsigned(nl, &log_a, &log_b, t + exponent_bits);
    netlist_scope_leave(nl);

    struct bus mantissa = bus_slice(&sum, 0, t + 1);
    mantissa.bit[t] = NET_1;
    struct bus exponent = bus_slice(&sum, t, exponent_bits);
    return scale_back(nl, &sa, &sb, &mantissa, t, &exponent, width);
}

struct bus build_mitchell(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                          const struct bus *b, const struct bus *extra)
{
    (void)extra;
    return sign_magnitude(nl, s, a, b, false, mitchell_core);
}

/* The h highest bits of the fraction with a 1 appended. */
static struct bus tosam_rounded(const struct scaled *x, int h)
{
    struct bus top = fraction_top(x, h), out = bus_slice(&top, -1, h + 1);
    out.bit[0] = NET_1;
    return out;
}

static struct bus tosam_core(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                             const struct bus *b)
{
    int h = spec_value(s, "h"), t = spec_value(s, "t"), width = a->n + b->n;
    int point = t > 2 * h + 2 ? t : 2 * h + 2;   /* fraction bits of the mantissa */
    struct scaled sa = normalize(nl, a, "lod_a"), sb = normalize(nl, b, "lod_b");
    struct bus sum_a = fraction_top(&sa, t), sum_b = fraction_top(&sb, t);
    struct bus round_a = tosam_rounded(&sa, h), round_b = tosam_rounded(&sb, h);

    struct matrix m;
    matrix_init(&m, point + 2);   /* every fraction is below 1, so the mantissa is below 4 */
    matrix_add_constant(&m, point, 1);
    matrix_add_bus(&m, 0, point - t, &sum_a);
    matrix_add_bus(&m, 1, point - t, &sum_b);
    netlist_scope_enter(nl, "pp");
    for (int i = 0; i <= h; i++)
        for (int j = 0; j <= h; j++)
            matrix_add(&m, 2 + i, point - 2 * h - 2 + i + j,
                       partial_product(nl, &round_a, &round_b, false, j, i));
    netlist_scope_leave(nl);
    struct bus mantissa = matrix_sum(nl, &m, TREE_DADDA, ADDER_RCA);

    netlist_scope_enter(nl, "exponent");
    struct bus exponent = add_unsigned(nl, &sa.exponent, &sb.exponent, bits_for(width - 2));
    netlist_scope_leave(nl);
    return scale_back(nl, &sa, &sb, &mantissa, point, &exponent, width);
}

struct bus build_tosam(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                       const struct bus *b, const struct bus *extra)
{
    (void)extra;
    return sign_magnitude(nl, s, a, b, false, tosam_core);
}
