# SPDX-License-Identifier: Apache-2.0
"""Body of scripts/check_gpu_records.sh: recorded on a GPU against computed here. Every check prints one line."""
import argparse
import lzma
import os
import pathlib
import subprocess
import sys
import tempfile

from tap_digests import lines

MODELS = ("qwen3-tiny", "llama-tiny")
# What the golden traces hold: every tap but f32 copies of bf16 values and other views of them (dumps/golden/README.md).
TAPS = ("tokens", "positions", "embed", "rope.*", "*norm.out", "*norm.var", "*norm.rstd", "*norm.n32", "*norm.n",
        "*_proj", "*_rope", "*_cos", "*_rot_sin", "*scores_*", "*probs*", "*attn.ctx", "*resid?", "*mlp.act", "*mlp.mul",
        "logits")


class Records:
    def __init__(self, root, build, work):
        self.root, self.build, self.work = root, build, work
        self.golden = root / "dumps/golden/sm90"
        self.agreed = self.checked = 0

    def say(self, name, agrees, text):
        self.checked += 1
        self.agreed += agrees
        print(f"{name:<42} {'agrees' if agrees else 'DIFFERS'}  {text}", flush=True)

    def special_functions(self, every_input):
        environment = dict(os.environ, **({"PLUMBLINE_ALL_INPUTS": "1"} if every_input else {}))
        done = subprocess.run([self.build / "tests/litmus_special_unit_test"], env=environment, capture_output=True,
                              text=True)
        inputs = "all inputs" if every_input else "9 blocks of 2^23 inputs each"
        self.say("rsqrt, ex2, expf, cosf, sinf", done.returncode == 0, inputs)
        if done.returncode != 0:
            print(done.stdout + done.stderr)

    def twin(self, model, tokens, name, taps=()):
        output = self.work / f"{model}.{name}.h5"
        command = [self.build / "bin/plumbline", "run", self.root / "dumps/models" / model, "--backend", "twin", "--numerics",
                   "torch/sm90", "--tokens", tokens, "-o", output, "--no-progress"]
        for glob in taps:
            command += ["--taps", glob]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
        return output

    def traces(self, model):
        golden = self.work / f"{model}.golden.h5"
        golden.write_bytes(lzma.decompress((self.golden / f"{model}.h5.xz").read_bytes()))
        same_taps = self.twin(model, golden, "same_taps", TAPS)
        found = subprocess.run([self.build / "bin/plumbline", "find", golden, same_taps], capture_output=True, text=True)
        headline = " ".join(found.stdout.split("\n\n")[0].split()).partition("(twin) ")[2]
        self.say(f"{model}: LibTorch on the GPU", found.returncode == 0 and headline.startswith("bit-identical"),
                 headline.partition(";")[0] or found.stderr.strip())
        recorded = lzma.decompress((self.golden / f"{model}.digests.xz").read_bytes()).decode().splitlines()
        computed = lines(self.twin(model, golden, "all"))
        equal = len(set(recorded) & set(computed))
        self.say(f"{model}: our kernels on the GPU", recorded == computed, f"{equal} of {len(recorded)} taps by digest")


def main():
    parser = argparse.ArgumentParser(prog="scripts/check_gpu_records.sh", description=__doc__)
    parser.add_argument("--root", type=pathlib.Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--build", type=pathlib.Path, help="build directory (default: build)")
    parser.add_argument("--all", action="store_true", help="every input of the special functions")
    options = parser.parse_args()
    build = (options.build or options.root / "build").resolve()
    if not (build / "bin/plumbline").exists():
        raise OSError(f"no programs in {build}: scripts/setup.sh builds them, --build names another directory")
    with tempfile.TemporaryDirectory() as work:
        records = Records(options.root, build, pathlib.Path(work))
        records.special_functions(options.all)
        for model in MODELS:
            records.traces(model)
    print(f"GPU records: {records.agreed} of {records.checked} agree")
    return 0 if records.agreed == records.checked else 1


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (OSError, subprocess.CalledProcessError, lzma.LZMAError) as problem:
        print(f"check_gpu_records: {problem}", file=sys.stderr)
        sys.exit(2)
