/* Content hashes. */
#ifndef AXM_BASE_HASH_H
#define AXM_BASE_HASH_H

#include <stddef.h>
#include <stdint.h>

#include "base/status.h"

struct sha256_hex { char s[65]; };

/* SHA-256 as lower-case hex (libmd does the work). */
struct sha256_hex sha256_bytes(const void *data, size_t len);
enum axm_status sha256_file(const char *path, struct sha256_hex *out) AXM_MUST_CHECK;

/* FNV-1a over bytes, for hash tables; not for content addressing. */
uint64_t hash64(const void *data, size_t len);

#endif
