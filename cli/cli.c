/* One option parser over the command tables, and the dispatch. */
#include "cli/cli.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "cli/common.h"

/* Options of every command; the help prints them after the command's own. */
const struct cli_option cli_common_options[] = {
    { "threads", 0, "N", "threads to use (default: one per core)" },
    { "seed", 0, "N", "seed of everything random (default 1)" },
    { "format", 0, "text|csv|json", "how tables are printed: for people, or for programs (default text)" },
    { "quiet", 'q', NULL, "no progress and no notes on standard error" },
    { "verbose", 'v', NULL, "more notes" },
    { "help", 'h', NULL, "this help" },
    { 0 },
};

enum { COMMON_THREADS, COMMON_SEED, COMMON_FORMAT, COMMON_QUIET, COMMON_VERBOSE, COMMON_HELP, COMMON_COUNT };

const struct cli_command *cli_find(const char *name)
{
    for (int i = 0; cli_commands[i]; i++)
        if (!strcmp(cli_commands[i]->name, name))
            return cli_commands[i];
    return NULL;
}

/* Levenshtein distance, for "did you mean". */
static int distance(const char *a, const char *b)
{
    int row[64], n = (int)strlen(b);
    if (n > 62)
        return n;
    for (int j = 0; j <= n; j++)
        row[j] = j;
    for (int i = 0; a[i]; i++) {
        int diagonal = row[0];
        row[0] = i + 1;
        for (int j = 0; j < n; j++) {
            int cost = diagonal + (a[i] != b[j]);
            diagonal = row[j + 1];
            if (row[j + 1] + 1 < cost)
                cost = row[j + 1] + 1;
            if (row[j] + 1 < cost)
                cost = row[j] + 1;
            row[j + 1] = cost;
        }
    }
    return row[n];
}

static void nearer(const char *typed, const char *candidate, const char **best, int *best_distance)
{
    int d = distance(typed, candidate);
    if (d < *best_distance) {
        *best = candidate;
        *best_distance = d;
    }
}

static enum axm_status unknown_option(const struct cli_command *c, const char *typed)
{
    const char *best = NULL;
    int d = 4;
    for (const struct cli_option *o = c->options; o && o->name; o++)
        nearer(typed, o->name, &best, &d);
    for (const struct cli_option *o = cli_common_options; o->name; o++)
        nearer(typed, o->name, &best, &d);
    if (best)
        return fail(AXM_USAGE, "%s: no option --%s; did you mean --%s? See axmul help %s", c->name, typed,
                    best, c->name);
    return fail(AXM_USAGE, "%s: no option --%s; see axmul help %s", c->name, typed, c->name);
}

enum axm_status cli_unknown_command(const char *typed)
{
    const char *best = NULL;
    int d = 4;
    for (int i = 0; cli_commands[i]; i++)
        nearer(typed, cli_commands[i]->name, &best, &d);
    if (best)
        return fail(AXM_USAGE, "no command \"%s\"; did you mean %s? See axmul help", typed, best);
    return fail(AXM_USAGE, "no command \"%s\"; see axmul help", typed);
}

/* --- option values --------------------------------------------------------------- */

/* By its letter, or if that is 0 by its name of len bytes; -1 if there is none. */
static int option_index(const struct cli_option *options, const char *name, size_t len, char letter)
{
    for (int i = 0; options && options[i].name; i++) {
        const struct cli_option *o = &options[i];
        if (letter ? o->letter == letter : strlen(o->name) == len && !memcmp(o->name, name, len))
            return i;
    }
    return -1;
}

int cli_word(const char *words, const char *word)
{
    size_t len = strlen(word), n = 0;
    for (int i = 0; *words; i++, words += n + (words[n] == '|')) {
        n = strcspn(words, "|");
        if (n == len && !memcmp(words, word, n))
            return i;
    }
    return -1;
}

const char *cli_words_text(const char *words, char text[CLI_WORDS_TEXT])
{
    char *at = text;
    for (const char *next; *words; words = next) {
        size_t n = strcspn(words, "|");
        next = words + n + (words[n] == '|');
        assert(at + n + 5 < text + CLI_WORDS_TEXT);
        at += sprintf(at, "%.*s%s", (int)n, words, !*next ? "" : strchr(next, '|') ? ", " : " or ");
    }
    return text;
}

const char *cli_get(const struct cli_args *a, const char *name)
{
    int i = option_index(a->command->options, name, strlen(name), 0);
    assert(i >= 0);
    return a->value[i];
}

const char *cli_get_nth(const struct cli_args *a, const char *name, int n)
{
    int i = option_index(a->command->options, name, strlen(name), 0);
    assert(i >= 0);
    for (int k = 0; k < a->n_given; k++)
        if (a->given[k].option == i && n-- == 0)
            return a->given[k].value;
    return NULL;
}

bool cli_flag(const struct cli_args *a, const char *name)
{
    return cli_get(a, name) != NULL;
}

static enum axm_status parse_int(const char *text, const char *name, int64_t lo, int64_t hi, int64_t *out)
{
    char *end;
    errno = 0;
    long long v = strtoll(text, &end, 0);
    if (end == text || *end || errno || v < lo || v > hi)
        return fail(AXM_USAGE, "--%s must be an integer %lld..%lld, got \"%s\"", name, (long long)lo,
                    (long long)hi, text);
    *out = v;
    return AXM_OK;
}

enum axm_status cli_get_int(const struct cli_args *a, const char *name, int64_t lo, int64_t hi,
                            int64_t fallback, int64_t *out)
{
    const char *text = cli_get(a, name);
    if (text)
        return parse_int(text, name, lo, hi, out);
    *out = fallback;
    return AXM_OK;
}

static enum axm_status take_common(struct cli_args *a, int which, const char *value, bool *help)
{
    int64_t n = 0;
    enum axm_status st = AXM_OK;
    switch (which) {
    case COMMON_THREADS:
        st = parse_int(value, "threads", 1, 1024, &n);
        if (st == AXM_OK)
            pool_set_threads((int)n);
        return st;
    case COMMON_SEED:
        st = parse_int(value, "seed", 0, INT64_MAX, &n);
        if (st == AXM_OK) {
            a->seed = (uint64_t)n;
            a->seed_given = true;
        }
        return st;
    case COMMON_FORMAT:
        a->format = (enum cli_format)cli_word(cli_common_options[COMMON_FORMAT].arg, value);
        if (!a->command->prints_table)
            return fail(AXM_USAGE, "%s: prints no table, so --format has no meaning", a->command->name);
        break;
    case COMMON_QUIET:
        a->verbosity = -1;
        break;
    case COMMON_VERBOSE:
        a->verbosity = 1;
        break;
    default:
        *help = true;
    }
    return AXM_OK;
}

static bool repeats(const struct cli_option *o)
{
    size_t len = o->arg ? strlen(o->arg) : 0;
    return len > 3 && !strcmp(o->arg + len - 3, "...");
}

/* argv[*i] is an option; takes its argument too. */
static enum axm_status take_option(struct cli_args *a, int argc, char **argv, int *i, bool *help)
{
    const char *text = argv[*i];
    bool is_long = text[1] == '-';
    const char *name = text + (is_long ? 2 : 1), *equals = is_long ? strchr(name, '=') : NULL;
    size_t len = equals ? (size_t)(equals - name) : strlen(name);
    char letter = is_long ? 0 : name[0];
    int own = option_index(a->command->options, name, len, letter);
    int common = own >= 0 ? -1 : option_index(cli_common_options, name, len, letter);
    if (own < 0 && common < 0) {
        char typed[64];
        snprintf(typed, sizeof typed, "%.*s", is_long ? (int)len : 1, name);
        return is_long ? unknown_option(a->command, typed)
                       : fail(AXM_USAGE, "%s: no option -%s; see axmul help %s", a->command->name, typed,
                              a->command->name);
    }
    const struct cli_option *o = own >= 0 ? &a->command->options[own] : &cli_common_options[common];
    const char *value = "";
    char words[CLI_WORDS_TEXT];
    if (o->arg) {
        if (equals)
            value = equals + 1;
        else if (!is_long && name[1])
            value = name + 1;
        else if (*i + 1 < argc)
            value = argv[++*i];
        else
            return fail(AXM_USAGE, "%s: --%s needs an argument %s", a->command->name, o->name, o->arg);
        if (cli_is_words(o->arg) && cli_word(o->arg, value) < 0)
            return fail(AXM_USAGE, "--%s must be %s, got \"%s\"", o->name, cli_words_text(o->arg, words),
                        value);
    } else if (equals || (!is_long && name[1])) {
        return fail(AXM_USAGE, "%s: --%s takes no argument", a->command->name, o->name);
    }
    if (own < 0)
        return take_common(a, common, value, help);
    if (a->value[own] && !repeats(o))
        return fail(AXM_USAGE, "%s: --%s given twice", a->command->name, o->name);
    a->value[own] = value;
    a->given[a->n_given++] = (struct cli_given){ .option = own, .value = value };
    return AXM_OK;
}

/* "-3" is an operand, not an option. */
static bool is_option(const char *text)
{
    return text[0] == '-' && text[1] && !(text[1] >= '0' && text[1] <= '9');
}

static enum axm_status parse(struct cli_args *a, int argc, char **argv, bool *help)
{
    bool options = true;
    for (int i = 0; i < argc; i++) {
        if (options && !strcmp(argv[i], "--")) {
            options = false;
        } else if (options && is_option(argv[i])) {
            enum axm_status st = take_option(a, argc, argv, &i, help);
            if (st != AXM_OK)
                return st;
        } else {
            a->operand[a->n_operands++] = argv[i];
        }
    }
    if (*help)
        return AXM_OK;
    const struct cli_command *c = a->command;
    if (a->n_operands < c->operands_min || (c->operands_max >= 0 && a->n_operands > c->operands_max))
        return fail(AXM_USAGE, "usage: axmul %s %s", c->name, c->synopsis);
    return AXM_OK;
}

/* What was printed must have arrived.  A reader that has seen enough is no error. */
enum axm_status cli_flush(FILE *f)
{
    errno = 0;
    if (!fflush(f) && !ferror(f))
        return AXM_OK;
    int error = errno ? errno : EIO;   /* an earlier write failed: its reason is gone */
    clearerr(f);
    return error == EPIPE ? AXM_OK : fail(AXM_ENV, "standard output: %s", strerror(error));
}

/* Options before the command: those common to all. */
static enum axm_status global_option(const char *text)
{
    if (!strcmp(text, "--version")) {
        puts("axmul " AXM_VERSION);
        return cli_flush(stdout);
    }
    if (!strcmp(text, "--help") || !strcmp(text, "-h"))
        return cli_print_overview(stdout);
    return fail(AXM_USAGE, "%s: options go after the command, but for --help and --version; see axmul help",
                text);
}

int cli_main(int argc, char **argv)
{
    bool help = false;
    struct cli_args a = { .seed = 1 };
    if (argc < 2) {
        enum axm_status printed = cli_print_overview(stderr);
        return printed ? (int)printed : AXM_USAGE;
    }
    if (argv[1][0] == '-')
        return (int)global_option(argv[1]);
    a.command = cli_find(argv[1]);
    if (!a.command)
        return (int)cli_unknown_command(argv[1]);
    a.operand = calloc((size_t)argc, sizeof *a.operand);
    a.given = calloc((size_t)argc, sizeof *a.given);
    if (!a.operand || !a.given) {
        free(a.operand);
        free(a.given);
        return (int)fail(AXM_ENV, "out of memory");
    }
    enum axm_status st = parse(&a, argc - 2, argv + 2, &help);
    note_set_level(a.verbosity);
    if (st == AXM_OK)
        st = help ? cli_print_help(a.command, stdout) : a.command->run(&a);
    free(a.operand);
    free(a.given);
    enum axm_status written = cli_flush(stdout);
    if (st == AXM_OK)
        st = written;
    if (st == AXM_STOPPED)
        note("stopped");
    return (int)st;
}
