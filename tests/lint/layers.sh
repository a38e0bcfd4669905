#!/usr/bin/env bash
# Who may know whom (docs/decisions/0002-layers.md, from the architecture's section 2): an #include that is not
# drawn there fails. Also: OpenSSL only in pki/, no gRPC in the pure core, hsm/signer free of network and YAML.
set -euo pipefail
cd "$(dirname "$0")/../.."

# room: rooms it may include besides itself. The longest matching prefix of a file's path decides.
declare -A may=(
  [base]=''
  [pki]='base'
  [gbcs]='base'
  [ledger]='base pki'
  [procedures]='base pki/digest.h'
  [procedures/evidence]='base pki procedures'
  [repository]='base pki'
  [repository/web]='base'
  [proto]='base'
  [hsm/pkcs11]='base pki'
  [hsm/custody]='base pki procedures hsm/pkcs11'
  [hsm]='base pki gbcs ledger procedures proto'
  [orchestrator]='base pki gbcs ledger procedures repository proto'
  [sim]='base pki gbcs repository proto hsm/pkcs11'
  [sim/estate]='sim base pki gbcs repository proto hsm/pkcs11 hsm/custody procedures'
  [sim/scenario]='base pki proto procedures repository'
  [cli]='base pki gbcs ledger procedures repository proto hsm/pkcs11'   # hsm/pkcs11: a person's own signing token
)

bad=0
complain() { printf '%s\n' "$1" >&2; bad=1; }

while IFS=: read -r file line include; do
  room=''
  for r in "${!may[@]}"; do
    [[ $file == "$r"/* && ${#r} -gt ${#room} ]] && room=$r
  done
  [ -z "$room" ] && continue
  target=$(sed -E 's/.*"([^"]+)".*/\1/' <<<"$include")
  [[ $target == smki/* ]] && target=proto/$target
  allowed="$room ${room%%/*} ${may[$room]}"
  # A sub-room is closed to its own parent's siblings unless drawn; the parent may use its sub-rooms.
  [[ $room == procedures/evidence || $room == hsm/* || $room == sim/* ]] && allowed="$room ${may[$room]}"
  ok=''
  for a in $allowed; do
    [[ $target == "$a" || $target == "$a"/* ]] && ok=1
  done
  [ -n "$ok" ] || complain "$file:$line: $room may not include $target (may: ${may[$room]:-nothing of ours})"
done < <(git ls-files -co --exclude-standard -- '*.cc' '*.h' | grep -vE '^tests/' |
  xargs grep -nE '^#include "[a-z0-9_]+/' | sed -E 's/^([^:]+):([0-9]+):(.*)$/\1:\2:\3/')

forbid() {   # forbid REGEX FILES-REGEX WHY
  while IFS= read -r hit; do complain "$hit: $3"; done < <(
    git ls-files -co --exclude-standard -- '*.cc' '*.h' | grep -E "$2" | xargs -r grep -nE "#include $1" || true)
}
forbid '<openssl/' '^(base|gbcs|ledger|procedures|hsm|proto|repository|orchestrator|sim|cli)/' 'only pki/ includes OpenSSL'
forbid '(<sqlite3|"base/sqlite)' '^(pki|procedures|gbcs|hsm|orchestrator|cli|repository)/' 'files of SQLite are the ledger and the simulated estate'
forbid '<boost/' '^(pki|ledger|orchestrator|sim|cli|repository/(extract|store)|repository/[^/]*\.)' 'in these rooms Boost is the web service'"'"'s (repository/web)'
forbid '<(grpc|thread|boost|mutex)' '^(procedures|gbcs)/' 'the pure core reaches out'
forbid '(<grpc|"proto/|"smki/|<yaml-cpp|"base/yaml|"base/sqlite|<libxml)' '^hsm/signer/' 'the signer has no network and no foreign parser'
forbid '<libssh/' '^(base|pki|gbcs|ledger|procedures|hsm|proto|orchestrator|sim|cli|repository/[a-z_]+\.|repository/(extract|store)/)' 'only repository/transfer/ includes libssh'
[ "$bad" -eq 0 ] && printf 'layers: every include is drawn\n' >&2
exit "$bad"
