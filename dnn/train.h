/* Training in float32 on oneDNN, and float inference with it.
 *
 * A batch is cut into shards of opts.shard images.  Each shard runs forward and backward on one
 * thread, gradients are added in shard order, and batch norm takes its statistics within a shard: so
 * the result does not depend on the number of threads (it does on the CPU's instruction set and
 * oneDNN's version, which the provenance names). */
#ifndef AXM_DNN_TRAIN_H
#define AXM_DNN_TRAIN_H

#include "dnn/data.h"
#include "dnn/graph.h"

enum optimizer { OPT_ADAMW, OPT_SGD };
enum schedule { SCHED_CONSTANT, SCHED_STEP, SCHED_COSINE, SCHED_ONE_CYCLE };

struct augment {
    float shift_px, rotate_deg, scale, shear_deg;   /* each uniform in plus or minus (scale: 1 plus or minus)
                                                     * */
    bool flip;                                       /* horizontally, one half of the time */
    int crop_pad;                                    /* pad by this with zeros and crop at random */
};

struct train_opts {
    int epochs, batch, shard;       /* batch a multiple of shard */
    enum optimizer optimizer;
    enum schedule schedule;
    float lr;                       /* highest */
    float momentum;                 /* sgd; adamw's betas are .9 and .999 */
    float weight_decay;             /* not of biases and batch norm */
    float label_smoothing;
    int step_epochs;                /* schedule step: every so many epochs times step_factor */
    float step_factor;
    struct augment augment;
    size_t validation;              /* last so many of the training images are held out; 0: none */
    bool keep_best;                 /* end with the epoch that was best on them, else with the last */
    const struct images *validation_images;   /* validate on these instead (the paper's protocol: the test
                                               * images); or NULL */
    uint64_t seed;
    const char *checkpoint;         /* written after every epoch (and every checkpoint_steps), resumed from
                                     * if there; or NULL */
    int checkpoint_steps;           /* 0: after epochs only */
    bool fresh;                     /* do not resume */
    const char *csv;                /* one line an epoch, rewritten atomically; or NULL */
    const char *keep_epochs;       /* directory for the network after every epoch, epoch-00001.axm; or NULL */
};

struct train_result {
    int epochs_done, best_epoch;    /* best_epoch: 0 without validation */
    double validation_top1, train_loss;
    bool resumed;
};

/* The defaults for a built-in network: what `axmul train NET` does. */
void train_defaults(const char *net, struct train_opts *o);

/* graph_init(), and biases uniform in plus or minus 1 / sqrt(fan in).  With biases of 0 the 1x1
 * convolutions of a one-channel image begin as copies of two functions of a pixel, and half of the first
 * one's channels as nothing: the kinks of their ReLUs all lie at 0. */
void train_init(struct graph *g, uint64_t seed);

/* Trains g in place.  AXM_STOPPED when interrupted: the checkpoint has what was done, and a resumed run
 * ends bit-equal to an uninterrupted one.  AXM_USAGE if the checkpoint was made with other options (named).
 * */
enum axm_status train_run(struct graph *g, const struct images *train, const struct train_opts *o,
                          struct train_result *out) AXM_MUST_CHECK;

/* Float inference: top-1 hits among n images, and the logits [n][classes] if not NULL. */
enum axm_status float_infer(const struct graph *g, const struct images *im, size_t first, size_t n,
                            float *logits, size_t *hits) AXM_MUST_CHECK;

/* "adamw|sgd" and "constant|step|cosine|one-cycle", by enum value. */
extern const char *const optimizer_names[], *const schedule_names[];

/* One augmented image, normalised floats; stream names it: the same (seed, stream) gives the same. */
void augment_image(const struct augment *a, const struct input_norm *norm, struct shape s, const uint8_t
                   *pixel,
                   uint64_t seed, uint64_t stream, float *out);

#endif
