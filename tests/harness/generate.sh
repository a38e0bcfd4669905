#!/bin/sh
# CTest's fixture "estate": generates the estate that tests copy, anew.
set -eu
rm -rf "$1/tests/estate"
exec "$1/bin/smki-sim" generate --out "$1/tests/estate" --devices 16 --seed 7 --runbooks runbooks
