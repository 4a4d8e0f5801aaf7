#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
# Checks on any machine that what a GPU recorded (dumps/golden/sm90) is what the twin computes: the special functions by
# digests over their inputs, LibTorch's own traces of both tiny models tap by tap, and the digests of every tap of our
# kernels. Ends with "GPU records: N of N agree"; exit 0 only then, 1 if one does not, 2 if something is missing.
# Usage: scripts/check_gpu_records.sh [--build DIR] [--python PYTHON] [--all]
# (PYTHON has h5py; --all takes every one of the 2^32 inputs of each special function, about two minutes)
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
source "$here/lib/python_option.sh"
run_python "$here/../.venv/bin/python" gpu_records.py "$@"
