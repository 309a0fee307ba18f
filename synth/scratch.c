#include "synth/scratch.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/file.h"
#include "base/proc.h"

enum axm_status scratch_write(const struct scratch *s, const char *file, const struct strbuf *text)
{
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/%s", s->dir.s, file);
    enum axm_status st = path.failed || text->failed ? fail(AXM_ENV, "%s: out of memory", file)
                                                     : file_write(path.s, text->s, text->len);
    strbuf_release(&path);
    return st;
}

enum axm_status scratch_read(const struct scratch *s, const char *file, struct strbuf *out)
{
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/%s", s->dir.s, file);
    enum axm_status st = path.failed ? fail(AXM_ENV, "%s: out of memory", file)
                                     : file_read(path.s, (size_t)1 << 30, out);
    strbuf_release(&path);
    return st;
}

enum axm_status scratch_link_library(const struct scratch *s, const struct liberty *lib)
{
    char target[PATH_MAX];
    struct strbuf link = { 0 };
    strbuf_addf(&link, "%s/cells.lib", s->dir.s);
    enum axm_status st = link.failed ? fail(AXM_ENV, "cells.lib: out of memory") : AXM_OK;
    if (st == AXM_OK && (!realpath(lib->path, target) || symlink(target, link.s)))
        st = fail(AXM_ENV, "%s: %s", lib->path, strerror(errno));
    strbuf_release(&link);
    return st;
}

enum axm_status scratch_run(struct scratch *s, const char *const argv[], struct strbuf *output)
{
    struct proc_opts o = { .dir = s->dir.s, .out = output, .err = output, .timeout_s = 600 };
    enum axm_status st = proc_run(argv, &o);
    s->keep = st == AXM_ENV;
    return st;
}

void scratch_end(struct scratch *s)
{
    if (s->keep)
        note("scratch directory kept: %s", s->dir.s);
    else if (s->dir.s)
        file_remove_tree(s->dir.s);
    strbuf_release(&s->dir);
}

void sta_complaint(const char *report, char *out, size_t size)
{
    const char *line = report;
    for (const char *s = report; *s; s += strcspn(s, "\n"), s += *s == '\n') {
        if (*s != '\n')
            line = s;
        if (!strncmp(s, "Error", 5))
            break;
    }
    snprintf(out, size, "%.*s", (int)strcspn(line, "\n"), line);
}
