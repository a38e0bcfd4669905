#!/usr/bin/env bash
# client.sh BUILD: installs the public client as its lock file says into the build folder (once), rebuilds a store from
# the generated estate's extracts, serves it, and lets client.js ask for everything. 77: cannot be tried here.
set -euo pipefail
build=$(cd "$1" && pwd)
here=$(cd "$(dirname "$0")" && pwd)
estate=$build/tests/estate
skip() { echo "SKIPPED: $1"; exit 77; }
command -v node >/dev/null || skip 'there is no node'
command -v npm >/dev/null || skip 'there is no npm'

# Kept between runs; anew if the lock file is another.
client=$build/tests/interop/client
if ! cmp -s "$here/package-lock.json" "$client/installed"; then
  rm -rf "$client"
  mkdir -p "$client"
  cp "$here/package.json" "$here/package-lock.json" "$client/"
  if ! (cd "$client" && timeout 200 npm ci --ignore-scripts --no-audit --no-fund --fetch-retries=1 >npm.txt 2>&1); then
    tail -20 "$client/npm.txt"
    # What is not as locked, or not there in a registry that answers, is a failure.
    grep -qE 'ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ECONNRESET|ETIMEDOUT|ENETUNREACH|ERR_SOCKET_TIMEOUT|ENOTCACHED' "$client/npm.txt" || exit 1
    skip 'no package registry can be reached'
  fi
  cp "$here/package-lock.json" "$client/installed"
fi

work=$(mktemp -d "${TMPDIR:-/tmp}/smki-interop-XXXXXX")
server=''
trap '[ -z "$server" ] || kill -KILL "$server" 2>/dev/null || true; rm -rf "$work"' EXIT
"$build/bin/smkictl" repository rebuild --extracts "$estate/repository/extracts" --store "$work/repository.store" \
  --organisation-root "$estate/authority/root-oca.pem" --device-root "$estate/authority/root-dca.pem" --output json >"$work/rebuilt.json"

mkfifo "$work/ready"
"$build/bin/smkictl" --output json repository serve --store "$work/repository.store" --listen 127.0.0.1:0 \
  --access-log "$work/access.log" >"$work/ready" 2>"$work/serve.txt" &
server=$!
read -r ready <"$work/ready"
address=$(node -p 'JSON.parse(process.argv[1]).listening' "$ready")

NODE_PATH=$client/node_modules node "$here/client.js" "$address" "$estate/repository/extracts" ||
  { cat "$work/serve.txt"; tail -5 "$work/access.log"; exit 1; }

kill -TERM "$server"
ended=0
wait "$server" || ended=$?
server=''
[ "$ended" -eq 0 ] || { echo "the server ended with $ended"; cat "$work/serve.txt"; exit 1; }
! grep -q apikey "$work/access.log" || { echo 'the access log holds the key of a client'; exit 1; }
echo "the access log has $(wc -l <"$work/access.log") lines"
