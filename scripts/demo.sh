#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# The case that Plumbline was made for, end to end: the PyTorch reference and the fused CUDA kernels (on the CPU, bit for bit
# what a GPU gives) continue the same licence text; then the same with a defect planted in one layer.
# Usage: scripts/demo.sh [FAULT]   (default below; `plumbline faults` lists them)
set -euo pipefail
cd "$(dirname "$0")/.."

fault=${1:-weight.transposed@layer.0.attn.o_proj}
model=dumps/models/qwen3-tiny
prompt='The licenses for most software are designed to take away your freedom'
new=32
out=out/demo

title() { printf '\n\033[1m== %s\033[0m\n' "$*"; }
expect() { # expect STATUS COMMAND...: runs it and stops the demo if the exit status is another
  local wanted=$1 got=0
  shift
  printf '$ %s\n' "$*"
  "$@" || got=$?
  echo "exit status $got"
  [ "$got" -eq "$wanted" ] || { echo "demo: expected exit status $wanted" >&2; exit 1; }
}

title 'Set up and build (quick if it was done before)'
scripts/setup.sh
export PATH="$PWD/build/bin:$PATH"
mkdir -p "$out"

title '(a) The reference and the fused kernels, both healthy'
expect 0 plumbline run "$model" --backend torch --prompt "$prompt" --new "$new" --force -o "$out/reference.h5"
expect 0 plumbline run "$model" --backend twin --prompt "$prompt" --new "$new" --force -o "$out/candidate.h5"
expect 0 plumbline find "$out/reference.h5" "$out/candidate.h5"

title "(b) The same kernels with a planted defect: $fault"
expect 0 plumbline run "$model" --backend twin --prompt "$prompt" --new "$new" --fault "$fault" --force -o "$out/faulty.h5"
expect 1 plumbline find "$out/reference.h5" "$out/faulty.h5"
