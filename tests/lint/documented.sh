#!/usr/bin/env bash
# What exists once in code stands once in the documents: every fail point in docs/formats/fail-points.md, and a
# README.md in every room.
set -euo pipefail
cd "$(dirname "$0")/../.."
bad=0
complain() { printf '%s\n' "$1" >&2; bad=1; }

used=$(git ls-files -co --exclude-standard -- '*.cc' '*.h' | grep -v '^tests/' | xargs grep -ohE 'FailPoint\("[^"]+"\)' | sed -E 's/.*"(.*)".*/\1/' | sort)
doubled=$(uniq -d <<<"$used")
listed=$(grep -oE '^\| `[a-z.-]+`' docs/formats/fail-points.md | tr -d '|` ' | sort)
[ -z "$doubled" ] || complain "fail points used in two places: $doubled"
missing=$(comm -23 <(sort -u <<<"$used") <(printf '%s\n' "$listed"))
stale=$(comm -13 <(sort -u <<<"$used") <(printf '%s\n' "$listed"))
[ -z "$missing" ] || complain "fail points not in docs/formats/fail-points.md: $missing"
[ -z "$stale" ] || complain "docs/formats/fail-points.md lists fail points that are gone: $stale"

# What a page for users says of a refusal is one that exists.
codes=$(grep -oE '^\| `[A-Z_]+`' docs/formats/reason-codes.md | tr -d '|` ' | sort -u)
for page in docs/incident-team.md docs/pma.md docs/key-custodian.md docs/tester.md; do
  [ -s "$page" ] || complain "$page is missing"
  unknown=$(comm -23 <(grep -oE '^\| `[A-Z]+_[A-Z_]+`' "$page" | tr -d '|` ' | sort -u) <(printf '%s\n' "$codes"))
  [ -z "$unknown" ] || complain "$page names reason codes that there are not: $unknown"
done

for room in base pki gbcs ledger procedures proto hsm repository orchestrator sim cli runbooks tests; do
  [ -s "$room/README.md" ] || complain "$room/README.md is missing"
done
[ "$bad" -eq 0 ] && printf 'documents: fail points and rooms are described\n' >&2
exit "$bad"
