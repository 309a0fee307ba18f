#include "tests/harness.h"

#include <dirent.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <sys/file.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/file.h"
#include "base/progress.h"
#include "tests/capture.h"

/* A scratch directory for one test, and paths in it. */
static struct strbuf scratch;

static const char *in_scratch(const char *name)
{
    static char path[4][512];
    static int next;
    char *p = path[next++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", scratch.s, name);
    return p;
}

static void scratch_begin(void)
{
    strbuf_release(&scratch);   /* of a test that failed */
    assert_int_equal(file_scratch_dir(&scratch), AXM_OK);
}

static void scratch_end(void)
{
    file_remove_tree(scratch.s);
    assert_false(file_exists(scratch.s));
    strbuf_release(&scratch);
}

/* Entries of the scratch directory: temporary files would show. */
static int entries(void)
{
    int n = -2;   /* . and .. */
    DIR *d = opendir(scratch.s);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static bool holds(const char *path, const char *text)
{
    struct strbuf b = { 0 };
    bool same = file_read(path, 1000, &b) == AXM_OK && !strcmp(b.s, text);
    strbuf_release(&b);
    return same;
}

TEST(test_file__a_file_appears_whole_on_commit_and_not_at_all_on_abort)
{
    struct outfile o;
    scratch_begin();
    const char *path = in_scratch("out");
    assert_int_equal(outfile_open(&o, path), AXM_OK);
    fprintf(o.f, "%d", 12);
    assert_false(file_exists(path));
    assert_int_equal(outfile_commit(&o), AXM_OK);
    assert_true(holds(path, "12"));
    assert_int_equal(entries(), 1);

    assert_int_equal(outfile_open(&o, path), AXM_OK);
    fprintf(o.f, "345");
    fflush(o.f);
    assert_true(holds(path, "12"));
    outfile_abort(&o);
    assert_true(holds(path, "12"));
    assert_int_equal(entries(), 1);
    assert_int_equal(file_write(path, NULL, 0), AXM_OK);
    assert_true(holds(path, ""));
    scratch_end();
}

TEST(test_file__a_check_leaves_everything_as_it_is)
{
    struct capture c;
    scratch_begin();
    const char *path = in_scratch("out");
    assert_int_equal(outfile_check(path), AXM_OK);
    assert_int_equal(entries(), 0);
    assert_int_equal(file_write(path, "12", 2), AXM_OK);
    assert_int_equal(outfile_check(path), AXM_OK);
    assert_true(holds(path, "12"));
    assert_int_equal(entries(), 1);
    assert_int_equal(mkfifo(in_scratch("pipe"), 0600), 0);
    assert_int_equal(outfile_check(in_scratch("pipe")), AXM_OK);   /* does not wait for a reader */
    assert_int_equal(outfile_check("-"), AXM_OK);
    capture_begin(&c);
    assert_int_equal(outfile_check(in_scratch("no/out")), AXM_ENV);
    assert_non_null(strstr(c.line, "no/out: No such file or directory"));
    assert_int_equal(outfile_check(in_scratch("")), AXM_ENV);
    assert_non_null(strstr(c.line, "Is a directory"));
    capture_end(&c);
    assert_int_equal(entries(), 2);
    scratch_end();
}

TEST(test_file__permissions_are_what_the_umask_leaves)
{
    struct stat info;
    scratch_begin();
    mode_t before = umask(027);
    assert_int_equal(file_write(in_scratch("out"), "x", 1), AXM_OK);
    umask(before);
    assert_int_equal(stat(in_scratch("out"), &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    scratch_end();
}

TEST(test_file__a_link_stays_and_its_target_is_replaced)
{
    struct stat info;
    scratch_begin();
    assert_int_equal(file_write(in_scratch("target"), "old", 3), AXM_OK);
    assert_int_equal(symlink("target", in_scratch("link")), 0);
    assert_int_equal(file_write(in_scratch("link"), "new", 3), AXM_OK);
    assert_true(holds(in_scratch("target"), "new"));
    assert_int_equal(lstat(in_scratch("link"), &info), 0);
    assert_true(S_ISLNK(info.st_mode));
    assert_int_equal(entries(), 2);
    scratch_end();
}

TEST(test_file__a_device_is_written_to_not_replaced)
{
    struct stat info;
    struct capture c;
    static char zeros[100000];
    assert_int_equal(file_write("/dev/null", "x", 1), AXM_OK);
    assert_int_equal(stat("/dev/null", &info), 0);
    assert_true(S_ISCHR(info.st_mode));
    capture_begin(&c);
    assert_int_equal(file_write("/dev/full", "x", 1), AXM_ENV);   /* seen at the flush */
    assert_string_equal(c.line, "/dev/full: No space left on device");
    assert_int_equal(file_write("/dev/full", zeros, sizeof zeros), AXM_ENV);   /* seen before it */
    assert_string_equal(c.line, "/dev/full: No space left on device");
    assert_int_equal(c.messages, 2);
    capture_end(&c);
}

TEST(test_file__a_dash_is_standard_output)
{
    struct streams s;
    struct outfile o;
    streams_begin(&s);
    printf("before ");
    enum axm_status st = outfile_open(&o, "-");
    if (st == AXM_OK) {
        fprintf(o.f, "within ");
        st = outfile_commit(&o);
    }
    printf("after");
    streams_end(&s);
    assert_int_equal(st, AXM_OK);
    assert_string_equal(s.out, "before within after");
}

static int dash_on_a_full_disk(void *arg __attribute__((unused)))
{
    struct capture c;
    capture_begin(&c);
    if (!freopen("/dev/full", "w", stdout))
        return 1;
    return !(file_write("-", "x", 1) == AXM_ENV &&
             !strcmp(c.line, "standard output: No space left on device"));
}

TEST(test_file__a_full_standard_output_is_reported)
{
    assert_int_equal(in_child(dash_on_a_full_disk, NULL), 0);
}

/* Expects that 1 MB to "out", which holds "old", fails with this reason and changes nothing. */
static int expect_no_room(const char *reason)
{
    static char data[1 << 20];
    struct capture c;
    struct outfile o;
    char line[700];
    const char *path = in_scratch("out");
    if (file_write(path, "old", 3) != AXM_OK)
        return 10;
    snprintf(line, sizeof line, "%s: %s", path, reason);
    capture_begin(&c);
    if (file_write(path, data, sizeof data) != AXM_ENV || strcmp(c.line, line))
        return 11;
    if (outfile_open(&o, path) != AXM_OK)
        return 12;
    for (size_t i = 0; i < sizeof data; i++)   /* the failure is long past when it is asked for */
        putc('x', o.f);
    fflush(o.f);
    clearerr(o.f);
    if (outfile_commit(&o) != AXM_ENV || strcmp(c.line, line))
        return 13;
    return holds(path, "old") && entries() == 1 ? 0 : 14;
}

static int beyond_the_size_limit(void *arg __attribute__((unused)))
{
    progress_catch_signals();   /* SIGXFSZ would end us */
    return setrlimit(RLIMIT_FSIZE, &(struct rlimit){ 65536, 65536 }) ? 1 : expect_no_room("File too large");
}

TEST(test_file__a_size_limit_is_reported_and_leaves_the_old_file)
{
    scratch_begin();
    assert_int_equal(in_child(beyond_the_size_limit, NULL), 0);
    scratch_end();
}

enum { CANNOT_MOUNT = 77 };

static int on_a_full_disk(void *arg __attribute__((unused)))
{
    if (unshare(CLONE_NEWNS) || mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) ||
        mount("none", scratch.s, "tmpfs", 0, "size=64k"))
        return CANNOT_MOUNT;
    return expect_no_room("No space left on device");
}

TEST(test_file__a_full_disk_is_reported_and_leaves_the_old_file)
{
    scratch_begin();
    int end = in_child(on_a_full_disk, NULL);
    scratch_end();
    if (end == CANNOT_MOUNT)
        SKIP("a small file system of our own needs root");
    assert_int_equal(end, 0);
}

static int in_a_forbidden_place(void *arg)
{
    struct capture c;
    char line[700];
    snprintf(line, sizeof line, "%s: Permission denied", (const char *)arg);
    if (geteuid() == 0 && seteuid(65534))   /* root may write anywhere */
        return 1;
    capture_begin(&c);
    return !(file_write(arg, "x", 1) == AXM_ENV && !strcmp(c.line, line));
}

TEST(test_file__an_unwritable_place_is_named)
{
    struct capture c;
    char path[512], line[700];
    scratch_begin();
    assert_int_equal(chmod(scratch.s, 0555), 0);
    snprintf(path, sizeof path, "%s", in_scratch("out"));
    assert_int_equal(in_child(in_a_forbidden_place, path), 0);
    assert_int_equal(chmod(scratch.s, 0755), 0);
    assert_int_equal(entries(), 0);

    assert_int_equal(file_write(path, "x", 1), AXM_OK);
    capture_begin(&c);
    assert_int_equal(file_write("/nonexistent/out", "x", 1), AXM_ENV);
    assert_string_equal(c.line, "/nonexistent/out: No such file or directory");
    assert_int_equal(file_write(in_scratch("out/out"), "x", 1), AXM_ENV);
    snprintf(line, sizeof line, "%s/out: Not a directory", path);
    assert_string_equal(c.line, line);
    assert_int_equal(file_write(scratch.s, "x", 1), AXM_ENV);
    snprintf(line, sizeof line, "%s: Is a directory", scratch.s);
    assert_string_equal(c.line, line);
    capture_end(&c);
    assert_int_equal(entries(), 1);
    scratch_end();
}

enum { MANY = 100000 };
static atomic_bool done;

static void *write_by_turns(void *path)
{
    static char text[2][MANY];
    for (int i = 0; i < 200 && !atomic_load(&done); i++) {
        memset(text[i % 2], 'a' + i % 2, MANY);
        if (file_write(path, text[i % 2], MANY) != AXM_OK)
            break;
    }
    atomic_store(&done, true);
    return NULL;
}

TEST(test_file__a_reader_sees_one_version_or_the_other)
{
    pthread_t t;
    int seen = 0;
    scratch_begin();
    char *path = strdup(in_scratch("out"));
    assert_int_equal(file_write(path, "", 0), AXM_OK);
    assert_int_equal(pthread_create(&t, NULL, write_by_turns, path), 0);
    while (!atomic_load(&done)) {
        struct strbuf b = { 0 };
        assert_int_equal(file_read(path, MANY, &b), AXM_OK);
        assert_true(b.len == 0 || b.len == MANY);
        for (size_t i = 0; i < b.len; i++)
            assert_int_equal(b.s[i], b.s[0]);
        seen += b.len > 0;
        strbuf_release(&b);
    }
    pthread_join(t, NULL);
    assert_true(seen > 10);
    free(path);
    scratch_end();
}

/* A process that has begun to write path, and lives until it is killed. */
static pid_t writer(const char *path)
{
    int ready[2];
    char c;
    assert_int_equal(pipe(ready), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (!pid) {
        struct outfile o;
        if (outfile_open(&o, path) == AXM_OK && fputc('x', o.f) == 'x' && !fflush(o.f) &&
            write(ready[1], "r", 1) == 1)
            pause();
        _exit(1);
    }
    assert_int_equal(read(ready[0], &c, 1), 1);
    close(ready[0]);
    close(ready[1]);
    return pid;
}

static void kill_writer(pid_t pid)
{
    kill(pid, SIGKILL);
    assert_int_equal(waitpid(pid, NULL, 0), pid);
}

TEST(test_file__what_killed_writers_left_is_removed)
{
    scratch_begin();
    char *path = strdup(in_scratch("out"));
    assert_int_equal(file_write(path, "12", 2), AXM_OK);
    pid_t dead = writer(path), other = writer(in_scratch("out2")), live = writer(path);
    kill_writer(dead);
    kill_writer(other);
    assert_int_equal(entries(), 4);
    outfile_remove_stale(path);
    assert_int_equal(entries(), 3);   /* out, the live one's, out2's */
    assert_true(holds(path, "12"));
    kill_writer(live);
    outfile_remove_stale(path);
    assert_int_equal(entries(), 2);
    outfile_remove_stale(in_scratch("out2"));
    outfile_remove_stale(in_scratch("none/out"));
    assert_int_equal(entries(), 1);

    /* Not ours: whatever is not quite of that form. */
    static const char *const before[] = { "out.tmp-", "out.tmp-", "out.tmp-", "out.tmp-", "out.tmp-x", "out-",
                                          "Xout.tmp-", "out.tmp--" };
    static const char *const after[] = { "", "-", "-0.bak", "-0-1", "-0", "-0", "-0", "-0" };
    int forms = (int)(sizeof before / sizeof *before);
    char name[64];
    for (int i = 0; i < forms; i++) {
        snprintf(name, sizeof name, "%s%d%s", before[i], (int)dead, after[i]);
        assert_int_equal(file_write(in_scratch(name), "", 0), AXM_OK);
    }
    /* A directory of that name; and one that a process in another container, with numbers of its own, has. */
    snprintf(name, sizeof name, "out.tmp-%d-7", (int)dead);
    assert_int_equal(mkdir(in_scratch(name), 0700), 0);
    snprintf(name, sizeof name, "out.tmp-%d-8", (int)dead);
    FILE *f = fopen(in_scratch(name), "w");
    assert_int_equal(flock(fileno(f), LOCK_EX), 0);
    /* One that a process has made and not locked yet. */
    snprintf(name, sizeof name, "out.tmp-%d-9", (int)getpid());
    assert_int_equal(file_write(in_scratch(name), "", 0), AXM_OK);
    outfile_remove_stale(path);
    assert_int_equal(entries(), 1 + forms + 3);
    fclose(f);
    outfile_remove_stale(path);
    assert_int_equal(entries(), 1 + forms + 2);
    free(path);
    scratch_end();
}

TEST(test_file__reading_stops_at_the_limit)
{
    struct strbuf b = { 0 };
    struct capture c;
    scratch_begin();
    assert_int_equal(file_write(in_scratch("in"), "12\0" "45", 5), AXM_OK);
    assert_int_equal(file_read(in_scratch("in"), 5, &b), AXM_OK);
    assert_int_equal(b.len, 5);
    assert_memory_equal(b.s, "12\0" "45", 6);
    capture_begin(&c);
    assert_int_equal(file_read(in_scratch("in"), 4, &b), AXM_USAGE);
    assert_non_null(strstr(c.line, "/in: at most 4 bytes, got more"));
    assert_int_equal(file_read("/dev/zero", 100000, &b), AXM_USAGE);
    assert_int_equal(file_read(scratch.s, 100, &b), AXM_ENV);
    assert_non_null(strstr(c.line, ": is a directory"));
    assert_int_equal(file_read(in_scratch("none"), 100, &b), AXM_ENV);
    assert_non_null(strstr(c.line, "/none: No such file or directory"));
    capture_end(&c);
    strbuf_release(&b);
    scratch_end();
}

TEST(test_file__directories_are_made_with_their_parents)
{
    struct capture c;
    scratch_begin();
    assert_int_equal(file_mkdirs(in_scratch("a/b//c/")), AXM_OK);
    assert_int_equal(file_mkdirs(in_scratch("a/b/c")), AXM_OK);
    assert_true(file_is_dir(in_scratch("a/b/c")));
    assert_int_equal(file_mkdirs("/"), AXM_OK);
    assert_int_equal(file_write(in_scratch("file"), "", 0), AXM_OK);
    capture_begin(&c);
    assert_int_equal(file_mkdirs(in_scratch("file")), AXM_ENV);
    assert_non_null(strstr(c.line, "/file: not a directory"));
    assert_int_equal(file_mkdirs(in_scratch("file/below")), AXM_ENV);
    assert_non_null(strstr(c.line, "/file/below: Not a directory"));
    assert_int_equal(file_mkdirs(""), AXM_ENV);
    assert_int_equal(c.messages, 3);
    capture_end(&c);
    scratch_end();
}

/* $AXMUL_CACHE, $XDG_CACHE_HOME/axmul, ~/.cache/axmul: the first that is set. */
static int cache_places(void *arg __attribute__((unused)))
{
    const char *const variable[] = { "AXMUL_CACHE", "XDG_CACHE_HOME", "HOME" };
    const char *const place[] = { "own/sims", "xdg/axmul/sims", "home/.cache/axmul/sims" };
    setenv("AXMUL_CACHE", in_scratch("own"), 1);
    setenv("XDG_CACHE_HOME", in_scratch("xdg"), 1);
    setenv("HOME", in_scratch("home"), 1);
    for (int i = 0; i < 3; i++) {
        struct strbuf dir = { 0 };
        if (file_cache_dir("sims", &dir) != AXM_OK || strcmp(dir.s, in_scratch(place[i])) ||
            !file_is_dir(dir.s))
            return i + 1;
        unsetenv(variable[i]);
        strbuf_release(&dir);
    }
    struct capture c;
    struct strbuf dir = { 0 };
    capture_begin(&c);
    return file_cache_dir("sims", &dir) == AXM_ENV && c.messages == 1 ? 0 : 4;
}

TEST(test_file__the_cache_is_where_the_environment_says)
{
    scratch_begin();
    assert_int_equal(in_child(cache_places, NULL), 0);
    scratch_end();
}

TEST(test_file__removing_a_tree_does_not_follow_links)
{
    scratch_begin();
    assert_int_equal(file_mkdirs(in_scratch("kept")), AXM_OK);
    assert_int_equal(file_write(in_scratch("kept/file"), "x", 1), AXM_OK);
    assert_int_equal(file_mkdirs(in_scratch("gone/below")), AXM_OK);
    assert_int_equal(file_write(in_scratch("gone/below/file"), "x", 1), AXM_OK);
    assert_int_equal(symlink("../kept", in_scratch("gone/link")), 0);
    file_remove_tree(in_scratch("gone"));
    assert_false(file_exists(in_scratch("gone")));
    assert_true(holds(in_scratch("kept/file"), "x"));
    file_remove_tree(in_scratch("nothing"));   /* is fine */
    scratch_end();
}
