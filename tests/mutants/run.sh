#!/usr/bin/env bash
# Plants the mutants of a list (tests/mutants/*.txt) one after the other into a scratch copy, builds there and runs the
# tests that must fail. Prints one line for each and exits with 1 if one survives.
#   run.sh LIST [FIRST [LAST]]
set -euo pipefail
cd "$(dirname "$0")/../.."
list=$(realpath "$1") first=${2:-1} last=${3:-9999}
copy=${SMKI_MUTANTS:-/tmp/smki-mutants}
mkdir -p "$copy"
git ls-files -co --exclude-standard -z | rsync -a --delete --exclude build --files-from=- --from0 ./ "$copy/" 2>/dev/null ||
  { git ls-files -co --exclude-standard -z | tar --null -T - -cf - | tar -xf - -C "$copy"; }
cd "$copy"
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE='-O2 -DNDEBUG' >/dev/null
programs='smki-sim smki-keyguard smki-signer smki-orchestrator smkictl'
survived=0 number=0
while IFS= read -r line; do
  case $line in '' | \#*) continue ;; esac
  number=$((number + 1))
  [ "$number" -ge "$first" ] && [ "$number" -le "$last" ] || continue
  IFS='|' read -r where from to tests <<<"$line"
  where=${where% } where=${where%% *}
  file=${where%%#*} nth=1
  [ "$file" = "$where" ] || nth=${where#*#}
  read -r target filter <<<"$tests"
  cp "$file" /tmp/smki-mutant.$$
  FROM=$(sed -E 's/^ +| +$//g' <<<"$from") TO=$(sed -E 's/^ +| +$//g' <<<"$to") NTH=$nth perl -0pi -e '
    my ($from, $to, $nth, $seen) = ($ENV{FROM}, $ENV{TO}, $ENV{NTH}, 0);
    my $hit = s/\Q$from\E/(++$seen == $nth) ? $to : $from/ge;
    exit 3 unless $hit && $seen >= $nth;' "$file" || { echo "mutant $number: no such text in $where" >&2; exit 2; }
  needed=$target
  [ "$target" != powercut_sweep ] || needed="$programs $target"
  verdict=SURVIVED
  # shellcheck disable=SC2086
  if ! ninja -C build $needed >build/mutant.log 2>&1; then
    verdict='does not build'
    tail -5 build/mutant.log >&2
  elif ! GTEST_FAIL_FAST=1 SMKI_BUILD=$PWD/build timeout 600 "build/tests/$target" --gtest_filter="$filter" >build/mutant.log 2>&1; then
    verdict="caught by $(grep -a -m1 -oE '^\[  FAILED  \] [^ ,]+' build/mutant.log | sed 's/.*\] //' || true)"
  fi
  printf '%2d  %-44s %-60s %s\n' "$number" "$where" "$(sed -E 's/^ +| +$//g' <<<"$from" | cut -c1-58)" "$verdict"
  case $verdict in caught*) ;; *) survived=1 ;; esac
  cp /tmp/smki-mutant.$$ "$file"
done <"$list"
rm -f /tmp/smki-mutant.$$
exit "$survived"
