/* Post-training quantization: a float graph to a quantized one (qgraph.h). */
#ifndef AXM_DNN_QUANT_H
#define AXM_DNN_QUANT_H

#include "dnn/data.h"
#include "dnn/qgraph.h"

enum calibration { CALIB_MIN_MAX, CALIB_PERCENTILE, CALIB_MSE };

struct quant_opts {
    enum quant_scheme scheme;
    bool per_channel;          /* weights */
    int weight_bits;           /* 2..8 */
    enum calibration calibration;          /* of activations */
    double percentile;         /* 99.99: of |x|; both ends in the affine scheme */
    enum calibration weight_calibration;   /* of the weights that share a scale; percentile is the same */
    bool equalise;             /* bring channels to comparable ranges first (dnn/equalise.c) */
    size_t images;             /* calibration images, a seeded sample of those given */
    uint64_t seed;
};
void quant_defaults(struct quant_opts *o);

/* Removes dropout and softmax, merges batch norm: into the convolution or dense layer before it, else
 * into those after it (where no padding stands between and nothing else reads it), else it stays. */
enum axm_status quant_fold(const struct graph *g, struct graph **out) AXM_MUST_CHECK;

/* Quantizes g, calibrated on im.  AXM_USAGE for a node that has no integer form. */
enum axm_status quant_run(const struct graph *g, const struct images *im, const struct quant_opts *o,
                          struct qgraph **out) AXM_MUST_CHECK;

/* How a quantized network came out. */
struct quant_report {
    struct quant_report_node {
        double lo, hi;         /* calibrated range of its outputs in float; of logits, what was seen */
        double sqnr_db;        /* 10 log10(sum of squares / sum of squared errors) of its outputs against
                                * float, all before it quantized, too; exact multiplier.  INFINITY: no error;
                                * NAN: nothing but zeros */
    } *node;                   /* by node of the quantized graph */
    int n_nodes;
    size_t images;             /* that sqnr_db is of: the first of the calibration sample */
};
void quant_report_release(struct quant_report *r);

/* quant_run() with a report; it compares with the float graph after batch norms are merged and channels
 * equalised.  *report is empty on error. */
enum axm_status quant_run_report(const struct graph *g, const struct images *im, const struct quant_opts *o,
                                 struct qgraph **out, struct quant_report *report) AXM_MUST_CHECK;

/* The fixed-point form of a positive ratio: value ~ multiplier / 2^shift, relative error at most 2^-31;
 * multiplier 2^30..2^31-1, shift 1..62.  AXM_USAGE if it is out of range. */
enum axm_status quant_multiplier(double value, int32_t *multiplier, int32_t *shift) AXM_MUST_CHECK;

#endif
