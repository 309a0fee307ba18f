/* Coefficients: figures of a multiplier relative to a named exact one, and the
 * published ones beside them.
 *
 * Shakibhamedan et al. 2024 print, in Table 4, a "power coefficient" for each of 20
 * carry-disregard multipliers, relative to the exact one; how it was made is
 * not said.  Two of our columns track it: energy on the split baseline, and P1
 * on the 8x8 array (docs/power.md). */
#ifndef AXM_SYNTH_COEF_H
#define AXM_SYNTH_COEF_H

#include "synth/characterise.h"

/* What a coefficient is relative to. */
enum coef_baseline {
    BASELINE_SPLIT,     /* the same structure exact: scdm8s_x0_y0 for scdm; families without one: the array */
    BASELINE_ARRAY,     /* an ordinary array of the same widths and sign */
    BASELINE_BEST,      /* the smallest exact one known: exact8s, exact8u */
    COEF_BASELINES,
};

enum coef_column {
    COEF_AREA,
    COEF_DELAY,         /* critical path */
    COEF_P0, COEF_P1, COEF_P2,   /* total power at zero, unit, liberty delay and the same clock */
    COEF_ENERGY,        /* P1 x delay: the energy of an operation as long as the circuit's own delay */
    COEF_FIGURES,
};

/* The exact multiplier that s is compared with. */
void coef_baseline_spec(const struct axm_spec *s, enum coef_baseline b, struct axm_spec *out);

/* A figure in um^2, ns, mW or mW ns; leakage counts at that clock. */
double coef_figure(const struct measurement *m, enum coef_column c, double mhz);
double coef_value(const struct measurement *m, const struct measurement *base, enum coef_column c,
                  double mhz);
/* Half-width of the 95 % interval of P0, P1, P2 or energy from the vectors: 0 for the others.
 * An upper bound: numerator and denominator see the same vectors. */
double coef_ci95(const struct measurement *m, const struct measurement *base, enum coef_column c,
                 double mhz);

/* Table 4 as printed; [0] is the exact multiplier. */
struct coef_published {
    int x, y;
    double coefficient;
};
enum { COEF_PUBLISHED = 21 };
extern const struct coef_published coef_published[COEF_PUBLISHED];
void coef_published_spec(int i, struct axm_spec *out);

/* How well v tracks the published column: over rows 1..20. */
struct coef_error {
    double mean, max, rho;
};
struct coef_error coef_compare(const double v[COEF_PUBLISHED]);

/* Spearman's rank correlation; ties get their mean rank.  n >= 2; NaN if one is constant. */
double coef_spearman(const double *x, const double *y, int n);

/* What a network saves.  The paper's formula (A.4.1) is the mean of E_exact/E_approx over the
 * multiplications, less 1, which can pass 100 %; the plain saving is 1 - E_approx/E_exact of the
 * sums.  coefficient[l] is that of layer l's multiplier.  Both in %. */
enum { COEF_LAYERS = 8 };
extern const long coef_layer_multiplications[COEF_LAYERS];   /* Table 7; they sum to 3,305,600 */
struct coef_saving {
    double paper_percent, plain_percent;
};
struct coef_saving coef_network_saving(const double coefficient[COEF_LAYERS]);

/* Table 3: which multiplier (row of Table 4) each layer has, and the printed saving. */
enum { COEF_ASSIGNMENTS = 4 };
extern const struct coef_assignment {
    int multiplier[COEF_LAYERS];
    int saving_percent;
} coef_assignments[COEF_ASSIGNMENTS];

/* Marks the points of the Pareto front that minimises error and cost: those that no other is at
 * least as good as in both and better in one. */
void coef_pareto(const double *error, const double *cost, size_t n, bool *on_front);

#endif
