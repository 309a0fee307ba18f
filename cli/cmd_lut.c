#include <string.h>

#include "cli/common.h"
#include "cmodel/lut.h"

#define FORMATS "npy|bin|h"   /* in the order of enum axm_lut_format */

static const struct cli_option options[] = {
    { "output", 'o', "FILE|DIR", "where the table goes; its ending says the format; - is standard output" },
    { "as", 0, FORMATS, "the format, where no file name ending says it (default npy)" },
    { "index", 0, "values|bits", "rows and columns by ascending operand value (default) or by bit pattern" },
    { 0 },
};

static const char help[] =
    "Writes the whole multiplication table, rows a, columns b: .npy, raw\n"
    "little-endian .bin, or a C header .h. Elements are int16 (uint16 if unsigned),\n"
    "32 bits wide if the product has more than 16. Multipliers of up to 24\n"
    "address bits.\n"
    "\n"
    "  axmul lut scdm8s_x5_y2 -o table.npy\n"
    "  axmul lut SCDM8_41 SCDM8_42 -o tables/ --as bin\n";

struct job {
    struct cli_output output;
    enum axm_lut_index index;
};

static enum axm_status write_one(void *ctx, const struct axm_mul *m)
{
    struct job *j = ctx;
    char path[CLI_PATH_MAX];
    struct axm_lut l;
    int format;
    enum axm_status st = cli_output_path(&j->output, axm_mul_name(m), path, &format);
    if (st == AXM_OK)
        st = axm_lut_build(m, &l);
    if (st != AXM_OK)
        return st;
    st = axm_lut_write(&l, axm_mul_name(m), path, (enum axm_lut_format)format, j->index);
    axm_lut_release(&l);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    const char *index = cli_get(args, "index");
    struct job j = {
        .output = { .o = cli_get(args, "output"), .as = cli_get(args, "as"), .formats = FORMATS,
                    .results = args->n_operands },
        .index = index && !strcmp(index, "bits") ? AXM_INDEX_BITS : AXM_INDEX_VALUES,
    };
    if (!j.output.o)
        return fail(AXM_USAGE, "lut: say where the table goes: -o FILE.npy, FILE.bin, FILE.h or DIR");
    return cli_each_mul(args, write_one, &j);
}

const struct cli_command cmd_lut = {
    .name = "lut",
    .synopsis = "SPEC... -o FILE|DIR",
    .brief = "the multiplication table as .npy, raw or C header",
    .help = help,
    .options = options,
    .operands_min = 1,
    .operands_max = -1,
    .run = run,
};
