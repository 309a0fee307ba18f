/* Files: whole reads, atomic writes, the cache directory, scratch directories. */
#ifndef AXM_BASE_FILE_H
#define AXM_BASE_FILE_H

#include <stdbool.h>
#include <stdio.h>

#include "base/status.h"
#include "base/strbuf.h"

/* Reads a whole regular file of at most max_bytes into *out (appended). */
enum axm_status file_read(const char *path, size_t max_bytes, struct strbuf *out) AXM_MUST_CHECK;

/* An output file that appears under its name complete or not at all: temporary
 * file in the same directory, fsync, rename.  A symbolic link stays one: its
 * target is replaced.  path "-" is standard output; that and whatever else is
 * no regular file (/dev/null, a pipe) is written to as it goes.
 *
 *     struct outfile o;
 *     if ((st = outfile_open(&o, path))) return st;
 *     fprintf(o.f, ...);
 *     return outfile_commit(&o);      or outfile_abort(&o); on failure
 *
 * Writes need no checks of their own: outfile_commit() reports the first one
 * that failed ("FILE: No space left on device"). */
struct outfile {
    FILE *f;
    struct outfile_sink *sink;
};
enum axm_status outfile_open(struct outfile *o, const char *path) AXM_MUST_CHECK;
enum axm_status outfile_commit(struct outfile *o) AXM_MUST_CHECK;
void outfile_abort(struct outfile *o);

/* Whether path can be written to, as far as that can be told now; for what is written after a long run.
 * Leaves nothing, and what is there as it is. */
enum axm_status outfile_check(const char *path) AXM_MUST_CHECK;

/* An output file of bytes at hand. */
enum axm_status file_write(const char *path, const void *data, size_t len) AXM_MUST_CHECK;

/* Deletes temporary files of path that killed processes left; those of a live one stay, on this machine
 * or in another container.  A command that can go on after a kill calls it when it starts. */
void outfile_remove_stale(const char *path);

bool file_exists(const char *path);
bool file_is_dir(const char *path);
enum axm_status file_mkdirs(const char *path) AXM_MUST_CHECK;   /* mkdir -p */

/* $AXMUL_CACHE, else $XDG_CACHE_HOME/axmul, else ~/.cache/axmul, with "/sub"
 * appended and created.  Appends the path to *out. */
enum axm_status file_cache_dir(const char *sub, struct strbuf *out) AXM_MUST_CHECK;

/* New private directory below $TMPDIR or /tmp; *out gets its path.
 * file_remove_tree() deletes it with everything in it. */
enum axm_status file_scratch_dir(struct strbuf *out) AXM_MUST_CHECK;
void file_remove_tree(const char *path);

#endif
