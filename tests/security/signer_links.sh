#!/usr/bin/env bash
# signer_links.sh PROGRAM: the program that holds the key has no parser of YAML or XML, no gRPC and no TLS in it, neither
# in its own octets nor in a library that comes with it (I5).
set -euo pipefail
program=$1
bad=$(ldd "$program" | grep -E 'yaml|grpc|protobuf|xml2|expat|libssl|json' || true)
bad+=$(nm -C "$program" | grep -E 'YAML::|grpc::|google::protobuf|nlohmann::|smki::ParseYaml|xmlParse' || true)
if [ -n "$bad" ]; then
  printf '%s holds what must not be where a key is:\n%s\n' "$program" "$bad" >&2
  exit 1
fi
# A check that finds nothing anywhere proves nothing: the front has them all.
front=$(dirname "$program")/smki-keyguard
linked=$(ldd "$front")
for wanted in yaml grpc protobuf; do
  [[ $linked == *$wanted* ]] || { echo "$front no longer links $wanted: this check looks for the wrong names" >&2; exit 1; }
done
