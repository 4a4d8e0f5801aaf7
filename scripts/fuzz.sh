#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Damaged files through every reader of untrusted input, under the address and undefined-behaviour sanitizers.
# Usage: scripts/fuzz.sh [--mutants N] [--seed S] [READER...]    (100000 mutants of each of all readers by default)
# Progress on standard error; a row per reader on standard output: cases, read as sound, refused, crashed, the most heap
# that one case held, as a share of what is allowed (4 times the file and 64 MiB), and the time. Exit status 1 if a reader
# crashed, hung, took too much or let control characters through: the culprit is kept under the path that is printed.
set -euo pipefail
cd "$(dirname "$0")/.."

arguments=(--mutants 100000 --keep build-asan/fuzz-culprits)
case "${1:-}" in
  -h|--help) sed -n '3,8s/^# //p' "$0"; exit 0 ;;
esac
cmake --preset asan >&2
cmake --build --preset asan --target plumbline-fuzz >&2
export ASAN_OPTIONS="detect_leaks=0:${ASAN_OPTIONS:-}" UBSAN_OPTIONS="halt_on_error=1:${UBSAN_OPTIONS:-}"
# Files that live for a millisecond need no disk.
[ -n "${TMPDIR:-}" ] || [ ! -w /dev/shm ] || export TMPDIR=/dev/shm
exec build-asan/tests/plumbline-fuzz "${arguments[@]}" "$@"
