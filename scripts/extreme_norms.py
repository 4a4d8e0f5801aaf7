#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes the K-norm weights of a Qwen3 checkpoint as extreme as a case study reported them, up to 96.5.

    scripts/extreme_norms.py MODEL -o DIR --exact     by powers of two: the logits stay the same, bit for bit
    scripts/extreme_norms.py MODEL -o DIR --notes     the reported values themselves: the roundings differ

A channel of a K norm is multiplied by s and the same channel of the Q norm divided by s, so that the product of query and
key is what it was. RoPE rotates the channels i and i + D/2 into each other: the two share s. The norm's epsilon lies
inside the root, which no weight touches, so it stays as it is. With s a power of two every rounding between the norm and
the scores commutes with s (nothing comes near the ends of the range of bf16 or f32), hence equal bits on every backend:
a large K-norm weight by itself amplifies nothing. With the values themselves, w*s and w/s round.

Invariant: --exact writes only weights that it could turn back exactly; else it stops. Everything but the two norms is
copied byte for byte. What was done is in DIR/extreme_norms.json.
"""

import argparse
import json
import math
import os
import shutil
import struct
import subprocess
import sys
import tempfile
from pathlib import Path

# The five largest and "above 10 in 16 of 28 layers" were reported; which layers, and the other eleven, are our choice.
NOTES = [96.5, 44.5, 44.0, 41.75, 34.0, 28.0, 24.0, 20.5, 18.0, 16.5, 15.0, 14.0, 13.0, 12.0, 11.25, 10.5]
# Fraction bits, exponents of the smallest and largest normal number.
FORMATS = {"BF16": (7, -126, 127), "F32": (23, -126, 127), "F16": (10, -14, 15)}
CODES = {"F32": "<f", "F16": "<e"}


def refuse(message: str, way_out: str) -> None:
    print(f"extreme_norms: {message}\n  {way_out}", file=sys.stderr)
    sys.exit(2)


def decode(data: bytes, dtype: str) -> list[float]:
    if dtype == "BF16":
        return [struct.unpack("<f", b"\0\0" + data[i : i + 2])[0] for i in range(0, len(data), 2)]
    return [value for (value,) in struct.iter_unpack(CODES[dtype], data)]


def rounded(value: float, dtype: str) -> float:
    """To the nearest number of the format, ties to even; these weights are far from the ends of its range."""
    if value == 0.0 or not math.isfinite(value):
        return value
    bits, low, _ = FORMATS[dtype]
    spacing = math.ldexp(1.0, max(math.frexp(value)[1] - 1, low) - bits)
    return round(value / spacing) * spacing


def encode(values: list[float], dtype: str) -> bytes:
    if dtype == "BF16":
        return b"".join(struct.pack("<f", value)[2:] for value in values)
    return b"".join(struct.pack(CODES[dtype], value) for value in values)


def in_normal_range(value: float, dtype: str) -> bool:
    _, low, high = FORMATS[dtype]
    return value == 0.0 or low <= math.frexp(value)[1] - 1 <= high


class Weights:
    """The header of one safetensors file, and the bytes of single tensors."""

    def __init__(self, file: Path):
        self.file = file
        with open(file, "rb") as stream:
            (length,) = struct.unpack("<Q", stream.read(8))
            self.header = json.loads(stream.read(length))
        self.begin = 8 + length

    def read(self, name: str) -> tuple[str, list[float]]:
        entry = self.header[name]
        first, last = entry["data_offsets"]
        with open(self.file, "rb") as stream:
            stream.seek(self.begin + first)
            return entry["dtype"], decode(stream.read(last - first), entry["dtype"])

    def write(self, file: Path, name: str, values: list[float]) -> None:
        entry = self.header[name]
        with open(file, "r+b") as stream:
            stream.seek(self.begin + entry["data_offsets"][0])
            stream.write(encode(values, entry["dtype"]))


def scaled(k: list[float], q: list[float], dtype: str, pairs: list[int], factor: float) -> tuple[list[float], list[float]]:
    k, q, half = list(k), list(q), len(k) // 2
    for pair in pairs:
        for channel in (pair, pair + half):
            k[channel] = rounded(k[channel] * factor, dtype)
            q[channel] = rounded(q[channel] / factor, dtype)
    return k, q


def check_exact(before: tuple, after: tuple, dtype: str, pairs: list[int], factor: float, layer: int) -> None:
    back = scaled(after[0], after[1], dtype, pairs, 1.0 / factor)
    if back != before or not all(in_normal_range(value, dtype) for values in after for value in values):
        refuse(f"layer {layer}: a weight does not survive the factor {factor:g} exactly", "--notes rounds instead")


def rewrite_layer(source: Weights, target: Path, layer: int, goal: float, exact: bool, count: int) -> dict:
    at = f"model.layers.{layer}.self_attn."
    dtype, k = source.read(at + "k_norm.weight")
    _, q = source.read(at + "q_norm.weight")
    half = len(k) // 2
    size = [max(abs(k[i]), abs(k[i + half])) for i in range(half)]
    pairs = sorted(range(half), key=lambda i: -size[i])[:count]
    largest = size[pairs[0]]
    if largest == 0.0:
        refuse(f"layer {layer}: every K-norm weight is zero", "use a trained checkpoint, or plumbline make-model")
    factor = goal / largest
    if exact:  # the goal's binade, not the goal
        factor = 2.0 ** (math.frexp(goal)[1] - math.frexp(largest)[1])
    new_k, new_q = scaled(k, q, dtype, pairs, factor)
    if exact:
        check_exact((k, q), (new_k, new_q), dtype, pairs, factor, layer)
    source.write(target, at + "k_norm.weight", new_k)
    source.write(target, at + "q_norm.weight", new_q)
    return {"layer": layer, "factor": factor, "pairs": sorted(pairs), "k_norm_max_before": largest,
            "k_norm_max": max(map(abs, new_k)), "q_norm_max": max(map(abs, new_q))}  # fmt: skip


def find_weights(model: Path) -> Weights:
    if not (model / "config.json").is_file():
        refuse(f"{model} has no config.json", "give a Hugging Face model directory")
    file = model / "model.safetensors"
    if not file.is_file():
        refuse(f"{model} has no model.safetensors", "join the shards of a checkpoint into one file first")
    weights = Weights(file)
    norm = "model.layers.0.self_attn.k_norm.weight"
    if norm not in weights.header or norm.replace("k_norm", "q_norm") not in weights.header:
        names = json.loads((model / "config.json").read_text()).get("architectures", ["this model"])
        refuse(f"{names[0]} has no norm of query and key heads", "use a Qwen3 checkpoint")
    if weights.header[norm]["dtype"] not in FORMATS:
        refuse(f"K-norm weights in {weights.header[norm]['dtype']}", "use a bf16, f16 or f32 checkpoint")
    return weights


def rewrite(model: Path, out: Path, exact: bool, count: int) -> dict:
    source = find_weights(model)
    dtype = source.header["model.layers.0.self_attn.k_norm.weight"]["dtype"]
    if exact and dtype == "F16":
        refuse("f16 reaches down to 6e-5 only: small queries divided by s would lose bits", "use bf16 or f32, or --notes")
    if out.exists():
        refuse(f"{out} exists", "choose another name, or remove it yourself")
    part = out.with_name(out.name + ".part")
    if part.exists():
        refuse(f"{part} exists: it is being written or was interrupted", "remove it")
    try:
        shutil.copytree(model, part)
        layers = []
        for layer, goal in enumerate(NOTES):
            if f"model.layers.{layer}.self_attn.k_norm.weight" in source.header:
                layers.append(rewrite_layer(source, part / "model.safetensors", layer, goal, exact, count))
        record = {"made_by": "scripts/extreme_norms.py", "mode": "exact" if exact else "notes", "source": str(model),
                  "layers": layers}  # fmt: skip
        (part / "extreme_norms.json").write_text(json.dumps(record, indent=1) + "\n")
        os.rename(part, out)
        return record
    except BaseException as error:
        shutil.rmtree(part, ignore_errors=True)
        if isinstance(error, OSError):
            refuse(f"cannot write {out}: {error.strerror}", "nothing is left behind; make room, or choose another place")
        raise


def logits(trace: Path) -> list[float]:
    """All logits of a trace, as `plumbline show` gives them: the data are where /index says."""
    import h5py

    with h5py.File(trace) as file:
        offsets, blob = file["string_offsets"][:], file["strings"][:].tobytes()
        text = [blob[a:b].decode() for a, b in zip(offsets[:-1], offsets[1:])]
        rows = [r for r in file["index"][:] if text[r["path"]] == "logits"]
    values: list[float] = []
    with open(trace, "rb") as stream:
        for row in rows:
            stream.seek(int(row["offset"]))
            values += decode(stream.read(int(row["nbytes"])), text[row["dtype"]].upper())
    return values


def report_difference(program: str, model: Path, out: Path, backend: str, prompt: str) -> None:
    with tempfile.TemporaryDirectory() as scratch:
        traces = []
        for number, directory in enumerate((model, out)):
            traces.append(Path(scratch) / f"{number}.h5")
            subprocess.run([program, "run", str(directory), "--backend", backend, "--prompt", prompt, "--taps", "logits",
                            "-o", str(traces[-1])], check=True, stdout=subprocess.DEVNULL)  # fmt: skip
        before, after = map(logits, traces)
    unequal = sum(a != b for a, b in zip(before, after))
    largest = max(abs(a - b) for a, b in zip(before, after))
    print(f"logits, backend {backend}: {unequal} of {len(before)} differ, largest difference {largest:g}")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("model", type=Path, help="directory of a Qwen3 checkpoint")
    parser.add_argument("-o", "--output", type=Path, required=True, help="directory to make")
    mode = parser.add_mutually_exclusive_group(required=True)
    mode.add_argument("--exact", action="store_true", help="to the reported binades, by powers of two")
    mode.add_argument("--notes", action="store_true", help="to the reported values")
    parser.add_argument("--pairs", type=int, default=4, help="channel pairs scaled per layer (default 4)")
    parser.add_argument("--plumbline", metavar="PROGRAM", help="run both models by it and print how the logits differ")
    parser.add_argument("--backend", default="oracle", help="for --plumbline (default oracle)")
    parser.add_argument("--prompt", default="The licenses for most software", help="for --plumbline")
    options = parser.parse_args()
    if options.pairs < 1:
        parser.error("--pairs must be at least 1")
    record = rewrite(options.model, options.output, options.exact, options.pairs)
    for layer in record["layers"]:
        print(f"layer {layer['layer']:2}: K-norm max {layer['k_norm_max_before']:g} -> {layer['k_norm_max']:g}"
              f" (factor {layer['factor']:g} on {len(layer['pairs'])} pairs)")  # fmt: skip
    if options.plumbline:
        report_difference(options.plumbline, options.model, options.output, options.backend, options.prompt)
    else:
        for name, directory in (("before", options.model), ("after", options.output)):
            print(f"plumbline run {directory} --backend twin --prompt '{options.prompt}' --taps logits -o {name}.h5")
        print("plumbline tokens before.h5 after.h5")
    return 0


if __name__ == "__main__":
    sys.exit(main())
