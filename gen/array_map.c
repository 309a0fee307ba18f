/* The register map of rtl/axil_regs.v, once; documents and headers are made from it. */
#include "gen/array.h"

#include <stdio.h>
#include <string.h>

enum { FIELDS_MAX = sizeof ((struct array_register *)0)->field / sizeof (struct array_field) - 1 };

const struct array_register array_registers[] = {
    { "ID", 0x00, "ro", "\"AXM1\", 0x41584d31", { { 0 } } },
    { "VERSION", 0x04, "ro", "version of this map", {
        { "MINOR", 0, 16, "what was added since" },
        { "MAJOR", 16, 16, "changes when old software would go wrong" } } },
    { "DIMS", 0x08, "ro", "size of the array", {
        { "ROWS", 0, 16, "rows of cells" },
        { "COLS", 16, 16, "columns of cells" } } },
    { "CONFIG", 0x0c, "ro", "what the array was made as", {
        { "OUTPUT_STATIONARY", 0, 1, "0: weight-stationary" },
        { "SIGNED", 1, 1, "operands are two's complement" },
        { "ROW_SUM", 2, 1, "there is a column of row sums, so ZERO_POINT of the columns counts" },
        { "RUN_TIME_MODE", 3, 1, "the multiplier obeys MODE.MULT" },
        { "ORDER", 4, 2, "the weight is operand 0: b, 1: a, 2: as MODE.ORDER says" },
        { "POOL", 6, 1, "there is a pooling unit, and its registers" },
        { "LANES", 8, 8, "words of a result beat" } } },
    { "DEPTH", 0x10, "ro", "weight-stationary: the largest DIM_A; output-stationary: 0", { { 0 } } },
    { "WIDTHS", 0x14, "ro", "bits", {
        { "X", 0, 8, "of an activation" },
        { "W", 8, 8, "of a weight" },
        { "ACC", 16, 8, "of an accumulator" } } },
    { "CTRL", 0x20, "wo", "commands; reads 0", {
        { "START", 0, 1, "the job as set up waits, and starts once the one before has left" },
        { "ABORT", 1, 1, "drops the job that runs, the one that waits and all results inside" },
        { "CLEAR", 2, 1, "counters to 0" } } },
    { "STATUS", 0x24, "ro", "what goes on", {
        { "BUSY", 0, 1, "a job runs, or results have not been taken" },
        { "WAITING", 1, 1, "a job waits; its set-up cannot be written" },
        { "JOBS", 16, 16, "jobs whose last result was taken, modulo 2^16" } } },
    { "ERROR", 0x28, "w1c", "flags that stay until 1 is written to them", {
        { "X_EARLY", 0, 1, "activations: tlast before a frame's end; the rest was taken as zeros" },
        { "X_LATE", 1, 1, "activations: no tlast at a frame's end; the next beat began a frame" },
        { "W_EARLY", 2, 1, "weights: as X_EARLY" },
        { "W_LATE", 3, 1, "weights: as X_LATE" },
        { "START", 4, 1, "START while a job waited, with a dimension of 0, DIM_A above DEPTH, or pooling "
          "that is not legal" },
        { "OVERFLOW", 5, 1,
          "weight-stationary: adding a pass left the accumulator's bits; sums are right modulo 2^ACC" },
        { "CELL_OVERFLOW", 6, 1, "a sum inside the cells left the accumulator's bits: within a pass of a "
          "weight-stationary array, anywhere in a tile of an output-stationary one" },
        { "BUS", 7, 1, "an access was answered with SLVERR" },
        { "TIMEOUT", 8, 1, "a stream was dry for TIMEOUT cycles; the job was aborted" },
        { "POOL", 9, 1, "pooling: a window without a position inside, or a cut one of an average with more "
          "positions than the table" } } },
    { "MODE", 0x2c, "rw", "of the next job", {
        { "MULT", 0, 8, "mode of a multiplier that is set at run time, first parameter lowest" },
        { "ORDER", 8, 1, "1: the weight is operand a, where CONFIG.ORDER is 2; else reads what it is" },
        { "RAW", 9, 1, "results are sums with bias and zero-point correction, not codes" } } },
    { "DIM_A", 0x30, "rw",
      "weight-stationary: activation rows, 1..DEPTH; output-stationary: tiles of ROWS x COLS outputs, 1..",
      { { 0 } } },
    { "DIM_B", 0x34, "rw", "weight-stationary: passes of ROWS each over K, 1..; output-stationary: K, 1..",
      { { 0 } } },
    { "ZERO", 0x38, "rw", "signed: zero point of the codes", { { 0 } } },
    { "LO", 0x3c, "rw", "signed: the lowest code", { { 0 } } },
    { "HI", 0x40, "rw", "signed: the highest code", { { 0 } } },
    { "TIMEOUT", 0x44, "rw", "abort after so many cycles in a row with a stream dry; 0: never", { { 0 } } },
    { "CYCLES_LO", 0x50, "ro", "cycles with STATUS.BUSY, low word", { { 0 } } },
    { "CYCLES_HI", 0x54, "ro", "high word; read it before and after the low one", { { 0 } } },
    { "STALL_X", 0x58, "ro", "busy cycles in which activations were missing", { { 0 } } },
    { "STALL_W", 0x5c, "ro", "busy cycles in which weights were missing", { { 0 } } },
    { "STALL_Y", 0x60, "ro", "busy cycles in which results waited to be taken and all else for them",
      { { 0 } } },
    { 0 },
};

const struct array_register array_column_registers[] = {
    { "BIAS", 0x0, "rw", "signed: added to the column's sums", { { 0 } } },
    { "MULT", 0x4, "rw", "factor of the requantization, 0..2^31-1", { { 0 } } },
    { "SHIFT", 0x8, "rw", "right shift after it, 1..62", { { "VALUE", 0, 6, "bits to shift by" } } },
    { "ZERO_POINT", 0xc, "rw", "zero point of the weights, where CONFIG.ROW_SUM is 1",
      { { "VALUE", 0, 9, "signed; reads sign-extended" } } },
    { 0 },
};

const struct array_register array_pool_registers[] = {
    { "POOL_WIDTH", 0x80, "ro", "most windows in a row, POOL_OUT.WIDTH", { { 0 } } },
    { "POOL", 0x84, "rw", "pooling of the next job's results", {
        { "KIND", 0, 2, "0: none, 1: maximum, 2: average" },
        { "RESTART", 8, 1, "the job begins an image; 0: it goes on where the pooled job before ended" } } },
    { "POOL_KERNEL", 0x88, "rw", "positions of a window, 1..63", {
        { "HEIGHT", 0, 6, "rows; at most four times POOL_STRIDE.HEIGHT" },
        { "WIDTH", 16, 6, "columns" } } },
    { "POOL_STRIDE", 0x8c, "rw", "from window to window, 1..63", {
        { "HEIGHT", 0, 6, "rows" },
        { "WIDTH", 16, 6, "columns" } } },
    { "POOL_PAD", 0x90, "rw", "padding, less than POOL_KERNEL; at the other ends POOL_OUT says it", {
        { "TOP", 0, 6, "rows" },
        { "LEFT", 16, 6, "columns" } } },
    { "POOL_IN", 0x94, "rw", "positions of an image, 1..", {
        { "HEIGHT", 0, 16, "rows" },
        { "WIDTH", 16, 16, "columns" } } },
    { "POOL_OUT", 0x98, "rw", "windows of an image, 1..; none may lie outside of it", {
        { "HEIGHT", 0, 16, "rows" },
        { "WIDTH", 16, 16, "columns" } } },
    { "POOL_COUNT", 0x9c, "rw", "result rows of the job that are positions, the others are dropped; 0: all",
      { { 0 } } },
    { "POOL_ZERO", 0xa0, "rw", "signed: zero point of averages; that of what comes in is ZERO", { { 0 } } },
    { "POOL_LO", 0xa4, "rw", "signed: the lowest average", { { 0 } } },
    { "POOL_HI", 0xa8, "rw", "signed: the highest average", { { 0 } } },
    { 0 },
};

const struct array_register array_pool_tap_registers[] = {
    { "MULT", 0x0, "rw", "factor of an average, 0..2^31-1", { { 0 } } },
    { "SHIFT", 0x4, "rw", "right shift after it, 1..62", { { "VALUE", 0, 6, "bits to shift by" } } },
    { 0 },
};

/* Registers that there are several times. */
static const struct repeated {
    const char *name;
    const struct array_register *registers;
    unsigned base, stride;
} columns = { "COLUMN", array_column_registers, ARRAY_COLUMN_BASE, ARRAY_COLUMN_STRIDE },
  taps = { "POOL_TAP", array_pool_tap_registers, ARRAY_POOL_TAP_BASE, ARRAY_POOL_TAP_STRIDE };

static int n_fields(const struct array_register *r)
{
    int n = 0;
    while (n < FIELDS_MAX && r->field[n].name)
        n++;
    return n;
}

static const char *access_text(const struct array_register *r)
{
    return !strcmp(r->access, "ro") ? "read-only" : !strcmp(r->access, "wo") ? "write-only" : "read-write";
}

/* --- Markdown ------------------------------------------------------------------------ */

static void markdown_head(struct strbuf *out)
{
    strbuf_adds(out, "| offset | register | bits | access | meaning |\n| --- | --- | --- | --- | --- |\n");
}

static void markdown_rows(const struct array_register *r, bool column, struct strbuf *out)
{
    for (; r->name; r++) {
        strbuf_addf(out, "| %s0x%0*x | %s | 31..0 | %s | %s |\n", column ? "+ " : "", column ? 1 : 3,
                    r->offset, r->name, r->access, r->text);
        for (int i = 0; i < n_fields(r); i++) {
            const struct array_field *f = &r->field[i];
            strbuf_addf(out, "| | %s.%s | ", r->name, f->name);
            if (f->width > 1)
                strbuf_addf(out, "%d..%d", f->bit + f->width - 1, f->bit);
            else
                strbuf_addf(out, "%d", f->bit);
            strbuf_addf(out, " | | %s |\n", f->text);
        }
    }
}

void array_write_map_markdown(const struct array_config *c, struct strbuf *out)
{
    strbuf_addf(out, "32-bit registers at byte offsets; ro: read-only, rw: read and write, wo: write-only,\n"
                     "w1c: a 1 clears. What is written to other bits is lost, and they read 0. An access\n"
                     "to any other address, one that is not aligned to 4 bytes, a write to a read-only\n"
                     "register, and a write to MODE, DIM_A to HI%s or a column while a job waits answer\n"
                     "SLVERR, set ERROR.BUS and change nothing. All rw registers are 0 after reset, but\n"
                     "the columns'%s, which are undefined until written.\n\n",
                c->pool_width ? ", the pooling unit's" : "", c->pool_width ? " and the taps'" : "");
    markdown_head(out);
    markdown_rows(array_registers, false, out);
    if (c->pool_width) {
        markdown_rows(array_pool_registers, false, out);
        strbuf_addf(out, "\nAverages over n positions, n = 1..%d, have theirs at 0x%x + %d (n - 1); the\n"
                         "last one also serves windows of more, if they are not cut by padding:\n\n",
                    ARRAY_POOL_TAPS, taps.base, taps.stride);
        markdown_head(out);
        markdown_rows(array_pool_tap_registers, true, out);
    }
    strbuf_addf(out, "\nColumn c has its registers from 0x%x + %d c on:\n\n", ARRAY_COLUMN_BASE,
                ARRAY_COLUMN_STRIDE);
    markdown_head(out);
    markdown_rows(array_column_registers, true, out);
}

/* --- C header ------------------------------------------------------------------------ */

#define PREFIX "AXM_MAC_"

static void header_fields(const struct array_register *r, const char *group, struct strbuf *out)
{
    for (int i = 0; i < n_fields(r); i++) {
        const struct array_field *f = &r->field[i];
        strbuf_addf(out, "#define " PREFIX "%s%s_%s_SHIFT %d\n", group, r->name, f->name, f->bit);
        strbuf_addf(out, "#define " PREFIX "%s%s_%s_MASK 0x%08xu   /* %s */\n", group, r->name, f->name,
                    ((1u << f->width) - 1) << f->bit, f->text);
    }
}

static void header_plain(const struct array_register *r, struct strbuf *out)
{
    for (; r->name; r++) {
        strbuf_addf(out, "\n/* %s: %s */\n#define " PREFIX "%s 0x%03x\n", access_text(r), r->text, r->name,
                    r->offset);
        header_fields(r, "", out);
    }
}

static void header_repeated(const struct repeated *p, const char *index, struct strbuf *out)
{
    char group[32];
    snprintf(group, sizeof group, "%s_", p->name);
    for (const struct array_register *r = p->registers; r->name; r++) {
        strbuf_addf(out, "\n/* %s: %s */\n#define " PREFIX "%s%s(%s) (0x%03x + %d * (%s))\n", access_text(r),
                    r->text, group, r->name, index, p->base + r->offset, p->stride, index);
        header_fields(r, group, out);
    }
}

void array_write_map_header(const struct array_config *c, struct strbuf *out)
{
    strbuf_adds(out, "#ifndef AXM_MAC_REGS_H\n#define AXM_MAC_REGS_H\n\n"
                     "/* Byte offsets; SHIFT and MASK of fields, in place. */\n");
    header_plain(array_registers, out);
    if (c->pool_width) {
        header_plain(array_pool_registers, out);
        strbuf_adds(out, "\n/* Of averages over i + 1 positions. */\n");
        header_repeated(&taps, "i", out);
    }
    strbuf_adds(out, "\n/* Of column c. */\n");
    header_repeated(&columns, "c", out);
    strbuf_adds(out, "\n#endif\n");
}

/* --- IP-XACT (IEEE 1685-2014) ---------------------------------------------------------- */

#define SCHEMA "http://www.accellera.org/XMLSchema/IPXACT/1685-2014"

static void xml_text(const char *tag, const char *text, int indent, struct strbuf *out)
{
    strbuf_addf(out, "%*s<ipxact:%s>", indent, "", tag);
    for (; *text; text++)
        if (*text == '<')
            strbuf_adds(out, "&lt;");
        else if (*text == '>')
            strbuf_adds(out, "&gt;");
        else if (*text == '&')
            strbuf_adds(out, "&amp;");
        else
            strbuf_add(out, text, 1);
    strbuf_addf(out, "</ipxact:%s>\n", tag);
}

static void xml_int(const char *tag, unsigned value, int indent, struct strbuf *out)
{
    strbuf_addf(out, "%*s<ipxact:%s>%u</ipxact:%s>\n", indent, "", tag, value, tag);
}

static void xml_field(const struct array_register *r, const struct array_field *f, int indent,
                      struct strbuf *out)
{
    strbuf_addf(out, "%*s<ipxact:field>\n", indent, "");
    xml_text("name", f->name, indent + 2, out);
    xml_text("description", f->text, indent + 2, out);
    xml_int("bitOffset", (unsigned)f->bit, indent + 2, out);
    xml_int("bitWidth", (unsigned)f->width, indent + 2, out);
    xml_text("access", access_text(r), indent + 2, out);
    if (!strcmp(r->access, "w1c"))
        xml_text("modifiedWriteValue", "oneToClear", indent + 2, out);
    strbuf_addf(out, "%*s</ipxact:field>\n", indent, "");
}

static void xml_registers(const struct array_register *r, int indent, struct strbuf *out)
{
    for (; r->name; r++) {
        const struct array_field whole = { "VALUE", 0, 32, r->text };
        strbuf_addf(out, "%*s<ipxact:register>\n", indent, "");
        xml_text("name", r->name, indent + 2, out);
        xml_text("description", r->text, indent + 2, out);
        strbuf_addf(out, "%*s<ipxact:addressOffset>'h%x</ipxact:addressOffset>\n", indent + 2, "", r->offset);
        xml_int("size", 32, indent + 2, out);
        if (!strcmp(r->access, "ro"))
            xml_text("volatile", "true", indent + 2, out);
        xml_text("access", access_text(r), indent + 2, out);
        for (int i = 0; i < n_fields(r); i++)
            xml_field(r, &r->field[i], indent + 2, out);
        if (!n_fields(r))
            xml_field(r, &whole, indent + 2, out);
        strbuf_addf(out, "%*s</ipxact:register>\n", indent, "");
    }
}

static void xml_repeated(const struct repeated *p, int dim, int indent, struct strbuf *out)
{
    strbuf_addf(out, "%*s<ipxact:registerFile>\n", indent, "");
    xml_text("name", p->name, indent + 2, out);
    xml_int("dim", (unsigned)dim, indent + 2, out);
    strbuf_addf(out, "%*s<ipxact:addressOffset>'h%x</ipxact:addressOffset>\n"
                     "%*s<ipxact:range>'h%x</ipxact:range>\n", indent + 2, "", p->base, indent + 2, "",
                p->stride);
    xml_registers(p->registers, indent + 2, out);
    strbuf_addf(out, "%*s</ipxact:registerFile>\n", indent, "");
}

void array_write_map_ipxact(const struct array_config *c, struct strbuf *out)
{
    char name[ARRAY_NAME_MAX];
    array_name(c, name);
    strbuf_adds(out, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
                     "<ipxact:component xmlns:ipxact=\"" SCHEMA "\"\n"
                     "    xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\"\n"
                     "    xsi:schemaLocation=\"" SCHEMA " " SCHEMA "/index.xsd\">\n");
    xml_text("vendor", "axmul", 2, out);
    xml_text("library", "mac_array", 2, out);
    xml_text("name", name, 2, out);
    xml_text("version", "1.0", 2, out);
    strbuf_adds(out, "  <ipxact:memoryMaps>\n    <ipxact:memoryMap>\n");
    xml_text("name", "s_axil", 6, out);
    strbuf_adds(out, "      <ipxact:addressBlock>\n");
    xml_text("name", "registers", 8, out);
    strbuf_adds(out, "        <ipxact:baseAddress>'h0</ipxact:baseAddress>\n"
                     "        <ipxact:range>'h1000</ipxact:range>\n");
    xml_int("width", 32, 8, out);
    xml_text("usage", "register", 8, out);
    xml_registers(array_registers, 8, out);
    if (c->pool_width)
        xml_registers(array_pool_registers, 8, out);
    xml_repeated(&columns, c->cols, 8, out);
    if (c->pool_width)
        xml_repeated(&taps, ARRAY_POOL_TAPS, 8, out);
    strbuf_adds(out, "      </ipxact:addressBlock>\n");
    xml_int("addressUnitBits", 8, 6, out);
    strbuf_adds(out, "    </ipxact:memoryMap>\n  </ipxact:memoryMaps>\n</ipxact:component>\n");
}
