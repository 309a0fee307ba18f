#include "base/hash.h"

#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include <sys/types.h>
#include <sha256.h>

struct sha256_hex sha256_bytes(const void *data, size_t len)
{
    struct sha256_hex h;
    SHA256Data(data, len, h.s);
    return h;
}

enum axm_status sha256_file(const char *path, struct sha256_hex *out)
{
    SHA256_CTX c;
    unsigned char buffer[65536];
    size_t n;
    FILE *f = fopen(path, "rbe");
    if (!f)
        return fail(AXM_ENV, "%s: %s", path, strerror(errno));
    SHA256Init(&c);
    while ((n = fread(buffer, 1, sizeof buffer, f)) > 0)
        SHA256Update(&c, buffer, n);
    bool bad = ferror(f);
    int error = errno;
    fclose(f);
    if (bad)
        return fail(AXM_ENV, "%s: %s", path, strerror(error));
    SHA256End(&c, out->s);
    return AXM_OK;
}

uint64_t hash64(const void *data, size_t len)
{
    const unsigned char *p = data;
    uint64_t h = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++)
        h = (h ^ p[i]) * UINT64_C(0x100000001b3);
    return h;
}
