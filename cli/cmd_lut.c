#include <string.h>

#include "cli/common.h"
#include "cmodel/lut.h"

static const struct cli_option options[] = {
    { "output", 'o', "FILE|DIR", "where the table goes; its ending says the format; - is standard output" },
    { "as", 0, "FORMAT", "npy, bin or h: the format in a directory or on standard output (default npy)" },
    { "index", 0, "ORDER", "values: by ascending operand value (default); bits: by bit pattern" },
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

static const char *const formats[] = { [AXM_LUT_NPY] = "npy", [AXM_LUT_BIN] = "bin", [AXM_LUT_HEADER] = "h" };

struct job {
    const struct cli_args *args;
    const char *output;
    const char *as;              /* NULL: by the ending */
    enum axm_lut_index index;
};

static enum axm_status format_of(const char *name, enum axm_lut_format *out)
{
    for (int f = 0; f < 3; f++)
        if (!strcmp(name, formats[f])) {
            *out = (enum axm_lut_format)f;
            return AXM_OK;
        }
    return fail(AXM_USAGE, "lut: formats are npy, bin and h, got \"%s\"", name);
}

static enum axm_status write_one(void *ctx, const struct axm_mul *m)
{
    struct job *j = ctx;
    char path[4096];
    struct axm_lut l;
    enum axm_lut_format format = AXM_LUT_NPY;
    enum axm_status st = cli_output_path(j->output, axm_mul_name(m), j->as ? j->as : "npy", j->args->n_operands, path,
                                         sizeof path);
    if (st == AXM_OK)
        st = format_of(j->as ? j->as : strcmp(path, "-") ? cli_ending(path) : "npy", &format);
    if (st == AXM_OK)
        st = axm_lut_build(m, &l);
    if (st != AXM_OK)
        return st;
    st = axm_lut_write(&l, axm_mul_name(m), path, format, j->index);
    axm_lut_release(&l);
    return st;
}

static enum axm_status run(const struct cli_args *args)
{
    const char *index = cli_get(args, "index");
    struct job j = { .args = args, .output = cli_get(args, "output"), .as = cli_get(args, "as") };
    if (!j.output)
        return fail(AXM_USAGE, "lut: say where the table goes: -o FILE.npy|FILE.bin|FILE.h|DIR");
    if (index && strcmp(index, "values") && strcmp(index, "bits"))
        return fail(AXM_USAGE, "--index must be values or bits, got \"%s\"", index);
    j.index = index && !strcmp(index, "bits") ? AXM_INDEX_BITS : AXM_INDEX_VALUES;
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
