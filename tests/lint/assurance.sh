#!/usr/bin/env bash
# docs/assurance-case.md names tests as evidence (`Suite.Test`): every one of them must exist, and every invariant must
# have some. A test program's parameterised suite is named by its TEST_P.
set -euo pipefail
cd "$(dirname "$0")/../.."
page=${1:-docs/assurance-case.md}
known=$(git ls-files -co --exclude-standard -- 'tests/*.cc' | xargs grep -hE '^TEST(_F|_P)?\(' |
  sed -E 's/^TEST(_F|_P)?\(([A-Za-z0-9_]+), *([A-Za-z0-9_]+)\).*/\2.\3/' | sort -u)
named=$(grep -oE '`[A-Z][A-Za-z0-9]*\.[A-Za-z0-9_]+`' "$page" | tr -d '`' | grep -vE '\.(md|h|cc|yaml|sh|proto)$' | sort -u)
missing=$(comm -23 <(printf '%s\n' "$named") <(printf '%s\n' "$known"))
if [ -n "$missing" ]; then
  printf '%s names tests that do not exist:\n%s\n' "$page" "$missing" >&2
  exit 1
fi
for i in 1 2 3 4 5 6 7 8 9 10; do
  # From this invariant's heading to the next.
  count=$(awk -v want="## I$i " 'index($0, want) == 1 { on = 1; next } /^## / { on = 0 } on' "$page" |
    grep -oE '`[A-Z][A-Za-z0-9]*\.[A-Za-z0-9_]+`' | wc -l)
  [ "$count" -gt 0 ] || { printf '%s has no evidence for I%s\n' "$page" "$i" >&2; exit 1; }
done
printf 'assurance case: %s named tests exist\n' "$(wc -l <<<"$named")" >&2
