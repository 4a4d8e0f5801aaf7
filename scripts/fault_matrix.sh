#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Draws faults at random (kind, layer, value, model, prompt), plants each in the candidate's kernels or weights and looks for it by
# `plumbline find`, with no digest looked at: caught, located at its op, cause named with its parameter; beside it what
# numpy, cosine similarity and h5diff make of the same dumps. Prints a table by kind, the same by magnitude, and what was
# missed; closes with "faulty N: caught a, located b, named c; clean M: findings d". Exit 0 only if every detectable fault
# was caught, no clean pair has a finding, and not every one was left open (exit 3: taps are missing, nothing is accused;
# such pairs are listed and counted in a line of their own).
# Usage: scripts/fault_matrix.sh [--seed S] [--runs N] [--clean M] [--sm90 K] [--model DIR]... [--bin DIR] [--jobs N] [--python PYTHON]
# (K: healthy pairs besides, one side of which is our kernels with numerics torch/sm90; PYTHON has numpy and h5py, for what
# other tools say)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib/python_option.sh"
run_python python3 fault_matrix.py "$@"
