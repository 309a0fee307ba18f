#include "tests/harness.h"

#include "base/file.h"
#include "cli/cli.h"
#include "gen/circuit.h"
#include "tests/capture.h"

static struct axm_spec spec(const char *text)
{
    struct axm_spec s;
    assert_int_equal(axm_spec_parse(text, &s), AXM_OK);
    return s;
}

/* Every combination of options that format f can write. */
static bool next_opts(struct axm_circuit_opts *o, int *i, enum axm_circuit_format f)
{
    int n = (*i)++;
    *o = (struct axm_circuit_opts){ .flat = n & 1, .register_inputs = n & 2, .register_outputs = n & 4,
                                    .pipeline_stages = n / 8 * 2 };
    return n < (f == AXM_CIRCUIT_AIGER ? 2 : 16);
}

TEST(test_circuit__endings_and_formats_are_the_same_list)
{
    for (int f = 0; f < AXM_CIRCUIT_FORMATS; f++)
        assert_int_equal(axm_circuit_format_of(axm_circuit_ending((enum axm_circuit_format)f)), f);
    assert_int_equal(axm_circuit_format_of("v"), AXM_CIRCUIT_VERILOG);
    assert_int_equal(axm_circuit_format_of("vhdl"), -1);
    assert_int_equal(axm_circuit_format_of(""), -1);
}

TEST(test_circuit__each_format_is_what_it_says)
{
    static const char *const mark[AXM_CIRCUIT_FORMATS] = { "\nmodule exact4u", "\n.model exact4u\n", "aig ",
                                                           "\ndigraph", "\nvoid exact4u(" };
    struct axm_spec s = spec("exact4u");
    for (int f = 0; f < AXM_CIRCUIT_FORMATS; f++) {
        char *text;
        size_t len;
        assert_int_equal(axm_circuit_print(&s, (enum axm_circuit_format)f, NULL, &text, &len), AXM_OK);
        CHECK(strstr(text, mark[f]), "format %d: %.300s", f, text);
        axm_circuit_free(text);
    }
}

/* The words of  made by "axmul gen ..."  as argv; its count, 0 if there is none. */
static int origin(const char *text, char *line, size_t size, char **argv)
{
    int n = 0;
    const char *from = strstr(text, "made by \"");
    if (!from)
        return 0;
    snprintf(line, size, "%s", from + strlen("made by \""));
    *strchr(line, '"') = '\0';
    for (char *w = strtok(line, " "); w; w = strtok(NULL, " "))
        argv[n++] = w;
    return n;
}

/* Each file, made again by the command that it names, is the same file. */
TEST(test_circuit__the_first_line_makes_it_again)
{
    struct axm_spec s = spec("scdm8x4s_x5");
    struct strbuf dir = { 0 };
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    for (int f = 0; f < AXM_CIRCUIT_FORMATS; f++) {
        struct axm_circuit_opts o;
        for (int i = 0; next_opts(&o, &i, (enum axm_circuit_format)f);) {
            char *text, line[256], again[512], *argv[16];
            size_t len;
            struct strbuf made = { 0 };
            assert_int_equal(axm_circuit_print(&s, (enum axm_circuit_format)f, &o, &text, &len), AXM_OK);
            assert_int_equal(text[len], '\0');
            /* Binary AIGER has the line at its end, as a comment. */
            const char *comment = f == AXM_CIRCUIT_AIGER ? text + len - 200 : text;
            int argc = origin(comment, line, sizeof line, argv);
            assert_true(argc >= 3);
            snprintf(again, sizeof again, "%s/again.%s", dir.s,
                     axm_circuit_ending((enum axm_circuit_format)f));
            argv[argc++] = "-o";
            argv[argc++] = again;
            argv[argc] = NULL;
            assert_int_equal(cli_main(argc, argv), AXM_OK);
            assert_int_equal(file_read(again, 1 << 20, &made), AXM_OK);
            assert_int_equal(made.len, len);
            assert_memory_equal(made.s, text, len);
            strbuf_release(&made);
            axm_circuit_free(text);
        }
    }
    file_remove_tree(dir.s);
    strbuf_release(&dir);
}

TEST(test_circuit__options_change_what_they_say)
{
    struct axm_spec s = spec("exact4u");
    struct axm_circuit_opts is_flat = { .flat = true }, has_registers = { .register_outputs = true };
    char *plain, *flat, *registered;
    size_t len;
    assert_int_equal(axm_circuit_print(&s, AXM_CIRCUIT_VERILOG, NULL, &plain, &len), AXM_OK);
    assert_int_equal(axm_circuit_print(&s, AXM_CIRCUIT_VERILOG, &is_flat, &flat, &len), AXM_OK);
    assert_int_equal(axm_circuit_print(&s, AXM_CIRCUIT_VERILOG, &has_registers, &registered, &len), AXM_OK);
    assert_non_null(strstr(plain, "module axm_fa"));
    assert_null(strstr(plain, "clk_i"));
    assert_null(strstr(flat, "axm_fa"));
    assert_ptr_equal(strstr(strstr(flat, "endmodule") + 1, "endmodule"), NULL);
    assert_non_null(strstr(registered, "posedge clk_i"));
    axm_circuit_free(plain);
    axm_circuit_free(flat);
    axm_circuit_free(registered);
}

TEST(test_circuit__what_cannot_be_written_leaves_nothing_bad)
{
    struct axm_spec s = spec("exact8u");
    struct strbuf dir = { 0 };
    struct capture c;
    char path[512];
    assert_int_equal(file_scratch_dir(&dir), AXM_OK);
    snprintf(path, sizeof path, "%s/out", dir.s);
    capture_begin(&c);
    for (int stages = -1; stages <= 65; stages += 66) {
        struct axm_circuit_opts o = { .pipeline_stages = stages };
        assert_int_equal(axm_circuit_write(&s, AXM_CIRCUIT_VERILOG, &o, path), AXM_USAGE);
        CHECK(strstr(c.line, stages < 0 ? "must be 0..64, got -1" : "must be 0..64, got 65"), "%s", c.line);
    }
    struct axm_circuit_opts one = { .pipeline_stages = 1 };
    assert_int_equal(axm_circuit_write(&s, AXM_CIRCUIT_AIGER, &one, path), AXM_USAGE);
    assert_int_equal(c.messages, 3);
    assert_false(file_exists(path));
    assert_int_equal(axm_circuit_write(&s, AXM_CIRCUIT_BLIF, NULL, "/nonexistent/out.blif"), AXM_ENV);
    assert_string_equal(c.line, "/nonexistent/out.blif: No such file or directory");
    capture_end(&c);
    assert_int_equal(rmdir(dir.s), 0);   /* empty */
    strbuf_release(&dir);
}
