#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Proves on a machine with an H100 or H200 what README says of it.
# Usage: scripts/gpu_all.sh [headers|build|equal|speed|safe|long|merge]... [--build DIR] [--out DIR] [--limit SECONDS]
#   headers  here, where packages can be had: unpacks into .deps/usr what such a machine may lack; let it travel along
#   build    configures preset gpu and builds the programs and the GPU's tests
#   equal    LibTorch eager = our kernels = the twin on every tap, what `plumbline find` says of it, special functions over
#            all inputs, the records in dumps/
#   speed    figures: norm and projections, decode, prefill, taps, beside LibTorch in C++ and Python; what they have to reach
#   safe     every fault on the GPU, located; kernels without taps; errors of CUDA as a user sees them; every kernel 20 times
#            over poisoned memory; compute-sanitizer (memcheck, racecheck, initcheck, synccheck)
#   long     decode at every number of keys up to 1,024
#   merge    the parts that lie in out/gpu, of this commit and one kind of GPU, into all.json; needs no GPU
# Without an argument: build, equal, speed, safe. Each part leaves out/gpu/PART.json; together they are out/gpu/all.json
# {environment, parts, checks, figures}, from which README's table is made. A part is meant to end
# within 480 seconds (--limit) on 16 cores; one that takes longer says so. A check that fails does not end its part. The
# commit is git's, or PLUMBLINE_COMMIT where the sources came without git; Python is PLUMBLINE_PYTHON or python3.
# Exit 0 only if every check passed, 1 if one failed, 2 if there is no GPU.
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
PATH=$PATH:/usr/local/cuda/bin

headers() {
  mkdir -p .deps/debs .deps/usr/lib
  (cd .deps/debs && apt-get download -q libtomlplusplus-dev libxxhash-dev libboost-context1.74-dev)
  for package in .deps/debs/*.deb; do dpkg -x "$package" .deps/unpacked; done
  cp -r .deps/unpacked/usr/include .deps/usr/
  cp "$(find .deps/unpacked -name libboost_context.a)" .deps/usr/lib/
}

if [ "${1:-}" = headers ]; then
  cd "$root"
  headers
  shift
  [ $# -gt 0 ] || exit 0
fi
exec "${PLUMBLINE_PYTHON:-python3}" "$root/scripts/lib/gpu_all.py" --root "$root" "$@"
