/* trunc, bam: exact multipliers that lack some partial products. */
#include <assert.h>

#include "gen/bus.h"
#include "gen/families.h"
#include "gen/multiply.h"

/* In the order of the words of the family table. */
enum compensation { COMPENSATE_NONE, COMPENSATE_CONST, COMPENSATE_VAR };

/* The upper bits multiplied, the product moved up over zeros. */
static struct bus truncate_operands(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                                    const struct bus *b)
{
    int l = spec_value(s, "l"), m = spec_value(s, "m");
    struct bus a_high = bus_slice(a, l, a->n - l), b_high = bus_slice(b, m, b->n - m);
    struct bus product = multiply_smallest(nl, &a_high, &b_high, s->is_signed);
    return bus_slice(&product, -l - m, a->n + b->n);
}

/* The expected value of what columns below c hold, to the nearest multiple of
 * 2^c, halves upward.  In quarters: a partial product is worth 1 of them, an
 * inverted one 3, a constant bit 4. */
static uint64_t expected_dropped(const struct axm_spec *s, int c)
{
    unsigned __int128 quarters = (unsigned __int128)4 *
        (baugh_wooley_constant(s->width_a, s->width_b, s->is_signed) & axm_mask(c));
    for (int i = 0; i < s->width_b; i++)
        for (int j = 0; j < s->width_a && i + j < c; j++) {
            bool inverted = s->is_signed && (j == s->width_a - 1) != (i == s->width_b - 1);
            quarters += (unsigned __int128)(inverted ? 3 : 1) << (i + j);
        }
    unsigned __int128 half = (unsigned __int128)2 << c;
    return (uint64_t)((quarters + half) >> (c + 2)) << c;
}

static struct bus truncate_columns(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                                   const struct bus *b)
{
    int c = spec_value(s, "c");
    enum compensation how = (enum compensation)spec_value(s, "const");
    int lowest = how == COMPENSATE_VAR ? c - 1 : c;   /* column that is kept and moved up into c */
    uint64_t constant = baugh_wooley_constant(a->n, b->n, s->is_signed);

    struct matrix m;
    matrix_init(&m, a->n + b->n);
    netlist_scope_enter(nl, "pp");
    for (int i = 0; i < b->n; i++)
        for (int j = 0; j < a->n; j++)
            if (i + j >= lowest)
                matrix_add(&m, i, i + j < c ? c : i + j, partial_product(nl, a, b, s->is_signed, j, i));
    netlist_scope_leave(nl);
    matrix_add_constant(&m, 0, constant & ~axm_mask(c));
    if (how == COMPENSATE_VAR)
        matrix_add_constant(&m, c, constant >> lowest & 1);
    if (how == COMPENSATE_CONST)
        matrix_add_constant(&m, 0, expected_dropped(s, c));
    return matrix_sum(nl, &m, TREE_DADDA, ADDER_RCA);
}

struct bus build_trunc(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                       const struct bus *b, const struct bus *extra)
{
    (void)extra;
    bool columns = axm_param_exists(s, axm_param_find(s->family, "c"));
    return (columns ? truncate_columns : truncate_operands)(nl, s, a, b);
}

struct bus build_bam(struct netlist *nl, const struct axm_spec *s, const struct bus *a,
                     const struct bus *b, const struct bus *extra)
{
    (void)extra;
    int h = spec_value(s, "h"), v = spec_value(s, "v");
    struct matrix m;
    matrix_init(&m, a->n + b->n);
    netlist_scope_enter(nl, "pp");
    for (int i = h; i < b->n; i++)
        for (int j = 0; j < a->n; j++)
            if (i + j >= v)
                matrix_add(&m, i, i + j, partial_product(nl, a, b, s->is_signed, j, i));
    netlist_scope_leave(nl);
    matrix_add_constant(&m, 0, baugh_wooley_constant(a->n, b->n, s->is_signed) & ~axm_mask(v));
    return matrix_sum(nl, &m, TREE_DADDA, ADDER_RCA);
}
