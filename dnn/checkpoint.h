/* Checkpoints of training: a model file with the state of the optimizer in extra sections. */
#ifndef AXM_DNN_CHECKPOINT_H
#define AXM_DNN_CHECKPOINT_H

#include "base/strbuf.h"
#include "dnn/params.h"
#include "dnn/train.h"

/* A finished epoch, as in the CSV. */
struct epoch_record {
    double epoch, lr, train_loss, train_top1, validation_top1, seconds;   /* validation_top1: NaN if none */
};

/* Where a run stands.  Plain numbers: stored as they are. */
struct train_state {
    uint64_t epoch, step;          /* finished epochs; finished steps of the next one */
    uint64_t shards;               /* that batch norm's running statistics have seen */
    uint64_t hits;                 /* of the epoch so far, and the sum of its losses */
    double loss, seconds;
    uint64_t best_epoch;           /* 0: none */
    double best_top1;
};

/* All of a run that is not in its options. */
struct train_memory {
    const struct param_map *map;
    float *params, *stats, *moment1, *moment2;
    float *best_params, *best_stats;     /* of best_epoch */
    struct epoch_record *history;        /* [epochs] */
    struct train_state state;
};

/* options: "key value" lines that a resumed run must have, too. */
enum axm_status checkpoint_save(const char *path, struct graph *g, const struct train_memory *m,
                                const char *options) AXM_MUST_CHECK;

/* Into *m, whose vectors exist; epochs: room in history.  AXM_USAGE if the checkpoint is damaged,
 * of another network or made with other options, which are named; *m is then as it was. */
enum axm_status checkpoint_load(const char *path, const struct graph *g, struct train_memory *m,
                                uint64_t epochs, const char *options) AXM_MUST_CHECK;

/* The lines of the CSV file, with a header. */
enum axm_status history_write(const char *path, const struct epoch_record *h, uint64_t n) AXM_MUST_CHECK;

#endif
