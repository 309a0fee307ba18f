#!/bin/sh
# Prints C that embeds the given files: struct embedded_file embedded_rtl[].
set -eu
cat <<'EOF'
#include "base/embed.h"

EOF
i=0
for f in "$@"; do
    printf '__asm__(".section .rodata\\n.global embed_%d\\nembed_%d:\\n.incbin \\"%s\\"\\n.byte 0\\n.previous\\n");\n' \
        "$i" "$i" "$f"
    printf 'extern const char embed_%d[] __attribute__((visibility("hidden")));\n' "$i"
    i=$((i + 1))
done
printf '\nconst struct embedded_file embedded_rtl[] = {\n'
i=0
for f in "$@"; do
    printf '    { "%s", embed_%d },\n' "$f" "$i"
    i=$((i + 1))
done
printf '    { 0, 0 },\n};\n'
