/* Bump allocator: many small objects that die together. */
#ifndef AXM_BASE_ARENA_H
#define AXM_BASE_ARENA_H

#include <stddef.h>

struct arena {
    struct arena_block *head;
};

/* {0} is a valid empty arena.  Memory is zeroed and aligned to 64 bytes when
 * size >= 64, else to 16; NULL if out of memory. */
void *arena_alloc(struct arena *a, size_t size);
char *arena_strdup(struct arena *a, const char *s);
void arena_release(struct arena *a);   /* frees all; the arena is empty again */

#endif
