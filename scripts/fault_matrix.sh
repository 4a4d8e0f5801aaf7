#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Draws faults at random (kind, layer, value, model, prompt), plants each in the candidate's kernels or weights and looks for it by
# `plumbline find`, with no digest looked at: caught, located at its op, cause named with its parameter. Prints a table by kind
# and what was missed; closes with "faulty N: caught a, located b, named c; clean M: findings d". Exit 0 only if every
# detectable fault was caught and no clean pair has a finding.
# Usage: scripts/fault_matrix.sh [--seed S] [--runs N] [--clean M] [--model DIR]... [--bin DIR] [--jobs N]
set -euo pipefail
root=$(cd "$(dirname "$0")/.." && pwd)
exec python3 "$root/scripts/lib/fault_matrix.py" --root "$root" "$@"
