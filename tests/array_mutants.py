"""Tells mutants of an array from the array by SAT, for states that no simulation has time to reach.

    array_mutants.py FILE.aag LIST ROW_BITS MUTANT...

FILE is an ASCII AIGER file with symbols; its input mutsel chooses a mutant, 0 none.  LIST has a line of Yosys's
mutate for each.  Passes of a weight-stationary array have at most 2^ROW_BITS rows.  The array and the mutant
begin in one state, any state, with one input, any input.  Prints a line for each mutant:

    N equal             no output and no register's next value differ, in any state, or in any that meets the
                        invariants below, which are proven by induction first
    N counter 2^M WHAT  as long as the counters are below 2^M they do not differ either; from a state with a
                        larger one, which z3 found, WHAT does
    N differs WHAT      neither
    N unknown           no answer in time
"""
import random
import re
import subprocess
import sys
import tempfile

COUNTERS = r'u_regs\.(cycles|stall_[xwy]|idle|jobs)_q|u_ctrl\.(k|k_left|tiles|x_tiles|w_tiles)_q'
PATTERNS = 2048
ONES = (1 << PATTERNS) - 1


class Aig:
    """And-inverter graph: a literal is 2 * node + inverted; 0 is false, 1 true."""

    def __init__(self):
        self.nodes, self.known, self.args, self.patterns = 1, {}, {}, {0: 0}
        self.random = random.Random(1)

    def new(self):
        self.nodes += 1
        return 2 * (self.nodes - 1)

    def both(self, a, b):
        a, b = min(a, b), max(a, b)
        if a == 0 or a == b ^ 1:
            return 0
        if a == 1 or a == b:
            return b
        if (a, b) not in self.known:
            self.known[a, b] = r = self.new()
            self.args[r >> 1] = a, b
        return self.known[a, b]

    def either(self, a, b):
        return self.both(a ^ 1, b ^ 1) ^ 1

    def differ(self, a, b):
        return self.either(self.both(a, b ^ 1), self.both(a ^ 1, b))

    def any(self, literals):
        r = 0
        for x in literals:
            r = self.either(r, x)
        return r

    def any_differ(self, pairs):
        return self.any(self.differ(a, b) for a, b in pairs if a != b)

    def simulated(self, literal):
        """Values under random patterns of the free nodes."""
        todo = [literal >> 1]
        while todo:
            v = todo[-1]
            if v not in self.patterns and v in self.args:
                missing = [x >> 1 for x in self.args[v] if x >> 1 not in self.patterns]
                if missing:
                    todo += missing
                    continue
                a, b = (self.patterns[x >> 1] ^ (ONES if x & 1 else 0) for x in self.args[v])
                self.patterns[v] = a & b
            elif v not in self.patterns:
                self.patterns[v] = self.random.getrandbits(PATTERNS)
            todo.pop()
        return self.patterns[literal >> 1] ^ (ONES if literal & 1 else 0)

    def solve(self, roots, seconds):
        """Can all roots be true?  None: no answer."""
        if 0 in roots:
            return False
        seen, todo = set(), [r >> 1 for r in roots]
        while todo:
            v = todo.pop()
            if v not in seen:
                seen.add(v)
                todo += [x >> 1 for x in self.args.get(v, ())]
        number = {v: i + 1 for i, v in enumerate(sorted(seen | {0}))}

        def name(x):
            return -number[x >> 1] if x & 1 else number[x >> 1]
        clauses = ['-1 0'] + ['%d 0' % name(r) for r in roots]
        for v in seen & self.args.keys():
            a, b = self.args[v]
            clauses += ['-%d %d 0' % (number[v], name(a)), '-%d %d 0' % (number[v], name(b)),
                        '%d %d %d 0' % (number[v], -name(a), -name(b))]
        with tempfile.NamedTemporaryFile('w', suffix='.cnf') as f:
            f.write('p cnf %d %d\n%s\n' % (len(number), len(clauses), '\n'.join(clauses)))
            f.flush()
            said = subprocess.run(['z3', '-dimacs', '-T:%d' % seconds, f.name], stdout=subprocess.PIPE,
                                  universal_newlines=True).stdout
        return False if 'UNSAT' in said else True if 'SATISFIABLE' in said else None


class Array:
    def __init__(self, path, row_bits, moved):
        self.row_bits = row_bits
        with open(path) as f:
            self.top, n_in, n_latch, n_out, n_and = map(int, f.readline().split()[1:6])
            self.inputs = [int(f.readline()) for _ in range(n_in)]
            self.latches = [tuple(map(int, f.readline().split()[:2])) for _ in range(n_latch)]
            self.outputs = [int(f.readline()) for _ in range(n_out)]
            self.ands = [tuple(map(int, f.readline().split())) for _ in range(n_and)]
            names = {'i': {}, 'l': {}, 'o': {}}
            for line in f:
                if line[0] == 'c':
                    break
                place, name = line.rstrip('\n').split(' ', 1)
                names[place[0]][int(place[1:])] = name
        self.select = {int(re.search(r'\[(\d+)\]', n)[1]): i for i, n in names['i'].items()
                       if n.startswith('mutsel[')}
        # A mutated output of a flip-flop has lost its name to what chooses the mutant.
        moved = moved if len(moved) == n_latch - len(names['l']) else []
        nameless = iter(moved)
        self.latch_name = [names['l'][i].split(' ')[-1] if i in names['l'] else next(nameless, 'register %d' % i)
                           for i in range(n_latch)]
        self.output_name = [names['o'].get(i, 'output %d' % i) for i in range(n_out)]

    def frame(self, g, state, inputs, mutant, model=None):
        """Next state, outputs, all nodes.  What SAT says equals the model's node becomes that node."""
        value, tries = [0] * (self.top + 1), 20
        for literal, x in zip(self.inputs, inputs):
            value[literal >> 1] = x
        for bit, i in self.select.items():
            value[self.inputs[i] >> 1] = mutant >> bit & 1
        for (literal, _), x in zip(self.latches, state):
            value[literal >> 1] = x
        for out, a, b in self.ands:
            r = g.both(value[a >> 1] ^ a & 1, value[b >> 1] ^ b & 1)
            if model and r > 1 and r != model[out >> 1] and tries and \
                    g.simulated(r) == g.simulated(model[out >> 1]):
                tries -= 1
                if g.solve([g.differ(r, model[out >> 1])], 5) is False:
                    r = model[out >> 1]
            value[out >> 1] = r
        return ([value[n >> 1] ^ n & 1 for _, n in self.latches],
                [value[o >> 1] ^ o & 1 for o in self.outputs], value)

    def bits(self, state, pattern):
        """Of a register, lowest first."""
        found = [(int(m[1] or 0), state[i]) for i, n in enumerate(self.latch_name)
                 for m in [re.search(r'(?:^|\.)' + pattern + r'(?:\[(\d+)\])?$', n)] if m]
        if not found:
            sys.exit('no register %s' % pattern)
        return [x for _, x in sorted(found)]

    def invariants(self, g, state):
        """What holds in every state of the array without a fault: none of dimensions is 0 in a job, and a
        weight-stationary array's rows are no more than 2^row_bits."""
        def some(pattern):
            return g.any(self.bits(state, pattern))

        def implies(a, b):
            return g.either(a ^ 1, b)
        waits = self.bits(state, 'job_waits')[0]
        all_of = [implies(waits, some('dim_a')), implies(waits, some('dim_b'))]
        if any('g_ws.' in n for n in self.latch_name):
            x_busy, w_busy = self.bits(state, 'x_busy_q')[0], self.bits(state, 'w_busy_q')[0]
            row_bits = self.row_bits

            def few(pattern):
                bits = self.bits(state, pattern)
                return g.both(g.any(bits[row_bits + 1:]) ^ 1,
                              implies(bits[row_bits], g.any(bits[:row_bits]) ^ 1))
            all_of += [implies(waits, few('dim_a')), few('rows_q'), implies(x_busy, some('rows_q')),
                       implies(x_busy, some('x_tiles_q')), implies(w_busy, some('w_tiles_q')),
                       implies(some('x_tiles_q'), some('rows_q'))]
        else:
            runs = self.bits(state, 'run_q')[0]
            all_of += [implies(runs, some('u_ctrl.tiles_q')), implies(runs, some('k_q')),
                       implies(runs, some('k_left_q'))]
        return all_of

    def small(self, g, state, limit):
        """No counter has a bit from number limit up."""
        return [x ^ 1 for i, x in enumerate(state) if re.search('(%s)' % COUNTERS, self.latch_name[i])
                for m in [re.search(r'\[(\d+)\]$', self.latch_name[i])] if m and int(m[1]) >= limit]

    def judge(self, mutant):
        g = Aig()
        state, inputs = [g.new() for _ in self.latches], [g.new() for _ in self.inputs]
        array, array_out, nodes = self.frame(g, state, inputs, 0)
        other, other_out, _ = self.frame(g, state, inputs, mutant, nodes)
        pairs = list(zip(array + array_out, other + other_out))
        differ, names = g.any_differ(pairs), self.latch_name + self.output_name
        found = g.solve([differ], 60)
        if found:
            true = self.invariants(g, state)
            found = g.solve([differ] + true, 60)
        if found is False:
            return 'equal'
        if found is None:
            return 'unknown'
        what = next(n for n, (a, b) in zip(names, pairs) if a != b and g.solve([g.differ(a, b)] + true, 60))
        limit = 12
        if g.solve([differ] + true + self.small(g, state, limit), 60) is not False:
            return 'differs ' + what
        while limit < 62 and g.solve([differ] + true + self.small(g, state, limit + 1), 60) is False:
            limit += 1
        return 'counter 2^%d %s' % (limit, what)

    def invariants_hold(self):
        """Of the state after reset, and of what follows a state of which they hold."""
        g = Aig()
        if 0 in self.invariants(g, [0] * len(self.latches)):
            return False
        state, inputs = [g.new() for _ in self.latches], [g.new() for _ in self.inputs]
        after = self.frame(g, state, inputs, 0)[0]
        now = self.invariants(g, state)
        return all(g.solve(now + [x ^ 1], 120) is False for x in self.invariants(g, after))


def main():
    with open(sys.argv[2]) as f:
        lines = f.readlines()
    mutants = [int(x) for x in sys.argv[4:]]
    at_output = [re.search(r'-wire (\S+) -wirebit (\d+)', lines[k - 1]) for k in mutants
                 if ' -port Q ' in lines[k - 1]]
    array = Array(sys.argv[1], int(sys.argv[3]), ['%s[%s]' % m.groups() for m in at_output if m])
    if not array.invariants_hold():
        sys.exit('an invariant does not hold')
    for mutant in mutants:
        # Clocks are not in the file.
        print(mutant, 'unknown' if ' -port C ' in lines[mutant - 1] else array.judge(mutant), flush=True)


main()
