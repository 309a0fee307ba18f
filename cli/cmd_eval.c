#include <string.h>

#include "cli/common.h"

static const char help[] =
    "Prints the product of A and B. Operands are decimal, negative where the\n"
    "multiplier is signed, or 0x and hexadecimal: the bits (0xf9 is -7 in 8 bits).\n"
    "--verbose adds the exact product and the error.\n"
    "\n"
    "  axmul eval scdm8s_x5_y2 -7 100\n"
    "  axmul eval drum16u_k6 0xffff 3 --verbose\n"
    "  axmul eval lut:mine.npy:s:ab:values -1 5\n";

static enum axm_status run(const struct cli_args *args)
{
    struct axm_mul *m;
    uint64_t a, b;
    char text[3][24];
    enum axm_status st = axm_mul_open(args->operand[0], &m);
    if (st != AXM_OK)
        return st;
    bool s = axm_mul_signed(m);
    int width = axm_mul_width_product(m);
    st = cli_parse_operand(args->operand[1], "A", axm_mul_width_a(m), s, &a);
    if (st == AXM_OK)
        st = cli_parse_operand(args->operand[2], "B", axm_mul_width_b(m), s, &b);
    if (st == AXM_OK) {
        uint64_t p = axm_eval(m, a, b), exact = axm_eval_exact(m, a, b);
        printf("%s\n", cli_value_text(p, width, s, text[0]));
        if (args->verbosity > 0) {
            /* The difference of two products of 64 bits needs one bit more: print its sign apart. */
            bool less = s ? axm_sign_extend(p, width) < axm_sign_extend(exact, width) : p < exact;
            printf("exact %s, error %s%s\n", cli_value_text(exact, width, s, text[1]), less ? "-" : "",
                   cli_value_text(less ? exact - p : p - exact, 64, false, text[2]));
        }
    }
    axm_mul_close(m);
    return st;
}

const struct cli_command cmd_eval = {
    .name = "eval",
    .synopsis = "SPEC A B",
    .brief = "one product",
    .help = help,
    .operands_min = 3,
    .operands_max = 3,
    .run = run,
};
