/* Help, man page and completion, all made from the command tables. */
#include <ctype.h>
#include <string.h>

#include "cli/common.h"

static const struct cli_option options[] = {
    { "man", 0, NULL, "the manual page (roff)" },
    { "completion", 0, NULL, "the completion script for bash" },
    { "markdown", 0, NULL, "all help texts as Markdown" },
    { 0 },
};

static const char help[] =
    "Without COMMAND: what commands there are.\n"
    "\n"
    "  axmul help metrics\n"
    "  axmul help --man > axmul.1\n";

static const char about[] =
    "axmul takes one approximate multiplier from gates to network accuracy. Everything\n"
    "names a multiplier by its spec: family, width, s or u, parameters (scdm8s_x5_y2,\n"
    "drum16u_k6, trunc8x4u_l2_m0), a published name (SCDM8_52), somebody else's table\n"
    "(lut:FILE.npy:s:ab:values) or circuit (verilog:FILE.v:s).\n";

static const char exit_codes[] =
    "Exit status: 0 success, 1 a mismatch was found, 2 usage, 3 environment (a file, a tool, memory),\n"
    "130 interrupted.\n";

/* Flushed here, so that a full disk is seen by whoever asked. */
static enum axm_status printed(FILE *f)
{
    return fflush(f) || ferror(f) ? fail(AXM_ENV, "help: cannot write") : AXM_OK;
}

enum axm_status cli_print_overview(FILE *f)
{
    fprintf(f, "usage: axmul COMMAND [OPTION]... [OPERAND]...\n\n%s\nCommands:\n", about);
    for (int i = 0; cli_commands[i]; i++)
        fprintf(f, "  %-10s %s\n", cli_commands[i]->name, cli_commands[i]->brief);
    fprintf(f, "\naxmul help COMMAND says more; axmul --version.\n%s", exit_codes);
    return printed(f);
}

static void print_options(const struct cli_option *o, bool with_format, FILE *f)
{
    for (; o && o->name; o++) {
        char left[64];
        if (!with_format && !strcmp(o->name, "format"))
            continue;
        snprintf(left, sizeof left, "%s%c%s--%s%s%s", o->letter ? "-" : "", o->letter ? o->letter : ' ',
                 o->letter ? ", " : "   ", o->name, o->arg ? " " : "", o->arg ? o->arg : "");
        fprintf(f, "  %-28s %s\n", left, o->help);
    }
}

enum axm_status cli_print_help(const struct cli_command *c, FILE *f)
{
    fprintf(f, "usage: axmul %s %s\n\n%s\n", c->name, c->synopsis, c->help);
    fputs("Options:\n", f);
    print_options(c->options, true, f);
    print_options(cli_common_options, c->prints_table, f);
    return printed(f);
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
        if (!with_format && !strcmp(o->name, "format"))
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
    fputs(".SH \"EXIT STATUS\"\n0 success; 1 a mismatch was found; 2 usage; 3 environment (a file, a tool, memory);\n"
          "130 interrupted.\n", f);
    fputs(".SH ENVIRONMENT\n.TP\n.B AXMUL_CACHE\nDirectory of compiled simulators, data sets and results; by default\n"
          "axmul below the XDG cache directory.\n", f);
}

/* --- completion ----------------------------------------------------------------- */

static void print_completion(FILE *f)
{
    fputs("# bash completion of axmul: made by \"axmul help --completion\"\n_axmul()\n{\n"
          "    local word=${COMP_WORDS[COMP_CWORD]} command=${COMP_WORDS[1]} options words\n"
          "    if [ \"$COMP_CWORD\" -eq 1 ]; then\n        words='", f);
    for (int i = 0; cli_commands[i]; i++)
        fprintf(f, "%s%s", i ? " " : "", cli_commands[i]->name);
    fputs(" --help --version'\n        COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n        return\n    fi\n"
          "    case $command in\n", f);
    for (int i = 0; cli_commands[i]; i++) {
        fprintf(f, "    %s) options='", cli_commands[i]->name);
        for (const struct cli_option *o = cli_commands[i]->options; o && o->name; o++)
            fprintf(f, "--%s ", o->name);
        for (const struct cli_option *o = cli_common_options; o->name; o++)
            fprintf(f, "--%s%s", o->name, o[1].name ? " " : "");
        fputs("' ;;\n", f);
    }
    fputs("    esac\n    case $word in\n    -*) COMPREPLY=($(compgen -W \"$options\" -- \"$word\")) ;;\n"
          "    lut:*|verilog:*) COMPREPLY=($(compgen -f -P \"${word%%:*}:\" -- \"${word#*:}\")) ;;\n"
          "    *) COMPREPLY=($(compgen -W '", f);
    for (const struct axm_family *m = axm_families; m->name; m++)
        fprintf(f, "%s ", m->name);
    fputs("lut: verilog:' -- \"$word\") $(compgen -f -- \"$word\")) ;;\n    esac\n}\n"
          "complete -o nospace -F _axmul axmul\n", f);
}

static void print_markdown(FILE *f)
{
    fprintf(f, "# The axmul command\n\nMade by `axmul help --markdown`.\n\n%s\n%s", about, exit_codes);
    for (int i = 0; cli_commands[i]; i++) {
        const struct cli_command *c = cli_commands[i];
        fprintf(f, "\n## axmul %s\n\n    axmul %s %s\n\n```text\n%s```\n\n", c->name, c->name, c->synopsis, c->help);
        for (const struct cli_option *o = c->options; o && o->name; o++)
            fprintf(f, "- `--%s%s%s` %s\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "", o->help);
    }
    fputs("\n## Options of every command\n\n", f);
    for (const struct cli_option *o = cli_common_options; o->name; o++)
        fprintf(f, "- `--%s%s%s` %s\n", o->name, o->arg ? " " : "", o->arg ? o->arg : "", o->help);
}

static enum axm_status run(const struct cli_args *args)
{
    if (cli_flag(args, "man"))
        print_man(stdout);
    else if (cli_flag(args, "completion"))
        print_completion(stdout);
    else if (cli_flag(args, "markdown"))
        print_markdown(stdout);
    else if (!args->n_operands)
        return cli_print_overview(stdout);
    else if (!cli_find(args->operand[0]))
        return fail(AXM_USAGE, "no command \"%s\"; see axmul help", args->operand[0]);
    else
        return cli_print_help(cli_find(args->operand[0]), stdout);
    return printed(stdout);
}

const struct cli_command cmd_help = {
    .name = "help",
    .synopsis = "[COMMAND]",
    .brief = "what a command does and its options",
    .help = help,
    .options = options,
    .operands_max = 1,
    .run = run,
};
