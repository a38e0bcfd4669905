#!/usr/bin/env bash
# tidy.sh FILE...: clang-tidy of these files, as .clang-tidy says; needs build/ built. What passed before is not looked
# at again until it, a header of ours that it includes, or .clang-tidy changes. SMKI_TIDY_MORE: more checks.
set -euo pipefail
cd "$(dirname "$0")/../.."
passed=${XDG_CACHE_HOME:-$HOME/.cache}/smki-tidy
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$passed"

# "source <tab> file it reads", paths from the build folder, from what the compiler told ninja.
ninja -C build -t deps | awk '
  /^[^ ]/ { first = 1; next }
  NF { if (first) { source = $1; first = 0 } if ($1 ~ /^(\.\.\/|generated\/)/) print source "\t" $1 }' |
  sort -u >"$work/reads"

digest() {
  { clang-tidy --version; cat .clang-tidy tests/.clang-tidy; echo "${SMKI_TIDY_MORE:-}"
    awk -F '\t' -v source="../$1" '$1 == source { print $2 }' "$work/reads" | (cd build && xargs -r sha256sum)
  } | sha256sum | cut -d ' ' -f 1
}

for file in "$@"; do
  key=$(digest "$file")
  [ -e "$passed/$key" ] || printf '%s %s\n' "$key" "$file"
done >"$work/todo"

export passed more=${SMKI_TIDY_MORE:-}
xargs -r -P "$(nproc)" -n 2 bash -c '
  clang-tidy --quiet -p build ${more:+"--checks=$more"} --extra-arg=-Wno-unknown-warning-option "$1" 2>/dev/null && touch "$passed/$0"' <"$work/todo"
echo "clang-tidy: nothing to say of $# files, $(wc -l <"$work/todo") looked at" >&2
