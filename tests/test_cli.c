/* The command in process: parser, help texts, columns, results by hand. */
#include "tests/harness.h"

#include <sys/stat.h>

#include <cjson/cJSON.h>

#include "base/file.h"
#include "base/proc.h"
#include "cmodel/spec.h"
#include "tests/command.h"

/* Refused as usage with one line on standard error that has `part`. */
#define REFUSED(arguments, part) \
    do { \
        int code_ = axmul(arguments); \
        CHECK(code_ == 2 && strstr(io.err, part) && strchr(io.err, '\n') == io.err + strlen(io.err) - 1 && \
                  !io.out[0], "axmul %s: exit code %d, said: %s%s", arguments, code_, io.err, io.out); \
    } while (0)

#define PRINTS(arguments, text) \
    do { \
        int code_ = axmul(arguments); \
        CHECK(code_ == 0 && !strcmp(io.out, text), "axmul %s: exit code %d, said: %s%s", arguments, code_, \
              io.err, io.out); \
    } while (0)

static int scratch(char path[64])
{
    strcpy(path, "/tmp/axmul_test_XXXXXX");
    return mkdtemp(path) ? 0 : -1;
}

/* --- the parser ------------------------------------------------------------------- */

TEST(test_cli__options_in_every_spelling)
{
    PRINTS("list exact8u --format csv", "spec,width_a,width_b,signed,family\nexact8u,8,8,0,exact\n");
    PRINTS("list --format=csv exact8u", "spec,width_a,width_b,signed,family\nexact8u,8,8,0,exact\n");
    PRINTS("eval -q exact8s -7 -5", "35\n");
    PRINTS("eval exact8s -- -7 -5", "35\n");
    PRINTS("eval exact8s 0xf9 -5", "35\n");   /* 0xf9: the bits of -7 */
    PRINTS("eval exact8u 010 1", "10\n");     /* no octal */
}

TEST(test_cli__wrong_options_bad)
{
    REFUSED("metrics exact8u --formt csv", "did you mean --format? See axmul help metrics");
    REFUSED("metrics exact8u --zzzzzzzzzzzzzz", "no option --zzzzzzzzzzzzzz; see axmul help metrics");
    REFUSED("metrics exact8u -z", "no option -z");
    REFUSED("lut exact8u -o a.npy -o b.npy", "--output given twice");
    REFUSED("lut exact8u -o", "--output needs an argument FILE|DIR");
    REFUSED("gen exact8u --flat=1", "--flat takes no argument");
    REFUSED("gen exact8u --pipeline 65", "--pipeline must be an integer 0..64, got \"65\"");
    REFUSED("gen exact8u --pipeline 1x", "--pipeline must be an integer 0..64, got \"1x\"");
    REFUSED("eval exact8u 3 4 --threads 0", "--threads must be an integer 1..1024");
    REFUSED("eval exact8u 3 4 --format csv", "prints no table");
    REFUSED("--format csv list", "options go after the command");
    REFUSED("metrisc exact8u", "no command \"metrisc\"; did you mean metrics?");
    REFUSED("help metrisc", "did you mean metrics?");
    REFUSED("eval exact8u 3", "usage: axmul eval SPEC A B");
    REFUSED("eval exact8s 128 1", "A must be an integer -128..127, got \"128\"");
    REFUSED("eval exact8s 0x100 1", "A must be 0x0..0xff");
    REFUSED("eval exact8s 1.5 1", "A must be an integer");
}

/* An option whose argument is one of some words refuses others and says the words. */
TEST(test_cli__words_are_checked_for_every_option)
{
    int checked = 0;
    for (int i = 0; cli_commands[i]; i++)
        for (const struct cli_option *o = cli_commands[i]->options; o && o->name; o++) {
            char arguments[128], expected[128], words[CLI_WORDS_TEXT];
            if (!cli_is_words(o->arg))
                continue;
            snprintf(arguments, sizeof arguments, "%s --%s bogus", cli_commands[i]->name, o->name);
            snprintf(expected, sizeof expected, "--%s must be %s, got \"bogus\"", o->name,
                     cli_words_text(o->arg, words));
            REFUSED(arguments, expected);
            checked++;
        }
    assert_true(checked >= 3);
    REFUSED("list --format xml", "--format must be text, csv or json, got \"xml\"");
}

/* --- output files -------------------------------------------------------------------- */

TEST(test_cli__a_wrong_spec_leaves_nothing_bad)
{
    static const char *const commands[] = { "lut", "gen" };
    char dir[64], arguments[256], out[128];
    assert_int_equal(scratch(dir), 0);
    for (int i = 0; i < 2; i++) {
        snprintf(out, sizeof out, "%s/%s/", dir, commands[i]);
        snprintf(arguments, sizeof arguments, "%s exact8u drum8u_k9 -o %s", commands[i], out);
        REFUSED(arguments, "k must be 2..8, got 9");
        CHECK(!file_exists(out), "%s was made", out);
    }
    REFUSED("metrics exact8u drum8u_k9", "k must be 2..8, got 9");
    file_remove_tree(dir);
}

TEST(test_cli__endings_say_the_format)
{
    char dir[64], arguments[256], path[128];
    struct stat info;
    assert_int_equal(scratch(dir), 0);
    snprintf(arguments, sizeof arguments, "lut exact4u -o %s/t.dat --as bin", dir);
    assert_int_equal(axmul(arguments), 0);
    snprintf(path, sizeof path, "%s/t.dat", dir);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_size, 512);   /* 16 x 16 of 2 bytes */
    snprintf(arguments, sizeof arguments, "lut exact4u exact3u -o %s --as h", dir);
    assert_int_equal(axmul(arguments), 0);
    snprintf(path, sizeof path, "%s/exact3u.h", dir);
    assert_true(file_exists(path));
    snprintf(arguments, sizeof arguments, "lut exact4u -o %s/t.npy --as bin", dir);
    REFUSED(arguments, "its ending contradicts --as bin");
    snprintf(arguments, sizeof arguments, "lut exact4u -o %s/t", dir);
    REFUSED(arguments, "its ending (or --as) must be npy, bin or h");
    snprintf(arguments, sizeof arguments, "gen exact4u exact8u -o %s/t.v", dir);
    REFUSED(arguments, "2 results need a directory");
    REFUSED("gen exact4u exact8u", "2 results need a directory");   /* adder cells would clash */
    snprintf(arguments, sizeof arguments, "lut exact16u -o %s/t.bin", dir);
    REFUSED(arguments, "at most 24 address bits");
    snprintf(path, sizeof path, "%s/t.bin", dir);
    assert_false(file_exists(path));
    file_remove_tree(dir);
}

static int list_to_full_disk(void *arg)
{
    static char *argv[] = { "axmul", "list", NULL };
    (void)arg;
    FILE *ignored = freopen("/dev/null", "w", stderr);
    if (!ignored || !freopen("/dev/full", "w", stdout))
        return 99;
    return cli_main(2, argv);
}

TEST(test_cli__full_disk_on_standard_output_bad)
{
    assert_int_equal(in_child(list_to_full_disk, NULL), AXM_ENV);
}

/* --- help from the tables ---------------------------------------------------------------- */

/* Is "--name" in text as a word? */
static bool has_option(const char *text, const char *name)
{
    char option[64];
    size_t n = (size_t)snprintf(option, sizeof option, "--%s", name);
    for (const char *at = text; (at = strstr(at, option)); at += n)
        if (!strchr("abcdefghijklmnopqrstuvwxyz-", at[n]) || !at[n])
            return true;
    return false;
}

TEST(test_cli__help_mentions_every_option)
{
    for (int i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];
        static struct streams first;
        char arguments[64];
        snprintf(arguments, sizeof arguments, "help %s", c->name);
        assert_int_equal(axmul(arguments), 0);
        for (const struct cli_option *o = c->options; o && o->name; o++)
            CHECK(has_option(io.out, o->name), "%s lacks --%s", arguments, o->name);
        for (const struct cli_option *o = cli_common_options; o->name; o++)
            CHECK(has_option(io.out, o->name) == (c->prints_table || strcmp(o->name, "format")), "%s: --%s",
                  arguments, o->name);
        first = io;
        snprintf(arguments, sizeof arguments, "%s --help", c->name);
        assert_int_equal(axmul(arguments), 0);
        assert_string_equal(io.out, first.out);
    }
}

TEST(test_cli__help_fits_a_terminal)
{
    for (int i = 0; cli_commands[i]; i++) {
        char arguments[64];
        snprintf(arguments, sizeof arguments, "help %s", cli_commands[i]->name);
        assert_int_equal(axmul(arguments), 0);
        for (const char *line = io.out; *line; line += strcspn(line, "\n") + 1)
            CHECK(strcspn(line, "\n") <= 100, "%s: %.*s", arguments, (int)strcspn(line, "\n"), line);
    }
}

/* In the man page a hyphen is written \- */
TEST(test_cli__man_page_has_commands_options_families)
{
    static char plain[sizeof io.out];
    size_t n = 0;
    assert_int_equal(axmul("help --man"), 0);
    for (const char *c = io.out; *c; c++)
        if (*c != '\\' || c[1] != '-')
            plain[n++] = *c;
    plain[n] = '\0';
    for (int i = 0; cli_commands[i]; i++) {
        char section[64];
        snprintf(section, sizeof section, ".SS axmul %s ", cli_commands[i]->name);
        CHECK(strstr(plain, section), "no section of %s", cli_commands[i]->name);
        for (const struct cli_option *o = cli_commands[i]->options; o && o->name; o++)
            CHECK(has_option(plain, o->name), "no --%s", o->name);
    }
    for (const struct axm_family *f = axm_families; f->name; f++) {
        char entry[64];
        snprintf(entry, sizeof entry, ".B %s\n", f->name);
        CHECK(strstr(plain, entry), "no family %s", f->name);
    }
}

TEST(test_cli__markdown_has_every_command)
{
    assert_int_equal(axmul("help --markdown"), 0);
    for (int i = 0; cli_commands[i]; i++) {
        char section[64];
        snprintf(section, sizeof section, "\n## axmul %s\n", cli_commands[i]->name);
        CHECK(strstr(io.out, section), "no section of %s", cli_commands[i]->name);
    }
}

TEST(test_cli__list_has_every_family_and_parameter)
{
    static struct streams all;
    assert_int_equal(axmul("list"), 0);
    all = io;
    for (const struct axm_family *f = axm_families; f->name; f++) {
        char text[64];
        snprintf(text, sizeof text, "\n%s ", f->name);
        CHECK(strstr(all.out, text), "no family %s", f->name);
        snprintf(text, sizeof text, "list %s", f->name);
        assert_int_equal(axmul(text), 0);
        for (int i = 0; i < axm_param_count(f); i++)
            CHECK(strstr(io.out, f->param[i].help), "%s: no parameter %s", text, f->param[i].key);
    }
}

TEST(test_cli__list_filters)
{
    PRINTS("list drum4u_k --format csv", "spec,width_a,width_b,signed,family\n"
           "drum4u_k2,4,4,0,drum\ndrum4u_k3,4,4,0,drum\ndrum4u_k4,4,4,0,drum\n");
    PRINTS("list dr*4u_k[24] --format csv", "spec,width_a,width_b,signed,family\n"
           "drum4u_k2,4,4,0,drum\ndrum4u_k4,4,4,0,drum\n");
    PRINTS("list SCDM8_52 --format csv", "spec,width_a,width_b,signed,family\nscdm8s_x5_y2,8,8,1,scdm\n");
    PRINTS("list trunc8u_m1_l2 --format csv", "spec,width_a,width_b,signed,family\n"
           "trunc8u_l2_m1,8,8,0,trunc\n");
    REFUSED("list drum8u_k9", "k must be 2..8, got 9");
    REFUSED("list exact99u", "width must be 2..32, got 99");
    REFUSED("list *_k3", "a pattern says width and sign");
    REFUSED("list *8u_q*", "no spec matches *8u_q*");
    REFUSED("list cdm32u", "at most 200000 variants");
}

/* --- results ------------------------------------------------------------------------------ */

static double value_of(const cJSON *row, const char *key)
{
    const cJSON *item = cJSON_GetObjectItem(row, key);
    CHECK(cJSON_IsNumber(item), "%s is no number", key);
    return item->valuedouble;
}

/* trunc2u_l1_m0 by hand: odd a lose 1, so e = -b for a = 1 and a = 3. */
TEST(test_cli__metrics_by_hand)
{
    static const struct { const char *key; double value; } expected[] = {
        { "pairs", 16 },           { "mae", 0.75 },        { "mae_percent", 4.6875 },
        { "wce", 3 },              { "wce_percent", 18.75 }, { "wce_a", 1 },
        { "wce_b", 3 },            { "ep_percent", 37.5 }, { "mse", 1.75 },
        { "nmed", 0.75 / 9 },      { "bias", -0.75 },      { "mre_percent", 400.0 / 9 },
        { "wcre_percent", 100 },   { "zero_pairs", 7 },    { "zero_errors", 0 },
        /* products: 0 ten times, 2, 4 and 6 twice each */
        { "entropy_bits", 1.5487949406953985 },
    };
    assert_int_equal(axmul("metrics trunc2u_l1_m0 --format json"), 0);
    cJSON *rows = cJSON_Parse(io.out);
    assert_int_equal(cJSON_GetArraySize(rows), 1);
    const cJSON *row = cJSON_GetArrayItem(rows, 0);
    for (size_t i = 0; i < sizeof expected / sizeof *expected; i++) {
        double got = value_of(row, expected[i].key), want = expected[i].value;
        CHECK(got >= want - 1e-12 && got <= want + 1e-12, "%s: %.17g, by hand %.17g", expected[i].key, got,
              want);
    }
    assert_string_equal(cJSON_GetObjectItem(row, "coverage")->valuestring, "all");
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(row, "seed")));
    cJSON_Delete(rows);
}

TEST(test_cli__a_sample_says_so)
{
    assert_int_equal(axmul("metrics drum20u_k6 --samples 1000 --seed 5"), 0);
    assert_non_null(strstr(io.out, "a sample of 1000 operand pairs, seed 5"));
    assert_non_null(strstr(io.out, " +- "));
    assert_non_null(strstr(io.out, "at least (largest seen)"));
    assert_null(strstr(io.out, "entropy"));
    assert_int_equal(axmul("metrics drum20u_k6 exact8u --samples 1000 --format json"), 0);
    cJSON *rows = cJSON_Parse(io.out);
    const cJSON *row = cJSON_GetArrayItem(rows, 0);
    assert_string_equal(cJSON_GetObjectItem(row, "coverage")->valuestring, "sample");
    assert_true(value_of(row, "seed") == 1);
    assert_true(value_of(row, "ci95_mae") > 0);
    assert_true(cJSON_IsNull(cJSON_GetObjectItem(row, "entropy_bits")));
    cJSON_Delete(rows);
}

/* docs/formats.md promises the columns; each stands there in `backquotes`, in order. */
TEST(test_cli__columns_are_documented)
{
    static const char *const commands[] = { "metrics", "entropy", "list" };
    struct strbuf doc = { 0 };
    assert_int_equal(file_read("docs/formats.md", 1 << 20, &doc), AXM_OK);
    for (int i = 0; i < 3; i++) {
        char text[64];
        snprintf(text, sizeof text, "%s exact4u --format csv", commands[i]);
        assert_int_equal(axmul(text), 0);
        snprintf(text, sizeof text, "`axmul %s`:", commands[i]);
        const char *at = strstr(doc.s, text);
        CHECK(at, "no paragraph of axmul %s", commands[i]);
        io.out[strcspn(io.out, "\n")] = '\0';
        char *rest = io.out;
        for (char *key; (key = strtok_r(rest, ",", &rest));) {
            char quoted[64];
            snprintf(quoted, sizeof quoted, "`%s`", key);
            at = strstr(at, quoted);
            CHECK(at, "axmul %s: %s is not documented, or in another place", commands[i], key);
        }
    }
    strbuf_release(&doc);
}

/* --- plots ----------------------------------------------------------------------------------- */

TEST(test_cli__plot_without_gnuplot_bad)
{
    char *path = strdup(getenv("PATH"));
    setenv("PATH", "/nowhere", 1);
    int code = axmul("plot product exact8s -o /tmp/axmul_never.svg");
    setenv("PATH", path, 1);
    free(path);
    assert_int_equal(code, AXM_ENV);
    assert_non_null(strstr(io.err, "gnuplot: not found in PATH; install the Debian package gnuplot"));
    assert_false(file_exists("/tmp/axmul_never.svg"));
}

static int count(const char *text, const char *part)
{
    int n = 0;
    for (; (text = strstr(text, part)); text++)
        n++;
    return n;
}

/* -63 = 7 x -9 = 9 x -7 and with the operands exchanged; no axis has it. */
TEST(test_cli__plot_prints_the_products)
{
    char dir[64], arguments[256], path[128];
    struct strbuf image = { 0 };
    if (!proc_have("gnuplot"))
        SKIP("no gnuplot");
    assert_int_equal(scratch(dir), 0);
    snprintf(path, sizeof path, "%s/map.svg", dir);
    snprintf(arguments, sizeof arguments, "plot product exact8s -o %s", path);
    assert_int_equal(axmul(arguments), 0);
    assert_int_equal(file_read(path, 1 << 24, &image), AXM_OK);
    assert_int_equal(count(image.s, ">-63<"), 4);
    assert_true(count(image.s, "Product of exact8s") == 1);
    strbuf_release(&image);
    /* Too wide for a table, not for a map: 300 x 301 at the corner of --range. */
    snprintf(path, sizeof path, "%s/map.svg", dir);
    snprintf(arguments, sizeof arguments, "plot product exact32u -o %s --range 290..301", path);
    assert_int_equal(axmul(arguments), 0);
    assert_int_equal(file_read(path, 1 << 24, &image), AXM_OK);
    assert_int_equal(count(image.s, ">90300<"), 2);
    strbuf_release(&image);
    for (int i = 0; i < 3; i++) {
        static const char *const kinds[] = { "product", "error", "histogram" };
        snprintf(arguments, sizeof arguments, "plot %s drum6u_k3 -o %s/ --as png", kinds[i], dir);
        assert_int_equal(axmul(arguments), 0);
        snprintf(path, sizeof path, "%s/drum6u_k3_%s.png", dir, kinds[i]);
        assert_int_equal(file_read(path, 1 << 24, &image), AXM_OK);
        CHECK(image.len > 1000 && !memcmp(image.s, "\x89PNG", 4), "%s is no picture", path);
        strbuf_release(&image);
    }
    file_remove_tree(dir);
}

TEST(test_cli__plot_arguments_bad)
{
    REFUSED("plot prodct exact8s -o x.svg", "must be product, error or histogram, got \"prodct\"");
    REFUSED("plot product exact8s", "-o FILE.svg");
    REFUSED("plot product exact8s -o x.jpg", "its ending (or --as) must be svg or png");
    REFUSED("plot histogram exact16u -o x.svg", "at most 24 address bits");
    REFUSED("plot error exact12u -o x.svg", "at most 1024 x 1024 pairs, got 4096 x 4096");
    REFUSED("plot error exact8u -o x.svg --range 0-9", "--range must be LO..HI");
    REFUSED("plot error exact8u -o x.svg --range 300..400", "operands of exact8u are 0..255");
    REFUSED("plot histogram exact8u -o x.svg --range 0..9", "--range has no meaning");
}
