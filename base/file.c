#include "base/file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
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
    FILE *f = fopen(path, "rbe");
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

/* Below the FILE: stdio forgets why a write failed, and with a buffer in
 * between even that it did; so the descriptor is ours. */
struct outfile_sink {
    char *path;      /* as the user wrote it, for messages */
    char *target;    /* what the temporary file becomes; NULL: written in place */
    char *temp;
    int fd;
    int error;       /* errno of the first write that failed */
};

static ssize_t sink_write(void *cookie, const char *data, size_t len)
{
    struct outfile_sink *s = cookie;
    size_t done = 0;
    while (done < len && !s->error) {
        ssize_t n = write(s->fd, data + done, len - done);
        if (n >= 0)
            done += (size_t)n;
        else if (errno != EINTR)
            s->error = errno;
    }
    return (ssize_t)done;
}

/* The kernel applies the umask, which mkstemp() would not. */
static int open_temp(struct outfile_sink *s)
{
    static atomic_uint serial;
    for (;;) {
        struct strbuf name = { 0 };
        strbuf_addf(&name, "%s.tmp-%ld-%u", s->target, (long)getpid(), atomic_fetch_add(&serial, 1));
        if (name.failed)
            return -1;
        int fd = open(name.s, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (fd >= 0 || errno != EEXIST) {
            if (fd >= 0) {
                s->temp = name.s;
                flock(fd, LOCK_EX | LOCK_NB);   /* goes with the process, see outfile_remove_stale() */
            } else {
                free(name.s);
            }
            return fd;
        }
        free(name.s);   /* left over from a killed process of the same number */
    }
}

static int open_sink(struct outfile_sink *s)
{
    struct stat info;
    if (!strcmp(s->path, "-")) {
        fflush(stdout);
        return fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 0);
    }
    bool exists = stat(s->path, &info) == 0;
    if (exists && !S_ISREG(info.st_mode))
        return open(s->path, O_WRONLY | O_CLOEXEC);   /* EISDIR of a directory */
    s->target = exists ? realpath(s->path, NULL) : strdup(s->path);
    return s->target ? open_temp(s) : -1;
}

enum axm_status outfile_open(struct outfile *o, const char *path)
{
    *o = (struct outfile){ .sink = calloc(1, sizeof *o->sink) };
    if (!o->sink)
        return fail(AXM_ENV, "%s: out of memory", path);
    errno = ENOMEM;   /* of whatever fails without saying why */
    o->sink->path = strdup(path);
    o->sink->fd = o->sink->path ? open_sink(o->sink) : -1;
    if (o->sink->fd >= 0)
        o->f = fopencookie(o->sink, "w", (cookie_io_functions_t){ .write = sink_write });
    if (o->f)
        return AXM_OK;
    enum axm_status st = os_error(path);
    outfile_abort(o);
    return st;
}

/* So that the rename itself survives a power cut. */
static void sync_directory(const char *path)
{
    const char *slash = strrchr(path, '/');
    char *dir = slash ? strndup(path, slash == path ? 1 : (size_t)(slash - path)) : strdup(".");
    int fd = dir ? open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC) : -1;
    if (fd >= 0) {
        fsync(fd);
        close(fd);
    }
    free(dir);
}

enum axm_status outfile_commit(struct outfile *o)
{
    struct outfile_sink *s = o->sink;
    enum axm_status st = AXM_OK;
    bool bad = fflush(o->f) || ferror(o->f);
    if (bad && !s->error)
        s->error = EIO;
    if (!s->error && s->target && (fsync(s->fd) || rename(s->temp, s->target)))
        s->error = errno;
    if (s->error) {
        errno = s->error;
        st = os_error(strcmp(s->path, "-") ? s->path : "standard output");
    } else if (s->target) {
        sync_directory(s->target);
        free(s->temp);
        s->temp = NULL;   /* it has its name now */
    }
    outfile_abort(o);
    return st;
}

void outfile_abort(struct outfile *o)
{
    struct outfile_sink *s = o->sink;
    if (o->f)
        fclose(o->f);
    if (s) {
        if (s->temp)
            unlink(s->temp);
        if (s->fd >= 0)
            close(s->fd);
        free(s->path);
        free(s->target);
        free(s->temp);
        free(s);
    }
    *o = (struct outfile){ 0 };
}

/* A pipe is not opened: who reads it would see its end. */
enum axm_status outfile_check(const char *path)
{
    struct stat info;
    struct outfile o;
    if (!strcmp(path, "-") || (stat(path, &info) == 0 && !S_ISREG(info.st_mode) && !S_ISDIR(info.st_mode)))
        return AXM_OK;
    enum axm_status st = outfile_open(&o, path);
    if (st == AXM_OK)
        outfile_abort(&o);
    return st;
}

/* "NAME.tmp-PID-N" of a process that is no more. */
static bool is_stale(const char *entry, const char *name)
{
    size_t len = strlen(name);
    long pid;
    unsigned serial;
    int end = 0;
    return !strncmp(entry, name, len) && entry[len] == '.' && entry[len + 1] == 't' &&
        sscanf(entry + len, ".tmp-%9ld-%u%n", &pid, &serial, &end) == 2 && end && !entry[len + (size_t)end] &&
        pid > 0 && kill((pid_t)pid, 0) && errno == ESRCH;
}

void outfile_remove_stale(const char *path)
{
    char *target = realpath(path, NULL);   /* as for writing; what does not exist is its own target */
    if (!target)
        target = strdup(path);
    char *slash = target ? strrchr(target, '/') : NULL;
    const char *name = slash ? slash + 1 : target;
    char *folder = slash ? strndup(target, slash == target ? 1 : (size_t)(slash - target)) : strdup(".");
    DIR *d = target && folder ? opendir(folder) : NULL;
    for (const struct dirent *e; d && (e = readdir(d));) {
        if (!is_stale(e->d_name, name))
            continue;
        /* Process numbers mean nothing in another container: there the lock tells. */
        int fd = openat(dirfd(d), e->d_name, O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
        struct stat info;
        if (fd >= 0 && !fstat(fd, &info) && S_ISREG(info.st_mode) && !flock(fd, LOCK_EX | LOCK_NB))
            unlinkat(dirfd(d), e->d_name, 0);
        if (fd >= 0)
            close(fd);
    }
    if (d)
        closedir(d);
    free(folder);
    free(target);
}

enum axm_status file_write(const char *path, const void *data, size_t len)
{
    struct outfile o;
    enum axm_status st = outfile_open(&o, path);
    if (st != AXM_OK)
        return st;
    if (len)
        fwrite(data, 1, len, o.f);
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
    for (char *c = part; st == AXM_OK && c && *c;) {
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
    if (!tmp || !*tmp)
        tmp = "/tmp";
    strbuf_addf(&path, "%s/axmul-XXXXXX", tmp);
    enum axm_status st = AXM_OK;
    if (path.failed)
        st = fail(AXM_ENV, "scratch directory: out of memory");
    else if (!mkdtemp(path.s))
        st = os_error(tmp);
    else
        strbuf_adds(out, path.s);
    strbuf_release(&path);
    return st;
}

/* By descriptor, so that no link is followed out of the tree. */
static void remove_below(int parent, const char *name)
{
    int fd = openat(parent, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
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
