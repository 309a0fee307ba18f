#include "explore/search.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/rng.h"

const char *const search_names[SEARCH_ALGORITHMS] = { "ga", "nsga2", "greedy", "random", "exhaustive" };

struct search_opts search_paper_ga(void)
{
    return (struct search_opts){ .algorithm = SEARCH_GA, .population = 50, .generations = 50, .mutation = 0.1,
        .crossover = 0.9, .seed = 1 };
}

struct search_opts search_defaults(enum search_algorithm a)
{
    struct search_opts o = search_paper_ga();
    o.algorithm = a;
    o.elite = a == SEARCH_GA;
    o.homogeneous = a == SEARCH_NSGA2;
    if (a == SEARCH_NSGA2)
        o.mutation = 0;    /* one gene in each child on average */
    return o;
}

/* --- scores -------------------------------------------------------------------- */

/* Accuracies as exact fractions: negative if a is lower. */
static int compare_accuracy(const struct score *a, const struct score *b)
{
    uint64_t x = (uint64_t)a->hits * b->images, y = (uint64_t)b->hits * a->images;
    return (x > y) - (x < y);
}

static int compare_cost(const struct score *a, const struct score *b)
{
    return (a->cost > b->cost) - (a->cost < b->cost);
}

bool score_dominates(const struct score *a, const struct score *b)
{
    int accuracy = compare_accuracy(a, b), cost = compare_cost(a, b);
    return accuracy >= 0 && cost <= 0 && (accuracy > 0 || cost < 0);
}

static int by_cost_then_accuracy(const void *x, const void *y)
{
    const struct score *a = x, *b = y;
    int cost = compare_cost(a, b);
    return cost ? cost : compare_accuracy(b, a);
}

double search_hypervolume(const struct score *s, size_t n, double worst_accuracy, double worst_cost)
{
    struct score *sorted = malloc((n + 1) * sizeof *sorted);
    if (!sorted)
        return NAN;
    size_t kept = 0;
    for (size_t i = 0; i < n; i++)
        if (score_accuracy(&s[i]) > worst_accuracy && s[i].cost < worst_cost)
            sorted[kept++] = s[i];
    qsort(sorted, kept, sizeof *sorted, by_cost_then_accuracy);
    double volume = 0, reached = worst_accuracy;
    for (size_t i = 0; i < kept; i++) {
        double accuracy = score_accuracy(&sorted[i]);
        if (accuracy <= reached)
            continue;
        volume += (accuracy - reached) * (worst_cost - sorted[i].cost);
        reached = accuracy;
    }
    free(sorted);
    return volume;
}

/* --- a run ------------------------------------------------------------------------ */

struct run {
    struct search_space space;
    struct search_opts o;
    const struct evaluator *e;
    search_progress_fn *progress;
    void *progress_ctx;
    struct rng rng;
    uint64_t asked;
    struct individual best, last_best;
    /* Not dominated among all seen, in no order. */
    struct individual *archive;
    size_t n_archive, cap_archive;
};

/* Room for n individuals in one piece. */
static struct individual *population_new(const struct run *r, size_t n)
{
    struct individual *p = calloc(n, sizeof *p + (size_t)r->space.genes);
    for (size_t i = 0; p && i < n; i++)
        p[i].genome = (uint8_t *)(p + n) + i * (size_t)r->space.genes;
    return p;
}

static void copy(const struct run *r, struct individual *to, const struct individual *from)
{
    memcpy(to->genome, from->genome, (size_t)r->space.genes);
    to->score = from->score;
}

/* More accurate, then cheaper, then the lower genome. */
static bool fitter(const struct run *r, const struct individual *a, const struct individual *b)
{
    int c = compare_accuracy(&a->score, &b->score);
    if (!c)
        c = -compare_cost(&a->score, &b->score);
    if (!c)
        c = -memcmp(a->genome, b->genome, (size_t)r->space.genes);
    return c > 0;
}

static void random_genome(struct run *r, uint8_t *genome)
{
    for (int g = 0; g < r->space.genes; g++)
        genome[g] = (uint8_t)rng_below(&r->rng, (uint64_t)r->space.choices);
}

static enum axm_status remember(struct run *r, const struct individual *x)
{
    size_t kept = 0;
    for (size_t i = 0; i < r->n_archive; i++) {
        struct individual *a = &r->archive[i];
        bool equal = !compare_accuracy(&a->score, &x->score) && !compare_cost(&a->score, &x->score);
        if (score_dominates(&a->score, &x->score) ||
            (equal && memcmp(a->genome, x->genome, (size_t)r->space.genes) <= 0))
            return AXM_OK;
    }
    for (size_t i = 0; i < r->n_archive; i++) {
        struct individual *a = &r->archive[i];
        if (score_dominates(&x->score, &a->score) ||
            (!compare_accuracy(&a->score, &x->score) && !compare_cost(&a->score, &x->score)))
            free(a->genome);
        else
            r->archive[kept++] = *a;
    }
    r->n_archive = kept;
    if (kept == r->cap_archive) {
        size_t cap = kept ? 2 * kept : 64;
        struct individual *more = realloc(r->archive, cap * sizeof *more);
        if (!more)
            return fail(AXM_ENV, "search: out of memory");
        r->archive = more;
        r->cap_archive = cap;
    }
    uint8_t *genome = malloc((size_t)r->space.genes);
    if (!genome)
        return fail(AXM_ENV, "search: out of memory");
    memcpy(genome, x->genome, (size_t)r->space.genes);
    r->archive[r->n_archive++] = (struct individual){ genome, x->score };
    return AXM_OK;
}

/* Scores p[0..n-1] and takes note of them. */
static enum axm_status evaluate(struct run *r, struct individual *p, size_t n)
{
    size_t genes = (size_t)r->space.genes;
    uint8_t *genome = calloc(n, genes);
    struct score *score = malloc(n * sizeof *score);
    enum axm_status st = genome && score ? AXM_OK : fail(AXM_ENV, "search: out of memory for %zu genomes", n);
    for (size_t i = 0; !st && i < n; i++)
        memcpy(genome + i * genes, p[i].genome, genes);
    if (!st)
        st = r->e->evaluate(r->e->ctx, genome, n, score);
    for (size_t i = 0; !st && i < n; i++) {
        p[i].score = score[i];
        if (!r->best.score.images || fitter(r, &p[i], &r->best))
            copy(r, &r->best, &p[i]);
        if (!i || fitter(r, &p[i], &r->last_best))
            copy(r, &r->last_best, &p[i]);
        st = remember(r, &p[i]);
    }
    r->asked += n;
    free(genome);
    free(score);
    return st;
}

static void tell(struct run *r, int generation, int generations)
{
    if (r->progress)
        r->progress(r->progress_ctx,
                    &(struct search_progress){ generation, generations, r->asked, &r->best });
}

static void first_population(struct run *r, struct individual *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (r->o.homogeneous && i < (size_t)r->space.choices)
            memset(p[i].genome, (int)i, (size_t)r->space.genes);
        else
            random_genome(r, p[i].genome);
}

static void mutate(struct run *r, uint8_t *genome, double probability)
{
    for (int g = 0; g < r->space.genes; g++)
        if (rng_unit(&r->rng) < probability)
            genome[g] = (uint8_t)rng_below(&r->rng, (uint64_t)r->space.choices);
}

/* --- genetic algorithm --------------------------------------------------------------- */

static const struct individual *tournament(struct run *r, const struct individual *p, size_t n)
{
    const struct individual *a = &p[rng_below(&r->rng, n)], *b = &p[rng_below(&r->rng, n)];
    return fitter(r, b, a) ? b : a;
}

/* Children x and y of two parents, tails after one cut exchanged. */
static void cross_once(struct run *r, const struct individual *a, const struct individual *b, uint8_t *x,
                       uint8_t *y)
{
    size_t genes = (size_t)r->space.genes, cut = genes;
    if (genes > 1 && rng_unit(&r->rng) < r->o.crossover)
        cut = 1 + rng_below(&r->rng, genes - 1);
    memcpy(x, a->genome, cut);
    memcpy(y, b->genome, cut);
    memcpy(x + cut, b->genome + cut, genes - cut);
    memcpy(y + cut, a->genome + cut, genes - cut);
}

/* The `elite` fittest of p, in order, to the front of next. */
static void keep_elite(struct run *r, const struct individual *p, size_t n, struct individual *next)
{
    for (int e = 0; e < r->o.elite; e++) {
        const struct individual *best = NULL;
        for (size_t i = 0; i < n; i++) {
            bool taken = e > 0 && !fitter(r, &next[e - 1], &p[i]);
            if (!taken && (!best || fitter(r, &p[i], best)))
                best = &p[i];
        }
        copy(r, &next[e], best ? best : &next[e - 1]);
    }
}

static enum axm_status genetic(struct run *r)
{
    size_t n = (size_t)r->o.population;
    struct individual *p = population_new(r, n), *next = population_new(r, n + 1);
    enum axm_status st = p && next ? AXM_OK : fail(AXM_ENV, "search: out of memory");
    if (!st) {
        first_population(r, p, n);
        st = evaluate(r, p, n);
        tell(r, 0, r->o.generations);
    }
    for (int g = 1; !st && g <= r->o.generations; g++) {
        keep_elite(r, p, n, next);
        for (size_t i = (size_t)r->o.elite; i < n; i += 2) {
            const struct individual *a = tournament(r, p, n), *b = tournament(r, p, n);
            cross_once(r, a, b, next[i].genome, next[i + 1].genome);
            mutate(r, next[i].genome, r->o.mutation);
            mutate(r, next[i + 1].genome, r->o.mutation);
        }
        for (size_t i = 0; i < n; i++)
            copy(r, &p[i], &next[i]);
        st = evaluate(r, p, n);
        tell(r, g, r->o.generations);
    }
    free(p);
    free(next);
    return st;
}

/* --- NSGA-II -------------------------------------------------------------------------- */

struct place {
    int rank;
    double crowding;
    size_t index;
};

/* Ranks by fronts: 0 is dominated by none, 1 by some of rank 0 only, ... */
static void rank_all(const struct individual *p, struct place *place, size_t n)
{
    for (size_t i = 0; i < n; i++)
        place[i] = (struct place){ -1, 0, i };
    size_t ranked = 0;
    for (int rank = 0; ranked < n; rank++) {
        for (size_t i = 0; i < n; i++) {
            if (place[i].rank >= 0)
                continue;
            bool dominated = false;
            for (size_t j = 0; j < n && !dominated; j++)
                dominated = (place[j].rank < 0 || place[j].rank == rank) &&
                    score_dominates(&p[j].score, &p[i].score);
            if (!dominated) {
                place[i].rank = rank;
                ranked++;
            }
        }
    }
}

/* The order in which qsort_r() sees a front: by one objective, then by index. */
struct objective {
    const struct individual *p;
    bool cost;
};

static double objective_value(const struct objective *o, size_t i)
{
    return o->cost ? o->p[i].score.cost : score_accuracy(&o->p[i].score);
}

static int by_objective(const void *x, const void *y, void *ctx)
{
    const struct place *a = *(struct place *const *)x, *b = *(struct place *const *)y;
    double u = objective_value(ctx, a->index), v = objective_value(ctx, b->index);
    if (u != v)
        return u < v ? -1 : 1;
    return a->index < b->index ? -1 : 1;
}

/* Crowding distance within each front (Deb et al. 2002, III-B). */
static void crowd(const struct individual *p, struct place *place, size_t n, struct place **front)
{
    for (int rank = 0;; rank++) {
        size_t m = 0;
        for (size_t i = 0; i < n; i++)
            if (place[i].rank == rank)
                front[m++] = &place[i];
        if (!m)
            return;
        for (int cost = 0; cost < 2; cost++) {
            struct objective o = { p, cost };
            qsort_r(front, m, sizeof *front, by_objective, &o);
            double span = objective_value(&o, front[m - 1]->index) - objective_value(&o, front[0]->index);
            front[0]->crowding = front[m - 1]->crowding = INFINITY;
            for (size_t i = 1; span > 0 && i + 1 < m; i++)
                front[i]->crowding += (objective_value(&o, front[i + 1]->index) -
                                       objective_value(&o, front[i - 1]->index)) / span;
        }
    }
}

static bool preferred(const struct place *a, const struct place *b)
{
    if (a->rank != b->rank)
        return a->rank < b->rank;
    if (a->crowding != b->crowding)
        return a->crowding > b->crowding;
    return a->index < b->index;
}

static int by_preference(const void *x, const void *y)
{
    return preferred(x, y) ? -1 : 1;
}

/* Parents and children together, 2 n; the better half goes on.  Equal genomes count once as long as others
 * are left: copies would fill the front. */
static void survive(struct run *r, const struct individual *all, size_t n_all, struct place *place,
                    struct individual *next, struct place *next_place, size_t n)
{
    qsort(place, n_all, sizeof *place, by_preference);
    size_t kept = 0;
    for (int pass = 0; pass < 2 && kept < n; pass++)
        for (size_t i = 0; i < n_all && kept < n; i++) {
            if (place[i].rank < 0)
                continue;
            bool repeats = false;
            for (size_t j = 0; j < kept && !pass && !repeats; j++)
                repeats = !memcmp(next[j].genome, all[place[i].index].genome, (size_t)r->space.genes);
            if (repeats)
                continue;
            copy(r, &next[kept], &all[place[i].index]);
            next_place[kept] = place[i];
            next_place[kept].index = kept;
            kept++;
            place[i].rank = -1;
        }
}

static const struct individual *crowded_tournament(struct run *r, const struct individual *p,
                                                   const struct place *place, size_t n)
{
    size_t a = rng_below(&r->rng, n), b = rng_below(&r->rng, n);
    return preferred(&place[b], &place[a]) ? &p[b] : &p[a];
}

static enum axm_status nsga2(struct run *r)
{
    size_t n = (size_t)r->o.population, genes = (size_t)r->space.genes;
    struct individual *p = population_new(r, n), *all = population_new(r, 2 * n + 1);
    struct place *place = calloc(n, sizeof *place), *all_place = calloc(2 * n, sizeof *all_place);
    struct place **front = calloc(2 * n, sizeof *front);
    double mutation = r->o.mutation > 0 ? r->o.mutation : 1.0 / r->space.genes;
    bool enough = p && all && place && all_place && front;
    enum axm_status st = enough ? AXM_OK : fail(AXM_ENV, "search: out of memory");
    if (!st) {
        first_population(r, p, n);
        st = evaluate(r, p, n);
        rank_all(p, place, n);
        crowd(p, place, n, front);
        tell(r, 0, r->o.generations);
    }
    for (int g = 1; !st && g <= r->o.generations; g++) {
        for (size_t i = 0; i < n; i += 2) {
            const struct individual *a = crowded_tournament(r, p, place, n);
            const struct individual *b = crowded_tournament(r, p, place, n);
            bool mix = rng_unit(&r->rng) < r->o.crossover;
            uint8_t *x = all[n + i].genome, *y = all[n + i + 1].genome;
            for (size_t k = 0; k < genes; k++) {
                bool swap = mix && (rng_next(&r->rng) >> 63);
                x[k] = swap ? b->genome[k] : a->genome[k];
                y[k] = swap ? a->genome[k] : b->genome[k];
            }
            mutate(r, x, mutation);
            mutate(r, y, mutation);
        }
        st = evaluate(r, all + n, n);
        if (st)
            break;
        for (size_t i = 0; i < n; i++)
            copy(r, &all[i], &p[i]);
        rank_all(all, all_place, 2 * n);
        crowd(all, all_place, 2 * n, front);
        survive(r, all, 2 * n, all_place, p, place, n);
        tell(r, g, r->o.generations);
    }
    free(p);
    free(all);
    free(place);
    free(all_place);
    free(front);
    return st;
}

/* --- the others ------------------------------------------------------------------------ */

static enum axm_status at_random(struct run *r)
{
    size_t n = (size_t)r->o.population;
    struct individual *p = population_new(r, n);
    enum axm_status st = p ? AXM_OK : fail(AXM_ENV, "search: out of memory");
    for (int g = 0; !st && g < r->o.generations; g++) {
        first_population(r, p, n);
        r->o.homogeneous = false;
        st = evaluate(r, p, n);
        tell(r, g + 1, r->o.generations);
    }
    free(p);
    return st;
}

static enum axm_status exhaustive(struct run *r)
{
    enum { BATCH = 1024 };
    size_t genes = (size_t)r->space.genes;
    double size = pow(r->space.choices, r->space.genes);
    if (size > SEARCH_EXHAUSTIVE_MAX)
        return fail(AXM_USAGE, "search: %g assignments are too many to try all; at most %d", size,
                    SEARCH_EXHAUSTIVE_MAX);
    struct individual *p = population_new(r, BATCH);
    if (!p)
        return fail(AXM_ENV, "search: out of memory");
    uint64_t total = (uint64_t)size;
    enum axm_status st = AXM_OK;
    for (uint64_t first = 0; !st && first < total; first += BATCH) {
        size_t n = total - first < BATCH ? total - first : BATCH;
        for (size_t i = 0; i < n; i++) {
            uint64_t code = first + i;
            for (size_t g = genes; g-- > 0; code /= (uint64_t)r->space.choices)
                p[i].genome[g] = (uint8_t)(code % (uint64_t)r->space.choices);
        }
        st = evaluate(r, p, n);
        tell(r, (int)(first / BATCH) + 1, (int)((total + BATCH - 1) / BATCH));
    }
    free(p);
    return st;
}

/* The step that loses least accuracy for the cost it saves; steps that lose none go by what they save. */
static const struct individual *best_step(const struct individual *from, const struct individual *p, size_t n)
{
    const struct individual *best = NULL;
    double best_loss = 0, best_saved = 0;
    for (size_t i = 0; i < n; i++) {
        double saved = from->score.cost - p[i].score.cost;
        double loss = score_accuracy(&from->score) - score_accuracy(&p[i].score);
        if (saved <= 0)
            continue;
        double rate = loss > 0 ? loss / saved : 0, best_rate = best_loss > 0 ? best_loss / best_saved : 0;
        if (!best || rate < best_rate || (rate == best_rate && saved > best_saved)) {
            best = &p[i];
            best_loss = loss;
            best_saved = saved;
        }
    }
    return best;
}

static enum axm_status greedy(struct run *r)
{
    size_t choices = (size_t)r->space.choices, genes = (size_t)r->space.genes, n = choices * genes;
    struct individual *p = population_new(r, n), *at = population_new(r, 1);
    enum axm_status st = p && at ? AXM_OK : fail(AXM_ENV, "search: out of memory");
    if (!st) {
        for (size_t c = 0; c < choices; c++)
            memset(p[c].genome, (int)c, genes);
        st = evaluate(r, p, choices);
    }
    if (!st) {
        copy(r, at, &r->last_best);
        tell(r, 0, 0);
    }
    for (int step = 1; !st; step++) {
        size_t m = 0;
        for (size_t g = 0; g < genes; g++)
            for (size_t c = 0; c < choices; c++) {
                if (c == at->genome[g])
                    continue;
                memcpy(p[m].genome, at->genome, genes);
                p[m++].genome[g] = (uint8_t)c;
            }
        st = m ? evaluate(r, p, m) : AXM_OK;
        if (!st && m)
            tell(r, step, 0);   /* of the last step too, which finds nothing better */
        const struct individual *next = st ? NULL : best_step(at, p, m);
        if (!next)
            break;
        copy(r, at, next);
    }
    if (!st)
        copy(r, &r->last_best, at);   /* where it ended, not the best of the last steps tried */
    free(p);
    free(at);
    return st;
}

/* --- all together ------------------------------------------------------------------------- */

static enum axm_status check(const struct search_space *s, const struct search_opts *o)
{
    if (s->genes < 1 || s->genes > SEARCH_GENES_MAX)
        return fail(AXM_USAGE, "search: 1..%d layers, got %d", SEARCH_GENES_MAX, s->genes);
    if (s->choices < 1 || s->choices > SEARCH_CHOICES_MAX)
        return fail(AXM_USAGE, "search: 1..%d multipliers, got %d", SEARCH_CHOICES_MAX, s->choices);
    if (o->population < 2 || o->population > 1 << 16)
        return fail(AXM_USAGE, "search: population must be 2..65536, got %d", o->population);
    if (o->generations < 1 || o->generations > 1 << 20)
        return fail(AXM_USAGE, "search: generations must be 1..1048576, got %d", o->generations);
    if (!(o->mutation >= 0 && o->mutation <= 1) || !(o->crossover >= 0 && o->crossover <= 1))
        return fail(AXM_USAGE, "search: mutation and crossover are probabilities, got %g and %g", o->mutation,
                    o->crossover);
    if (o->elite < 0 || o->elite >= o->population)
        return fail(AXM_USAGE, "search: elite must be below the population of %d, got %d", o->population,
                    o->elite);
    if (o->algorithm == SEARCH_NSGA2 && o->population % 2)
        return fail(AXM_USAGE, "search: nsga2 takes an even population, got %d", o->population);
    return AXM_OK;
}

static int by_front(const void *x, const void *y)
{
    const struct individual *a = x, *b = y;
    return by_cost_then_accuracy(&a->score, &b->score);
}

/* Everything of the result in one piece, which the run's own memory is then free of. */
static enum axm_status give(struct run *r, struct search_result *out)
{
    struct individual *all = population_new(r, r->n_archive + 2);
    if (!all)
        return fail(AXM_ENV, "search: out of memory");
    qsort(r->archive, r->n_archive, sizeof *r->archive, by_front);
    copy(r, &all[0], &r->best);
    copy(r, &all[1], &r->last_best);
    for (size_t i = 0; i < r->n_archive; i++)
        copy(r, &all[i + 2], &r->archive[i]);
    *out = (struct search_result){ .best = all[0], .last_best = all[1], .front = all + 2,
        .n_front = r->n_archive, .asked = r->asked, .memory = all };
    return AXM_OK;
}

enum axm_status search_run(const struct search_space *s, const struct search_opts *o,
                           const struct evaluator *e, search_progress_fn *progress, void *ctx,
                           struct search_result *out)
{
    static enum axm_status (*const algorithm[SEARCH_ALGORITHMS])(struct run *) = {
        genetic, nsga2, greedy, at_random, exhaustive,
    };
    enum axm_status st = check(s, o);
    if (st)
        return st;
    struct run r = { .space = *s, .o = *o, .e = e, .progress = progress, .progress_ctx = ctx };
    rng_init(&r.rng, o->seed, 0);
    struct individual *kept = population_new(&r, 2);
    if (!kept)
        return fail(AXM_ENV, "search: out of memory");
    r.best = kept[0];
    r.last_best = kept[1];
    st = algorithm[o->algorithm](&r);
    if (!st)
        st = give(&r, out);
    for (size_t i = 0; i < r.n_archive; i++)
        free(r.archive[i].genome);
    free(r.archive);
    free(kept);
    return st;
}

void search_release(struct search_result *r)
{
    free(r->memory);
    *r = (struct search_result){ 0 };
}
