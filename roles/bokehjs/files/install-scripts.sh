#!/bin/sh
# Copy the minified scripts of SOURCE to TARGET/js, each with a brotli and a gzip copy beside it.
set -eu
umask 022
source=$1
target=$2
partial=$(dirname "$target")/.$(basename "$target").partial

rm -rf "$partial"
mkdir -p "$partial/js"
cp "$source"/*.min.js "$partial/js"
chmod 0644 "$partial"/js/*.min.js
# The best brotli takes seconds for a large script: as many at once as there are cores.
printf '%s\0' "$partial"/js/*.min.js | xargs --null --max-args=1 --max-procs="$(nproc)" brotli --best --keep
gzip --best --keep --no-name "$partial"/js/*.min.js
mv "$partial" "$target"
