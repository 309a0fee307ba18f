#include "cli/complexity.h"

#include <inttypes.h>
#include <math.h>
#include <string.h>

#include "synth/coef.h"

/* For programs; docs/formats.md promises these columns. */
static const struct table_column columns[] = {
    { "quantity", NULL, CELL_TEXT, 0 },
    { "computed", NULL, CELL_REAL, 8 },
    { "printed", NULL, CELL_REAL, 8 },
    { "section", NULL, CELL_TEXT, 0 },
    { "note", NULL, CELL_TEXT, 0 },
};
enum { COLUMNS = sizeof columns / sizeof *columns };

/* The appendix's settings. */
enum {
    TRAINING_IMAGES = 50000, BATCH = 1024, EPOCHS = 5000, POPULATION = 50, GENERATIONS = 50,
    SCORED_IMAGES = 10000,   /* appendix B: what the search is scored on */
};

static void row(struct table *t, const char *quantity, double computed, double printed, const char *section,
                const char *note)
{
    table_text(t, quantity);
    table_real(t, computed);
    table_real(t, printed);
    table_text(t, section);
    table_text(t, note);
}

/* A printed figure is of one network. */
static double only(bool ours, double printed)
{
    return ours ? printed : NAN;
}

enum axm_status complexity_print(const struct cli_args *args, const char *net,
                                 const struct complexity_layer *layer, int n)
{
    bool ours = !strcmp(net, "lenet5i") && n == COEF_LAYERS;
    struct table *t = table_new(columns, COLUMNS);
    uint64_t sum = 0;
    for (int i = 0; i < n; i++) {
        row(t, layer[i].name, (double)layer[i].multiplications,
            ours ? (double)coef_layer_multiplications[i] : NAN, "C.1.2, C.1.3", NULL);
        sum += layer[i].multiplications;
    }
    double forward = (double)sum, genes = n;
    double epoch = 3 * forward * TRAINING_IMAGES, training = epoch * EPOCHS, fitness = forward * BATCH;
    double generation = POPULATION * fitness + POPULATION * log(POPULATION) + POPULATION * genes;
    double search = GENERATIONS * generation;
    row(t, "forward pass", forward, only(ours, 3337600), "C.1.4",
        ours ? "erratum: its terms sum to 3305600" : NULL);
    row(t, "forward pass", forward, only(ours, 3586592), "A.4.1",
        ours ? "erratum: Table 7's rows sum to 3305600" : NULL);
    row(t, "backward pass", 2 * forward, only(ours, 6675200), "C.1.5", ours ? "from C.1.4's sum" : NULL);
    row(t, "both for a batch of 1024", 3 * forward * BATCH, only(ours, 10250675200), "C.1.6",
        ours ? "erratum: 1024 x 10012800 is 10253107200; and from C.1.4's sum" : NULL);
    row(t, "epoch of 50000 images", epoch, only(ours, 5e11), "C.1.6", ours ? "rounded" : NULL);
    row(t, "5000 epochs", training, only(ours, 2.5e15), "C.1.7", ours ? "rounded" : NULL);
    row(t, "fitness on 1024 images", fitness, only(ours, 3.417e9), "C.2.1", ours ? "from C.1.4's sum" : NULL);
    row(t, "generation of 50", generation, only(ours, 1.7085e11), "C.2.2", ours ? "from C.1.4's sum" : NULL);
    row(t, "50 generations", search, only(ours, 8.5425e12), "C.2.2", ours ? "from C.1.4's sum" : NULL);
    row(t, "5000 epochs / 50 generations", training / search, only(ours, 2.5e15 / 8.5425e12), "C.3",
        ours ? "the two printed figures, divided" : NULL);
    row(t, "50 generations on 10000 images", forward * SCORED_IMAGES * POPULATION * GENERATIONS, NAN, "B",
        ours ? "appendix B scores on 10000 images, C.2.1 counts 1024" : NULL);
    enum axm_status st = t ? table_print(t, stdout, args->format) : fail(AXM_ENV, "show: out of memory");
    table_free(t);
    return st;
}
