#include "explore/prefix.h"

#include <stdlib.h>
#include <string.h>

#include "explore/search.h"

struct entry {
    struct prefix p;
    uint64_t used;          /* the last turn */
    size_t bytes, value_bytes;
    int depth;
    uint8_t genes[];
};

/* Which prefixes were asked for, by the low bits of a hash: one that is taken for another is only kept too
 * early. */
enum { SEEN_BITS = 20 };

struct prefix_cache {
    size_t bytes, bytes_max;
    uint64_t turn;
    struct entry **entry;
    size_t n, cap;
    uint32_t seen[1 << SEEN_BITS];   /* the turn, from 1, in which it was first asked for */
};

struct prefix_cache *prefix_cache_new(size_t bytes_max)
{
    struct prefix_cache *c = calloc(1, sizeof *c);
    if (c) {
        c->bytes_max = bytes_max;
        c->turn = 1;
    }
    return c;
}

static void entry_free(struct prefix_cache *c, struct entry *e)
{
    c->bytes -= e->bytes;
    free(e->p.value);
    free(e->p.scale);
    free(e);
}

void prefix_cache_free(struct prefix_cache *c)
{
    for (size_t i = 0; c && i < c->n; i++)
        entry_free(c, c->entry[i]);
    if (c)
        free(c->entry);
    free(c);
}

static bool first_time(struct prefix_cache *c, const uint8_t *genes, int depth)
{
    uint64_t h = 1469598103934665603u + (uint64_t)depth;   /* FNV-1a */
    for (int g = 0; g < depth; g++)
        h = (h ^ genes[g]) * 1099511628211u;
    uint32_t *at = &c->seen[(h ^ h >> 32) & ((1u << SEEN_BITS) - 1)];
    if (!*at)
        *at = (uint32_t)c->turn;
    return *at == (uint32_t)c->turn;
}

/* Throws out what was used longest ago, but nothing of this turn. */
static bool make_room(struct prefix_cache *c, size_t bytes)
{
    while (c->bytes + bytes > c->bytes_max) {
        size_t oldest = c->n;
        for (size_t i = 0; i < c->n; i++)
            if (c->entry[i]->used < c->turn && (oldest == c->n || c->entry[i]->used < c->entry[oldest]->used))
                oldest = i;
        if (oldest == c->n)
            return false;
        entry_free(c, c->entry[oldest]);
        c->entry[oldest] = c->entry[--c->n];
    }
    return true;
}

static struct entry *add(struct prefix_cache *c, const uint8_t *genes, int depth, size_t bytes, size_t scales)
{
    struct entry *e = malloc(sizeof *e + (size_t)depth);
    if (!e)
        return NULL;
    *e = (struct entry){ .used = c->turn, .bytes = bytes + scales * sizeof(double), .value_bytes = bytes,
        .depth = depth };
    memcpy(e->genes, genes, (size_t)depth);
    e->p.value = malloc(bytes);
    e->p.scale = scales ? malloc(scales * sizeof(double)) : NULL;
    if (c->n == c->cap) {
        size_t cap = c->cap ? 2 * c->cap : 64;
        struct entry **more = realloc(c->entry, cap * sizeof(struct entry *));
        if (more) {
            c->entry = more;
            c->cap = cap;
        }
    }
    c->bytes += e->bytes;
    if (c->n == c->cap || !e->p.value || (scales && !e->p.scale)) {
        entry_free(c, e);
        return NULL;   /* no memory: then it is not kept */
    }
    return c->entry[c->n++] = e;
}

struct prefix *prefix_cache_get(struct prefix_cache *c, const uint8_t *genes, int depth, size_t bytes,
                                size_t scales)
{
    for (size_t i = 0; i < c->n; i++) {
        struct entry *e = c->entry[i];
        if (e->depth == depth && !memcmp(e->genes, genes, (size_t)depth)) {
            e->used = c->turn;
            return &e->p;
        }
    }
    if (first_time(c, genes, depth) || !make_room(c, bytes + scales * sizeof(double)))
        return NULL;
    struct entry *e = add(c, genes, depth, bytes, scales);
    return e ? &e->p : NULL;
}

void prefix_cache_turn(struct prefix_cache *c)
{
    size_t kept = 0;
    for (size_t i = 0; i < c->n; i++) {
        struct entry *e = c->entry[i];
        if (!e->p.filled && atomic_load(&e->p.written) != e->value_bytes) {
            entry_free(c, e);
            continue;
        }
        e->p.filled = true;
        c->entry[kept++] = e;
    }
    c->n = kept;
    c->turn++;
}
