#include <cjson/cJSON.h>
#include <inttypes.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/file.h"
#include "base/pool.h"
#include "base/progress.h"
#include "base/strbuf.h"
#include "cli/coefficient.h"
#include "cli/network.h"
#include "explore/evaluate.h"

static const char algorithm_words[] = "ga|nsga2|greedy|random|exhaustive|published";
enum { PUBLISHED = SEARCH_ALGORITHMS };
static const char protocol_words[] = "paper|honest", preset_words[] = "paper|paper25";
static const char saving_words[] = "plain|paper";

static const struct cli_option options[] = {
    { "preset", 0, preset_words, "ga as in the paper: population 50, 50 or 25 generations, mutation 0.1, no "
      "elite, --protocol paper" },
    { "protocol", 0, protocol_words, "what is searched on, see below (default honest)" },
    { "mult", 0, "SPEC[,SPEC]...", "multipliers to choose from (default: the 20 SCDM8 of the paper)" },
    { "exact", 0, NULL, "and the exact one" },
    NETWORK_ORDER_OPTION,
    { "population", 0, "N", "(default 50)" },
    { "generations", 0, "N", "(default 50)" },
    { "mutation", 0, "P", "probability for a layer (default 0.1; nsga2: 1 in so many layers)" },
    { "crossover", 0, "P", "probability that two parents are mixed (default 0.9)" },
    { "elite", 0, "N", "ga: so many best go on unchanged (default 1)" },
    { "saving", 0, saving_words, "energy that nsga2 and greedy see: 1 - E/E0 (default) or E0/E - 1" },
    COEFFICIENT_OPTIONS,
    { "images", 0, "N", "test images (default: all)" },
    { "validation", 0, "N", "honest: validation images (default: what training held out, else 10000)" },
    { "data", 0, "SET", "data set (default: what the model was made for)" },
    { "data-dir", 0, "DIR", "where the data set lies; default: the cache, filled from its source" },
    { "store", 0, "FILE", "log of scores (default: searches.sqlite in the cache directory)" },
    { "memory", 0, "MIB", "for outputs of layers that several assignments begin with (default 1024)" },
    { "history", 0, "FILE", "CSV, a line a generation: best so far, seconds, where scores came from" },
    { "compare", 0, NULL, "hypervolume beside random search with as many evaluations and one for all "
      "layers" },
    { 0 },
};

static const char help[] =
    "Looks for the multiplier to give each layer of a quantized network.\n"
    "\n"
    "  ga          genetic algorithm, fitness = accuracy (Shakibhamedan et al. 2024, Algorithm 1)\n"
    "  nsga2       accuracy and energy (Deb et al. 2002), begins with each multiplier in all layers\n"
    "  greedy      from the most accurate multiplier in all layers, the cheapest loss first\n"
    "  random      population x generations assignments\n"
    "  exhaustive  all, where there are at most 1,048,576\n"
    "  published   no search: the four assignments of the paper's Table 3 on this network; exit code 1\n"
    "              unless their savings are the printed ones\n"
    "\n"
    "Protocol paper searches and scores on the same test images, so that its accuracy is too good:\n"
    "the best of thousands is picked by the images that it is scored on. Protocol honest searches on\n"
    "the last training images, those that training held out where the model says so, and scores what\n"
    "was found once on the test images. A builtin model without --data searches on its even images\n"
    "and scores on the odd ones.\n"
    "\n"
    "Rows: the exact multiplier, the best found, what the last generation ends with, and the front\n"
    "(no other is as good in both accuracy searched on and energy, and better in one). Top-1 has its\n"
    "95 % interval (Wilson); gain is that less the exact multiplier's on the same images, in points,\n"
    "with its 95 % interval (Bonett and Price); p is McNemar's, two-sided and exact. Neither knows how\n"
    "many assignments were tried.\n"
    "\n"
    "Every score is logged as it comes. The same command goes on after an interrupt and ends with the\n"
    "result of an undisturbed run; so does any number of threads.\n"
    "\n"
    NETWORK_BUILTIN_HELP
    "\n"
    "  axmul search ga builtin:lenet5i --data mnist --preset paper\n"
    "  axmul search nsga2 lenet5i-int8.axm --saving paper --compare\n"
    "  axmul search published builtin:lenet5i --data mnist\n";

/* Images by role: what is searched on, what is scored on. */
struct role {
    struct network_images im;
    const char *name;             /* "test", "validation", ... */
};

struct generation {
    struct evaluate_stats stats;
    double seconds, cpu_seconds;
    uint32_t hits;
    double cost;
};

struct job {
    struct cli_args args;         /* its first operand is the model */
    int algorithm, protocol, column;
    struct search_opts o;
    int memory_mib;
    enum saving saving;
    struct qgraph *q;
    int layers;
    struct network_mults mults;
    const struct axm_mul *mul[SEARCH_CHOICES_MAX + 1];   /* the exact one stands behind the choices */
    double coef[SEARCH_CHOICES_MAX + 1];
    int choices;
    bool *weight_is_a;
    struct role search, score;
    size_t unseen;                /* of the validation images, those that training held out */
    struct network *searched, *scored;
    struct strbuf store;
    uint16_t *exact_label;        /* [score.im.n] of the exact multiplier */
    struct progress *bar;
    char label[80];
    double began, cpu_began;
    struct generation *history;
    int n_history, cap_history;
};

static enum axm_status out_of_memory(void)
{
    return fail(AXM_ENV, "search: out of memory");
}

static double seconds_now(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* --- options ------------------------------------------------------------------------------ */

static enum axm_status get_word(const struct job *j, const char *name, const char *words, int *to)
{
    const char *text = cli_get(&j->args, name);
    char legal[CLI_WORDS_TEXT];
    if (text && (*to = cli_word(words, text)) < 0)
        return fail(AXM_USAGE, "--%s must be %s, got \"%s\"", name, cli_words_text(words, legal), text);
    return AXM_OK;
}

static enum axm_status get_count(const struct job *j, const char *name, int lo, int hi, int *to)
{
    int64_t v;
    enum axm_status st = cli_get_int(&j->args, name, lo, hi, *to, &v);
    if (st == AXM_OK)
        *to = (int)v;
    return st;
}

static enum axm_status get_probability(const struct job *j, const char *name, double *to)
{
    const char *text = cli_get(&j->args, name);
    char *end;
    double v = text ? strtod(text, &end) : 0;
    if (!text)
        return AXM_OK;
    if (end == text || *end || !(v >= 0 && v <= 1))
        return fail(AXM_USAGE, "--%s must be 0..1, got \"%s\"", name, text);
    *to = v;
    return AXM_OK;
}

static enum axm_status refuse(const struct job *j, const char *why, const char *const *name)
{
    char word[16];
    const char *from = algorithm_words;
    for (int i = 0; i < j->algorithm; i++)
        from += strcspn(from, "|") + 1;
    snprintf(word, sizeof word, "%.*s", (int)strcspn(from, "|"), from);
    for (; *name; name++)
        if (cli_get(&j->args, *name))
            return fail(AXM_USAGE, "search %s: --%s %s", word, *name, why);
    return AXM_OK;
}

static enum axm_status read_options(struct job *j, const char *algorithm)
{
    static const char *const sized[] = { "population", "generations", NULL };
    static const char *const bred[] = { "mutation", "crossover", NULL }, *const elite[] = { "elite", NULL };
    static const char *const preset_only[] = { "preset", NULL };
    static const char *const searches[] = { "protocol", "mult", "exact", "saving", "coef", "liberty",
                                            "validation", "store", "memory", "history", "compare", NULL };
    static const char *const held_out[] = { "validation", NULL };
    int preset = -1, saving = 0;
    char legal[CLI_WORDS_TEXT];
    j->algorithm = cli_word(algorithm_words, algorithm);
    if (j->algorithm < 0)
        return fail(AXM_USAGE, "search: the first operand must be %s, got \"%s\"",
                    cli_words_text(algorithm_words, legal), algorithm);
    bool breeds = j->algorithm == SEARCH_GA || j->algorithm == SEARCH_NSGA2;
    enum axm_status st = AXM_OK;
    if (!breeds && j->algorithm != SEARCH_RANDOM)
        st = refuse(j, "has no meaning", sized);
    if (st == AXM_OK && !breeds)
        st = refuse(j, "has no meaning", bred);
    if (st == AXM_OK && j->algorithm != SEARCH_GA)
        st = refuse(j, "is for ga", elite);
    if (st == AXM_OK && j->algorithm != SEARCH_GA)
        st = refuse(j, "is for ga", preset_only);
    if (st == AXM_OK && j->algorithm == PUBLISHED)
        st = refuse(j, "has no meaning", searches);
    if (st == AXM_OK)
        st = get_word(j, "preset", preset_words, &preset);
    if (st != AXM_OK)
        return st;
    j->o = preset >= 0 ? search_paper_ga() : search_defaults(j->algorithm % SEARCH_ALGORITHMS);
    if (preset == 1)
        j->o.generations = 25;
    j->o.seed = j->args.seed;
    j->protocol = preset < 0 && j->algorithm != PUBLISHED;
    st = get_word(j, "protocol", protocol_words, &j->protocol);
    if (st == AXM_OK)
        st = get_word(j, "saving", saving_words, &saving);
    j->saving = saving ? SAVING_PAPER : SAVING_PLAIN;
    if (st == AXM_OK && j->protocol == 0)
        st = refuse(j, "is for --protocol honest", held_out);
    j->memory_mib = 1024;
    if (st == AXM_OK)
        st = get_count(j, "memory", 0, 1 << 20, &j->memory_mib);
    if (st == AXM_OK)
        st = get_count(j, "population", 2, 1 << 16, &j->o.population);
    if (st == AXM_OK)
        st = get_count(j, "generations", 1, 1 << 20, &j->o.generations);
    if (st == AXM_OK)
        st = get_count(j, "elite", 0, j->o.population - 1, &j->o.elite);
    if (st == AXM_OK)
        st = get_probability(j, "mutation", &j->o.mutation);
    if (st == AXM_OK)
        st = get_probability(j, "crossover", &j->o.crossover);
    if (st == AXM_OK && j->algorithm != PUBLISHED)
        st = coefficient_column(&j->args, &j->column);
    return st;
}

/* --- multipliers -------------------------------------------------------------------------- */

static enum axm_status add_multiplier(struct job *j, const char *spec, bool choice)
{
    struct layer_mult *layer = calloc((size_t)j->layers + 1, sizeof *layer);
    if (!layer)
        return out_of_memory();
    enum axm_status st = network_assign(&j->args, j->q, &j->mults, spec, layer);
    bool known = false;
    for (int i = 0; i < j->choices && st == AXM_OK; i++)
        known |= j->mul[i] == layer[0].mul;
    if (st == AXM_OK && choice && !known && j->choices == SEARCH_CHOICES_MAX)
        st = fail(AXM_USAGE, "search: at most %d multipliers to choose from", SEARCH_CHOICES_MAX);
    if (st == AXM_OK && !(choice && known))
        j->mul[j->choices] = layer[0].mul;
    if (st == AXM_OK && choice && !known)
        j->choices++;
    for (int l = 0; l < j->layers && st == AXM_OK; l++)
        j->weight_is_a[l] = layer[l].weight_is_a;
    free(layer);
    return st;
}

static enum axm_status add_paper(struct job *j)
{
    enum axm_status st = AXM_OK;
    for (int i = 1; i < COEF_PUBLISHED && st == AXM_OK; i++) {
        struct axm_spec s;
        char text[AXM_SPEC_MAX];
        coef_published_spec(i, &s);
        axm_spec_print(&s, text);
        st = add_multiplier(j, text, true);
    }
    return st;
}

static enum axm_status read_multipliers(struct job *j)
{
    const char *exact = qgraph_signed(j->q) ? "exact8s" : "exact8u", *list;
    enum axm_status st = AXM_OK;
    j->weight_is_a = calloc((size_t)j->layers + 1, sizeof *j->weight_is_a);
    if (!j->weight_is_a)
        return out_of_memory();
    for (int n = 0; (list = cli_get_nth(&j->args, "mult", n)) && st == AXM_OK; n++)
        for (bool more = true; more && st == AXM_OK;) {
            size_t len = strcspn(list, ",");
            char *spec = strndup(list, len);
            st = spec ? add_multiplier(j, spec, true) : out_of_memory();
            free(spec);
            more = list[len] == ',';
            list += len + 1;
        }
    if (st == AXM_OK && cli_flag(&j->args, "exact"))
        st = add_multiplier(j, exact, true);
    if (st == AXM_OK && !cli_get(&j->args, "mult")) {
        if (!qgraph_signed(j->q))
            return fail(AXM_USAGE, "%s is quantized for unsigned multipliers, which the 20 SCDM8 are not: "
                        "say --mult SPEC,SPEC,...", j->q->name);
        st = add_paper(j);
    }
    if (st == AXM_OK)
        st = add_multiplier(j, exact, false);   /* the one that all are compared with */
    if (st != AXM_OK)
        return st;
    if (j->column == COEFFICIENT_NONE) {
        for (int i = 0; i <= j->choices; i++)
            j->coef[i] = 1;
        return j->algorithm == SEARCH_NSGA2 || j->algorithm == SEARCH_GREEDY
            ? fail(AXM_USAGE, "search: nsga2 and greedy need coefficients; --coef none has none") : AXM_OK;
    }
    st = coefficient_find(&j->args, j->column, NULL, j->mul, j->choices, j->coef);
    j->coef[j->choices] = 1;
    for (int i = 0; i < j->choices && st == AXM_OK; i++)
        if (isnan(j->coef[i]))
            st = fail(AXM_USAGE, "%s: Table 4 has no coefficient for it; --coef energy measures one, --coef "
                      "none does without", axm_mul_name(j->mul[i]));
    return st;
}

/* --- images ------------------------------------------------------------------------------- */

/* As infer would take them. */
static enum axm_status load_images(const struct job *j, bool train, size_t first, const char *n,
                                   struct network_images *out)
{
    extern const struct cli_command cmd_infer;
    struct cli_args a = { .command = &cmd_infer, .n_operands = 1, .operand = j->args.operand };
    char from[24];
    snprintf(from, sizeof from, "%zu", first);
    const struct { const char *name, *value; } pass[] = {
        { "data", cli_get(&j->args, "data") }, { "data-dir", cli_get(&j->args, "data-dir") },
        { "images", n }, { "first", from }, { "train-images", train ? "" : NULL },
    };
    for (size_t i = 0; i < sizeof pass / sizeof *pass; i++)
        for (int o = 0; cmd_infer.options[o].name; o++)
            if (!strcmp(cmd_infer.options[o].name, pass[i].name))
                a.value[o] = pass[i].value;
    return network_images(&a, j->q, 0, out);
}

/* Training images that the network has not seen, by what its file says of its training; 0: it does not. */
static size_t held_out(const struct qgraph *q)
{
    cJSON *all = cJSON_Parse(q->provenance ? q->provenance : "");
    const cJSON *f = cJSON_GetObjectItem(all, "float");
    const cJSON *n = cJSON_GetObjectItem(cJSON_GetObjectItem(f, "training"), "validation");
    double v = cJSON_IsNumber(n) ? n->valuedouble : 0;
    cJSON_Delete(all);
    return v > 0 && v < 1e9 ? (size_t)v : 0;
}

/* The even images of im to one role, the odd ones to the other. */
static enum axm_status split(struct job *j)
{
    struct network_images all = j->score.im;
    size_t pixels = shape_count(all.im.shape);
    struct images even, odd = { 0 };
    if (all.n < 2)
        return fail(AXM_USAGE, "search: --images must be 2 or more, so that some are left to score on");
    enum axm_status st = images_slice(&all.im, all.first, (all.n + 1) / 2, &even);
    if (st != AXM_OK)
        return st;
    st = images_slice(&all.im, all.first, all.n / 2, &odd);
    if (st != AXM_OK) {
        images_release(&even);
        return st;
    }
    for (size_t i = 0; i < all.n; i++) {
        struct images *to = i % 2 ? &odd : &even;
        memcpy(to->pixel + i / 2 * pixels, all.im.pixel + (all.first + i) * pixels, pixels);
        to->label[i / 2] = all.im.label[all.first + i];
    }
    images_release(&j->score.im.im);
    j->search = (struct role){ .im = all, .name = "even test images" };
    j->search.im.im = even;
    j->search.im.first = 0;
    j->search.im.n = even.count;
    j->score = (struct role){ .im = all, .name = "odd test images" };
    j->score.im.im = odd;
    j->score.im.first = 0;
    j->score.im.n = odd.count;
    j->unseen = even.count;
    return AXM_OK;
}

static enum axm_status read_images(struct job *j)
{
    bool builtin = !strncmp(j->args.operand[0], "builtin:", 8) && !cli_get(&j->args, "data") &&
        !cli_get(&j->args, "data-dir");
    enum axm_status st = load_images(j, false, 0, cli_get(&j->args, "images"), &j->score.im);
    j->score.name = "test images";
    if (st != AXM_OK || j->protocol == 0)
        return st;
    if (builtin) {
        if (cli_get(&j->args, "validation"))
            return fail(AXM_USAGE, "--validation: no training images travel in the command; say --data "
                        "mnist");
        return split(j);
    }
    size_t fresh = held_out(j->q), train = j->score.im.set->n_train;
    int64_t n;
    st = cli_get_int(&j->args, "validation", 1, (int64_t)train,
                     (int64_t)(fresh && fresh <= train ? fresh : train < 10000 ? train : 10000), &n);
    if (st != AXM_OK)
        return st;
    char text[24];
    snprintf(text, sizeof text, "%zu", (size_t)n);
    st = load_images(j, true, train - (size_t)n, text, &j->search.im);
    j->search.name = "validation images";
    j->unseen = fresh < (size_t)n ? fresh : (size_t)n;
    return st;
}

static const struct role *searched_on(const struct job *j)
{
    return j->protocol ? &j->search : &j->score;
}

/* One line that every output has: what the accuracies mean. */
static void say_protocol(const struct job *j, struct strbuf *s)
{
    const struct role *on = searched_on(j);
    if (j->algorithm == PUBLISHED)
        strbuf_addf(s, "selected by the paper's authors on their network and the test images; scored on %zu "
                    "%s", j->score.im.n, j->score.name);
    else if (!j->protocol)
        strbuf_addf(s, "protocol paper: searched and scored on the same %zu %s, so that the best found looks "
                    "better than it is", on->im.n, on->name);
    else
        strbuf_addf(s, "protocol honest: searched on %zu %s, scored once on %zu %s", on->im.n, on->name,
                    j->score.im.n, j->score.name);
    if (j->protocol && j->unseen < on->im.n)
        strbuf_addf(s, "; the network may have been trained on %zu of the former", on->im.n - j->unseen);
}

/* --- evaluators ----------------------------------------------------------------------------- */

static enum axm_status open_evaluators(struct job *j)
{
    const char *store = cli_get(&j->args, "store");
    struct evaluate_opts o = { .mul = j->mul, .coefficient = j->coef, .choices = j->choices + 1,
        .weight_is_a = j->weight_is_a, .saving = j->saving, .first = j->score.im.first, .n = j->score.im.n };
    if (o.choices > SEARCH_CHOICES_MAX)
        return fail(AXM_USAGE, "search: at most %d multipliers to choose from, beside the exact one",
                    SEARCH_CHOICES_MAX - 1);
    enum axm_status st = network_open(j->q, &j->score.im.im, &o, &j->scored);
    if (st != AXM_OK || j->algorithm == PUBLISHED)
        return st;
    if (store) {
        strbuf_addf(&j->store, "%s", store);
    } else {
        st = file_cache_dir("", &j->store);
        strbuf_addf(&j->store, "searches.sqlite");
    }
    if (st == AXM_OK && j->store.failed)
        st = out_of_memory();
    const struct role *on = searched_on(j);
    o.choices = j->choices;
    o.first = on->im.first;
    o.n = on->im.n;
    o.log = j->store.s;
    o.cache_bytes = (size_t)j->memory_mib << 20;
    o.progress = j->bar;
    return st == AXM_OK ? network_open(j->q, &on->im.im, &o, &j->searched) : st;
}

/* --- running --------------------------------------------------------------------------------- */

static void on_generation(void *ctx, const struct search_progress *p)
{
    struct job *j = ctx;
    struct evaluate_stats s = network_stats(j->searched);
    if (j->n_history == j->cap_history) {
        int cap = j->cap_history ? 2 * j->cap_history : 64;
        struct generation *more = realloc(j->history, (size_t)cap * sizeof *more);
        if (more) {
            j->history = more;
            j->cap_history = cap;
        }
    }
    if (j->n_history < j->cap_history)
        j->history[j->n_history++] = (struct generation){ .stats = s, .hits = p->best->score.hits,
            .cost = p->best->score.cost, .seconds = seconds_now(CLOCK_MONOTONIC) - j->began,
            .cpu_seconds = seconds_now(CLOCK_PROCESS_CPUTIME_ID) - j->cpu_began };
    /* Nobody prints the bar between two batches. */
    snprintf(j->label, sizeof j->label, "%s %d/%d, best %.2f %%, %.0f %% known", search_names[j->o.algorithm],
             p->generation, p->generations, 100 * score_accuracy(&p->best->score),
             100 * (1 - (double)s.run / (double)s.asked));
}

/* Of the search; greedy ends by itself, and so early that this is no more than a guess. */
static uint64_t evaluations(const struct job *j)
{
    uint64_t population = (uint64_t)j->o.population, generations = (uint64_t)j->o.generations;
    switch (j->o.algorithm) {
    case SEARCH_RANDOM:
        return population * generations;
    case SEARCH_GREEDY:
        return 2 * (uint64_t)j->layers * (uint64_t)j->layers * (uint64_t)(j->choices - 1);
    case SEARCH_EXHAUSTIVE:
        return (uint64_t)fmin(pow(j->choices, j->layers), SEARCH_EXHAUSTIVE_MAX);
    default:
        return population * (generations + 1);
    }
}

static void kept(const struct job *j, enum axm_status st)
{
    if (st == AXM_STOPPED)
        note("search: %llu scores are kept in %s; the same command goes on from there",
             (unsigned long long)network_stats(j->searched).run, j->store.s);
}

static enum axm_status write_history(const struct job *j)
{
    const char *path = cli_get(&j->args, "history");
    struct outfile f;
    enum axm_status st = path ? outfile_open(&f, path) : AXM_OK;
    if (st != AXM_OK || !path)
        return st;
    fprintf(f.f, "generation,evaluations,remembered,repeated,run,layers_run,layers_shared,seconds,"
            "cpu_seconds,threads,best_correct,images,best_cost\n");
    for (int g = 0; g < j->n_history; g++) {
        const struct generation *h = &j->history[g];
        const struct evaluate_stats *s = &h->stats;
        fprintf(f.f, "%d,%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64 ",%" PRIu64, g, s->asked,
                s->remembered, s->asked - s->remembered - s->run, s->run, s->layers_run, s->layers_shared);
        fprintf(f.f, ",%.3f,%.3f,%d,%" PRIu32 ",%zu,%.17g\n", h->seconds, h->cpu_seconds, pool_threads(),
                h->hits, searched_on(j)->im.n, h->cost);
    }
    return outfile_commit(&f);
}

/* --- results ---------------------------------------------------------------------------------- */

static const struct table_column columns[] = {
    { "row", NULL, CELL_TEXT, 0 },
    { "search_top1_percent", "searched %", CELL_REAL, -2 },
    { "top1_percent", "top-1 %", CELL_REAL, -2 },
    { "top1_low_percent", "95 %: low", CELL_REAL, -2 },
    { "top1_high_percent", "high", CELL_REAL, -2 },
    { "gain_points", "gain", CELL_REAL, -2 },
    { "gain_low_points", "95 %: low", CELL_REAL, -2 },
    { "gain_high_points", "high", CELL_REAL, -2 },
    { "mcnemar_p", "p", CELL_REAL, 2 },
    { "saving_paper_percent", "E0/E-1 %", CELL_REAL, -1 },
    { "saving_plain_percent", "1-E/E0 %", CELL_REAL, -1 },
    { "assignment", NULL, CELL_TEXT, 0 },
    { "only_here", NULL, CELL_UINT, 0 },
    { "only_exact", NULL, CELL_UINT, 0 },
    { "mults", NULL, CELL_TEXT, 0 },
    { "correct", NULL, CELL_UINT, 0 },
    { "images", NULL, CELL_UINT, 0 },
    { "scored_on", NULL, CELL_TEXT, 0 },
    { "search_correct", NULL, CELL_UINT, 0 },
    { "search_images", NULL, CELL_UINT, 0 },
    { "searched_on", NULL, CELL_TEXT, 0 },
    { "protocol", NULL, CELL_TEXT, 0 },
    { "algorithm", NULL, CELL_TEXT, 0 },
    { "coef", NULL, CELL_TEXT, 0 },
    { "seed", NULL, CELL_UINT, 0 },
};
enum { COLUMNS = sizeof columns / sizeof *columns, COLUMNS_TEXT = 12 };

/* Layers' multipliers by number, from 1 in the order given: 0 is the exact one. */
static void assignment_text(const struct job *j, const uint8_t *genome, struct strbuf *numbers,
                            struct strbuf *specs)
{
    for (int l = 0; l < j->layers; l++) {
        strbuf_addf(numbers, "%s%d", l ? "," : "", genome[l] == j->choices ? 0 : genome[l] + 1);
        strbuf_addf(specs, "%s%s", l ? "," : "", axm_mul_name(j->mul[genome[l]]));
    }
}

/* From the exact multiplier on the same images; none: it is the exact one. */
static void add_difference(struct table *t, const struct mcnemar *m, bool none)
{
    table_real(t, none ? NAN : m->gain);
    table_real(t, none ? NAN : m->gain_low);
    table_real(t, none ? NAN : m->gain_high);
    table_real(t, none ? NAN : m->p);
}

/* The row of a genome; searched: what the search saw, NULL if it did not look. */
static enum axm_status add_row(struct job *j, struct table *t, const char *name, const uint8_t *genome,
                               const struct score *searched)
{
    struct strbuf numbers = { 0 }, specs = { 0 };
    const struct network_images *im = &j->score.im;
    const uint8_t *truth = im->im.label + im->first;
    bool exact = genome[0] == j->choices, machine = j->args.format != CLI_TEXT;
    uint16_t *label = malloc(im->n * sizeof *label);
    enum axm_status st = label ? AXM_OK : out_of_memory();
    if (st == AXM_OK)
        st = network_labels(j->scored, genome, label);
    if (st == AXM_OK && exact)
        memcpy(j->exact_label, label, im->n * sizeof *label);
    assignment_text(j, genome, &numbers, &specs);
    if (st == AXM_OK && (numbers.failed || specs.failed))
        st = out_of_memory();
    if (st == AXM_OK) {
        uint32_t hits = 0;
        double low, high, paper, plain, nothing = j->column == COEFFICIENT_NONE ? NAN : 0;
        char word[16];
        for (size_t i = 0; i < im->n; i++)
            hits += label[i] == truth[i];
        struct mcnemar m = mcnemar_test(label, j->exact_label, truth, im->n);
        wilson_95(hits, im->n, &low, &high);
        network_savings(j->scored, genome, &paper, &plain);
        table_text(t, name);
        table_real(t, searched ? 100 * score_accuracy(searched) : NAN);
        table_real(t, 100.0 * hits / (double)im->n);
        table_real(t, low);
        table_real(t, high);
        add_difference(t, &m, exact);
        table_real(t, paper + nothing);
        table_real(t, plain + nothing);
        table_text(t, numbers.s);
        if (machine) {
            table_uint(t, m.only_a);
            table_uint(t, m.only_b);
            table_text(t, specs.s);
            table_uint(t, hits);
            table_uint(t, im->n);
            table_text(t, j->score.name);
            if (searched)
                table_uint(t, searched->hits);
            else
                table_text(t, NULL);
            table_uint(t, searched_on(j)->im.n);
            table_text(t, searched_on(j)->name);
            table_text(t, j->protocol ? "honest" : "paper");
            table_text(t, search_names[j->o.algorithm]);
            table_text(t, coefficient_word(j->column, word));
            table_uint(t, j->o.seed);
        }
    }
    free(label);
    strbuf_release(&numbers);
    strbuf_release(&specs);
    return st;
}

/* What the search would have seen of the exact multiplier, which need not be among its choices. */
static enum axm_status exact_searched(struct job *j, struct score *out)
{
    const struct network_images *on = &searched_on(j)->im;
    struct network *e = NULL;
    struct evaluate_opts o = { .mul = j->mul + j->choices, .coefficient = j->coef + j->choices, .choices = 1,
        .weight_is_a = j->weight_is_a, .first = on->first, .n = on->n };
    uint8_t zero[SEARCH_GENES_MAX] = { 0 };
    enum axm_status st = network_open(j->q, &on->im, &o, &e);
    if (st == AXM_OK) {
        struct evaluator v = network_evaluator(e);
        st = v.evaluate(v.ctx, zero, 1, out);
    }
    network_close(e);
    return st;
}

static enum axm_status result_rows(struct job *j, const struct search_result *r, struct table *t)
{
    uint8_t exact[SEARCH_GENES_MAX];
    struct score searched;
    size_t genes = (size_t)j->layers;
    memset(exact, j->choices, sizeof exact);
    enum axm_status st = exact_searched(j, &searched);
    struct progress *bar = progress_begin("scoring", r->n_front + 3);
    if (st == AXM_OK)
        st = add_row(j, t, "exact", exact, &searched);
    progress_add(bar, 1);
    if (st == AXM_OK)
        st = add_row(j, t, "best", r->best.genome, &r->best.score);
    progress_add(bar, 1);
    bool ends = j->o.algorithm == SEARCH_GA || j->o.algorithm == SEARCH_GREEDY;
    if (st == AXM_OK && ends && memcmp(r->best.genome, r->last_best.genome, genes))
        st = add_row(j, t, "last", r->last_best.genome, &r->last_best.score);
    progress_add(bar, 1);
    for (size_t i = 0; i < r->n_front && st == AXM_OK; i++) {
        st = add_row(j, t, "front", r->front[i].genome, &r->front[i].score);
        progress_add(bar, 1);
    }
    progress_end(bar);
    return st;
}

/* Which number is which multiplier, as many to a line as fit. */
static void print_legend(const struct job *j)
{
    int at = 0;
    printf("\nassignment: a number for each layer;");
    for (int i = 0; i < j->choices; i++) {
        char text[80];
        int len = snprintf(text, sizeof text, " %d %s%s", i + 1, axm_mul_name(j->mul[i]),
                           i + 1 < j->choices ? "," : "");
        if (!at || at + len > 100) {
            printf("\n ");
            at = 1;
        }
        printf("%s", text);
        at += len;
    }
    printf("\n");
}

/* --- comparison --------------------------------------------------------------------------------- */

static const struct table_column compare_columns[] = {
    { "front_of", "front of", CELL_TEXT, 0 },
    { "evaluations", NULL, CELL_UINT, 0 },
    { "points", NULL, CELL_UINT, 0 },
    { "hypervolume_0", "hypervolume, 0 %", CELL_REAL, -2 },
    { "hypervolume_95", "95 %", CELL_REAL, -2 },
    { "dominated", "dominated", CELL_UINT, 0 },
};
enum { COMPARE_COLUMNS = sizeof compare_columns / sizeof *compare_columns };

/* Row of n scores; dominated: those that a point of the front is better than, or the same as. */
static void compare_row(struct table *t, const char *name, uint64_t asked, const struct score *s, size_t n,
                        const struct search_result *front)
{
    size_t dominated = 0;
    for (size_t i = 0; i < n && front; i++) {
        bool beaten = false;
        for (size_t k = 0; k < front->n_front && !beaten; k++) {
            const struct score *f = &front->front[k].score;
            beaten = score_dominates(f, &s[i]) || (f->hits == s[i].hits && f->cost == s[i].cost);
        }
        dominated += beaten;
    }
    table_text(t, name);
    table_uint(t, asked);
    table_uint(t, n);
    table_real(t, 1e4 * search_hypervolume(s, n, 0, 1));
    table_real(t, 1e4 * search_hypervolume(s, n, 0.95, 1));
    if (front)
        table_uint(t, dominated);
    else
        table_text(t, NULL);
}

static enum axm_status scores_of(const struct search_result *r, struct score **out)
{
    *out = calloc(r->n_front + 1, sizeof **out);
    for (size_t i = 0; *out && i < r->n_front; i++)
        (*out)[i] = r->front[i].score;
    return *out ? AXM_OK : out_of_memory();
}

static enum axm_status compare(struct job *j, const struct search_result *r)
{
    struct evaluator e = network_evaluator(j->searched);
    struct search_space space = network_space(j->searched);
    struct search_opts o = search_defaults(SEARCH_RANDOM);
    struct search_result random = { 0 };
    struct score *own = NULL, *other = NULL, all[SEARCH_CHOICES_MAX];
    uint8_t *genome = calloc((size_t)space.choices, (size_t)space.genes);
    struct table *t = table_new(compare_columns, COMPARE_COLUMNS);
    enum axm_status st = genome && t ? AXM_OK : out_of_memory();
    /* The sequence is the same whatever the batches. */
    uint64_t batch = r->asked <= 1 << 16 ? r->asked : 50;
    o.population = (int)batch;
    o.generations = (int)((r->asked + batch - 1) / batch);
    o.seed = j->o.seed;
    for (int c = 0; c < space.choices && st == AXM_OK; c++)
        memset(genome + (size_t)c * (size_t)space.genes, c, (size_t)space.genes);
    if (st == AXM_OK)
        st = e.evaluate(e.ctx, genome, (size_t)space.choices, all);
    if (st == AXM_OK)
        st = search_run(&space, &o, &e, NULL, NULL, &random);
    if (st == AXM_OK)
        st = scores_of(r, &own);
    if (st == AXM_OK)
        st = scores_of(&random, &other);
    if (st == AXM_OK) {
        compare_row(t, search_names[j->o.algorithm], r->asked, own, r->n_front, NULL);
        compare_row(t, "random", random.asked, other, random.n_front, r);
        compare_row(t, "one for all layers", (uint64_t)space.choices, all, (size_t)space.choices, r);
        if (j->args.format == CLI_TEXT)
            printf("\nFronts on the %s. Hypervolume: area in %% x %% up to the front, from that "
                   "accuracy and a\nrelative energy of 1 (--saving %s); dominated: points that one of the "
                   "first front is at\nleast as good as in both.\n\n", searched_on(j)->name,
                   j->saving == SAVING_PAPER ? "paper" : "plain");
        st = table_print(t, stdout, j->args.format);
    }
    search_release(&random);
    table_free(t);
    free(own);
    free(other);
    free(genome);
    return st;
}

/* --- the command ---------------------------------------------------------------------------------- */

static void print_heading(const struct job *j)
{
    struct strbuf s = { 0 };
    say_protocol(j, &s);
    if (!s.failed)
        printf("%s\n\n", s.s);
    strbuf_release(&s);
}

static enum axm_status search(struct job *j)
{
    struct search_result r = { 0 };
    struct table *t = NULL;
    struct search_space space = network_space(j->searched);
    struct evaluator e = network_evaluator(j->searched);
    bool text = j->args.format == CLI_TEXT, compares = cli_flag(&j->args, "compare");
    j->began = seconds_now(CLOCK_MONOTONIC);
    j->cpu_began = seconds_now(CLOCK_PROCESS_CPUTIME_ID);
    enum axm_status st = search_run(&space, &j->o, &e, on_generation, j, &r);
    double took = seconds_now(CLOCK_MONOTONIC) - j->began;
    progress_end(j->bar);
    j->bar = NULL;
    network_set_progress(j->searched, NULL);
    kept(j, st);
    if (st == AXM_OK)
        st = write_history(j);
    if (st == AXM_OK) {
        struct evaluate_stats s = network_stats(j->searched);
        note("search: %llu evaluations in %.1f s on %d threads, %.1f/s; %.1f %% known before (%llu from the "
             "store or this run), %.1f %% of the layers shared", (unsigned long long)s.asked, took,
             pool_threads(), (double)s.asked / took, 100 * (1 - (double)s.run / (double)s.asked),
             (unsigned long long)s.remembered,
             s.run ? 100 * (double)s.layers_shared / (double)(s.layers_shared + s.layers_run) : 0);
    }
    if (st == AXM_OK && (text || !compares)) {
        t = table_new(columns, text ? COLUMNS_TEXT : COLUMNS);
        st = t ? result_rows(j, &r, t) : out_of_memory();
        if (st == AXM_OK && text)
            print_heading(j);
        if (st == AXM_OK)
            st = table_print(t, stdout, j->args.format);
        if (st == AXM_OK && text)
            print_legend(j);
    }
    if (st == AXM_OK && compares)
        st = compare(j, &r);
    table_free(t);
    search_release(&r);
    return st;
}

static const struct table_column published_columns[] = {
    { "row", NULL, CELL_TEXT, 0 },
    { "assignment", NULL, CELL_TEXT, 0 },
    { "printed_top1_percent", "top-1 printed", CELL_REAL, -2 },
    { "top1_percent", "ours", CELL_REAL, -2 },
    { "top1_low_percent", "95 %: low", CELL_REAL, -2 },
    { "top1_high_percent", "high", CELL_REAL, -2 },
    { "gain_points", "gain", CELL_REAL, -2 },
    { "gain_low_points", "95 %: low", CELL_REAL, -2 },
    { "gain_high_points", "high", CELL_REAL, -2 },
    { "mcnemar_p", "p", CELL_REAL, 2 },
    { "printed_saving_percent", "E0/E-1 printed", CELL_REAL, -0 },
    { "saving_paper_percent", "E0/E-1 %", CELL_REAL, -1 },
    { "saving_plain_percent", "1-E/E0 %", CELL_REAL, -1 },
    { "only_here", NULL, CELL_UINT, 0 },
    { "only_exact", NULL, CELL_UINT, 0 },
};
enum { PUBLISHED_COLUMNS = sizeof published_columns / sizeof *published_columns, PUBLISHED_TEXT = 13 };

static enum axm_status published_row(struct job *j, struct table *t, int row)
{
    static const double printed[COEF_ASSIGNMENTS] = { 99.29, 99.36, 99.41, 99.45 };   /* Table 3 */
    const struct network_images *im = &j->score.im;
    const uint8_t *truth = im->im.label + im->first;
    struct strbuf numbers = { 0 }, specs = { 0 };
    uint8_t genome[COEF_LAYERS];
    double low, high, paper, plain;
    char name[16];
    uint32_t hits = 0;
    for (int l = 0; l < COEF_LAYERS; l++)
        genome[l] = (uint8_t)(row < 0 ? j->choices : coef_assignments[row].multiplier[l] - 1);
    uint16_t *label = malloc(im->n * sizeof *label);
    assignment_text(j, genome, &numbers, &specs);
    enum axm_status st = label && !numbers.failed && !specs.failed ? AXM_OK : out_of_memory();
    if (st == AXM_OK)
        st = network_labels(j->scored, genome, label);
    if (st == AXM_OK) {
        if (row < 0)
            memcpy(j->exact_label, label, im->n * sizeof *label);
        for (size_t i = 0; i < im->n; i++)
            hits += label[i] == truth[i];
        struct mcnemar m = mcnemar_test(label, j->exact_label, truth, im->n);
        wilson_95(hits, im->n, &low, &high);
        network_savings(j->scored, genome, &paper, &plain);
        snprintf(name, sizeof name, row < 0 ? "exact" : "%d", row + 1);
        table_text(t, name);
        table_text(t, numbers.s);
        table_real(t, row < 0 ? NAN : printed[row]);
        table_real(t, 100.0 * hits / (double)im->n);
        table_real(t, low);
        table_real(t, high);
        add_difference(t, &m, row < 0);
        table_real(t, row < 0 ? NAN : coef_assignments[row].saving_percent);
        table_real(t, paper);
        table_real(t, plain);
        if (j->args.format != CLI_TEXT) {
            table_uint(t, m.only_a);
            table_uint(t, m.only_b);
        }
        if (row >= 0 && lround(paper) != coef_assignments[row].saving_percent)
            st = fail(AXM_MISMATCH, "assignment %d: %d %% is printed, the coefficients give %.2f %%", row + 1,
                      coef_assignments[row].saving_percent, paper);
    }
    free(label);
    strbuf_release(&numbers);
    strbuf_release(&specs);
    return st;
}

static enum axm_status published(struct job *j)
{
    struct table *t = table_new(published_columns, j->args.format == CLI_TEXT ? PUBLISHED_TEXT
                                                                             : PUBLISHED_COLUMNS);
    enum axm_status st = t ? AXM_OK : out_of_memory(), differs = AXM_OK;
    for (int row = -1; row < COEF_ASSIGNMENTS && st == AXM_OK; row++) {
        st = published_row(j, t, row);
        if (st == AXM_MISMATCH) {
            differs = st;
            st = AXM_OK;
        }
    }
    if (st == AXM_OK && j->args.format == CLI_TEXT)
        print_heading(j);
    if (st == AXM_OK)
        st = table_print(t, stdout, j->args.format);
    table_free(t);
    return st == AXM_OK ? differs : st;
}

static enum axm_status run_open(struct job *j)
{
    j->layers = infer_layers(j->q);
    if (j->algorithm == PUBLISHED && (j->layers != COEF_LAYERS || !qgraph_signed(j->q)))
        return fail(AXM_USAGE, "search published: the assignments are for %d layers and signed multipliers; "
                    "%s has %d and takes %s ones", COEF_LAYERS, j->q->name, j->layers,
                    qgraph_signed(j->q) ? "signed" : "unsigned");
    if (j->algorithm == PUBLISHED)
        j->column = COEFFICIENT_PAPER;
    enum axm_status st = read_multipliers(j);
    if (st == AXM_OK)
        st = read_images(j);
    if (st != AXM_OK)
        return st;
    j->exact_label = calloc(j->score.im.n, sizeof *j->exact_label);
    snprintf(j->label, sizeof j->label, "%s", j->algorithm == PUBLISHED ? "published" :
             search_names[j->algorithm]);
    if (!j->exact_label)
        return out_of_memory();
    if (j->algorithm != PUBLISHED)
        j->bar = progress_begin(j->label, evaluations(j));
    st = open_evaluators(j);
    if (st == AXM_OK)
        st = j->algorithm == PUBLISHED ? published(j) : search(j);
    if (j->bar)
        progress_end(j->bar);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    struct job *j = calloc(1, sizeof *j);
    if (!j)
        return out_of_memory();
    j->args = *args;
    j->args.operand = args->operand + 1;
    j->args.n_operands = 1;
    enum axm_status st = read_options(j, args->operand[0]);
    if (st == AXM_OK)
        st = network_model(j->args.operand[0], &j->q, NULL);
    if (st == AXM_OK)
        st = run_open(j);
    network_close(j->searched);
    network_close(j->scored);
    images_release(&j->search.im.im);
    images_release(&j->score.im.im);
    network_mults_release(&j->mults);
    qgraph_free(j->q);
    strbuf_release(&j->store);
    free(j->weight_is_a);
    free(j->exact_label);
    free(j->history);
    free(j);
    return st;
}

const struct cli_command cmd_search = {
    .name = "search",
    .synopsis = "ga|nsga2|greedy|random|exhaustive|published QMODEL",
    .brief = "which multiplier to give each layer: genetic algorithm, NSGA-II and others",
    .help = help,
    .prints_table = true,
    .options = options,
    .operands_min = 2,
    .operands_max = 2,
    .run = run,
};
