#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Evaluates one op as its contract says and holds what two programs stored against that. Needs numpy alone.

Reads op.json and tensors.safetensors beside it. Arithmetic is f64; a value is rounded only where the contract declares a
rounding. Exit status: 0, or 1 if this replay departs from the one that is stored in the file ("exact")."""
import json
import pathlib
import struct
import sys

import numpy as np

HERE = pathlib.Path(__file__).resolve().parent
F32_MAX = float(np.finfo(np.float32).max)
# fraction bits, exponents of the smallest and largest normal number
FORMATS = {"bf16": (7, -126, 127), "f16": (10, -14, 15), "f32": (23, -126, 127)}


def load(file):
    """Tensors of a safetensors file as f64 (exact: every stored format fits) or i64."""
    data = file.read_bytes()
    (length,) = struct.unpack("<Q", data[:8])
    header, payload, tensors = json.loads(data[8:8 + length]), data[8 + length:], {}
    plain = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4"}
    for name, entry in header.items():
        if name == "__metadata__":
            continue
        raw = payload[entry["data_offsets"][0]:entry["data_offsets"][1]]
        if entry["dtype"] == "BF16":
            values = (np.frombuffer(raw, "<u2").astype(np.uint32) << 16).view(np.float32)
        else:
            values = np.frombuffer(raw, plain[entry["dtype"]])
        wide = np.int64 if entry["dtype"].startswith("I") else np.float64
        tensors[name] = values.astype(wide).reshape(entry["shape"])
    return tensors


def to_format(x, name):
    """Nearest value of the format, ties to even; beyond its range infinite."""
    bits, low, high = FORMATS[name]
    x = np.asarray(x, np.float64)
    _, exponent = np.frexp(np.where(np.isfinite(x), x, 0.0))
    quantum = np.ldexp(1.0, np.maximum(exponent - 1, low) - bits)  # a power of two: the scaling is exact
    y = np.where(np.isfinite(x), np.rint(x / quantum) * quantum, x)
    return np.where(np.abs(y) > (2.0 - 2.0**-bits) * 2.0**high, np.copysign(np.inf, y), y)


def f32(x):
    return to_format(x, "f32")


def in_f32_range(x):
    """A value held in f32 in an order that is free: exact, but beyond f32's range infinite."""
    return np.where(np.abs(x) >= F32_MAX * (1.0 + 2.0**-25), np.copysign(np.inf, x), x)


class Op:
    """The op, and the inputs of one side."""

    def __init__(self, spec, side, tensors):
        self.kind, self.contract, self.attributes = spec["kind"], spec["contract"], spec["attributes"]
        self.stages, self.model = spec["stages"], spec[side]["model_dtype"]
        self.first_position = spec[side]["first_position"]
        named = lambda what: [tensors[name] for name in spec[side][what]]
        self.inputs, self.parameters = named("inputs"), named("parameters")
        self.past = named("past")

    def stage(self, name, x):
        """The value on the grid that the contract declares for that stage."""
        return to_format(x, self.model) if self.stages[name] == "model" else x


def replay_embedding(op):
    rows = op.parameters[0][op.inputs[0]]
    scale = f32(op.attributes["scale"])
    return [(rows if scale == 1.0 else f32(rows * scale))[np.newaxis]]


def scaled_frequency(op, frequency):
    """Rope scaling "linear", or "llama3": long wavelengths turn slower."""
    a = op.attributes
    if a["scaling"] == "linear":
        return frequency / a["factor"]
    turns = a["original_positions"] * frequency / (2.0 * np.pi)
    weight = np.clip((turns - a["low_freq_factor"]) / (a["high_freq_factor"] - a["low_freq_factor"]), 0.0, 1.0)
    return (1.0 - weight) * frequency / a["factor"] + weight * frequency


def replay_rope_table(op):
    width = op.attributes["head_dim"]
    exponent = f32(np.arange(0, width, 2, dtype=np.float64) / width)
    powers, attention = np.power(f32(op.attributes["theta"]), exponent), 1.0
    if op.attributes.get("scaling") == "longrope":
        past = np.max(op.inputs[0]) + 1 > op.attributes["original_positions"]
        powers = powers * f32(np.array(op.attributes["long_factors" if past else "short_factors"]))
        attention = f32(op.attributes["attention_factor"])
    exact = 1.0 / powers
    if op.attributes.get("scaling", "longrope") != "longrope":
        exact = np.where(scaled_frequency(op, f32(exact)) == f32(exact), exact, scaled_frequency(op, f32(exact)))
    angles = f32(f32(op.inputs[0].astype(np.float64))[:, np.newaxis] * f32(exact))
    both = np.concatenate([angles, angles], axis=1)[np.newaxis]
    return [np.cos(both) * attention, np.sin(both) * attention, exact]


def replay_rmsnorm(op):
    weight, x = op.parameters[0], op.inputs[0]
    heads = op.attributes["heads"]
    shape = (1, x.shape[1], heads, weight.size) if heads > 0 else (1, x.shape[1], weight.size)
    x = x.reshape(shape)
    variance = in_f32_range(np.sum(x * x, axis=-1, keepdims=True)) / weight.size
    n = op.stage("n", in_f32_range(x * (1.0 / np.sqrt(variance + f32(op.attributes["eps"])))))
    if op.contract == "rmsnorm/gemma":
        weight = f32(1.0 + weight)
    return [in_f32_range(n * weight)]


def taken(op, x):
    """The operand as the contract's product takes it."""
    if op.contract == "linear/tf32":
        cut = f32(x).astype(np.float32).view(np.uint32) & np.uint32(0xFFFFE000)
        return np.where(np.isfinite(x), cut.view(np.float32).astype(np.float64), x)
    return to_format(x, "f16") if op.contract == "linear/f16" else x


def replay_linear(op):
    out = taken(op, op.inputs[0]) @ taken(op, op.parameters[0]).T
    return [in_f32_range(out + op.parameters[1] if len(op.parameters) > 1 else out)]


def replay_split_heads(op):
    x, heads = op.inputs[0], op.attributes["heads"]
    return [x.reshape(1, x.shape[1], heads, -1).transpose(0, 2, 1, 3)]


def replay_merge_heads(op):
    x = op.inputs[0].transpose(0, 2, 1, 3)
    return [x.reshape(1, x.shape[1], -1)]


def replay_kv_append(op):
    return [np.concatenate(op.past + [op.inputs[0]], axis=2)]


def replay_rope(op):
    whole, cos, sin = op.inputs
    x, passed = whole[..., : cos.shape[-1]], whole[..., cos.shape[-1] :]  # a table narrower than the heads turns the first channels
    cos, sin, half = cos[:, np.newaxis], sin[:, np.newaxis], x.shape[-1] // 2
    if op.attributes["pairing"] == "interleaved":  # channels 2i and 2i + 1, both by column i
        cos, sin = (np.repeat(table[..., :half], 2, axis=-1) for table in (cos, sin))
        rotated = np.stack([-x[..., 1::2], x[..., 0::2]], axis=-1).reshape(x.shape)
    else:
        rotated = np.concatenate([-x[..., half:], x[..., :half]], axis=-1)
    straight, turned = x * cos, rotated * sin
    if op.stages["cos"] == "model":
        rotated = f32(op.stage("cos", f32(straight)) + op.stage("rot_sin", f32(turned)))
    else:
        rotated = in_f32_range(straight + turned)
    return [np.concatenate([rotated, passed], axis=-1)]


def for_heads(op, x, kv):
    """The key-value heads, one for every query head."""
    heads, kv_heads = x.shape[1], kv.shape[1]
    each = np.arange(heads)
    return kv[:, each % kv_heads if op.attributes["kv_map"] == "modulo" else each // (heads // kv_heads)]


def replay_attn_scores(op):
    q, k = op.inputs
    return [in_f32_range(q @ for_heads(op, q, k).transpose(0, 1, 3, 2))]


def replay_attn_context(op):
    p, v = op.inputs
    return [in_f32_range(p @ for_heads(op, p, v))]


def replay_scale(op):
    return [f32(op.inputs[0] * f32(op.attributes["factor"]))]


def replay_causal_mask(op):
    x = op.inputs[0]
    bits, _, high = FORMATS[op.model]
    lowest = -(2.0 - 2.0**-bits) * 2.0**high
    query = op.first_position + np.arange(x.shape[2])[:, np.newaxis]
    key = np.arange(x.shape[3])[np.newaxis]
    seen = (key <= query + op.attributes["offset"]) & (key > query - op.attributes.get("window", np.inf))
    return [f32(x + np.where(seen, 0.0, lowest))]


def replay_softmax(op):
    x = op.inputs[0]
    powers = np.exp(x - np.max(x, axis=-1, keepdims=True))
    return [powers / np.sum(powers, axis=-1, keepdims=True)]


def replay_add(op):
    return [f32(op.inputs[0] + op.inputs[1])]


def replay_multiply(op):
    return [f32(op.inputs[0] * op.inputs[1])]


def replay_silu(op):
    power = np.exp(-op.inputs[0])
    return [np.where(np.isfinite(op.inputs[0]) & (power > F32_MAX), -0.0, op.inputs[0] / (1.0 + power))]


def replay_gelu_tanh(op):
    x = op.inputs[0]
    return [0.5 * x * (1.0 + np.tanh(np.sqrt(2.0 / np.pi) * (x + 0.044715 * x**3)))]


def replay_softcap(op):
    cap = f32(op.attributes["cap"])
    quotient = op.inputs[0] / cap
    bent = np.tanh(op.stage("quotient", quotient))
    return [op.stage("tanh", bent) * cap, quotient, bent]


def evaluate(spec, side, tensors):
    """The recorded results, before the output's own rounding."""
    op = Op(spec, side, tensors)
    with np.errstate(all="ignore"):
        results = globals()["replay_" + op.kind](op)
    return [results[index] for index in spec["indices"]]


def norm(parts):
    return float(np.sqrt(sum(float(np.sum(part * part)) for part in parts)))


def own_errors(spec, stored, exact):
    """Relative size of each side's own error; elements that are not finite, or masked on both sides, are left out."""
    errors, size = {"reference": [], "candidate": []}, []
    for y_r, f_r, y_c, f_c in zip(stored["reference"], exact["reference"], stored["candidate"], exact["candidate"]):
        with np.errstate(all="ignore"):
            used = {"reference": np.isfinite(y_r) & np.isfinite(f_r), "candidate": np.isfinite(y_c) & np.isfinite(f_c)}
            if y_r.shape == y_c.shape:
                masked = (np.abs(y_r) >= spec["mask"]) & (np.abs(y_c) >= spec["mask"])
                used = dict.fromkeys(used, used["reference"] & used["candidate"] & ~masked)
        errors["reference"].append((y_r - f_r)[used["reference"]])
        errors["candidate"].append((y_c - f_c)[used["candidate"]])
        size.append(f_r[used["reference"]])
    return {side: norm(parts) / norm(size) if norm(parts) > 0.0 else 0.0 for side, parts in errors.items()}


def describe(spec, side, index, stored, exact):
    rounded = to_format(exact, spec[side]["formats"][index]) if spec[side]["formats"][index] in FORMATS else exact
    unequal = ~((stored == rounded) | (np.isnan(stored) & np.isnan(rounded)))
    print(f"  {side}: {int(unequal.sum())} of {stored.size} values are not what the contract gives")
    if not unequal.any():
        return
    with np.errstate(all="ignore"):
        distance = np.where(unequal, np.abs(stored - exact), -1.0)
    worst = np.unravel_index(int(np.argmax(np.where(np.isnan(distance), np.inf, distance))), stored.shape)
    print(f"    furthest off at {[int(i) for i in worst]}: stored {float(stored[worst])!r}, "
          f"replayed {float(rounded[worst])!r} ({float(exact[worst])!r} before rounding)")


def departs(expected, actual):
    """Whether the two replays differ by more than f64 in another order explains."""
    same = (expected == actual) | (np.isnan(expected) & np.isnan(actual))
    size = np.max(np.abs(expected), initial=0.0, where=np.isfinite(expected) & (np.abs(expected) < 1e30))
    with np.errstate(all="ignore"):
        return bool(np.any(~same & ~(np.abs(expected - actual) <= 1e-6 * np.abs(expected) + 1e-9 * size)))


def main():
    spec = json.loads((HERE / "op.json").read_text())
    tensors = load(HERE / "tensors.safetensors")
    sides = ("reference", "candidate")
    exact = {side: evaluate(spec, side, tensors) for side in sides}
    stored = {side: [tensors[name] for name in spec[side]["outputs"]] for side in sides}
    print(f"{spec['op']} ({spec['kind']}) under {spec['contract']}, attributes {spec['attributes']}")
    for side, error in own_errors(spec, stored, exact).items():
        print(f"own error of the {side}: {error:.9g}")
    unlike = False
    for index, name in enumerate(spec["results"]):
        print(f"{name}:")
        for side in sides:
            describe(spec, side, index, stored[side][index], exact[side][index])
            unlike |= departs(tensors[spec[side]["exact"][index]], exact[side][index])
        a, b = stored["reference"][index], stored["candidate"][index]
        if a.shape == b.shape:
            print(f"  {int(np.sum(~((a == b) | (np.isnan(a) & np.isnan(b)))))} values differ between the sides")
    print("this replay is not plumbline's" if unlike else "this replay agrees with plumbline's")
    return 1 if unlike else 0


if __name__ == "__main__":
    sys.exit(main())
