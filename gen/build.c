#include "gen/build.h"

#include <assert.h>
#include <stdio.h>
#include <string.h>

#include "gen/families.h"

const struct mul_builder mul_builders[] = {
    { "exact", build_exact },
    { "array", build_array },
    { "wallace", build_wallace },
    { "dadda", build_dadda },
    { "booth", build_booth },
    { "quaternary", build_quaternary },
    { "cdm", build_carry_disregard },
    { "scdm", build_carry_disregard },
    { "cdmr", build_carry_disregard },
    { "scdmr", build_carry_disregard },
    { "trunc", build_trunc },
    { "drum", build_drum },
    { "mitchell", build_mitchell },
    { "bam", build_bam },
    { "tosam", build_tosam },
    { NULL, NULL },
};

int spec_value(const struct axm_spec *s, const char *key)
{
    int i = axm_param_find(s->family, key);
    assert(i >= 0);
    return s->p[i];
}

int mul_runtime_port_width(const struct axm_spec *s, int i)
{
    int lo, hi, bits = 4;   /* a nibble at least: one hexadecimal digit a block, as in SCDM8_XY */
    axm_param_range(s, i, &lo, &hi);
    while (hi >> bits)
        bits++;
    return bits;
}

static const struct mul_builder *find_builder(const char *family)
{
    const struct mul_builder *b = mul_builders;
    while (b->family && strcmp(b->family, family) != 0)
        b++;
    assert(b->family);
    return b;
}

enum axm_status mul_netlist(const struct axm_spec *s, struct netlist **out)
{
    char name[AXM_SPEC_MAX], origin[AXM_SPEC_MAX + 16];
    axm_spec_print_circuit(s, name);
    snprintf(origin, sizeof origin, "axmul gen %s", name);
    struct netlist *nl = netlist_new(name);
    if (!nl)
        return fail(AXM_ENV, "%s: out of memory for its netlist", name);
    netlist_set_origin(nl, origin);

    struct bus a = netlist_add_input(nl, "a_i", s->width_a);
    struct bus b = netlist_add_input(nl, "b_i", s->width_b);
    struct bus extra[AXM_PARAMS];
    int extras = 0;
    for (int i = 0; i < axm_param_count(s->family); i++) {
        const struct axm_param *p = &s->family->param[i];
        if (!p->runtime || !axm_param_exists(s, i))
            continue;
        char port[32];
        snprintf(port, sizeof port, "%s_i", p->key);
        extra[extras++] = netlist_add_input(nl, port, mul_runtime_port_width(s, i));
    }

    struct bus product = find_builder(s->family->name)->build(nl, s, &a, &b, extra);
    assert(product.n == axm_spec_product_width(s));
    netlist_add_output(nl, "p_o", &product);
    enum axm_status st = netlist_sweep(nl);
    if (st == AXM_OK)
        st = netlist_check(nl);
    if (st != AXM_OK) {
        netlist_free(nl);
        return st;
    }
    *out = nl;
    return AXM_OK;
}
