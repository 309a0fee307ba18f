/* Every builder against the behavioural model of its family. */
#include "base/rng.h"
#include "cmodel/mul.h"
#include "gen/build.h"
#include "tests/harness.h"

enum { LANES = 64, SEED = 20261121 };

/* Transposes a 64x64 bit matrix in place: lanes to planes and back. */
static void transpose(uint64_t m[64])
{
    uint64_t mask = 0x00000000ffffffff;
    for (int j = 32; j; j >>= 1, mask ^= mask << j)
        for (int k = 0; k < 64; k = (k + j + 1) & ~j) {
            uint64_t t = ((m[k] >> j) ^ m[k + j]) & mask;
            m[k] ^= t << j;
            m[k + j] ^= t;
        }
}

/* A netlist on 64 operand pairs at once; extra[] are values of the ports after
 * the first two, the same in all lanes. */
static void evaluate(const struct netlist *nl, const uint32_t *a, const uint32_t *b,
                     const uint64_t *extra, uint64_t *product)
{
    uint64_t in[4 * 64], plane[64];
    int n = 0;
    for (int p = 0, inputs = 0; p < netlist_ports(nl); p++) {
        const struct port *port = netlist_port(nl, p);
        if (port->is_output)
            continue;
        for (int l = 0; l < LANES; l++)
            plane[l] = inputs == 0 ? a[l] : inputs == 1 ? b[l] : extra[inputs - 2];
        transpose(plane);
        memcpy(in + n, plane, (size_t)port->bus.n * sizeof *plane);
        n += port->bus.n;
        inputs++;
    }
    memset(product, 0, LANES * sizeof *product);
    netlist_eval64(nl, in, product);
    transpose(product);
}

static uint64_t chunks_of(const struct axm_spec *s)
{
    uint64_t pairs = UINT64_C(1) << axm_spec_product_width(s);
    return (pairs + LANES - 1) / LANES;
}

static void check_lanes(const struct netlist *nl, const struct axm_mul *m, const uint32_t *a,
                        const uint32_t *b, const uint64_t *extra)
{
    uint64_t got[LANES], want[LANES];
    evaluate(nl, a, b, extra, got);
    axm_eval_many(m, a, b, want, LANES);
    if (memcmp(got, want, sizeof got) == 0)
        return;   /* by far the most calls */
    for (int l = 0; l < LANES; l++)
        CHECK(got[l] == want[l], "%s: 0x%x x 0x%x: netlist 0x%llx, model 0x%llx", axm_mul_name(m),
              a[l], b[l], (unsigned long long)got[l], (unsigned long long)want[l]);
}

/* All operand pairs; 64 of them at a time, wrapping round where there are fewer. */
static void check_all_pairs(const struct axm_spec *s, const struct netlist *nl,
                            const struct axm_mul *m, const uint64_t *extra)
{
    uint32_t a[LANES], b[LANES];
    for (uint64_t chunk = 0; chunk < chunks_of(s); chunk++) {
        for (unsigned l = 0; l < LANES; l++) {
            uint64_t pair = chunk * LANES + l;
            a[l] = (uint32_t)(pair >> s->width_b & axm_mask(s->width_a));
            b[l] = (uint32_t)(pair & axm_mask(s->width_b));
        }
        check_lanes(nl, m, a, b, extra);
    }
}

/* Random pairs, every fourth operand one of few bits or all ones. */
static void check_random_pairs(const struct axm_spec *s, const struct netlist *nl,
                               const struct axm_mul *m, const uint64_t *extra, int rounds,
                               struct rng *rng)
{
    uint32_t a[LANES], b[LANES];
    for (int r = 0; r < rounds; r++) {
        for (int l = 0; l < LANES; l++) {
            uint64_t x = rng_next(rng), y = rng_next(rng);
            if (l % 4 == 1)
                x = UINT64_C(1) << (x % (unsigned)s->width_a);
            if (l % 8 == 2)
                y = ~(UINT64_C(1) << (y % (unsigned)s->width_b));
            if (l % 16 == 3)
                x = ~UINT64_C(0);
            if (l % 16 == 7)
                y = 0;
            a[l] = (uint32_t)(x & axm_mask(s->width_a));
            b[l] = (uint32_t)(y & axm_mask(s->width_b));
        }
        check_lanes(nl, m, a, b, extra);
    }
}

static struct netlist *build(const struct axm_spec *s)
{
    struct netlist *nl = NULL;
    assert_int_equal(mul_netlist(s, &nl), AXM_OK);
    return nl;
}

static int runtime_ports(const struct axm_spec *s, int param[AXM_PARAMS])
{
    int n = 0;
    for (int i = 0; i < axm_param_count(s->family); i++)
        if (s->family->param[i].runtime && axm_param_exists(s, i))
            param[n++] = i;
    return n;
}

/* Sets the runtime ports to a value each, out of range allowed, and the spec of
 * the model to the columns that such a value disregards. */
static void set_ports(struct axm_spec *s, const int *param, int ports, const uint64_t *value)
{
    for (int i = 0; i < ports; i++) {
        int lo, hi;
        axm_param_range(s, param[i], &lo, &hi);
        s->p[param[i]] = value[i] < (uint64_t)hi ? (int)value[i] : hi;
    }
}

/* One configuration; rounds = 0 means all operand pairs. */
static void check_config(struct axm_spec s, int rounds, struct rng *rng)
{
    struct netlist *nl = build(&s);
    uint64_t extra[AXM_PARAMS] = { 0 };
    int param[AXM_PARAMS], ports = runtime_ports(&s, param);
    /* Few random settings of the ports, all of them in a test of their own. */
    for (int setting = 0; setting < (ports ? 4 : 1); setting++) {
        for (int i = 0; i < ports; i++)
            extra[i] = rng_next(rng) & axm_mask(mul_runtime_port_width(&s, param[i]));
        set_ports(&s, param, ports, extra);
        struct axm_mul *m;
        assert_int_equal(axm_mul_open_spec(&s, &m), AXM_OK);
        if (rounds)
            check_random_pairs(&s, nl, m, extra, rounds, rng);
        else
            check_all_pairs(&s, nl, m, extra);
        axm_mul_close(m);
    }
    netlist_free(nl);
}

/* Every `step`-th configuration of every family at these widths, from a start
 * that differs from width to width so that more of them get their turn. */
static void check_configs(int width_a, int width_b, unsigned step, int rounds)
{
    struct rng rng;
    rng_init(&rng, SEED, (uint64_t)(width_a * 64 + width_b));
    for (const struct axm_family *f = axm_families; f->name; f++)
        for (int sign = 0; sign < 2; sign++) {
            struct axm_spec_iter it = { 0 };
            for (unsigned i = (unsigned)width_a; axm_spec_next(&it, f, width_a, width_b, sign); i++)
                if (i % step == 0)
                    check_config(it.spec, rounds, &rng);
        }
}

static bool full(void)
{
    return getenv("AXM_FULL") != NULL;
}

TEST(test_build__families_and_builders_match)
{
    int families = 0, builders = 0;
    for (const struct axm_family *f = axm_families; f->name; f++, families++) {
        int found = 0;
        for (const struct mul_builder *b = mul_builders; b->family; b++)
            found += strcmp(b->family, f->name) == 0;
        CHECK(found == 1, "family %s has %d builders", f->name, found);
    }
    for (const struct mul_builder *b = mul_builders; b->family; b++)
        builders++;
    assert_int_equal(families, builders);
}

TEST(test_build__equals_model_at_widths_2_to_4)
{
    for (int wa = 2; wa <= 4; wa++)
        for (int wb = 2; wb <= 4; wb++)
            check_configs(wa, wb, 1, 0);
}

TEST(test_build__equals_model_at_8x8)
{
    check_configs(8, 8, full() ? 1 : 5, 0);
}

TEST(test_build__equals_model_at_unequal_widths)
{
    for (int wb = 2; wb <= 7; wb++) {
        check_configs(8, wb, full() ? 1 : 7, 0);
        check_configs(wb, 8, full() ? 1 : 7, 0);
    }
}

/* A random legal configuration; false if the family has none at these widths. */
static bool random_config(const struct axm_family *f, int width_a, int width_b, bool is_signed,
                          struct rng *rng, struct axm_spec *out)
{
    struct axm_spec_iter it = { 0 };
    if (!axm_spec_next(&it, f, width_a, width_b, is_signed))
        return false;
    *out = it.spec;
    out->form = f->n_forms ? (int)rng_below(rng, (uint64_t)f->n_forms) : 0;
    for (int i = 0; i < axm_param_count(f); i++) {
        out->p[i] = 0;
        if (!axm_param_exists(out, i) || f->param[i].runtime)
            continue;
        int lo, hi;
        axm_param_range(out, i, &lo, &hi);
        out->p[i] = lo + (int)rng_below(rng, (uint64_t)(hi - lo + 1));
    }
    return true;
}

TEST(test_build__equals_model_on_random_pairs_up_to_32_bits)
{
    static const int width[][2] = {
        { 12, 12 }, { 16, 16 }, { 24, 24 }, { 32, 32 }, { 16, 8 }, { 13, 20 }, { 32, 4 }, { 5, 32 },
        { 31, 29 }, { 2, 32 }, { 32, 2 }, { 9, 28 },
    };
    struct rng rng;
    rng_init(&rng, SEED, 0);
    for (size_t w = 0; w < sizeof width / sizeof width[0]; w++)
        for (const struct axm_family *f = axm_families; f->name; f++)
            for (int sign = 0; sign < 2; sign++) {
                struct axm_spec s;
                for (int k = 0; k < (full() ? 40 : 4); k++)
                    if (random_config(f, width[w][0], width[w][1], sign, &rng, &s))
                        check_config(s, 16, &rng);
            }
}

TEST(test_build__runtime_ports_take_any_value)
{
    static const char *const spec[] = { "cdmr8u", "scdmr8s", "scdmr4s", "cdmr5x4u" };
    struct rng rng;
    rng_init(&rng, SEED, 1);
    for (size_t i = 0; i < sizeof spec / sizeof spec[0]; i++) {
        struct axm_spec s;
        assert_int_equal(axm_spec_parse(spec[i], &s), AXM_OK);
        struct netlist *nl = build(&s);
        int param[AXM_PARAMS], ports = runtime_ports(&s, param);
        assert_int_equal(ports, s.width_b / 4);
        uint64_t extra[AXM_PARAMS] = { 0 };
        for (unsigned setting = 0; setting < 1u << 4 * ports; setting++) {
            for (int k = 0; k < ports; k++) {
                assert_int_equal(mul_runtime_port_width(&s, param[k]), 4);
                extra[k] = setting >> 4 * k & 15;
            }
            set_ports(&s, param, ports, extra);
            struct axm_mul *m;
            assert_int_equal(axm_mul_open_spec(&s, &m), AXM_OK);
            if (full() || ports == 1)
                check_all_pairs(&s, nl, m, extra);
            else
                check_random_pairs(&s, nl, m, extra, 32, &rng);
            axm_mul_close(m);
        }
        netlist_free(nl);
    }
}

TEST(test_build__runtime_port_is_wide_enough_for_its_highest_value)
{
    /* K <= n + 2: 4 bits up to n = 13, 5 up to n = 29, 6 up to n = 32. */
    static const struct { const char *spec; int bits; } want[] = {
        { "cdmr2x4u", 4 }, { "cdmr13x4u", 4 }, { "cdmr14x4u", 5 }, { "cdmr29x4u", 5 },
        { "cdmr30x4u", 6 }, { "scdmr32s", 6 },
    };
    for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
        struct axm_spec s;
        assert_int_equal(axm_spec_parse(want[i].spec, &s), AXM_OK);
        struct netlist *nl = build(&s);
        const struct port *x = netlist_find_port(nl, "x_i");
        assert_non_null(x);
        assert_int_equal(x->bus.n, want[i].bits);
        netlist_free(nl);
    }
}
