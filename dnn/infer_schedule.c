/* Which nodes are computed, and where their tensors lie: a tensor's room is taken again once its last
 * reader has run, so that a deep network needs little more than its two widest layers. */
#include <stdlib.h>
#include <string.h>

#include "base/pool.h"
#include "dnn/infer_impl.h"

enum {
    BATCH_MAX = 128,                  /* a dense layer's columns */
    WORKSPACE_BYTES = 32 << 20,       /* of a thread; a batch is as large as that allows */
    SLACK = 64,                       /* that vectors may read and write past a tensor */
};

static enum axm_status out_of_memory(const struct infer *in)
{
    return fail(AXM_ENV, "%s: out of memory for inference", in->q->name);
}

/* Marks what target needs; AXM_USAGE if that goes past start. */
static enum axm_status find_needed(const struct infer *in, const struct schedule *s, bool *needed)
{
    const struct qgraph *q = in->q;
    needed[s->target] = true;
    for (int i = s->target; i > 0; i--) {
        if (!needed[i] || (s->given && i == s->start) || (!s->given && in->memo[i]))
            continue;
        for (int k = 0; k < q->node[i].n_inputs; k++)
            needed[q->node[i].input[k]] = true;
    }
    if (s->given && s->start > 0 && needed[0])
        return fail(AXM_USAGE, "%s: not every path from the input to %s passes through %s", q->name,
                    q->node[s->target].name, q->node[s->start].name);
    return AXM_OK;
}

/* Rooms in use, by ascending offset. */
struct rooms {
    struct room {
        size_t from, to;
        int node;
    } *room;
    int n;
};

static size_t take(struct rooms *r, int node, size_t bytes)
{
    int at = 0;
    size_t from = 0;
    while (at < r->n && r->room[at].from < from + bytes)
        from = r->room[at++].to;
    memmove(r->room + at + 1, r->room + at, (size_t)(r->n - at) * sizeof *r->room);
    r->room[at] = (struct room){ from, from + bytes, node };
    r->n++;
    return from;
}

static void give_back(struct rooms *r, int node)
{
    for (int i = 0; i < r->n; i++)
        if (r->room[i].node == node) {
            memmove(r->room + i, r->room + i + 1, (size_t)(r->n - i - 1) * sizeof *r->room);
            r->n--;
            return;
        }
}

static size_t tensor_bytes(const struct qnode *n, size_t batch)
{
    size_t element = n->is_logits ? sizeof(int32_t) : 1;
    size_t columns = round_up(batch * (size_t)n->out.h * (size_t)n->out.w, 64);
    return (size_t)n->out.c * columns * element + SLACK;
}

static bool reads_inputs(const struct infer *in, const struct schedule *s, int node)
{
    return node > 0 && (s->given || !in->memo[node]);
}

/* Offsets for this batch size; last_use[i]: the step after which node i's tensor may go. */
static void place(const struct infer *in, struct schedule *s, const int *last_use, struct rooms *r)
{
    size_t top = 0;
    struct scratch most = { 0 };
    r->n = 0;
    for (int i = -s->given; i < s->n_steps; i++) {
        int node = i < 0 ? s->start : s->step[i];
        const struct qnode *n = &in->q->node[node];
        s->offset[node] = take(r, node, tensor_bytes(n, s->batch));
        size_t end = s->offset[node] + tensor_bytes(n, s->batch);
        top = end > top ? end : top;
        if (i < 0 || !reads_inputs(in, s, node))
            continue;
        struct scratch need;
        infer_scratch(in, node, s->batch, (size_t)n->out.h * (size_t)n->out.w, &need);
        most.x = need.x > most.x ? need.x : most.x;
        most.acc = need.acc > most.acc ? need.acc : most.acc;
        most.sum_x = need.sum_x > most.sum_x ? need.sum_x : most.sum_x;
        most.y = need.y > most.y ? need.y : most.y;
        most.gemm = need.gemm > most.gemm ? need.gemm : most.gemm;
        for (int k = 0; k < n->n_inputs; k++)
            if (last_use[n->input[k]] == i)
                give_back(r, n->input[k]);
    }
    s->x = round_up(top, 64);
    s->acc = s->x + round_up(most.x + SLACK, 64);
    s->sum_x = s->acc + round_up(most.acc + SLACK, 64);
    s->y = s->sum_x + round_up(most.sum_x + SLACK, 64);
    s->gemm = s->y + round_up(most.y, 64);
    s->bytes = s->gemm + round_up(most.gemm + SLACK, 64);
}

enum axm_status schedule_make(const struct infer *in, int start, bool given, int target, size_t n,
                              struct schedule *out)
{
    size_t nodes = (size_t)in->q->n_nodes, threads = (size_t)pool_threads();
    struct schedule s = { .start = start, .target = target, .given = given };
    struct rooms rooms = { .room = malloc(nodes * sizeof *rooms.room) };
    bool *needed = calloc(nodes, sizeof *needed);
    int *last_use = malloc(nodes * sizeof *last_use);
    s.step = arena_alloc(&s.arena, nodes * sizeof *s.step);
    s.offset = arena_alloc(&s.arena, nodes * sizeof *s.offset);
    enum axm_status st = rooms.room && needed && last_use && s.step && s.offset ? AXM_OK : out_of_memory(in);
    if (st == AXM_OK)
        st = find_needed(in, &s, needed);
    if (st != AXM_OK)
        goto out;
    for (int i = 0; i <= target; i++) {
        last_use[i] = -1;
        if (!needed[i] || (given && i == start))
            continue;
        for (int k = 0; reads_inputs(in, &s, i) && k < in->q->node[i].n_inputs; k++)
            last_use[in->q->node[i].input[k]] = s.n_steps;
        s.step[s.n_steps++] = i;
    }
    /* Few images are shared out evenly; a batch that memory has no room for is halved. */
    s.batch = BATCH_MAX;
    if (n < s.batch * threads)
        s.batch = (n + threads - 1) / threads;
    s.batch = s.batch ? s.batch : 1;
    for (place(in, &s, last_use, &rooms); s.bytes > WORKSPACE_BYTES && s.batch > 1;) {
        s.batch = (s.batch + 1) / 2;
        place(in, &s, last_use, &rooms);
    }
out:
    free(rooms.room);
    free(needed);
    free(last_use);
    if (st == AXM_OK)
        *out = s;
    else
        schedule_release(&s);
    return st;
}

void schedule_release(struct schedule *s)
{
    arena_release(&s->arena);
}
