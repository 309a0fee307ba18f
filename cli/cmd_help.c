/* Help, man page and completion, all made from the command tables. */
#include <string.h>

#include "cli/common.h"

static const struct cli_option options[] = {
    { "man", 0, NULL, "the manual page (roff)" },
    { "completion", 0, NULL, "the completion script for bash" },
    { "markdown", 0, NULL, "all help texts as Markdown" },
    { 0 },
};

static const char help[] =
    "Without COMMAND: what commands there are. axmul help specs says how a multiplier\n"
    "is named.\n"
    "\n"
    "  axmul help metrics\n"
    "  axmul help specs\n"
    "  axmul help --man > axmul.1\n";

static const char about[] =
    "axmul takes one approximate multiplier from gates to network accuracy. Everything\n"
    "names a multiplier by its spec: family, width, s or u, parameters (scdm8s_x5_y2,\n"
    "drum16u_k6, trunc8x4u_l2_m0), a published name (SCDM8_52), somebody else's table\n"
    "(lut:FILE.npy:s:ab:values) or circuit (verilog:FILE.v:s).\n";

static const char specs[] =
    "A spec is the one name of a multiplier: on the command line, as Verilog module\n"
    "and as file name.\n"
    "\n"
    "  family width [x width] s|u { _ key value | _ word }\n"
    "\n"
    "  scdm8s_x5_y2      signed 8 x 8 bits, carry disregard with x = 5, y = 2\n"
    "  trunc8x4u_l2_m0   unsigned, a of 8 bits, b of 4 bits\n"
    "  dadda16s_ks       a Dadda tree with a Kogge-Stone adder\n"
    "\n"
    "Parameters may stand in any order, each once; one that has a default may be left\n"
    "out. \"axmul list\" shows the families, \"axmul list FAMILY\" the parameters of one\n"
    "and its published name (SCDM8_52, DRUM6_16_u), which is a spec, too.\n"
    "\n"
    "Somebody else's table is a spec for every command that needs no netlist of ours.\n"
    "Nothing about a file is guessed; what it is is said in options, in any order:\n"
    "\n"
    "  lut:FILE[:OPTION]...\n"
    "    s u             the operands are signed, unsigned\n"
    "    ab ba           the first index is a, is b\n"
    "    values bits     signed only: index 0 is the lowest value, is the bit pattern 0\n"
    "    i16 u16 i32     raw only: little-endian elements of this type\n"
    "    NxM             raw only: the widths of a and b in bits (8x8)\n"
    "\n"
    "FILE is a two-dimensional .npy of integers, 2^n x 2^m; any other ending is raw.\n"
    "\n"
    "Somebody else's circuit is combinational Verilog, read by Yosys and tabulated\n"
    "by Verilator (at most 24 address bits):\n"
    "\n"
    "  verilog:FILE[:TOP][:OPTION]...\n"
    "    s u                  the operands are signed, unsigned\n"
    "    a=NAME b=NAME o=NAME the ports, if not A,B,O or a,b,y or a_i,b_i,p_o\n"
    "\n"
    "  axmul metrics lut:table.npy:s:ab:values\n"
    "  axmul metrics lut:table.bin:u:ab:i16:8x8\n"
    "  axmul entropy verilog:mul.v:u:a=x:b=y:o=z\n";

static const char exit_codes[] =
    "0 success; 1 a mismatch was found; 2 usage: a command line, spec or input that is\n"
    "not legal; 3 environment: a file, a tool, memory; 130 interrupted.\n";

enum { LINE = 79, INDENT = 30 };

enum axm_status cli_print_overview(FILE *f)
{
    fprintf(f, "usage: axmul COMMAND [OPTION]... [OPERAND]...\n\n%s\nCommands:\n", about);
    for (int i = 0; cli_commands[i]; i++)
        fprintf(f, "  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->brief);
    fputs("\naxmul help COMMAND and axmul help specs say more; axmul --version.\n\n", f);
    fprintf(f, "Exit status:\n%s", exit_codes);
    return cli_flush(f);
}

/* Text broken between words; at column INDENT already. */
static void print_wrapped(const char *text, FILE *f)
{
    int column = INDENT;
    while (*text) {
        int n = (int)strcspn(text, " ");
        if (column > INDENT && column + 1 + n > LINE) {
            fprintf(f, "\n%*s", INDENT, "");
            column = INDENT;
        }
        column += fprintf(f, "%s%.*s", column > INDENT ? " " : "", n, text);
        text += n + strspn(text + n, " ");
    }
    putc('\n', f);
}

static bool is_shown(const struct cli_option *o, bool with_format)
{
    return with_format || strcmp(o->name, "format");
}

static void print_options(const struct cli_option *o, bool with_format, FILE *f)
{
    for (; o && o->name; o++) {
        char left[80];
        if (!is_shown(o, with_format))
            continue;
        snprintf(left, sizeof left, "  %s%c%s--%s%s%s", o->letter ? "-" : "", o->letter ? o->letter : ' ',
                 o->letter ? ", " : "   ", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        if (strlen(left) < INDENT)
            fprintf(f, "%-*s", INDENT, left);
        else
            fprintf(f, "%s\n%*s", left, INDENT, "");
        print_wrapped(o->help, f);
    }
}

enum axm_status cli_print_help(const struct cli_command *c, FILE *f)
{
    fprintf(f, "usage: axmul %s %s\n\n%s\n", c->name, c->synopsis, c->help);
    fputs("Options:\n", f);
    print_options(c->options, true, f);
    print_options(cli_common_options, c->prints_table, f);
    return cli_flush(f);
}

/* --- man page ----------------------------------------------------------------- */

/* Text without macros or escapes of its own. */
static void roff_text(const char *s, FILE *f)
{
    bool line_start = true;
    for (; *s; s++) {
        if (line_start && (*s == '.' || *s == '\''))
            fputs("\\&", f);
        if (*s == '\\')
            fputs("\\e", f);
        else if (*s == '-')
            fputs("\\-", f);
        else
            putc(*s, f);
        line_start = *s == '\n';
    }
}

static void roff_options(const struct cli_option *o, bool with_format, FILE *f)
{
    for (; o && o->name; o++) {
        if (!is_shown(o, with_format))
            continue;
        fputs(".TP\n.B ", f);
        if (o->letter)
            fprintf(f, "\\-%c, ", o->letter);
        fputs("\\-\\-", f);
        roff_text(o->name, f);
        if (o->arg)
            fprintf(f, " %s", o->arg);
        putc('\n', f);
        roff_text(o->help, f);
        putc('\n', f);
    }
}

static void print_man(FILE *f)
{
    fputs(".TH AXMUL 1 \"\" \"axmul " AXM_VERSION "\" \"User Commands\"\n", f);
    fputs(".SH NAME\naxmul \\- approximate multipliers from gates to network accuracy\n", f);
    fputs(".SH SYNOPSIS\n.B axmul\nCOMMAND [OPTION]... [OPERAND]...\n.SH DESCRIPTION\n", f);
    roff_text(about, f);
    fputs(".SH COMMANDS\n", f);
    for (int i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];
        fprintf(f, ".SS axmul %s ", c->name);
        roff_text(c->synopsis, f);
        fputs("\n.nf\n", f);
        roff_text(c->help, f);
        fputs(".fi\n", f);
        roff_options(c->options, true, f);
    }
    fputs(".SH \"OPTIONS OF EVERY COMMAND\"\n", f);
    roff_options(cli_common_options, true, f);
    fputs(".SH FAMILIES\n", f);
    for (const struct axm_family *m = axm_families; m->name; m++) {
        fprintf(f, ".TP\n.B %s\n", m->name);
        roff_text(m->brief, f);
        if (m->paper) {
            fputs(". ", f);
            roff_text(m->paper, f);
        }
        putc('\n', f);
    }
    fprintf(f, ".SH SPECS\n.nf\n");
    roff_text(specs, f);
    fprintf(f, ".fi\n.SH \"EXIT STATUS\"\n%s", exit_codes);
    fputs(".SH ENVIRONMENT\n.TP\n.B AXMUL_CACHE\n"
          "Directory of compiled simulators, data sets and results; by default\n"
          "axmul below the XDG cache directory.\n", f);
}

static enum axm_status run(const struct cli_args *args);

/* --- completion ----------------------------------------------------------------- */

static void print_words(const char *words, FILE *f)
{
    for (; *words; words++)
        putc(*words == '|' ? ' ' : *words, f);
}

static void print_command_names(FILE *f)
{
    for (int i = 0; cli_commands[i]; i++)
        fprintf(f, "%s ", cli_commands[i]->name);
}

/* "lut:--as" and what may follow it: words, files, or nothing that can be known. */
static void complete_arguments(const char *command, const struct cli_option *o, FILE *f)
{
    for (; o && o->name; o++) {
        if (!o->arg)
            continue;
        fprintf(f, "    %s:--%s", command, o->name);
        if (o->letter)
            fprintf(f, "|%s:-%c", command, o->letter);
        fputs(") ", f);
        if (cli_is_words(o->arg)) {
            fputs("words='", f);
            print_words(o->arg, f);
            fputs("' ;;\n", f);
        } else {
            fprintf(f, "kind='%s' ;;\n", strstr(o->arg, "FILE") || strstr(o->arg, "DIR") ? "file" : "none");
        }
    }
}

/* The words that a command begins with: those of the synopsis; other commands; or specs. */
static void complete_operand(const struct cli_command *c, FILE *f)
{
    char first[80];
    snprintf(first, sizeof first, "%.*s", (int)strcspn(c->synopsis, " "), c->synopsis);
    if (c->run == run) {
        fputs("words='", f);
        print_command_names(f);
        fputs("specs' ", f);
    } else if (cli_is_words(first)) {
        fputs("[ \"$COMP_CWORD\" -eq 2 ] && words='", f);
        print_words(first, f);
        fputs("' ", f);
    }
}

static void print_completion(FILE *f)
{
    fputs("# bash completion of axmul: made by \"axmul help --completion\"\n_axmul()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}\n"
          "    local command=${COMP_WORDS[1]} options='' words='' kind='spec'\n"
          "    [ \"$word\" = '=' ] && word='' && previous='='\n"
          "    [ \"$previous\" = '=' ] && previous=${COMP_WORDS[COMP_CWORD-2]}\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        COMPREPLY=($(compgen -W '", f);
    print_command_names(f);
    fputs("--help --version' -- \"$word\"))\n        return\n    fi\n    case $command in\n", f);
    for (int i = 0; cli_commands[i]; i++) {
        fprintf(f, "    %s) options='", cli_commands[i]->name);
        for (const struct cli_option *o = cli_commands[i]->options; o && o->name; o++)
            fprintf(f, "--%s ", o->name);
        for (const struct cli_option *o = cli_common_options; o->name; o++)
            if (is_shown(o, cli_commands[i]->prints_table))
                fprintf(f, "--%s ", o->name);
        fputs("'; ", f);
        complete_operand(cli_commands[i], f);
        fputs(";;\n", f);
    }
    fputs("    esac\n    case $command:$previous in\n", f);
    for (int i = 0; cli_commands[i]; i++)
        complete_arguments(cli_commands[i]->name, cli_commands[i]->options, f);
    complete_arguments("*", cli_common_options, f);
    fputs("    *) case $word in -*) words=$options ;; esac ;;\n    esac\n"
          "    if [ -n \"$words\" ]; then\n        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
          "    elif [ $kind = file ]; then\n        compopt -o filenames\n"
          "        COMPREPLY=($(compgen -f -- \"$word\"))\n"
          "    elif [ $kind = spec ]; then\n        compopt -o nospace\n"
          "        COMPREPLY=($(compgen -W '", f);
    for (const struct axm_family *m = axm_families; m->name; m++)
        fprintf(f, "%s ", m->name);
    fputs("lut: verilog:' -- \"$word\") $(compgen -f -- \"$word\"))\n    fi\n}\n"
          "complete -F _axmul axmul\n", f);
}

static void markdown_options(const struct cli_option *o, FILE *f)
{
    for (; o && o->name; o++)
        fprintf(f, "- `--%s%s%s` %s\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "", o->help);
}

static void print_markdown(FILE *f)
{
    fprintf(f, "# The axmul command\n\nMade by `axmul help --markdown`.\n\n%s\nExit status: %s", about,
            exit_codes);
    for (int i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];
        fprintf(f, "\n## axmul %s\n\n    axmul %s %s\n\n```text\n%s```\n", c->name, c->name, c->synopsis,
                c->help);
        fputs(c->options ? "\n" : "", f);
        markdown_options(c->options, f);
    }
    fputs("\n## Options of every command\n\n", f);
    markdown_options(cli_common_options, f);
    fprintf(f, "\n## Specs\n\n```text\n%s```\n", specs);
}

static enum axm_status run(const struct cli_args *args)
{
    const char *topic = args->n_operands ? args->operand[0] : NULL;
    if (cli_flag(args, "man"))
        print_man(stdout);
    else if (cli_flag(args, "completion"))
        print_completion(stdout);
    else if (cli_flag(args, "markdown"))
        print_markdown(stdout);
    else if (!topic)
        return cli_print_overview(stdout);
    else if (!strcmp(topic, "specs"))
        fputs(specs, stdout);
    else if (cli_find(topic))
        return cli_print_help(cli_find(topic), stdout);
    else
        return cli_unknown_command(topic);
    return cli_flush(stdout);
}

const struct cli_command cmd_help = {
    .name = "help",
    .synopsis = "[COMMAND|specs]",
    .brief = "what a command does and its options; how multipliers are named",
    .help = help,
    .options = options,
    .operands_max = 1,
    .run = run,
};
