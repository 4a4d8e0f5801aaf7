#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What `plumbline import gguf` widens, against the Python package gguf, bit for bit.

Usage: check_gguf.py [--plumbline build/bin/plumbline] [--seed S] [FILE.gguf]
Needs: a Python with the packages gguf (0.19.0 was used) and numpy: `python3 -m venv V && V/bin/pip install gguf==0.19.0`.

Always: a one-layer Llama of random blocks of every type that is read (any bytes, d and m finite) is written by gguf's own
writer, imported as f32, and every number compared with gguf's dequantize and its inverse of the converter's permutation.
With FILE: the same for every tensor of that file, and the bf16 import against numpy's own rounding. Exit status 1 if a
bit differs or nothing was compared.
"""
import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import gguf
    import numpy
except ImportError as missing:
    print(f"check_gguf: {missing}\n  python3 -m venv V && V/bin/pip install gguf==0.19.0, and run it by V/bin/python", file=sys.stderr)
    sys.exit(2)

TYPES = ("F32", "F16", "BF16", "Q8_0", "Q4_0", "Q4_1", "Q6_K")
HALVES = {"Q8_0": (0,), "Q4_0": (0,), "Q4_1": (0, 2), "Q6_K": (208,)}  # where a block keeps d and m
HIDDEN, HEADS, KV, VOCAB = 256, 4, 2, 262


def safetensors(path):
    """name -> (dtype, array of raw numbers)."""
    data = path.read_bytes()
    length = int.from_bytes(data[:8], "little")
    kinds = {"F32": numpy.uint32, "BF16": numpy.uint16}
    for name, entry in json.loads(data[8 : 8 + length]).items():
        if name != "__metadata__":
            begin, end = entry["data_offsets"]
            values = numpy.frombuffer(data[8 + length + begin : 8 + length + end], kinds[entry["dtype"]])
            yield name, values.reshape(entry["shape"])


def unpermuted(values, heads):
    """The inverse of permute in the converter: reshape, swap, reshape."""
    return values.reshape(heads, values.shape[0] // heads // 2, 2, *values.shape[1:]).swapaxes(1, 2).reshape(values.shape)


def rounded(bits):
    """bf16 bits of finite f32 bits, to nearest even."""
    return ((bits + 0x7FFF + ((bits >> 16) & 1)) >> 16).astype(numpy.uint16)


def compare(program, file, dtype):
    """Numbers that differ, and how many were compared, by type."""
    reader = gguf.GGUFReader(file)
    stored = {tensor.name: tensor for tensor in reader.tensors}
    number = lambda key: int(reader.fields["llama.attention." + key].contents())
    counts, wrong = {}, 0
    with tempfile.TemporaryDirectory() as folder:
        out = pathlib.Path(folder) / "model"
        subprocess.run([program, "import", "gguf", str(file), "-o", str(out), "--dtype", dtype], check=True, stdout=subprocess.DEVNULL)
        origin = {entry["name"]: entry for entry in json.loads((out / "plumbline_import.json").read_text())["tensors"]}
        for name, values in safetensors(out / "model.safetensors"):
            tensor = stored.pop(origin[name]["from"])
            expected = gguf.quants.dequantize(tensor.data, tensor.tensor_type) if tensor.tensor_type.name != "F32" else tensor.data
            if "q_proj" in name or "k_proj" in name:
                expected = unpermuted(expected, number("head_count" if "q_proj" in name else "head_count_kv"))
            bits = numpy.ascontiguousarray(expected, numpy.float32).view(numpy.uint32)
            bits = bits if dtype == "f32" else rounded(bits)
            wrong += values.size if bits.shape != values.shape else int((bits != values).sum())
            counts[tensor.tensor_type.name] = counts.get(tensor.tensor_type.name, 0) + values.size
    if stored:
        sys.exit(f"check_gguf: not imported: {sorted(stored)}")
    return wrong, counts


def random_tensor(random, kind, shape):
    """Raw bytes of any blocks, but for d and m, which are finite."""
    rows, columns = shape
    if kind in ("F32", "F16", "BF16"):
        values = random.standard_normal(shape).astype(numpy.float32)
        return {"F32": values, "F16": values.astype(numpy.float16), "BF16": (values.view(numpy.uint32) >> 16).astype(numpy.uint16)}[kind].view(numpy.uint8)
    block, size = gguf.GGML_QUANT_SIZES[gguf.GGMLQuantizationType[kind]]
    data = random.integers(0, 256, (rows * columns // block, size), numpy.uint8)
    for at in HALVES[kind]:
        half = random.integers(0, 0x7C00, data.shape[0], numpy.uint16) | random.integers(0, 2, data.shape[0], numpy.uint16) << 15
        data[:, at : at + 2] = half[:, None].view(numpy.uint8)
    return data.reshape(rows, -1)


def write_random(path, seed, kind):
    random = numpy.random.default_rng(seed)
    writer = gguf.GGUFWriter(path, "llama")
    writer.add_block_count(1), writer.add_context_length(64), writer.add_embedding_length(HIDDEN)
    writer.add_feed_forward_length(HIDDEN), writer.add_head_count(HEADS), writer.add_head_count_kv(KV)
    writer.add_layer_norm_rms_eps(1e-5), writer.add_rope_freq_base(1e4)
    writer.add_tokenizer_model("gpt2"), writer.add_tokenizer_pre("gpt-2")
    writer.add_token_list(["0"] + [f"t{i}" for i in range(1, VOCAB)]), writer.add_token_merges(["t1 0"])
    half = HIDDEN * KV // HEADS
    matrices = {"token_embd": (VOCAB, HIDDEN), "output": (VOCAB, HIDDEN), "blk.0.attn_q": (HIDDEN, HIDDEN), "blk.0.attn_k": (half, HIDDEN),
                "blk.0.attn_v": (half, HIDDEN), "blk.0.attn_output": (HIDDEN, HIDDEN), "blk.0.ffn_gate": (HIDDEN, HIDDEN),
                "blk.0.ffn_up": (HIDDEN, HIDDEN), "blk.0.ffn_down": (HIDDEN, HIDDEN)}
    for name, shape in matrices.items():
        writer.add_tensor(name + ".weight", random_tensor(random, kind, shape), raw_dtype=gguf.GGMLQuantizationType[kind])
    for name in ("blk.0.attn_norm", "blk.0.ffn_norm", "output_norm"):
        writer.add_tensor(name + ".weight", random.standard_normal(HIDDEN).astype(numpy.float32))
    writer.write_header_to_file(), writer.write_kv_data_to_file(), writer.write_tensors_to_file(), writer.close()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--plumbline", default="build/bin/plumbline")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("file", nargs="?")
    options = parser.parse_args()
    jobs = [(options.file, dtype) for dtype in ("f32", "bf16")] if options.file else []
    differ = 0
    with tempfile.TemporaryDirectory() as folder:
        for kind in TYPES:
            path = pathlib.Path(folder) / f"{kind}.gguf"
            write_random(path, options.seed, kind)
            jobs.append((path, "f32"))
        for file, dtype in jobs:
            wrong, counts = compare(options.plumbline, file, dtype)
            print(f"{pathlib.Path(file).name} as {dtype}: {wrong} numbers differ of {counts}")
            differ += wrong or not counts
    return 1 if differ else 0


if __name__ == "__main__":
    sys.exit(main())
