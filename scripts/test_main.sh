#!/bin/sh
# Prints the main() of a unit test file: every TEST(name) in it, registered.
set -eu
bad=$(grep -nE '^TEST\(' "$1" | grep -vE ':TEST\(test_[a-z0-9]+(_[a-z0-9]+)*__[a-z0-9_]+\)$' || true)
[ -z "$bad" ] || { echo "$1: tests are called test_unit__claim, in lower case: $bad" >&2; exit 1; }
names=$(sed -n 's/^TEST(\(test_[a-z0-9_]*\)).*/\1/p' "$1")
[ -n "$names" ] || { echo "$1: no TEST(test_unit__claim) in it" >&2; exit 1; }
echo '#include "tests/harness.h"'
for n in $names; do echo "void $n(void **state);"; done
echo 'int main(int argc, char **argv)'
echo '{'
echo '    static const struct CMUnitTest tests[] = {'
for n in $names; do echo "        cmocka_unit_test($n),"; done
echo '    };'
echo '    return test_run(argc, argv, tests, sizeof tests / sizeof tests[0]);'
echo '}'
