#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Runs Hugging Face transformers' eager path and writes what every module gave, byte for byte.

Usage: capture_transformers.py JOBS.json, a list of {"model", "threads", "device", "tokens", "batch", "decode", "cut", "output"}.
Each job is a prefill of `tokens` and `decode` greedy steps with cache, of a batch of that many equal sequences; its output
directory gets data.bin (raw bytes) and manifest.json (per step: the ids fed, the id chosen, path, format, shape and place
of every tensor, of the first sequence alone).
Invariant: nothing here computes; hooks and wrappers only look at what transformers passes on.
Exit status 77: transformers is not installed.
"""

import json
import sys
from pathlib import Path
from unittest.mock import patch

import torch

try:
    from transformers import AutoModelForCausalLM, DynamicCache, PreTrainedModel
    from transformers.utils import logging
except ImportError as error:
    print(f"capture_transformers: {error}", file=sys.stderr)
    sys.exit(77)

FORMATS = {torch.bfloat16: "bf16", torch.float16: "f16", torch.float32: "f32", torch.int64: "i64"}
# module inside a decoder layer -> the tap that its output is
LAYER_OUTPUTS = {
    "self_attn.q_proj": "attn.q_proj",
    "self_attn.k_proj": "attn.k_proj",
    "self_attn.v_proj": "attn.v_proj",
    "self_attn.q_norm": "attn.q_norm.out",
    "self_attn.k_norm": "attn.k_norm.out",
    "self_attn.o_proj": "attn.o_proj",
    "self_attn": "attn.o_proj",
    "mlp.gate_proj": "mlp.gate_proj",
    "mlp.up_proj": "mlp.up_proj",
    "mlp.act_fn": "mlp.act",
    "mlp.down_proj": "mlp.down_proj",
    "mlp": "mlp.down_proj",
}
# module inside a decoder layer -> the tap that its input is
LAYER_INPUTS = {"self_attn.o_proj": "attn.ctx_merged", "mlp.down_proj": "mlp.mul"}


def unpack(layer) -> dict:
    """Packed module of a layer -> taps that slices of its output are, each with its first and last channel."""
    attention = layer.self_attn
    if not hasattr(attention, "qkv_proj"):
        return {}
    q = attention.config.num_attention_heads * attention.head_dim
    kv = attention.num_key_value_heads * attention.head_dim
    inner = layer.mlp.gate_up_proj.out_features // 2
    return {"self_attn.qkv_proj": {"attn.q_proj": (0, q), "attn.k_proj": (q, q + kv), "attn.v_proj": (q + kv, q + 2 * kv)},
            "mlp.gate_up_proj": {"mlp.gate_proj": (0, inner), "mlp.up_proj": (inner, 2 * inner)}}


def norms_of(layer) -> dict:
    """Norm module of a layer -> the op that it is, by where the family has its norms."""
    before = {"input_layernorm": "in_norm"} if hasattr(layer, "input_layernorm") else {}
    if not hasattr(layer, "post_feedforward_layernorm"):
        return {**before, "post_attention_layernorm": "post_norm"}
    before_mlp = {"pre_feedforward_layernorm": "post_norm"} if hasattr(layer, "pre_feedforward_layernorm") else {}
    return {**before, **before_mlp, "post_attention_layernorm": "attn.post_norm", "post_feedforward_layernorm": "mlp.post_norm"}


# taps with an axis of keys: other shapes where the cache drops keys
KEYED = {"attn.k_cache", "attn.v_cache", "attn.scores_raw", "attn.scores_masked", "attn.probs32", "attn.probs"}


class Recorder:
    def __init__(self, directory: Path, cut: bool):
        directory.mkdir(parents=True, exist_ok=True)
        self.cut = cut
        self.data = (directory / "data.bin").open("wb")
        self.directory, self.steps, self.layer, self.norm = directory, [], -1, ""

    def record(self, path: str, value: torch.Tensor) -> None:
        value = value[:1]
        raw = value.detach().cpu().contiguous().view(torch.uint8).numpy().tobytes()
        entry = {"path": path, "dtype": FORMATS[value.dtype], "shape": list(value.shape), "offset": self.data.tell()}
        self.data.write(raw)
        self.steps[-1]["taps"].append(entry)

    def in_layer(self, name: str, value: torch.Tensor) -> None:
        if not (self.cut and name in KEYED):
            self.record(f"layer.{self.layer}.{name}", value)

    def finish(self) -> None:
        self.data.close()
        (self.directory / "manifest.json").write_text(json.dumps({"torch": torch.__version__, "steps": self.steps}))


def first(value):
    return value[0] if isinstance(value, tuple) else value


def caps_logits(model: PreTrainedModel) -> bool:
    return getattr(model.config, "final_logit_softcapping", None) is not None


def hook_model(model: PreTrainedModel, recorder: Recorder) -> None:
    def output(module, path):
        module.register_forward_hook(lambda m, args, out: recorder.record(path, first(out)))

    # Gemma 3 norms the heads of queries and keys when they stand before the tokens; our taps have tokens first.
    heads_first = "gemma3" in type(model).__module__

    def head_norm(module, path):
        turn = (lambda value: value.transpose(1, 2)) if heads_first else (lambda value: value)
        module.register_forward_hook(lambda m, args, out: recorder.record(path, turn(out)))

    def norm_name(module, path):  # for the statistic that the wrapped rsqrt sees inside
        module.register_forward_pre_hook(lambda m, args: setattr(recorder, "norm", path))

    output(model.model.embed_tokens, "embed")
    output(model.model.norm, "final_norm.out")
    norm_name(model.model.norm, "final_norm")
    output(model.lm_head, "logits_raw" if caps_logits(model) else "logits")
    # A hook that returns anything but None would replace the output.
    def table(module, args, kwargs, out):
        sort = [value for value in (*args, *kwargs.values()) if isinstance(value, str)]  # of layers, where each has its own
        at = "rope_local" if sort == ["sliding_attention"] else "rope"
        recorder.record(f"{at}.cos", out[0])
        recorder.record(f"{at}.sin", out[1])

    model.model.rotary_emb.register_forward_hook(table, with_kwargs=True)
    for index, layer in enumerate(model.model.layers):
        layer.register_forward_pre_hook(lambda m, args, kwargs, i=index: setattr(recorder, "layer", i), with_kwargs=True)
        output(layer, f"layer.{index}.resid2")
        for name, tap in LAYER_OUTPUTS.items():
            if name == "mlp.act_fn" and hasattr(layer.mlp, "activation_fn"):
                name = "mlp.activation_fn"
            if name not in dict(layer.named_modules()):
                continue  # a family that norms no heads, or packs these
            (head_norm if tap.endswith("_norm.out") else output)(layer.get_submodule(name), f"layer.{index}.{tap}")
            if tap.endswith(".out"):
                norm_name(layer.get_submodule(name), f"layer.{index}.{tap[:-4]}")
        for name, slices in unpack(layer).items():
            for tap, (begin, end) in slices.items():
                layer.get_submodule(name).register_forward_hook(
                    lambda m, args, out, path=f"layer.{index}.{tap}", begin=begin, end=end: recorder.record(path, out[..., begin:end]))
        norms = norms_of(layer)
        for name, op in norms.items():
            output(layer.get_submodule(name), f"layer.{index}.{op}.out")
            norm_name(layer.get_submodule(name), f"layer.{index}.{op}")
        inputs = LAYER_INPUTS | {name: "resid1" for name, op in norms.items() if op == "post_norm"}
        if "post_norm" not in norms.values():
            inputs["mlp.gate_proj"] = "resid1"  # post-norm families pack nothing
        for name, tap in inputs.items():
            layer.get_submodule(name).register_forward_pre_hook(
                lambda m, args, path=f"layer.{index}.{tap}": recorder.record(path, args[0]))


def watched_cache(config, recorder: Recorder) -> DynamicCache:
    # With a config, as by default, it drops the keys that a sliding window has left.
    cache = DynamicCache(config=config) if recorder.cut else DynamicCache()
    update = cache.update

    def watched_update(keys, values, layer, *args, **kwargs):
        recorder.in_layer("attn.v_heads", values)
        keys, values = update(keys, values, layer, *args, **kwargs)
        recorder.in_layer("attn.k_cache", keys)
        recorder.in_layer("attn.v_cache", values)
        return keys, values

    cache.update = watched_update
    return cache


def wrappers(model: PreTrainedModel, recorder: Recorder) -> list:
    """Patches around functions that are no modules: they record arguments and results and change neither."""
    modeling = sys.modules[type(model).__module__]
    heads_first = modeling.__name__.endswith("gemma3")
    rope, attention = modeling.apply_rotary_pos_emb, modeling.eager_attention_forward
    matmul, softmax, rsqrt = torch.matmul, torch.nn.functional.softmax, torch.rsqrt

    def watched_rope(q, k, *args, **kwargs):
        recorder.in_layer("attn.q_heads", q)
        recorder.in_layer("attn.k_heads", k)
        q, k = rope(q, k, *args, **kwargs)
        recorder.in_layer("attn.q_rope", q)
        recorder.in_layer("attn.k_rope", k)
        return q, k

    def watched_attention(*args, **kwargs):
        products = iter(("attn.scores_raw", "attn.ctx"))

        def watched_matmul(a, b):
            result = matmul(a, b)
            recorder.in_layer(next(products), result)
            return result

        def watched_softmax(x, *args, **kwargs):
            result = softmax(x, *args, **kwargs)
            recorder.in_layer("attn.scores_masked", x)
            recorder.in_layer("attn.probs32", result)
            return result

        with patch.object(torch, "matmul", watched_matmul), \
                patch.object(torch.nn.functional, "softmax", watched_softmax):
            output, probs = attention(*args, **kwargs)
        recorder.in_layer("attn.probs", probs)
        return output, probs

    def watched_rsqrt(x):
        result = rsqrt(x)
        turned = heads_first and recorder.norm.endswith(("q_norm", "k_norm"))
        recorder.record(f"{recorder.norm}.rstd", result.transpose(1, 2) if turned else result)
        return result

    return [patch.object(modeling, "apply_rotary_pos_emb", watched_rope),
            patch.object(modeling, "eager_attention_forward", watched_attention),
            patch.object(torch, "rsqrt", watched_rsqrt)]


def greedy(logits: torch.Tensor) -> int:
    row = logits[0, -1]
    return int((row == row.max()).nonzero()[0])  # the lowest of equal indices


@torch.no_grad()
def run(job: dict) -> None:
    torch.set_num_threads(job["threads"])
    recorder = Recorder(Path(job["output"]), job["cut"])
    model = AutoModelForCausalLM.from_pretrained(job["model"], dtype="auto", attn_implementation="eager")
    model = model.eval().to(job["device"])
    hook_model(model, recorder)
    cache = watched_cache(model.config, recorder)
    tokens, position = job["tokens"], 0
    for patched in (patches := wrappers(model, recorder)):
        patched.start()
    for _ in range(job["decode"] + 1):
        recorder.steps.append({"tokens": tokens, "first_position": position, "taps": []})
        ids = torch.tensor([tokens] * job["batch"], device=job["device"])
        logits = model(ids, past_key_values=cache, use_cache=True).logits
        if caps_logits(model):
            recorder.record("logits", logits)
        chosen = greedy(logits)
        recorder.steps[-1]["chosen"] = chosen
        position += len(tokens)
        tokens = [chosen]
    for patched in patches:
        patched.stop()
    recorder.finish()


def main() -> None:
    logging.disable_progress_bar()
    torch.backends.cuda.matmul.allow_tf32 = False
    torch.backends.cuda.matmul.allow_bf16_reduced_precision_reduction = False
    torch.backends.cuda.matmul.allow_fp16_reduced_precision_reduction = False
    for job in json.loads(Path(sys.argv[1]).read_text()):
        run(job)


if __name__ == "__main__":
    main()
