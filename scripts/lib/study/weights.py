# SPDX-License-Identifier: Apache-2.0
"""Rewrites of a checkpoint's weights that the study needs: 4-bit blocks and back, a limit, biases that nobody wrote.

Invariant: only the named tensors change; each new value is the nearest bf16 to what the rule gives (ties to even).
Source of the 4-bit rule: ggml's quantize_row_q4_0_ref: blocks of 32, scale d = m / -8 for the m of largest magnitude,
kept in f16, codes trunc(x / d + 8.5) up to 15.
"""

import json
import shutil
import struct
import sys
from pathlib import Path

import numpy


def bf16_to_f32(bits: numpy.ndarray) -> numpy.ndarray:
    return (bits.astype(numpy.uint32) << 16).view(numpy.float32)


def f32_to_bf16(values: numpy.ndarray) -> numpy.ndarray:
    """Finite values only."""
    words = values.astype(numpy.float32).view(numpy.uint32)
    return ((words + 0x7FFF + ((words >> 16) & 1)) >> 16).astype(numpy.uint16)


def through_q4_0(values: numpy.ndarray) -> numpy.ndarray:
    blocks = values.reshape(-1, 32)
    rows = numpy.arange(len(blocks))
    peaks = blocks[rows, numpy.argmax(numpy.abs(blocks), axis=1)]
    scales = (peaks / numpy.float32(-8)).astype(numpy.float32)
    inverse = numpy.where(scales == 0, numpy.float32(0), numpy.float32(1) / numpy.where(scales == 0, numpy.float32(1), scales))
    codes = numpy.minimum(15, numpy.trunc(blocks * inverse[:, None] + numpy.float32(8.5)))
    return ((codes - 8) * scales.astype(numpy.float16).astype(numpy.float32)[:, None]).reshape(values.shape).astype(numpy.float32)


def rewrite(folder: Path, rule) -> int:
    """rule(name, values) gives new values or None. How many tensors it changed."""
    file = folder / "model.safetensors"
    data = bytearray(file.read_bytes())
    (length,) = struct.unpack("<Q", data[:8])
    changed = 0
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "BF16":
            raise SystemExit(f"study: {file}: {name} is {entry['dtype']}; these rewrites read bf16")
        begin, end = (8 + length + offset for offset in entry["data_offsets"])
        new = rule(name, bf16_to_f32(numpy.frombuffer(data, numpy.uint16, (end - begin) // 2, begin)))
        if new is None:
            continue
        data[begin:end] = f32_to_bf16(new).tobytes()
        changed += 1
    if changed == 0:
        raise SystemExit(f"study: {file}: the rewrite found nothing to change")
    file.write_bytes(data)
    return changed


def quantised(name: str, values: numpy.ndarray):
    return None if "norm" in name else through_q4_0(values)


def clamped(limit: float):
    def rule(name: str, values: numpy.ndarray):
        return numpy.clip(values, -limit, limit) if name.endswith("k_norm.weight") else None

    return rule


def add_biases(folder: Path) -> int:
    """Biases that the config denies in layers 1 to 4, from 1e29 to 1e34, as in memory that nobody wrote (note 004)."""
    file = folder / "model.safetensors"
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, payload = json.loads(data[8 : 8 + length]), bytearray(data[8 + length :])
    random = numpy.random.default_rng(1)
    for layer in range(1, 5):
        rows = header[f"model.layers.{layer}.self_attn.v_proj.weight"]["shape"][0]
        values = random.choice([-1.0, 1.0], rows) * 10.0 ** random.uniform(29, 34, rows)
        begin = len(payload)
        payload += f32_to_bf16(values).tobytes()
        header[f"model.layers.{layer}.self_attn.v_proj.bias"] = {"dtype": "BF16", "shape": [rows], "data_offsets": [begin, len(payload)]}
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    file.write_bytes(struct.pack("<Q", len(text)) + text + payload)
    return 4


RULES = {
    "q4_0": lambda folder: rewrite(folder, quantised),
    "clamp10": lambda folder: rewrite(folder, clamped(10.0)),
    "bias": add_biases,
}


def main() -> None:
    """weights.py RULE MODEL -o DIR"""
    if len(sys.argv) != 5 or sys.argv[1] not in RULES or sys.argv[3] != "-o":
        sys.exit(f"usage: weights.py {'|'.join(RULES)} MODEL -o DIR")
    shutil.copytree(sys.argv[2], sys.argv[4])
    print(f"{sys.argv[4]}: {RULES[sys.argv[1]](Path(sys.argv[4]))} tensors changed")


if __name__ == "__main__":
    main()
