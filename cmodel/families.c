/* The table of multiplier families.  docs/families.md has the definitions. */
#include "cmodel/spec.h"

typedef uint64_t model_fn(const struct axm_spec *s, uint64_t a, uint64_t b);

typedef void many_fn(const struct axm_spec *s, const uint32_t *a, const uint32_t *b, uint64_t *product,
                     size_t n);

model_fn exact_model, cdm_model, trunc_model, drum_model, mitchell_model, bam_model, tosam_model;
many_fn exact_many, cdm_many, trunc_many, drum_many, mitchell_many, bam_many, tosam_many;

#define ALL_WIDTHS \
    .width_a_min = AXM_WIDTH_MIN, .width_a_max = AXM_WIDTH_MAX, \
    .width_b_min = AXM_WIDTH_MIN, .width_b_max = AXM_WIDTH_MAX

/* Carry disregard cuts the second operand into nibbles. */
#define NIBBLE_WIDTHS \
    .width_a_min = AXM_WIDTH_MIN, .width_a_max = AXM_WIDTH_MAX, \
    .width_b_min = 4, .width_b_max = AXM_WIDTH_MAX, .width_b_step = 4

#define BOTH_SIGNS .unsigned_ok = true, .signed_ok = true

static const char *const final_adders[] = { "rca", "cla", "ks", "bk", NULL };
static const char *const compensations[] = { "none", "const", "var", NULL };

/* An architecture of the exact product, with a choice of final adder. */
#define EXACT_ARCHITECTURE(SIGNED) \
    ALL_WIDTHS, .unsigned_ok = true, .signed_ok = SIGNED, .exact = true, .model = exact_model, \
    .many = exact_many, \
    .param = { { \
        .key = "", .words = final_adders, \
        .help = "final adder: ripple carry, carry lookahead, Kogge-Stone, Brent-Kung", \
    } }

/* Columns without carry in the block of one nibble of b, lowest nibble first. */
#define BLOCK(KEY, TOP, BITS, ...) \
    { .key = KEY, .hi = { .plus = 2, .per_a = 1 }, .width_b_min = TOP, \
      .help = "columns without carry where a meets b" BITS, __VA_ARGS__ }
#define CARRY_DISREGARD(...) \
    .paper = "Amirafshar et al. 2023, doi:10.1109/TCSI.2023.3306071; " \
             "Shakibhamedan et al. 2024, doi:10.1109/TCSI.2024.3369230", \
    NIBBLE_WIDTHS, .model = cdm_model, .many = cdm_many, \
    .param = { \
        BLOCK("x", 4, "[3:0]", __VA_ARGS__), BLOCK("y", 8, "[7:4]", __VA_ARGS__), \
        BLOCK("z", 12, "[11:8]", __VA_ARGS__), BLOCK("w", 16, "[15:12]", __VA_ARGS__), \
        BLOCK("v", 20, "[19:16]", __VA_ARGS__), BLOCK("u", 24, "[23:20]", __VA_ARGS__), \
        BLOCK("t", 28, "[27:24]", __VA_ARGS__), BLOCK("s", 32, "[31:28]", __VA_ARGS__), \
    }

const struct axm_family axm_families[] = {
    {
        .name = "exact",
        .brief = "the product, in the smallest architecture at its width",
        .paper = "Baugh and Wooley 1973, doi:10.1109/T-C.1973.223648",
        ALL_WIDTHS, BOTH_SIGNS, .exact = true, .model = exact_model, .many = exact_many,
    }, {
        .name = "array",
        .brief = "the product: rows of carry-save adders",
        .paper = "Baugh and Wooley 1973, doi:10.1109/T-C.1973.223648",
        EXACT_ARCHITECTURE(true),
    }, {
        .name = "wallace",
        .brief = "the product: Wallace tree",
        .paper = "Wallace 1964, doi:10.1109/PGEC.1964.263830",
        EXACT_ARCHITECTURE(true),
    }, {
        .name = "dadda",
        .brief = "the product: Dadda tree",
        .paper = "Dadda 1965, Alta Frequenza 34, 349-356",
        EXACT_ARCHITECTURE(true),
    }, {
        .name = "booth",
        .brief = "the product: radix-4 Booth recoding",
        .paper = "Booth 1951, doi:10.1093/qjmam/4.2.236",
        EXACT_ARCHITECTURE(true),
    }, {
        .name = "quaternary",
        .brief = "the product, unsigned: radix-4 digits 0..3, three times a made once",
        .paper = "docs/families.md",
        EXACT_ARCHITECTURE(false),
    }, {
        .name = "cdm",
        .brief = "carry disregard, unsigned",
        .unsigned_ok = true,
        .alias = { "CDM8_%x%x", "cdm8u_x$1_y$2" },
        CARRY_DISREGARD(.has_default = false),
    }, {
        .name = "scdm",
        .brief = "carry disregard, signed",
        .signed_ok = true,
        .alias = { "SCDM8_%x%x", "scdm8s_x$1_y$2" },
        CARRY_DISREGARD(.has_default = false),
    }, {
        .name = "cdmr",
        .brief = "carry disregard, unsigned, set at run time through ports",
        .unsigned_ok = true,
        CARRY_DISREGARD(.has_default = true, .runtime = true),
    }, {
        .name = "scdmr",
        .brief = "carry disregard, signed, set at run time through ports",
        .signed_ok = true,
        CARRY_DISREGARD(.has_default = true, .runtime = true),
    }, {
        .name = "trunc",
        .brief = "truncation of the operands (l, m) or of the columns (c)",
        .paper = "Schulte and Swartzlander 1993, doi:10.1109/VLSISP.1993.404467",
        ALL_WIDTHS, BOTH_SIGNS, .model = trunc_model, .many = trunc_many,
        .n_forms = 2,
        .param = {
            { .key = "l", .hi = { .plus = -1, .per_a = 1 }, .forms = 1, .help = "low bits of a dropped" },
            { .key = "m", .hi = { .plus = -1, .per_b = 1 }, .forms = 1, .help = "low bits of b dropped" },
            { .key = "c", .lo = { .plus = 1 }, .hi = { .plus = -1, .per_a = 1, .per_b = 1 }, .forms = 2,
              .help = "low columns of the partial products dropped" },
            { .key = "", .words = compensations, .forms = 2,
              .help = "compensation: none, the expected value, or by the highest dropped column" },
        },
    }, {
        .name = "drum",
        .brief = "dynamic range: k bits from the leading one, unbiased",
        .paper = "Hashemi, Bahar and Reda 2015, doi:10.1109/ICCAD.2015.7372600",
        .alias = { "DRUM%d_%d_%s", "drum$2$3_k$1" },
        ALL_WIDTHS, BOTH_SIGNS, .model = drum_model, .many = drum_many,
        .param = {
            { .key = "k", .lo = { .plus = 2 }, .hi = { .per_max = 1 }, .help = "bits kept of each operand" },
            { .key = "oc", .hi = { .plus = 1 }, .has_default = true, .signed_only = true,
              .help = "1: one's complement for both negations, as the authors' Verilog" },
        },
    }, {
        .name = "mitchell",
        .brief = "logarithmic, fractions truncated to t bits",
        .paper = "Mitchell 1962, doi:10.1109/TEC.1962.5219391; Kim et al. 2019, doi:10.1109/TC.2018.2880742",
        ALL_WIDTHS, BOTH_SIGNS, .model = mitchell_model, .many = mitchell_many,
        .param = {
            { .key = "t", .hi = { .plus = -1, .per_max = 1 },
              .has_default = true, .otherwise = { .plus = -1, .per_max = 1 }, .shown = true,
              .help = "bits kept of each fraction" },
        },
    }, {
        .name = "bam",
        .brief = "broken array: rows below h and columns below v left out",
        .paper = "Mahdiani et al. 2010, doi:10.1109/TCSI.2009.2027626",
        ALL_WIDTHS, BOTH_SIGNS, .model = bam_model, .many = bam_many,
        .param = {
            { .key = "h", .hi = { .plus = -1, .per_b = 1 }, .help = "low rows (bits of b) left out" },
            { .key = "v", .hi = { .plus = -1, .per_a = 1, .per_b = 1 }, .help = "low columns left out" },
        },
    }, {
        .name = "tosam",
        .brief = "truncation- and rounding-based: t-bit sum, h+1-bit product of the fractions",
        .paper = "Vahdat et al. 2019, doi:10.1109/TVLSI.2018.2890712",
        ALL_WIDTHS, BOTH_SIGNS, .model = tosam_model, .many = tosam_many,
        .param = {
            { .key = "h", .hi = { .plus = -1, .per_max = 1 },
              .help = "bits of each fraction that are multiplied, a 1 appended" },
            { .key = "t", .hi = { .plus = -1, .per_max = 1 },
              .help = "bits of each fraction that are added" },
        },
    },
    { .name = NULL },
};
