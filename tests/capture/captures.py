# SPDX-License-Identifier: Apache-2.0
"""The captures that capture_test.py looks at, in one process because importing torch takes longest.

    captures.py SCRIPTS QWEN LLAMA OUT

Checked on the way: capturing moves no bit, bf16 lies in the file as it lies in memory, inputs are seen before a module
writes into them, a module called twice is numbered, and a full disk leaves nothing behind.
"""

import errno
import os
import sys
from pathlib import Path
from types import SimpleNamespace

SCRIPTS, QWEN, LLAMA, OUT = map(Path, sys.argv[1:])
sys.path.insert(0, str(SCRIPTS))
sys.path.insert(1, str(Path(__file__).parent))
import capture
import h5py
import numpy as np
import torch
import trace_file
import watch
from target import CaptureError
from families import FAMILIES
from transformers import AutoConfig, AutoModelForCausalLM, GPT2Config, GPT2LMHeadModel

TOKENS = list(b"This program is free software")


def options(model, **others):
    return SimpleNamespace(**({"model": model, "dtype": "auto", "attn": "eager", "device": "cpu", "threads": 1} | others))


def record(model, name, directory, **others):
    return capture.capture(model, TOKENS, OUT / name, directory=directory, **others)


def check_untouched(model, name):
    """The recorded logits are those of an unwatched run, and bf16 is a 16-bit float."""
    with torch.no_grad():
        logits = model(torch.tensor([TOKENS])).logits
    with h5py.File(OUT / name) as file:
        stored = file["lm_head/out"]
        assert stored.id.get_type().get_size() == 2 and stored.id.get_type().get_ebias() == 127, stored.id.get_type()
        raw = np.empty(logits.numel() * 2, np.uint8)
        stored.id.read(h5py.h5s.ALL, h5py.h5s.ALL, raw, mtype=stored.id.get_type())
    assert raw.tobytes() == logits.contiguous().view(torch.uint8).numpy().tobytes()


def check_full_disk(model):
    """The disk fills up at the 1st, then at the 2nd time that room is asked for."""
    real = os.posix_fallocate
    for last in (1, 2):
        asked = iter(range(1, 100))
        os.posix_fallocate = lambda *room: real(*room) if next(asked) < last else refuse_room()
        try:
            record(model, "full.h5", QWEN, torch_calls=True)
        except CaptureError as error:
            assert "not enough disk" in str(error) and "No space left" in str(error), error
        else:
            raise AssertionError("a full disk was not noticed")
        finally:
            os.posix_fallocate = real
        assert not list(OUT.glob("full.h5*")), list(OUT.glob("full.h5*"))


def refuse_room():
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def hf_families():
    for name, directory in (("qwen", QWEN), ("llama", LLAMA)):
        model = capture.load_model(options(directory))
        record(model, f"{name}.h5", directory, new=3)
        record(model, f"{name}_plain.h5", directory, plain=True)
        if name == "qwen":
            record(model, "qwen_calls.h5", directory, torch_calls=True)
            record(model, "qwen_plain_steps.h5", directory, plain=True, new=3)
            check_untouched(model, "qwen_plain.h5")
            check_full_disk(model)
    record(capture.load_model(options(QWEN, attn="sdpa")), "qwen_sdpa.h5", QWEN)


def random_families():
    """A small random model of each family, saved as transformers saves it, then loaded and captured."""
    for name, keys in FAMILIES.items():
        torch.manual_seed(3)
        config = AutoConfig.for_model(keys["model_type"], **{key: value for key, value in keys.items() if key != "model_type"})
        made = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        with torch.no_grad():
            for parameter in made.parameters():
                if parameter.dim() == 1:  # norms of ones tell nothing
                    parameter.add_(0.2 * torch.randn_like(parameter))
        made.save_pretrained(OUT / name)
        record(capture.load_model(options(OUT / name)), f"{name}.h5", OUT / name, new=3, torch_calls=True)


def another_family():
    """A model that plumbline has no graph for; then the same with one weight changed in memory."""
    torch.manual_seed(1)
    model = GPT2LMHeadModel(GPT2Config(vocab_size=128, n_positions=64, n_embd=32, n_layer=2, n_head=2)).eval()
    for name in ("gpt2_a", "gpt2_b"):
        record(model, f"{name}.h5", None, new=2, torch_calls=name == "gpt2_a")
    with torch.no_grad():
        model.transformer.h[1].mlp.c_fc.weight[3, 5] += 0.5
    record(model, "gpt2_perturbed.h5", None, new=2)


class Odd(torch.nn.Module):
    """What hooks must bear: a module used twice, one that writes into its input, tuples, mappings, None, a view."""

    def __init__(self):
        super().__init__()
        self.twice, self.writes = torch.nn.Linear(4, 4, bias=False), InPlace()

    def forward(self, x):
        x = self.twice(self.twice(x))
        pair, named = self.writes(x, None, scale=2.0)
        return {"last": (pair, None, 3), "named/view": named.view(2, 2)}


class InPlace(torch.nn.Module):
    def forward(self, x, nothing, scale):
        before = x.clone()
        return x.mul_(scale), before


def odd_modules():
    model, file = Odd(), trace_file.TraceFile(OUT / "odd.h5", capture.run_identity() | {"producer": "test", "environment": {}})
    with torch.no_grad(), watch.Watch(model, file, torch_calls=True) as watching:
        watching.begin_step(0, [1])
        model(torch.ones(1, 4))
    file.finish()
    assert not model._forward_hooks and not model.twice._forward_pre_hooks
    paths = {file.texts_of(row): row for row in file.rows}
    for path in ("twice.out", "twice#2.in.0", "twice#2.out", "writes.in.0", "writes.out.0", "writes.out.1",
                 "root.out.last.0", "root.out.named_view"):
        assert path in paths, (path, sorted(paths))
    assert paths["writes.in.0"]["xxh3"] == paths["writes.out.1"]["xxh3"] != paths["writes.out.0"]["xxh3"]
    calls = {call["op"]: call for call in file.calls}
    assert calls["aten.mul_.Tensor"]["in_place"] and calls["aten.mul_.Tensor"]["args"][1] == "2.0", calls
    assert calls["aten.view.default"]["view"] and calls["aten.view.default"]["taps"] == []


odd_modules()
hf_families()
random_families()
another_family()
