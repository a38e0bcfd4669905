#!/usr/bin/env bash
# touched.sh BUILD: rehearses a small recovery; docs/auditor.md verifies its evidence, and finds and names what was done
# to each of a set of touched copies. What a flip in a file does to its digest is not enough: each lie must also be
# found by the step that is for it.
set -euo pipefail
build=$(cd "$1" && pwd)
cd "$(dirname "$0")/../.."
work=$(mktemp -d "${TMPDIR:-/tmp}/smki-auditor-XXXXXX")
trap 'rm -rf "$work"' EXIT
"$build/bin/smki-sim" drill --runbooks runbooks --devices "${DEVICES:-6}" --out "$work/drill" > "$work/drill.txt" || { cat "$work/drill.txt"; exit 1; }
honest=$(echo "$work"/drill/orchestrator/data/evidence/*)
anchor=$(sha256sum < "$honest/policy/trust-policy.yaml" | cut -c1-64)

tests/audit/auditor.sh "$honest" "$anchor" > "$work/honest.txt" 2>&1 || { echo "an honest folder was not verified:"; cat "$work/honest.txt"; exit 1; }
cat "$work/honest.txt"
failed=0
expect() { grep -q "$2" "$work/$1.txt" || { echo "FAILED $1: expected \"$2\", but:"; cat "$work/$1.txt"; failed=1; }; }
expect honest '8  commands: 6 signed, 6 verified'
expect honest '9  Devices: 6 of 6 recovered'
expect honest '^VERIFIED'

flip() {  # flip FILE OFFSET: the lowest bit of one octet
  local octet
  octet=$(od -An -tu1 -j "$2" -N 1 "$1")
  printf "\\x$(printf %02x $((octet ^ 1)))" | dd of="$1" bs=1 seek="$2" conv=notrunc status=none
}
# record FILE TYPE: where the payload of the first record of this type begins, and its size.
record() {
  local at=$((12 + $(od -An -tu1 -j 11 -N 1 "$1"))) length type
  while :; do
    length=$((16#$(od -An -tx1 -j "$at" -N 4 "$1" | tr -d ' '))) type=$(od -An -tu1 -j $((at + 4)) -N 1 "$1")
    [ $((type)) != "$2" ] || { echo $((at + 9)) "$length"; return; }
    at=$((at + 9 + length + 32))
  done
}
# Makes the chain whole again from entry $1 on, as an insider with the orchestrator's disk would.
rehash() {
  local n octets
  for ((n = $1; n <= $(sqlite3 ledger.sqlite 'SELECT max(sequence) FROM entry'); n++)); do
    sqlite3 ledger.sqlite "UPDATE entry SET previous = (SELECT hash FROM entry WHERE sequence = $n - 1) WHERE sequence = $n"
    octets=$(sqlite3 ledger.sqlite "SELECT hex('smki ledger entry v1') || printf('%016X%016X', sequence, time)
      || printf('%08X', length(incident)) || hex(incident) || printf('%08X', length(person)) || hex(person)
      || printf('%08X', length(kind)) || hex(kind) || printf('%08X', length(payload)) || hex(payload) || hex(previous) FROM entry WHERE sequence = $n")
    sqlite3 ledger.sqlite "UPDATE entry SET hash = x'$(basenc --base16 -d <<< "$octets" | sha256sum | cut -c1-64)' WHERE sequence = $n"
  done
}

approval() { flip "$(ls direction/approvals/*.cms | head -n 1)" $(($(stat -c %s direction/approvals/1-*) - 1)); }
swapped_approval() { cp direction/approvals/1-*.cms direction/approvals/2-*.cms; }
command() { read -r at _ < <(record keyguard/journal.log 5); flip keyguard/journal.log $((at + 12 + 40)); }
burn() { read -r at size < <(record keyguard/journal.log 4); flip keyguard/journal.log $((at + size - 1)); }
response() { read -r at size < <(record campaign/campaign.log 6); flip campaign/campaign.log $((at + size - 1)); }
cell() {  # the last octet before the signature: of the key that the Device says it holds now
  read -r at size < <(record campaign/campaign.log 6); flip campaign/campaign.log $((at + size - 66)); }
entry() { sqlite3 ledger.sqlite "UPDATE entry SET person = 'leo.lead' WHERE sequence = 5"; }
rehashed() { entry; rehash 5; }
removed() { sqlite3 ledger.sqlite 'DELETE FROM entry WHERE sequence = 40'; }
cut() { sqlite3 ledger.sqlite 'DELETE FROM entry WHERE sequence >= (SELECT max(sequence) - 3 FROM entry)'; }
statement() { sqlite3 ledger.sqlite "UPDATE entry SET payload = CAST(replace(payload, 'rehearsed', 'rehearsad') AS BLOB) WHERE sequence = 4"; rehash 4; }
population() { local file; file=$(ls direction/populations/*.pop | head -n 1); flip "$file" $(($(stat -c %s "$file") - 1)); }
request() { sed -i 's/^threshold: .*/threshold: 2/' ceremony/*.request.txt; }
policy() { sed -i 's/  needed: 3/  needed: 2/' policy/trust-policy.yaml; }
rolled_back() {  # the journal as it was after its fifth record
  local at=26 i; for i in 1 2 3 4; do at=$((at + 9 + 16#$(od -An -tx1 -j "$at" -N 4 keyguard/journal.log | tr -d ' ') + 32)); done
  truncate -s "$at" keyguard/journal.log; }
added() { echo x > direction/approvals/4-nobody.cms; }

# COPY|LIE|WHAT IS FOUND: lies that do not hide each other share a copy, for each run of the page takes seconds.
lies=()
while IFS='|' read -r copy lie found; do
  lies+=("$copy|$found")
  [ -e "$work/$copy" ] || cp -r "$honest" "$work/$copy"
  (cd "$work/$copy" && $lie)
done <<'LIES'
files|approval|direction/approvals/1-anna.pma.cms: not a valid signature of anna.pma
files|swapped_approval|direction/approvals/2-bruno.pma.cms: not a valid signature of bruno.pma
files|command|journal record 5, Device .*: the signature is not over the directed command
files|response|campaign record .*: no certificate of it in the Repository verifies the answer
files|request|ceremony/.*.request.txt: not signed by the keyguard
files|added|direction/approvals/4-nobody.cms: no ledger entry names it
more|burn|keyguard/journal.log record 5: it does not follow the record before it
more|cell|campaign record .*: supplier/.* does not hold the directed key
more|population|direction/populations/.*.pop: another population
more|policy|policy/trust-policy.yaml is not the policy you were given
past|rolled_back|entry .*: the journal does not have the head that the keyguard told
past|entry|entry 5: it does not have the hash it says
rehashed|rehashed|checkpoint.note: the ledger does not have the head it vouches for
removed|removed|entry 41: it does not follow the entry before it
cut|cut|checkpoint.note: the ledger does not have the head it vouches for
statement|statement|entry 4: the statement is not signed by lena.lead
LIES
export anchor work
printf '%s\n' "${lies[@]%%|*}" | sort -u |
  xargs -P "$(nproc)" -I COPY sh -c 'tests/audit/auditor.sh "$work/COPY" "$anchor" > "$work/COPY.txt" 2>&1; echo $? > "$work/COPY.code"'
for one in "${lies[@]}"; do
  copy=${one%%|*}
  [ "$(cat "$work/$copy.code")" = 1 ] || { echo "FAILED $copy: exit code $(cat "$work/$copy.code")"; failed=1; }
  expect "$copy" "^FOUND ${one#*|}"
  expect "$copy" '^NOT VERIFIED'
  [ -z "$(grep /dev/fd "$work/$copy.txt")" ] || { echo "FAILED $copy: the page itself stumbled"; cat "$work/$copy.txt"; failed=1; }
done
[ "$failed" = 0 ] && echo "${#lies[@]} lies: each found and named"
exit "$failed"
