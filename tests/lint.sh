#!/bin/sh
# What a reviewer would say again and again, by grep.
set -u
verdict() {   # NAME, and the lines that break the rule on standard input
    odd=$(cat)
    if [ -n "$odd" ]; then
        echo "$odd"
        echo "FAIL lint__$1: $(echo "$odd" | wc -l) places, the first $(echo "$odd" | head -1)"
    else
        echo "PASS lint__$1"
    fi
}
c=$(ls axmul.h base/*.[ch] cmodel/*.[ch] gen/*.[ch] sim/*.[ch] synth/*.[ch] dnn/*.[ch] explore/*.[ch] cli/*.[ch] fuzz/*.[ch] bench/*.c tests/*.[ch])
sh=$(ls scripts/*.sh tests/*.sh .ci/run)
rtl=$(ls rtl/*.v rtl/*/*.v 2> /dev/null)
# shellcheck disable=SC2086  # lists of files, throughout
{
for f in $sh; do sh -n "$f" 2>&1; done | verdict shell_scripts_parse
grep -nE '^.{111}' $c $rtl | cut -c 1-60 | verdict lines_have_at_most_110_columns
grep -nE '[[:space:]]$' $c $rtl $sh Makefile | verdict no_space_at_line_ends
grep -nP '\t' $c $rtl | verdict indented_by_spaces
grep -nwE 'TODO|FIXME' $c $rtl scripts/*.sh | verdict nothing_is_left_to_do
}

# The arrows between the folders (gen/ sees of cmodel/ the specs only).
includes() {   # FOLDER, and what it may include as a pattern
    grep -nE '^#include "' "$1"/*.[ch] /dev/null | grep -vE "#include \"($2)"
}
{
    includes base 'base/'
    includes cmodel 'base/|cmodel/'
    includes gen 'base/|cmodel/spec\.h|gen/'
    includes sim 'base/|cmodel/|gen/|sim/'
    includes synth 'base/|cmodel/|gen/|sim/|synth/'
    includes dnn 'base/|cmodel/|dnn/'
    includes explore 'base/|cmodel/|gen/|sim/|synth/|dnn/|explore/'
} | verdict includes_follow_the_arrows

# A search sees genomes and scores, nothing of what evaluates them.
grep -nE '^#include "' explore/search.c explore/search.h | grep -vE '"(base/(rng|status)|explore/search)\.h"' |
    verdict searches_see_no_evaluator

# Everybody else returns a status (_exit() is for a child, or a second interrupt).
grep -nE '\<exit\(' base/*.c cmodel/*.c gen/*.c sim/*.c synth/*.c dnn/*.c explore/*.c cli/*.c | verdict nobody_but_main_exits

# What a message tells the user to install is what setup installs.
grep -hoE 'proc_need\("[^"]*", "[^"]*"\)' */*.c | grep -v no-such-package | sed 's/.*, "\(.*\)")/\1/' | sort -u |
    while read -r p; do grep -qw -- "$p" scripts/setup.sh || echo "scripts/setup.sh lacks $p"; done |
    verdict setup_installs_what_messages_name

for f in fuzz/fuzz_*.c; do
    [ ! -e "$f" ] || [ -n "$(ls "tests/fuzz_corpus/$(basename "$f" .c)" 2> /dev/null)" ] || echo "$f has no corpus"
done | verdict fuzzers_have_a_corpus

sed -n 's/^\.PHONY: //p' Makefile | tr ' ' '\n' | while read -r t; do
    grep -qE "^$t:.*## " Makefile || echo "Makefile: $t has no ## line"
done | verdict make_help_lists_every_target
