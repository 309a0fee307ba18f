#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static enum axm_status os_error(const char *path)
{
    return fail(AXM_ENV, "%s: %s", path, strerror(errno));
}

enum axm_status file_read(const char *path, size_t max_bytes, struct strbuf *out)
{
    char buffer[65536];
    size_t n, total = 0;
    struct stat info;
    FILE *f = fopen(path, "rb");
    if (!f)
        return os_error(path);
    enum axm_status st = AXM_OK;
    if (fstat(fileno(f), &info) == 0 && S_ISDIR(info.st_mode))
        st = fail(AXM_ENV, "%s: is a directory", path);
    strbuf_add(out, "", 0);   /* an empty file gives an empty string */
    while (st == AXM_OK && (n = fread(buffer, 1, sizeof buffer, f)) > 0) {
        total += n;
        if (total > max_bytes)
            st = fail(AXM_USAGE, "%s: at most %zu bytes, got more", path, max_bytes);
        else
            strbuf_add(out, buffer, n);
    }
    if (st == AXM_OK && ferror(f))
        st = os_error(path);
    if (st == AXM_OK && out->failed)
        st = fail(AXM_ENV, "%s: out of memory", path);
    fclose(f);
    return st;
}

static bool is_stdout(const char *path)
{
    return !strcmp(path, "-");
}

enum axm_status outfile_open(struct outfile *o, const char *path)
{
    struct strbuf temp = { 0 };
    *o = (struct outfile){ 0 };
    if (is_stdout(path)) {
        o->f = stdout;
        return AXM_OK;
    }
    strbuf_addf(&temp, "%s.tmp-XXXXXX", path);
    o->path = strdup(path);
    o->temp = temp.s;
    if (temp.failed || !o->path) {
        outfile_abort(o);
        return fail(AXM_ENV, "%s: out of memory", path);
    }
    int fd = mkstemp(o->temp);
    if (fd < 0) {
        enum axm_status st = os_error(path);
        free(o->temp);
        o->temp = NULL;
        outfile_abort(o);
        return st;
    }
    mode_t mask = umask(0);
    umask(mask);
    fchmod(fd, 0666 & ~mask);   /* mkstemp gives 0600 */
    o->f = fdopen(fd, "wb");
    if (!o->f) {
        close(fd);
        outfile_abort(o);
        return fail(AXM_ENV, "%s: out of memory", path);
    }
    return AXM_OK;
}

/* So that the rename itself survives a power cut. */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(dir);
}

enum axm_status outfile_commit(struct outfile *o)
{
    errno = 0;
    if (!o->path) {
        bool bad = fflush(o->f) || ferror(o->f);
        return bad ? fail(AXM_ENV, "standard output: %s", strerror(errno ? errno : EIO)) : AXM_OK;
    }
    bool bad = fflush(o->f) || ferror(o->f) || fsync(fileno(o->f));
    int error = errno;
    bad |= fclose(o->f) != 0;
    o->f = NULL;
    if (bad || rename(o->temp, o->path)) {
        enum axm_status st = fail(AXM_ENV, "%s: %s", o->path, strerror(error ? error : errno ? errno : EIO));
        outfile_abort(o);
        return st;
    }
    sync_directory(o->path);
    free(o->temp);
    o->temp = NULL;
    outfile_abort(o);
    return AXM_OK;
}

void outfile_abort(struct outfile *o)
{
    if (o->f && o->path)
        fclose(o->f);
    if (o->temp)
        unlink(o->temp);
    free(o->path);
    free(o->temp);
    *o = (struct outfile){ 0 };
}

enum axm_status file_write(const char *path, const void *data, size_t len)
{
    struct outfile o;
    enum axm_status st = outfile_open(&o, path);
    if (st != AXM_OK)
        return st;
    if (len)
        fwrite(data, 1, len, o.f);   /* commit looks at ferror() */
    return outfile_commit(&o);
}

bool file_exists(const char *path)
{
    return access(path, F_OK) == 0;
}

bool file_is_dir(const char *path)
{
    struct stat info;
    return stat(path, &info) == 0 && S_ISDIR(info.st_mode);
}

enum axm_status file_mkdirs(const char *path)
{
    char *part = strdup(path);
    enum axm_status st = part ? AXM_OK : fail(AXM_ENV, "%s: out of memory", path);
    for (char *c = part; st == AXM_OK && c; ) {
        c = strchr(c + 1, '/');
        if (c)
            *c = '\0';
        if (*part && mkdir(part, 0777) && errno != EEXIST)
            st = os_error(part);
        if (c)
            *c = '/';
    }
    free(part);
    return st == AXM_OK && !file_is_dir(path) ? fail(AXM_ENV, "%s: not a directory", path) : st;
}

enum axm_status file_cache_dir(const char *sub, struct strbuf *out)
{
    const char *own = getenv("AXMUL_CACHE"), *xdg = getenv("XDG_CACHE_HOME"), *home = getenv("HOME");
    struct strbuf path = { 0 };
    if (own && *own)
        strbuf_adds(&path, own);
    else if (xdg && *xdg == '/')
        strbuf_addf(&path, "%s/axmul", xdg);
    else if (home && *home)
        strbuf_addf(&path, "%s/.cache/axmul", home);
    else
        return fail(AXM_ENV, "no cache directory: set AXMUL_CACHE, XDG_CACHE_HOME or HOME");
    if (*sub)
        strbuf_addf(&path, "/%s", sub);
    enum axm_status st = path.failed ? fail(AXM_ENV, "cache directory: out of memory") : file_mkdirs(path.s);
    if (st == AXM_OK)
        strbuf_adds(out, path.s);
    strbuf_release(&path);
    return st;
}

enum axm_status file_scratch_dir(struct strbuf *out)
{
    const char *tmp = getenv("TMPDIR");
    struct strbuf path = { 0 };
    strbuf_addf(&path, "%s/axmul-XXXXXX", tmp && *tmp ? tmp : "/tmp");
    enum axm_status st = AXM_OK;
    if (path.failed)
        st = fail(AXM_ENV, "scratch directory: out of memory");
    else if (!mkdtemp(path.s))
        st = os_error(path.s);
    else
        strbuf_adds(out, path.s);
    strbuf_release(&path);
    return st;
}

/* By descriptor, so that no link is followed out of the tree. */
static void remove_below(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW);
    DIR *d = fd >= 0 ? fdopendir(fd) : NULL;
    if (!d) {
        if (fd >= 0)
            close(fd);
        unlinkat(parent, name, 0);
        return;
    }
    for (struct dirent *e; (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            remove_below(fd, e->d_name);
    closedir(d);
    unlinkat(parent, name, AT_REMOVEDIR);
}

void file_remove_tree(const char *path)
{
    remove_below(AT_FDCWD, path);
}
