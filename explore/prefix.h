/* Outputs of a layer for all images, kept by the choices of the layers up to it.
 *
 * A search comes back to the same beginnings.  Outputs are large, so that only a prefix that is asked for
 * in a second turn is kept, and those that were not used for longest make room.  Not thread-safe, but
 * that what `value` and `scale` point to may be written in parts by several threads. */
#ifndef AXM_EXPLORE_PREFIX_H
#define AXM_EXPLORE_PREFIX_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct prefix {
    bool filled;         /* else it may be written in this turn */
    atomic_size_t written;   /* so many bytes of value have been */
    uint8_t *value;
    double *scale;       /* NULL if scales is 0 */
};

struct prefix_cache;

struct prefix_cache *prefix_cache_new(size_t bytes_max);   /* NULL if out of memory */
void prefix_cache_free(struct prefix_cache *c);            /* NULL is fine */

/* What is kept for genes[0 .. depth - 1]: bytes of values, so many scales.  NULL if nothing is, and it is
 * the first turn in which it is asked for, or there is no room.  Valid until the next turn. */
struct prefix *prefix_cache_get(struct prefix_cache *c, const uint8_t *genes, int depth, size_t bytes,
                                size_t scales);
/* Ends a turn: what has been written whole is filled, else forgotten. */
void prefix_cache_turn(struct prefix_cache *c);

#endif
