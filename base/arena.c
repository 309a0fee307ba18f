#include "base/arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { BLOCK_BYTES = 64 * 1024 };

struct arena_block {
    struct arena_block *next;
    size_t used, size;
    _Alignas(64) unsigned char data[];
};

void *arena_alloc(struct arena *a, size_t size)
{
    size_t align = size >= 64 ? 64 : 16;
    struct arena_block *b = a->head;
    size_t from = b ? (b->used + align - 1) / align * align : 0;
    if (size > SIZE_MAX / 2)
        return NULL;
    if (!b || from > b->size || b->size - from < size) {
        size_t room = size > BLOCK_BYTES / 4 ? size : BLOCK_BYTES;
        size_t bytes = (sizeof *b + room + 63) / 64 * 64;
        b = aligned_alloc(64, bytes);
        if (!b)
            return NULL;
        memset(b, 0, bytes);
        b->size = room;
        /* A block for one large object goes behind the head, which keeps its room. */
        if (a->head && room == size) {
            b->next = a->head->next;
            a->head->next = b;
        } else {
            b->next = a->head;
            a->head = b;
        }
        from = 0;
    }
    b->used = from + size;
    return b->data + from;
}

char *arena_strdup(struct arena *a, const char *s)
{
    size_t len = strlen(s) + 1;
    char *copy = arena_alloc(a, len);
    return copy ? memcpy(copy, s, len) : NULL;
}

void arena_release(struct arena *a)
{
    while (a->head) {
        struct arena_block *b = a->head;
        a->head = b->next;
        free(b);
    }
}
