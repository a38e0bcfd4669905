#!/usr/bin/env bash
# Plants the bugs of tests/mutants/simulation/*.patch one after the other into a scratch copy, builds the simulator there
# and runs seeds from 1 on until one fails that is clean without the bug. Prints one line for each and exits with 1 if
# one survives.
#   simulate.sh [--seeds N] [--from SEED] [--table] [FIRST [LAST]]
# --table: the lines are rows of the table in docs/simulation-mutants.md.
set -euo pipefail
cd "$(dirname "$0")/../.."
seeds=1000 from=1 table=
while [[ ${1:-} == --* ]]; do
  case $1 in
    --seeds) seeds=$2; shift ;;
    --from) from=$2; shift ;;
    --table) table=1 ;;
    *) sed -n 2,6p "$0" >&2; exit 2 ;;
  esac
  shift
done
first=${1:-1} last=${2:-9999}
copy=${SMKI_MUTANTS:-/tmp/smki-mutants}
patience=${SMKI_MUTANTS_PATIENCE:-120}  # seconds without a seed's end: it hangs
planted_files() { sed -n 's|^+++ b/||p' "$copy"/tests/mutants/simulation/*.patch 2>/dev/null | sort -u; }
mkdir -p "$copy"
before=$(planted_files)
rm -rf "$copy/tests/mutants/simulation"
git ls-files -co --exclude-standard -z | tar --null -T - -cf - | tar -xf - -C "$copy"
cd "$copy"
# What was built of them may be of a run that was ended in the middle.
for file in $before $(planted_files); do [ ! -e "$file" ] || touch "$file"; done
export CCACHE_BASEDIR=$PWD CCACHE_NOHASHDIR=1
log=$copy/build/simulate.log

build() {
  ninja -C build ${SMKI_MUTANTS_JOBS:+-j "$SMKI_MUTANTS_JOBS"} smki-simulate smki_sim_hsm >"$log" 2>&1
}

# The program of the folder $1 with the other arguments; its number stands in $1/pid.
run() {
  local folder=$1
  shift
  echo "$BASHPID" >"$folder/pid"
  exec "$folder/smki-simulate" --hsm "$folder/libsmki_sim_hsm.so" --runbooks runbooks --shrink 0 --output json "$@" 2>/dev/null
}
stop() {
  local pid
  [ -s "$1/pid" ] || return 0
  pid=$(cat "$1/pid")
  rm -f "$1/pid"
  kill -9 "$pid" 2>/dev/null || true
  rm -rf "/dev/shm/smki-simulate-$pid"
}
keep() {
  mkdir -p "$1"
  cp build/bin/smki-simulate build/tests/libsmki_sim_hsm.so "$1/"
}

# Is seed $1 clean without any bug? What was found out once is kept for as long as the program is the same.
is_clean() {
  local known told
  known=$(grep -m1 "^$1 " clean/seeds || true)
  if [ -z "$known" ]; then
    known="$1 failed"
    told=$(timeout "$patience" cat < <(run clean --seed "$1")) || true
    [[ $told != '{"clean":true'* ]] || known="$1 clean"
    stop clean
    echo "$known" >>clean/seeds
  fi
  [ "$known" = "$1 clean" ]
}

# Sets `seed`, `by`, `what` and `needed` if a seed catches it.
try() {
  local line next=$from ended found
  local finding='"violations":\[\{"invariant":"([^"]*)","what":"(([^"\\]|\\.)*)"'
  seed='' by='' what='' needed=0
  exec 3< <(run build/mutant --from "$from" --seeds "$seeds")
  while [ "$next" -lt $((from + seeds)) ]; do
    ended=0
    IFS= read -r -t "$patience" -u 3 line || ended=$?
    [[ $ended -gt 0 || $line == '{"clean":'* ]] || continue
    found=$next
    next=$((next + 1))
    if [ "$ended" -gt 128 ]; then by=hang what="no end within $patience s"
    elif [ "$ended" -gt 0 ]; then by=crash what='the program ended'
    elif [[ $line == '{"clean":false'* && $line =~ $finding ]]; then by=${BASH_REMATCH[1]} what=${BASH_REMATCH[2]}
    else continue; fi
    if is_clean "$found"; then
      seed=$found needed=$((found - from + 1))
      break
    fi
    [ "$ended" -eq 0 ] || break
  done
  [ -n "$seed" ] || by=''
  exec 3<&-
  stop build/mutant
}

cmake -S . -B build -G Ninja -DCMAKE_BUILD_TYPE=Release -DCMAKE_CXX_FLAGS_RELEASE='-O2 -DNDEBUG' >/dev/null
build || { tail -20 "$log" >&2; exit 2; }
if ! cmp -s build/bin/smki-simulate clean/smki-simulate || ! cmp -s build/tests/libsmki_sim_hsm.so clean/libsmki_sim_hsm.so; then
  keep clean
  : >clean/seeds
fi
touch clean/seeds
survived=0 planted=
unplant() {
  [ -z "$planted" ] || patch -p1 -R --no-backup-if-mismatch -s <"$planted"
  planted=
}
trap 'stop build/mutant; unplant' EXIT
trap 'exit 130' INT TERM HUP
for patch in tests/mutants/simulation/*.patch; do
  name=$(basename "$patch" .patch)
  number=$((10#${name%%-*})) name=${name#*-}
  [ "$number" -ge "$first" ] && [ "$number" -le "$last" ] || continue
  begun=$SECONDS
  patch -p1 --no-backup-if-mismatch -s <"$patch" >"$log" 2>&1 || { cat "$log" >&2; echo "mutant $number: $patch does not apply" >&2; exit 2; }
  planted=$patch
  if ! build; then
    verdict='does not build'
    grep -m3 -a 'error' "$log" >&2 || true
    seed=
  else
    keep build/mutant
    try
    verdict=SURVIVED
  fi
  unplant
  [ -z "$seed" ] || verdict="caught by $by"
  [ -n "$seed" ] || survived=1
  if [ -n "$table" ]; then
    printf '| %d | %s | %s | %s | %s |\n' "$number" "$(head -1 "$patch")" "${by:-none: it survives}" "${seed:--}" "${seed:+$needed}"
  else
    printf '%2d  %-34s %-20s %s %4d s\n' "$number" "$name" "$verdict" "${seed:+at seed $seed, after $needed}" $((SECONDS - begun))
    [ -z "$seed" ] || printf '      %s\n' "${what:0:150}"
  fi
done
exit "$survived"
