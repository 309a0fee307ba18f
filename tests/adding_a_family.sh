#!/bin/sh
# Does what docs/adding-a-family.md says on a copy of the tree, and nothing else:
# the new family must work everywhere, and only the files that the page may
# touch may have changed.
set -u
page=docs/adding-a-family.md
tree=$(mktemp -d) || exit 3
trap 'rm -rf "$tree"' EXIT
build=${B:-build}

fail() { echo "FAIL adding_a_family: $*"; exit 1; }

# The copy takes the objects along (with their times), so that little is built again.
git ls-files -co --exclude-standard | tar cf - -T - | tar xf - -C "$tree" || fail "cannot copy the tree"
[ -d "$build" ] && mkdir -p "$tree/build" && cp -a "$build/." "$tree/build/"

# Carries out the directives of the page: new file, insert before a line.
awk -v tree="$tree" '
    /^<!-- new file: /  { file = $4; mode = "new"; next }
    /^<!-- insert: /    { file = $3; anchor = $0; sub(/^.* before: /, "", anchor); sub(/ -->$/, "", anchor); mode = "insert"; next }
    /^```c$/ && mode    { text = ""; inside = 1; next }
    /^```$/ && inside   { inside = 0; apply(); mode = ""; next }
    inside              { text = text $0 "\n" }
    function apply(   path, line, out, hits) {
        path = tree "/" file
        print file
        if (mode == "new") { printf "%s", text > path; close(path); return }
        while ((getline line < path) > 0) {
            if (line == anchor) { out = out text; hits++ }
            out = out line "\n"
        }
        close(path)
        if (hits != 1) { print "anchor \"" anchor "\" stands " hits + 0 " times in " file > "/dev/stderr"; exit 1 }
        printf "%s", out > path
        close(path)
    }' "$page" > "$tree/touched" || fail "the page does not fit the tree"

sort -u "$tree/touched" | grep -vE '^(cmodel/families\.c|gen/build\.c|cmodel/family_[a-z]*\.c|gen/family_[a-z]*\.c|tests/test_[a-z]*\.c)$' \
    && fail "the page touches files that a family must not need"
echo "PASS adding_a_family__touches_only_what_it_may"

cd "$tree" || exit 3
make -j2 B=build build/axmul build/tests/test_orc > log 2>&1 || fail "does not build: $(grep -m1 -E 'error|\*\*\*' log)"
build/tests/test_orc > log 2>&1 || fail "its own test: $(tail -1 log)"
[ "$(build/axmul eval orc4u_k3 3 3)" = 7 ] || fail "axmul eval orc4u_k3 3 3 is not 7"
build/axmul list | grep -q '^orc' || fail "axmul list does not know it"
build/axmul help --man | grep -q orc || fail "the man page does not know it"
build/axmul eval orc8u_k99 1 1 2>&1 | grep -q 'k must be 0..15, got 99' || fail "its range is not checked"
echo "PASS adding_a_family__works_in_every_command"
build/axmul verify orc8u_k5 orc8x4u_k3 --sim bitslice,icarus > log 2>&1 || fail "axmul verify: $(tail -1 log)"
echo "PASS adding_a_family__model_and_netlist_agree"
