#!/bin/sh
# embed.sh NAME FILE...: prints C that embeds the files: struct embedded_file NAME[].
set -eu
array=$1
shift
printf '#include "base/embed.h"\n\n'
i=0
for f in "$@"; do
    printf '__asm__(".section .rodata\\n.global %s_%d\\n%s_%d:\\n.incbin \\"%s\\"\\n.byte 0\\n.previous\\n");\n' \
        "$array" "$i" "$array" "$i" "$f"
    printf 'extern const char %s_%d[] __attribute__((visibility("hidden")));\n' "$array" "$i"
    i=$((i + 1))
done
printf '\nconst struct embedded_file %s[] = {\n' "$array"
i=0
for f in "$@"; do
    printf '    { "%s", %s_%d, %d },\n' "$f" "$array" "$i" "$(wc -c < "$f")"
    i=$((i + 1))
done
printf '    { 0, 0, 0 },\n};\n'
