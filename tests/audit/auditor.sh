#!/usr/bin/env bash
# auditor.sh EVIDENCE ANCHOR: runs exactly the blocks of docs/auditor.md, in order. Exits 0 only if nothing was found.
set -euo pipefail
page=$(dirname "$0")/../../docs/auditor.md
EVIDENCE=${1:?evidence folder} ANCHOR=${2:?SHA-256 of the trust policy}
export EVIDENCE ANCHOR
exec bash <(awk '/^```bash$/ { on = 1; next } /^```$/ { on = 0 } on' "$page")
