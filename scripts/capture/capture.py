# SPDX-License-Identifier: Apache-2.0
"""One recorded run: a transformers model, the ids fed to it, prefill and greedy decode steps with the key-value cache.

`capture(model, ids, OUT)` also takes a model that was made or changed in memory. Invariant: the model computes what it
would compute unwatched; a file is left only if it is whole.
"""

import inspect
import json
import os
import sys

import torch
import transformers
from transformers import AutoModelForCausalLM, AutoTokenizer, DynamicCache

from target import CaptureError
from trace_file import TraceFile, dtype_name, file_digest, run_identity, tensor_digest
from watch import Watch

PRODUCER, VERSION = "plumbline capture/hf.py", "1"
DTYPES = {"auto": "auto", "bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}


def load_model(options):
    """The model as transformers loads it. Nothing is looked up on a hub, no code of the checkpoint is run."""
    transformers.utils.logging.disable_progress_bar()
    transformers.utils.logging.set_verbosity_error()
    if options.threads:
        torch.set_num_threads(options.threads)
    try:
        model = AutoModelForCausalLM.from_pretrained(options.model, dtype=DTYPES[options.dtype], local_files_only=True,
                                                     attn_implementation=options.attn)
        return model.eval().to(options.device)
    except (OSError, ValueError, RuntimeError, KeyError, AssertionError) as error:
        raise CaptureError(f"transformers cannot load {options.model}: {one_line(error)}\n"
                           "check the directory, --attn, --dtype and --device") from error


def one_line(error):
    return " ".join(str(error).split())[:300]


def token_ids(options, vocabulary):
    """What to feed. Throws CaptureError for an empty prompt, ids that are none and ids that the model does not know."""
    if options.tokens is not None:
        try:
            ids = [int(text) for text in options.tokens.split(",")]
        except ValueError as error:
            raise CaptureError(f"--tokens '{options.tokens}' is no list of ids\nwrite --tokens 1,2,3") from error
    else:
        try:
            ids = AutoTokenizer.from_pretrained(options.model, local_files_only=True)(options.prompt)["input_ids"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CaptureError(f"{options.model} has no tokenizer that transformers can load: {one_line(error)}\n"
                               "give ids: --tokens 1,2,3") from error
    if not ids:
        raise CaptureError("the prompt holds no token\ngive a text with --prompt or ids with --tokens")
    unknown = [token for token in ids if not 0 <= token < vocabulary]
    if unknown:
        raise CaptureError(f"token {unknown[0]} is not in the model's vocabulary of {vocabulary}\ngive ids from 0 on")
    return ids


def stop_ids(model):
    eos = getattr(getattr(model, "generation_config", None), "eos_token_id", None)
    return set() if eos is None else set(eos) if isinstance(eos, (list, tuple)) else {eos}


def greedy(logits):
    row = logits[0, -1]
    return int((row == row.max()).nonzero()[0])  # the lowest of equal indices


def environment(model, torch_calls):
    """Whatever may move a bit."""
    return {
        "torch": torch.__version__, "transformers": transformers.__version__, "python": sys.version.split()[0],
        "attention": str(getattr(model.config, "_attn_implementation", "")), "dtype": dtype_name(model.dtype),
        "threads": str(torch.get_num_threads()), "cpu_capability": torch.backends.cpu.get_cpu_capability(),
        "allow_tf32": str(torch.backends.cuda.matmul.allow_tf32), "mkldnn": str(torch.backends.mkldnn.is_available()),
        "float32_matmul_precision": torch.get_float32_matmul_precision(), "torch_calls": str(torch_calls).lower(),
    }


def weight_files(directory):
    """The files that hold the weights, as plumbline counts them: the index and its shards, or the one file."""
    index = directory / "model.safetensors.index.json"
    if not index.is_file():
        return ["model.safetensors"]
    return [index.name, *sorted(set(json.loads(index.read_text())["weight_map"].values()))]


def make_header(model, directory, prompt, torch_calls):
    """Without `directory` (a model made in memory) the trace states no files of a checkpoint."""
    header = run_identity() | {
        "producer": PRODUCER, "producer_version": VERSION, "backend": "transformers", "device": str(model.device),
        "architecture": type(model).__name__, "prompt": prompt, "config": model.config.to_json_string(),
        "environment": environment(model, torch_calls),
        "parameters": {name: tensor_digest(value) for name, value in unpacked(model)},
    }
    if directory is not None:
        names = ["config.json", *weight_files(directory)]
        header["model"] = os.path.abspath(directory)
        header["config"] = (directory / "config.json").read_bytes()
        header["files"] = {name: file_digest(directory / name) for name in names if (directory / name).is_file()}
    return header


def unpacked(model):
    """Parameters by name; rows of packed projections (Phi-3) under the names that Plumbline's graph has for them."""
    for name, value in model.named_parameters():
        at, _, kind = name.rpartition("_proj.weight")[0].rpartition(".")
        if type(model).__name__ != "Phi3ForCausalLM" or kind not in ("qkv", "gate_up"):
            yield name, value
            continue
        parts = ("q", "k", "v") if kind == "qkv" else ("gate", "up")
        attention = model.get_submodule(at)
        sizes = [value.shape[0] // 2] * 2
        if kind == "qkv":
            queries, keys = (heads * attention.head_dim for heads in (attention.config.num_attention_heads, attention.config.num_key_value_heads))
            sizes = [queries, keys, keys]
        for part, rows in zip(parts, value.split(sizes), strict=True):
            yield f"{at}.{part}_proj.weight", rows


def new_cache(config):
    """One that keeps every key: made from a config with sliding windows it would drop those that the windows have left."""
    text = config.get_text_config()
    slides = "sliding_attention" in (getattr(text, "layer_types", None) or []) or getattr(text, "sliding_window", None) is not None
    return DynamicCache() if slides else DynamicCache(config=config)


@torch.no_grad()
def run(model, watch, tokens, new):
    """Prefill, then greedy steps with cache. Gives the ids chosen."""
    stop, chosen, position, cache = stop_ids(model), [], 0, None
    if "past_key_values" in inspect.signature(model.forward).parameters:
        cache = new_cache(model.config)
    for step in range(max(1, new)):
        watch.begin_step(position, tokens)
        past = {} if cache is None else {"past_key_values": cache, "use_cache": True}
        result = model(torch.tensor([tokens], device=model.device), **past)
        cache = getattr(result, "past_key_values", None)
        watch.record_cache(cache)
        if step < new:
            chosen.append(greedy(result.logits))
        if len(chosen) == new or (chosen and chosen[-1] in stop):
            break
        if cache is None:
            raise CaptureError(f"{type(model).__name__} gives no past_key_values: it cannot be fed token by token\n"
                               "leave out --new, or feed the whole text with --tokens")
        position += len(tokens)
        tokens = chosen[-1:]
    return chosen


def capture(model, tokens, output, *, new=0, plain=False, torch_calls=False, directory=None, prompt="", force=False):
    """Records a run of a model that is already in memory. Gives the ids chosen and the TraceFile, which is whole."""
    file = TraceFile(output, make_header(model, directory, prompt, torch_calls), plain, force, one_step=new <= 1)
    try:
        with Watch(model, file, torch_calls) as watch:
            chosen = run(model, watch, tokens, new)
        file.finish()
    except BaseException:
        file.abandon()
        raise
    return chosen, file


def decoded(options, ids):
    """The text of ids for the summary; empty where the directory has no tokenizer."""
    try:
        return AutoTokenizer.from_pretrained(options.model, local_files_only=True).decode(ids)
    except (OSError, ValueError, KeyError, TypeError):
        return ""
