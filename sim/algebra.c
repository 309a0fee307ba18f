#include "sim/algebra.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strbuf.h"
#include "sim/flat.h"
#include "sim/poly.h"

static const cJSON *get(const cJSON *object, const char *key)
{
    return cJSON_GetObjectItemCaseSensitive(object, key);
}

/* The text's own adder cells must be what their names say. */
static bool adder_cell_right(const cJSON *modules, const char *name, bool full)
{
    const cJSON *module = get(modules, name);
    if (!module)
        return true;   /* not used: had it been, Yosys had refused the text */
    struct circuit c;
    circuit_init(&c, modules, module, false);
    uint64_t *value = calloc(c.alias.n + 2, sizeof *value);
    const cJSON *ports = get(module, "ports");
    static const char *const order[2][5] = { { "a_i", "b_i", "s_o", "co_o", NULL },
                                             { "a_i", "b_i", "c_i", "s_o", "co_o" } };
    bool right = value && !c.failed && !c.bad && cJSON_GetArraySize(ports) == 4 + full
                 && c.in.n == 2u + full && c.out.n == 2;
    for (int i = 0; right && i < 4 + full; i++)
        right = !strcmp(cJSON_GetArrayItem(ports, i)->string, order[full][i]);
    if (right) {
        static const uint64_t plane[3] = { 0xaa, 0xcc, 0xf0 };
        for (size_t i = 0; i < c.in.n; i++)
            value[c.in.bit[i]] = plane[i];
        circuit_eval(&c, value);
        uint64_t a = plane[0], b = plane[1], ci = full ? plane[2] : 0;
        uint64_t wrong = (value[c.out.bit[0]] ^ a ^ b ^ ci) |
                         (value[c.out.bit[1]] ^ ((a & b) | (ci & (a | b))));
        right = !(wrong & 0xff);
    }
    free(value);
    circuit_release(&c);
    return right;
}

/* --- backward rewriting ------------------------------------------------------------ */

struct proof {
    struct circuit *c;
    struct poly *p;
    algebra_box_fn *prove_box;
    void *ctx;
    struct algebra_result *out;
};

static void __attribute__((format(printf, 2, 3))) give_up(struct proof *f, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(f->out->reason, sizeof f->out->reason, fmt, ap);
    va_end(ap);
}

/* The polynomial of a gate with one output. */
static struct small gate_polynomial(const struct gate *g)
{
    struct small s = { 0 };
    var ab[2] = { g->in[0], g->in[1] }, as[2] = { g->in[0], g->in[2] }, bs[2] = { g->in[1], g->in[2] };
    /* coefficients of 1, a, b, ab */
    static const int8_t form[][4] = {
        [GATE_BUF] = { 0, 1, 0, 0 }, [GATE_NOT] = { 1, -1, 0, 0 },
        [GATE_AND] = { 0, 0, 0, 1 }, [GATE_NAND] = { 1, 0, 0, -1 },
        [GATE_OR] = { 0, 1, 1, -1 }, [GATE_NOR] = { 1, -1, -1, 1 },
        [GATE_XOR] = { 0, 1, 1, -2 }, [GATE_XNOR] = { 1, -1, -1, 2 },
        [GATE_ANDNOT] = { 0, 1, 0, -1 }, [GATE_ORNOT] = { 1, 0, -1, 1 },
    };
    if (g->kind == GATE_MUX) {   /* a + s b - s a */
        small_add(&s, 1, 1, ab);
        small_add(&s, 1, 2, bs);
        small_add(&s, -1, 2, as);
        return s;
    }
    const int8_t *k = form[g->kind];
    if (k[0])
        small_add(&s, k[0], 0, ab);
    if (k[1])
        small_add(&s, k[1], 1, ab);
    if (k[2])
        small_add(&s, k[2], 1, ab + 1);
    if (k[3])
        small_add(&s, k[3], 2, ab);
    return s;
}

/* weight_1 * (a + b + c) + weight_2 * (ab + ac + bc) + weight_3 * abc */
static struct small symmetric_polynomial(const var in[3], int weight_1, int weight_2, int weight_3)
{
    struct small s = { 0 };
    var ab[2] = { in[0], in[1] }, ac[2] = { in[0], in[2] }, bc[2] = { in[1], in[2] };
    for (int i = 0; weight_1 && i < 3; i++)
        small_add(&s, weight_1, 1, in + i);
    if (weight_2) {
        small_add(&s, weight_2, 2, ab);
        small_add(&s, weight_2, 2, ac);
        small_add(&s, weight_2, 2, bc);
    }
    if (weight_3)
        small_add(&s, weight_3, 3, in);
    return s;
}

/* Where both outputs of an adder cell stand with the same monomial, at weights w and
 * 2w, the sum of the inputs stands at weight w; elsewhere the outputs'
 * polynomials are put in. */
static void rewrite_adder(struct poly *p, const struct gate *g)
{
    var sum = g->out[0], carry = g->out[1];
    struct small inputs = symmetric_polynomial(g->in, 1, 0, 0);
    for (size_t u = 0; u < p->uses[sum].n && !p->failed && !p->overflow; u++) {
        struct term *t = &p->term[p->uses[sum].term[u]];
        var m[MONOMIAL_MAX];
        if (!(t->coefficient & p->mask) || term_has(t, carry))
            continue;
        struct term *twin = poly_find(p, m, term_replaced(t, sum, carry, m));
        uint64_t weight = t->coefficient;
        if ((2 * weight - (twin ? twin->coefficient : 0)) & p->mask)
            continue;
        t->coefficient = 0;
        if (twin)
            twin->coefficient = 0;
        int n = term_replaced(t, sum, 0, m);
        poly_add_product(p, m, n, &inputs, weight);
    }
    struct small s = symmetric_polynomial(g->in, 1, -2, 4), c = symmetric_polynomial(g->in, 0, 1, -2);
    poly_substitute(p, sum, &s);
    poly_substitute(p, carry, &c);
}

/* --- boxes -------------------------------------------------------------------------
 * A box's outputs, read as a binary number, are a sum of its inputs: base + sum of
 * weight[j] in[j], exactly or modulo 2^width. */

enum { BOX_ROWS = 8 };

struct linear {
    int *column;                 /* of each output in the number */
    int width;                   /* of the number: each column once */
    uint64_t base, *weight;
    bool wraps;
};

static uint64_t coefficient_of(const struct poly *p, const var *v, int n)
{
    const struct term *t = poly_find(p, v, n);
    return t ? t->coefficient & p->mask : 0;
}

/* A live term with an output of the box; NULL if there is none. */
static struct term *next_term(const struct poly *p, const struct box *box, var *output)
{
    for (size_t o = 0; o < box->out.n; o++) {
        const struct uses *u = &p->uses[box->out.bit[o]];
        for (size_t k = 0; k < u->n; k++)
            if (p->term[u->term[k]].coefficient & p->mask) {
                *output = box->out.bit[o];
                return &p->term[u->term[k]];
            }
    }
    return NULL;
}

/* Coefficient of m times the variable v. */
static uint64_t coefficient_with(const struct poly *p, const var *m, int n, var v)
{
    struct term t = { 0, m, n };
    var product[MONOMIAL_MAX];
    int k = term_replaced(&t, 0, v, product);
    return k < 0 ? 0 : coefficient_of(p, product, k);
}

/* The columns, from the coefficients that the outputs have with one monomial. */
static bool find_columns(const struct poly *p, const struct box *box, const var *m, int n, struct linear *l)
{
    int low = 64;
    uint64_t seen = 0, weight = 0;
    for (size_t o = 0; o < box->out.n; o++) {
        uint64_t c = coefficient_with(p, m, n, box->out.bit[o]);
        if (!c)
            return false;
        l->column[o] = __builtin_ctzll(c);
        weight = l->column[o] < low ? c : weight;
        low = l->column[o] < low ? l->column[o] : low;
    }
    for (size_t o = 0; o < box->out.n; o++) {
        l->column[o] -= low;
        seen |= UINT64_C(1) << l->column[o];
        if (((weight << l->column[o]) & p->mask) != coefficient_with(p, m, n, box->out.bit[o]))
            return false;
    }
    l->width = (int)box->out.n;
    return l->width <= 64 && seen == axm_mask(l->width);
}

/* Guesses base and weights by evaluation. */
static bool guess_linear(const struct circuit *c, struct linear *l)
{
    uint64_t *value = calloc(c->alias.n, sizeof *value), mask = axm_mask(l->width);
    unsigned __int128 most;
    if (!value)
        return false;
    for (size_t j0 = 0; j0 < c->in.n + 1; j0 += 63) {   /* lane 0: no input set; lane k: input j0 + k - 1 */
        memset(value, 0, c->alias.n * sizeof *value);
        for (size_t k = 1; k < 64 && j0 + k - 1 < c->in.n; k++)
            value[c->in.bit[j0 + k - 1]] |= UINT64_C(1) << k;
        circuit_eval(c, value);
        for (size_t k = 0; k < 64 && (k == 0 || j0 + k - 1 < c->in.n); k++) {
            uint64_t v = 0;
            for (size_t o = 0; o < c->out.n; o++)
                v |= (value[c->out.bit[o]] >> k & 1) << l->column[o];
            if (k == 0)
                l->base = v;
            else
                l->weight[j0 + k - 1] = (v - l->base) & mask;
        }
    }
    free(value);
    most = l->base;
    for (size_t j = 0; j < c->in.n; j++)
        most += l->weight[j];
    l->wraps = most > mask;
    return true;
}

static void put_ports(const cJSON *module, struct strbuf *out)
{
    const cJSON *port;
    const char *separator = "";
    cJSON_ArrayForEach(port, get(module, "ports")) {
        strbuf_addf(out, "%s\n  %s wire [%d:0] %s", separator, port_is_input(port) ? "input" : "output",
                    cJSON_GetArraySize(get(port, "bits")) - 1, port->string);
        separator = ",";
    }
}

/* Bit `index` of all the module's inputs (or outputs). */
static void put_pin(const cJSON *module, bool input, size_t index, struct strbuf *out)
{
    const cJSON *port;
    cJSON_ArrayForEach(port, get(module, "ports")) {
        size_t n = (size_t)cJSON_GetArraySize(get(port, "bits"));
        if (port_is_input(port) != input)
            continue;
        if (index < n) {
            strbuf_addf(out, "%s[%zu]", port->string, index);
            return;
        }
        index -= n;
    }
    assert(0);
}

/* Verilog of the number: the inputs put into rows, summed with "+" modulo 2^width.
 * False if they need too many rows. */
static bool put_linear(const struct box *box, const struct linear *l, struct strbuf *out)
{
    int rows = 0, height[64] = { 0 };
    int (*cell)[64] = calloc(BOX_ROWS, sizeof *cell);   /* input number + 1 */
    bool fits = cell != NULL;
    for (size_t j = 0; fits && j < box->in.n; j++)
        for (int k = 0; fits && k < l->width; k++)
            if (l->weight[j] >> k & 1) {
                fits = height[k] < BOX_ROWS;
                if (fits)
                    cell[height[k]++][k] = (int)j + 1;
                rows = fits && height[k] > rows ? height[k] : rows;
            }
    if (fits) {
        strbuf_addf(out, "module %s_linear (", box->module->string);
        put_ports(box->module, out);
        strbuf_addf(out, "\n);\n  wire [%d:0] s = %d'd%llu", l->width - 1, l->width,
                    (unsigned long long)l->base);
        for (int r = 0; r < rows; r++) {
            strbuf_adds(out, "\n    + {");
            for (int k = l->width - 1; k >= 0; k--) {
                if (cell[r][k])
                    put_pin(box->module, true, (size_t)cell[r][k] - 1, out);
                else
                    strbuf_adds(out, "1'b0");
                strbuf_adds(out, k ? ", " : "}");
            }
        }
        strbuf_adds(out, ";\n");
        for (size_t o = 0; o < box->out.n; o++) {
            strbuf_adds(out, "  assign ");
            put_pin(box->module, false, o, out);
            strbuf_addf(out, " = s[%d];\n", l->column[o]);
        }
        strbuf_adds(out, "endmodule\n");
    }
    free(cell);
    return fits;
}

/* Finds what the box computes and has it proven; *known tells. */
static enum axm_status know_box(struct proof *f, const struct box *box, struct linear *l, bool *known)
{
    const char *name = box->module->string;
    struct circuit inner;
    struct strbuf text = { 0 };
    enum axm_status st = AXM_OK;
    circuit_init(&inner, f->c->modules, box->module, false);
    f->p->failed |= inner.failed;
    if (f->p->failed || inner.bad || !guess_linear(&inner, l) || !put_linear(box, l, &text) || text.failed)
        give_up(f, "%s: no sum of its inputs", name);
    else
        st = f->prove_box(f->ctx, name, text.s, known);
    if (!st && !*known && !f->out->reason[0])
        give_up(f, "%s: not proven to be the sum of its inputs", name);
    circuit_release(&inner);
    strbuf_release(&text);
    return st;
}

/* Puts the sum in the place of the outputs wherever they stand together as the
 * number, times a monomial. */
static void replace_outputs(struct proof *f, const struct box *box, const struct linear *l)
{
    struct poly *p = f->p;
    struct term *t;
    var output, m[MONOMIAL_MAX], v[MONOMIAL_MAX];
    while ((t = next_term(p, box, &output)) && !p->failed && !p->overflow) {
        int n = term_replaced(t, output, 0, m);
        uint64_t weight = 0;
        struct term monomial = { 0, m, n };
        for (size_t o = 0; o < box->out.n; o++)
            if (l->column[o] == 0)
                weight = coefficient_with(p, m, n, box->out.bit[o]);
        bool together = !l->wraps || l->width == 64 || !((weight << l->width) & p->mask);
        for (size_t o = 0; o < box->out.n; o++)
            together &= !term_has(&monomial, box->out.bit[o]) &&
                        coefficient_with(p, m, n, box->out.bit[o]) == ((weight << l->column[o]) & p->mask);
        if (!together) {
            give_up(f, "%s: its outputs are not used as a number", box->module->string);
            return;
        }
        for (size_t o = 0; o < box->out.n; o++) {
            struct term *x = poly_find(p, v, term_replaced(&monomial, 0, box->out.bit[o], v));
            if (x)
                x->coefficient = 0;
        }
        poly_add(p, m, n, weight * l->base);
        for (size_t j = 0; j < box->in.n; j++) {
            struct small in = { 0 };
            small_add(&in, 1, 1, &box->in.bit[j]);
            poly_add_product(p, m, n, &in, weight * l->weight[j]);
        }
    }
}

static enum axm_status rewrite_box(struct proof *f, const struct box *box)
{
    struct linear l = { .weight = calloc(box->in.n + 1, sizeof *l.weight),
                        .column = calloc(box->out.n + 1, sizeof *l.column) };
    enum axm_status st = AXM_OK;
    bool known = false;
    var output, m[MONOMIAL_MAX];
    const struct term *t = next_term(f->p, box, &output);
    f->p->failed |= !l.weight || !l.column;
    if (t && !f->p->failed) {
        int n = term_replaced(t, output, 0, m);
        if (!find_columns(f->p, box, m, n, &l))
            give_up(f, "%s: its outputs are not used as a number", box->module->string);
        else
            st = know_box(f, box, &l, &known);
        if (!st && known) {
            f->out->boxes++;
            replace_outputs(f, box, &l);
        }
    }
    free(l.weight);
    free(l.column);
    return st;
}

/* --- order -------------------------------------------------------------------------
 * A gate is rewritten after all its readers.  Of those that are ready come first
 * adders whose outputs stand alone (nothing grows), then gates, the nearest to
 * the inputs first, then the other adders: so the select lines of a multiplexer
 * are put in before the long adder that it selects, and terms that hold two
 * different selections at once vanish before they can grow. */

struct schedule {
    const struct circuit *c;
    uint32_t *driver;           /* of each variable: gate + 1; 0: none */
    uint32_t *level, *readers, *ready;
    size_t n_ready;
};

static void schedule_release(struct schedule *s)
{
    free(s->driver);
    free(s->level);
    free(s->readers);
    free(s->ready);
}

static bool schedule_init(struct schedule *s, const struct circuit *c)
{
    const var *v;
    *s = (struct schedule){ .c = c };
    s->driver = calloc(c->alias.n, sizeof *s->driver);
    s->level = calloc(c->gates + 1, sizeof *s->level);
    s->readers = calloc(c->gates + 1, sizeof *s->readers);
    s->ready = calloc(c->gates + 1, sizeof *s->ready);
    if (!s->driver || !s->level || !s->readers || !s->ready)
        return false;
    for (size_t g = 0; g < c->gates; g++)
        for (size_t k = gate_outputs(&c->gate[g], &v), i = 0; i < k; i++)
            s->driver[v[i]] = (uint32_t)g + 1;
    for (size_t i = 0; i < c->gates; i++) {
        uint32_t g = c->order[i];
        for (size_t k = gate_inputs(&c->gate[g], &v), j = 0; j < k; j++) {
            uint32_t d = s->driver[v[j]];
            if (!d)
                continue;
            s->readers[d - 1]++;
            s->level[g] = s->level[d - 1] >= s->level[g] ? s->level[d - 1] + 1 : s->level[g];
        }
    }
    for (size_t g = 0; g < c->gates; g++)
        if (!s->readers[g])
            s->ready[s->n_ready++] = (uint32_t)g;
    return true;
}

static bool is_linear(const struct poly *p, const struct gate *g)
{
    const var *v;
    for (size_t k = gate_outputs(g, &v), i = 0; i < k; i++)
        if (!poly_is_linear(p, v[i]))
            return false;
    return true;
}

/* Takes the best ready gate; NULL if none is left. */
static const struct gate *schedule_next(struct schedule *s, const struct poly *p)
{
    size_t best = 0;
    uint64_t best_rank = UINT64_MAX;
    const var *v;
    if (!s->n_ready)
        return NULL;
    for (size_t r = 0; r < s->n_ready && best_rank > 0; r++) {
        uint32_t g = s->ready[r];
        bool adder = s->c->gate[g].kind >= GATE_HA;
        uint64_t rank = 1 + (uint64_t)s->level[g];
        if (adder)
            rank = is_linear(p, &s->c->gate[g]) ? 0 : UINT64_MAX - 1;
        if (rank < best_rank) {
            best = r;
            best_rank = rank;
        }
    }
    const struct gate *gate = &s->c->gate[s->ready[best]];
    s->ready[best] = s->ready[--s->n_ready];
    for (size_t k = gate_inputs(gate, &v), j = 0; j < k; j++)
        if (s->driver[v[j]] && --s->readers[s->driver[v[j]] - 1] == 0)
            s->ready[s->n_ready++] = s->driver[v[j]] - 1;
    return gate;
}

/* From the outputs to the operands.  Stops early if f->out->reason is set. */
static enum axm_status rewrite(struct proof *f)
{
    struct schedule s;
    const struct gate *g;
    enum axm_status st = AXM_OK;
    f->p->failed |= !schedule_init(&s, f->c);
    while (!st && !f->p->failed && !f->p->overflow && !f->out->reason[0] && (g = schedule_next(&s, f->p))) {
        if (g->kind == GATE_BOX) {
            st = rewrite_box(f, g->box);
        } else if (g->kind == GATE_FA || g->kind == GATE_HA) {
            rewrite_adder(f->p, g);
        } else {
            struct small gate = gate_polynomial(g);
            poly_substitute(f->p, g->out[0], &gate);
        }
    }
    schedule_release(&s);
    return st;
}

/* --- definitions ------------------------------------------------------------------- */

/* Subtracts a definition (docs/families.md) from the polynomial. */
struct definition {
    const struct axm_spec *s;
    struct poly *p;
    const var *a, *b;
    int n, m;
};

static void subtract(struct definition *d, int n, const var *v, uint64_t weight)
{
    /* ascending, each once */
    var sorted[8] = { 0 };
    int len = 0;
    for (int i = 0; i < n; i++) {
        int k = 0;
        while (k < len && sorted[k] < v[i])
            k++;
        if (k < len && sorted[k] == v[i])
            continue;
        memmove(sorted + k + 1, sorted + k, (size_t)(len - k) * sizeof *sorted);
        sorted[k] = v[i];
        len++;
    }
    poly_add(d->p, sorted, len, -weight);
}

/* The product of the values of two operands without their low bits. */
static void define_product(struct definition *d, int first_a, int first_b)
{
    for (int i = first_b; i < d->m; i++)
        for (int j = first_a; j < d->n; j++) {
            bool negative = d->s->is_signed && (i == d->m - 1) != (j == d->n - 1);
            uint64_t weight = UINT64_C(1) << (i + j);
            subtract(d, 2, (const var[]){ d->a[j], d->b[i] }, negative ? -weight : weight);
        }
}

static bool inverted(const struct definition *d, int j, int i)
{
    return d->s->is_signed && (i == d->m - 1) != (j == d->n - 1);
}

/* weight times the entry of the Baugh-Wooley matrix. */
static void define_entry(struct definition *d, int j, int i, uint64_t weight)
{
    if (inverted(d, j, i))
        subtract(d, 0, NULL, weight);
    subtract(d, 2, (const var[]){ d->a[j], d->b[i] }, inverted(d, j, i) ? -weight : weight);
}

static uint64_t matrix_constant_of(const struct definition *d)
{
    unsigned __int128 one = 1;
    if (!d->s->is_signed)
        return 0;
    return (uint64_t)((one << (d->n - 1)) + (one << (d->m - 1)) + (one << (d->n + d->m - 1))) & d->p->mask;
}

/* The matrix from row first_row and column first_column on. */
static void define_matrix(struct definition *d, int first_row, int first_column)
{
    for (int i = first_row; i < d->m; i++)
        for (int j = 0; j < d->n; j++)
            if (i + j >= first_column)
                define_entry(d, j, i, UINT64_C(1) << (i + j));
    subtract(d, 0, NULL, matrix_constant_of(d) >> first_column << first_column);
}

static int parameter(const struct axm_spec *s, const char *key)
{
    return s->p[axm_param_find(s->family, key)];
}

static void define_exact(struct definition *d)
{
    define_product(d, 0, 0);
}

static void define_bam(struct definition *d)
{
    define_matrix(d, parameter(d->s, "h"), parameter(d->s, "v"));
}

/* Expected value of the columns below c, as a multiple of 2^c. */
static uint64_t expected_below(const struct definition *d, int c)
{
    unsigned __int128 quarters = 0, one = 1;
    for (int i = 0; i < d->m; i++)
        for (int j = 0; j < d->n && i + j < c; j++)
            quarters += (inverted(d, j, i) ? 3 * one : one) << (i + j);
    quarters += (unsigned __int128)(matrix_constant_of(d) & axm_mask(c)) << 2;
    return (uint64_t)((quarters + (one << (c + 1))) >> (c + 2));
}

static void define_trunc(struct definition *d)
{
    if (d->s->form == 0) {
        define_product(d, parameter(d->s, "l"), parameter(d->s, "m"));
        return;
    }
    int c = parameter(d->s, "c"), word = parameter(d->s, "none");
    define_matrix(d, 0, c);
    const char *compensation = d->s->family->param[axm_param_find(d->s->family, "none")].words[word];
    if (!strcmp(compensation, "const")) {
        subtract(d, 0, NULL, expected_below(d, c) << c);
    } else if (!strcmp(compensation, "var")) {
        for (int i = 0; i < d->m; i++)
            if (c - 1 - i >= 0 && c - 1 - i < d->n)
                define_entry(d, c - 1 - i, i, UINT64_C(1) << c);
        subtract(d, 0, NULL, (matrix_constant_of(d) >> (c - 1) & 1) << c);
    }
}

/* weight times the XOR of the partial products of column c of block r: the
 * parity of bits x_k is the sum over their non-empty subsets of
 * (-2)^(size-1) times the product; inversions turn it into one minus that. */
static void define_parity(struct definition *d, int r, int c, uint64_t weight)
{
    int row[4], n = 0;
    bool invert = false;
    for (int i = 0; i < 4; i++)
        if (c - i >= 0 && c - i < d->n) {
            row[n++] = i;
            invert ^= inverted(d, c - i, 4 * r + i);
        }
    if (invert)
        subtract(d, 0, NULL, weight);
    for (int subset = 1; subset < 1 << n; subset++) {
        var v[8];
        int len = 0;
        uint64_t factor = weight;
        for (int k = 0; k < n; k++) {
            if (!(subset >> k & 1))
                continue;
            if (len)
                factor *= (uint64_t)-2;
            v[len++] = d->a[c - row[k]];
            v[len++] = d->b[4 * r + row[k]];
        }
        subtract(d, len, v, invert ? -factor : factor);
    }
}

static void define_carry_disregard(struct definition *d)
{
    for (int r = 0; r < d->m / 4; r++)
        for (int c = 0; c < d->n + 3; c++) {
            uint64_t weight = UINT64_C(1) << (c + 4 * r);
            if (c < d->s->p[r])
                define_parity(d, r, c, weight);
            for (int i = 0; i < 4 && c >= d->s->p[r]; i++)
                if (c - i >= 0 && c - i < d->n)
                    define_entry(d, c - i, 4 * r + i, weight);
        }
    subtract(d, 0, NULL, matrix_constant_of(d));
}

static const struct {
    const char *family;
    void (*define)(struct definition *d);
} definitions[] = {
    { "exact", define_exact }, { "array", define_exact }, { "wallace", define_exact },
    { "dadda", define_exact }, { "booth", define_exact }, { "quaternary", define_exact },
    { "trunc", define_trunc }, { "bam", define_bam },
    { "cdm", define_carry_disregard }, { "scdm", define_carry_disregard },
};

static int find_definition(const struct axm_spec *s)
{
    for (int i = 0; i < (int)(sizeof definitions / sizeof *definitions); i++)
        if (!strcmp(definitions[i].family, s->family->name))
            return i;
    return -1;
}

bool algebra_applies(const struct axm_spec *s)
{
    return find_definition(s) >= 0;
}

/* --- proofs ----------------------------------------------------------------------- */

/* The variables of a port of the top module; false if it is not there or has another width. */
static bool port_vars(const struct circuit *c, const cJSON *module, const char *name, int width,
                      const var **out)
{
    size_t in = 0, outputs = 0;
    const cJSON *port;
    cJSON_ArrayForEach(port, get(module, "ports")) {
        size_t *at = port_is_input(port) ? &in : &outputs;
        int n = cJSON_GetArraySize(get(port, "bits"));
        if (!strcmp(port->string, name)) {
            *out = (port_is_input(port) ? c->in.bit : c->out.bit) + *at;
            return n == width;
        }
        *at += (size_t)n;
    }
    return false;
}

/* Equal if nothing is left; else the smallest monomial that is left tells. */
static void conclude(struct definition *d, struct algebra_result *out)
{
    const struct term *least = NULL;
    for (size_t i = 0; i < d->p->n; i++) {
        const struct term *t = &d->p->term[i];
        if ((t->coefficient & d->p->mask) && (!least || t->n < least->n))
            least = t;
    }
    out->answer = least ? ALGEBRA_DIFFERENT : ALGEBRA_EQUAL;
    for (int k = 0; least && k < least->n; k++) {
        for (int j = 0; j < d->n; j++)
            out->a |= (uint64_t)(d->a[j] == least->v[k]) << j;
        for (int i = 0; i < d->m; i++)
            out->b |= (uint64_t)(d->b[i] == least->v[k]) << i;
    }
}

static enum axm_status prove_circuit(struct circuit *c, struct poly *p, const struct axm_spec *s,
                                     const cJSON *module, algebra_box_fn *prove_box, void *ctx,
                                     struct algebra_result *out)
{
    struct definition d = { .s = s, .p = p, .n = s->width_a, .m = s->width_b };
    struct proof f = { c, p, prove_box, ctx, out };
    const var *product, none[1] = { 0 };
    if (!port_vars(c, module, "a_i", d.n, &d.a) || !port_vars(c, module, "b_i", d.m, &d.b)
        || !port_vars(c, module, "p_o", d.n + d.m, &product) || c->in.n != (size_t)(d.n + d.m))
        return fail(AXM_ENV, "%s: its ports must be a_i, b_i and p_o of %d, %d and %d bits", module->string,
                    d.n, d.m, d.n + d.m);
    for (int i = 0; i < d.n + d.m; i++) {
        struct small bit = { 0 };
        small_add(&bit, 1, 1, &product[i]);
        poly_add_product(p, none, 0, &bit, UINT64_C(1) << i);
    }
    enum axm_status st = rewrite(&f);
    if (!st && !out->reason[0])
        definitions[find_definition(s)].define(&d);
    if (!st && p->failed)
        st = fail(AXM_ENV, "%s: out of memory for its polynomial", module->string);
    if (!st && p->overflow)
        give_up(&f, "the polynomial grows past %d terms", POLY_TERMS_MAX);
    if (!st && !out->reason[0])
        conclude(&d, out);
    return st;
}

enum axm_status algebra_prove(const struct axm_spec *s, const char *json, const char *top,
                              algebra_box_fn *prove_box, void *ctx, struct algebra_result *out)
{
    assert(algebra_applies(s));
    *out = (struct algebra_result){ .answer = ALGEBRA_NO_ANSWER };
    cJSON *root = cJSON_Parse(json);
    const cJSON *modules = get(root, "modules"), *module = get(modules, top);
    struct circuit c = { 0 };
    struct poly p = { 0 };
    enum axm_status st = AXM_OK;
    if (!module) {
        st = fail(AXM_ENV, "%s: not among the modules that yosys wrote", top);
        goto out;
    }
    if (!adder_cell_right(modules, "axm_fa", true) || !adder_cell_right(modules, "axm_ha", false)) {
        snprintf(out->reason, sizeof out->reason, "axm_fa or axm_ha is no adder");
        goto out;
    }
    circuit_init(&c, modules, module, true);
    if (c.bad)
        st = fail(AXM_ENV, "%s: not a netlist of gates: %s", top, c.bad);
    else if (c.failed || !poly_init(&p, c.alias.n, axm_mask(axm_spec_product_width(s))))
        st = fail(AXM_ENV, "%s: out of memory for its polynomial", top);
    else
        st = prove_circuit(&c, &p, s, module, prove_box, ctx, out);
out:
    poly_release(&p);
    circuit_release(&c);
    cJSON_Delete(root);
    return st;
}
