#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""notap_code.py on trees of one small kernel: it passes a tap that costs nothing, and finds one that does, calls it cannot
remove, and trees where nothing would be compared. Argument: nvcc."""
import pathlib
import subprocess
import sys
import tempfile

CHECK = pathlib.Path(__file__).with_name("notap_code.py")
TAPS = """
struct NoTap { __device__ void store(int, float) const { %(silent)s } };
struct RecordTap { float* at; __device__ void store(int i, float v) const { at[i] = v; } };
"""
KERNEL = """
template <class Tap> __global__ void twice(float* x, Tap tap) {
  const float v = x[threadIdx.x] * 2.0f;
  %(call)s;
  x[threadIdx.x] = v;
}
"""
BOTH = "template __global__ void twice<NoTap>(float*, NoTap);\ntemplate __global__ void twice<RecordTap>(float*, RecordTap);\n"
CALL = "tap.store(int(threadIdx.x), v)"

# what it is, NoTap::store's body, the call, the instantiations, exit status, what is said
CASES = [
    ("an empty tap", "", CALL, BOTH, 0, "1 of 1 have the machine code"),
    ("a tap that leaves an instruction", 'asm volatile("membar.gl;");', CALL, BOTH, 1, "differs: "),
    ("a call of another form", "", "put(tap); (&tap)->store(0, v)", BOTH, 2, "teach notap_code.py"),
    ("kernels that record only", "", CALL, BOTH.split("\n")[1], 2, "0 NoTap kernels and 1 RecordTap"),
    ("no tap call at all", "", "", BOTH, 2, "they were not"),
    ("no kernel with a tap", "", CALL, "", 2, "nothing was compared"),
]


def run(nvcc, silent, call, instantiations):
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name, "cuda", "twice")
        folder.mkdir(parents=True)
        helper = "template <class T> __device__ void put(const T&) {}"
        text = TAPS % {"silent": silent} + helper + KERNEL % {"call": call} + instantiations
        (folder / "twice.cu").write_text(text)
        return subprocess.run([sys.executable, str(CHECK), "--root", name, "--nvcc", nvcc], capture_output=True, text=True)


failed = 0
for what, silent, call, instantiations, status, said in CASES:
    done = run(sys.argv[1], silent, call, instantiations)
    good = done.returncode == status and said in done.stdout + done.stderr
    failed += not good
    print(f"{'ok' if good else 'FAILED':7} {what}" + ("" if good else f": exit {done.returncode}\n{done.stdout}{done.stderr}"))
sys.exit(1 if failed else 0)
