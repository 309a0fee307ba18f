#include "synth/coef.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

static struct axm_spec exact_spec(const char *family, const struct axm_spec *like)
{
    return (struct axm_spec){ .family = axm_family_find(family), .width_a = like->width_a,
                              .width_b = like->width_b, .is_signed = like->is_signed };
}

void coef_baseline_spec(const struct axm_spec *s, enum coef_baseline b, struct axm_spec *out)
{
    bool carry_disregard = s->family->model == axm_family_find("cdm")->model;
    if (b == BASELINE_BEST)
        *out = exact_spec("exact", s);
    else if (b == BASELINE_SPLIT && carry_disregard)
        *out = exact_spec(s->is_signed ? "scdm" : "cdm", s);   /* every parameter 0 */
    else
        *out = exact_spec("array", s);
}

double coef_figure(const struct measurement *m, enum coef_column c, double mhz)
{
    switch (c) {
    case COEF_AREA: return m->area_um2;
    case COEF_DELAY: return m->delay_ns;
    case COEF_P0: return measurement_mw(m, DELAY_ZERO, mhz);
    case COEF_P1: return measurement_mw(m, DELAY_UNIT, mhz);
    case COEF_P2: return measurement_mw(m, DELAY_LIBERTY, mhz);
    default: return measurement_mw(m, DELAY_UNIT, mhz) * m->delay_ns;
    }
}

double coef_value(const struct measurement *m, const struct measurement *base, enum coef_column c,
                  double mhz)
{
    return coef_figure(m, c, mhz) / coef_figure(base, c, mhz);
}

double coef_ci95(const struct measurement *m, const struct measurement *base, enum coef_column c,
                 double mhz)
{
    if (c == COEF_AREA || c == COEF_DELAY)
        return 0;
    int d = c == COEF_ENERGY ? DELAY_UNIT : (int)(c - COEF_P0);
    double of_m = m->energy_pj[d] ? m->energy_ci95_pj[d] / m->energy_pj[d] : 0;
    double of_base = base->energy_ci95_pj[d] / base->energy_pj[d];
    return coef_value(m, base, c, mhz) * hypot(of_m, of_base);
}

const struct coef_published coef_published[COEF_PUBLISHED] = {
    { 0, 0, 1.00 },
    { 4, 1, 0.78 }, { 4, 2, 0.76 }, { 4, 3, 0.74 }, { 4, 4, 0.69 },
    { 5, 1, 0.69 }, { 5, 2, 0.64 }, { 5, 3, 0.61 }, { 5, 4, 0.58 },
    { 6, 1, 0.66 }, { 6, 2, 0.61 }, { 6, 3, 0.58 }, { 6, 4, 0.55 },
    { 7, 1, 0.63 }, { 7, 2, 0.54 }, { 7, 3, 0.49 }, { 7, 4, 0.43 },
    { 8, 1, 0.58 }, { 8, 2, 0.52 }, { 8, 3, 0.46 }, { 8, 4, 0.40 },
};

void coef_published_spec(int i, struct axm_spec *out)
{
    *out = (struct axm_spec){ .family = axm_family_find("scdm"), .width_a = 8, .width_b = 8,
                              .is_signed = true, .p = { coef_published[i].x, coef_published[i].y } };
}

/* rank[i]: 1 + values below + half of the others that are equal. */
static double rank_of(const double *v, int n, int i)
{
    double rank = 1;
    for (int k = 0; k < n; k++)
        rank += v[k] < v[i] ? 1 : k != i && v[k] == v[i] ? 0.5 : 0;
    return rank;
}

double coef_spearman(const double *x, const double *y, int n)
{
    double mean = (n + 1) / 2.0, xx = 0, yy = 0, xy = 0;
    for (int i = 0; i < n; i++) {
        double a = rank_of(x, n, i) - mean, b = rank_of(y, n, i) - mean;
        xx += a * a;
        yy += b * b;
        xy += a * b;
    }
    return xy / sqrt(xx * yy);
}

struct coef_error coef_compare(const double v[COEF_PUBLISHED])
{
    struct coef_error e = { 0 };
    double published[COEF_PUBLISHED];
    for (int i = 0; i < COEF_PUBLISHED; i++)
        published[i] = coef_published[i].coefficient;
    for (int i = 1; i < COEF_PUBLISHED; i++) {
        double d = fabs(v[i] - published[i]);
        e.mean += d / (COEF_PUBLISHED - 1);
        e.max = fmax(e.max, d);
    }
    e.rho = coef_spearman(v + 1, published + 1, COEF_PUBLISHED - 1);
    return e;
}

const long coef_layer_multiplications[COEF_LAYERS] = {
    50176, 1605632, 401408, 778752, 165888, 294912, 8192, 640,
};

const struct coef_assignment coef_assignments[COEF_ASSIGNMENTS] = {
    { { 19, 10, 6, 3, 10, 6, 12, 10 }, 56 },
    { { 18, 5, 14, 10, 3, 8, 6, 19 }, 57 },
    { { 18, 5, 6, 13, 7, 3, 1, 14 }, 50 },
    { { 12, 8, 14, 2, 5, 9, 15, 2 }, 61 },
};

struct coef_saving coef_network_saving(const double coefficient[COEF_LAYERS])
{
    double total = 0, inverse = 0, energy = 0;
    for (int l = 0; l < COEF_LAYERS; l++) {
        double n = (double)coef_layer_multiplications[l];
        total += n;
        inverse += n / coefficient[l];
        energy += n * coefficient[l];
    }
    return (struct coef_saving){ .paper_percent = 100 * (inverse / total - 1),
                                 .plain_percent = 100 * (1 - energy / total) };
}

void coef_pareto(const double *error, const double *cost, size_t n, bool *on_front)
{
    for (size_t i = 0; i < n; i++) {
        on_front[i] = true;
        for (size_t k = 0; k < n && on_front[i]; k++)
            on_front[i] = !(error[k] <= error[i] && cost[k] <= cost[i] &&
                            (error[k] < error[i] || cost[k] < cost[i]));
    }
}
