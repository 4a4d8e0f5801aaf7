#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""OLMo 2 as transformers computed it before its norms rounded once, against our LibTorch pipeline, bit for bit.

Usage: check_olmo2.py [--plumbline build/bin/plumbline] [--seed S]
Needs: torch and h5py (the .venv of scripts/setup.sh has both) and an older transformers in a folder of its own:
    .venv/bin/pip install --no-deps --target .deps/transformers-4.51 transformers==4.51.3 tokenizers==0.21.4 huggingface-hub==0.36.0
    PYTHONPATH=.deps/transformers-4.51 .venv/bin/python scripts/dev/check_olmo2.py

That version rounds every norm twice (contract rmsnorm/llama, later rmsnorm/olmo) and rotates in bf16 (later f32): the faults
norm.two_roundings and rope.narrow at every such op. A random checkpoint, a prompt of 24 tokens, the output of every norm and
projection and the logits. Exit status 1 if one differs with these faults, or if everything is equal without them too; 2: a
package is missing.
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import h5py
    import torch
    import transformers
    from transformers import Olmo2Config, Olmo2ForCausalLM
except ImportError as missing:
    print(f"check_olmo2: {missing}\n  see the head of scripts/dev/check_olmo2.py", file=sys.stderr)
    sys.exit(2)

LAYERS, TOKENS, VOCAB = 3, 24, 320
NORMS = ("attn.q_norm", "attn.k_norm", "attn.post_norm", "mlp.post_norm")
MODULES = {"self_attn.q_proj": "attn.q_proj", "self_attn.q_norm": "attn.q_norm.out", "self_attn.k_norm": "attn.k_norm.out", "self_attn.o_proj": "attn.o_proj",
           "post_attention_layernorm": "attn.post_norm.out", "mlp.down_proj": "mlp.down_proj", "post_feedforward_layernorm": "mlp.post_norm.out"}  # fmt: skip


def write_checkpoint(folder: pathlib.Path, seed: int) -> list:
    """A random model in bf16; the tokens that it is fed."""
    torch.manual_seed(seed)
    config = Olmo2Config(vocab_size=VOCAB, hidden_size=64, intermediate_size=96, num_hidden_layers=LAYERS, num_attention_heads=4, num_key_value_heads=2,
                         max_position_embeddings=512, rope_theta=5e5, tie_word_embeddings=False, pad_token_id=None, bos_token_id=None, eos_token_id=1)  # fmt: skip
    model = Olmo2ForCausalLM(config)
    with torch.no_grad():
        for parameter in model.parameters():
            drawn = torch.randn_like(parameter)
            parameter.copy_(1 + 0.2 * drawn if parameter.dim() == 1 else drawn * parameter.shape[-1] ** -0.5)
    model.to(torch.bfloat16).save_pretrained(folder)
    tokens = torch.randint(0, VOCAB, (TOKENS,)).tolist()
    (folder / "tokens.json").write_text(json.dumps(tokens))
    return tokens


def theirs(folder: pathlib.Path, tokens: list) -> dict:
    """Module outputs by the names of our taps."""
    model = Olmo2ForCausalLM.from_pretrained(folder, torch_dtype=torch.bfloat16, attn_implementation="eager").eval()
    seen = {}
    for layer in range(LAYERS):
        for module, tap in MODULES.items():
            path = f"layer.{layer}.{tap}"
            model.get_submodule(f"model.layers.{layer}.{module}").register_forward_hook(lambda _module, _inputs, out, path=path: seen.__setitem__(path, out))
    with torch.no_grad():
        seen["logits"] = model(torch.tensor([tokens])).logits
    return seen


def ours(plumbline: str, folder: pathlib.Path, faults: list) -> dict:
    trace = folder / "trace.h5"
    planted = [word for fault in faults for word in ("--fault", fault)]
    subprocess.run([plumbline, "run", folder, "--backend", "torch", "--tokens", folder / "tokens.json", "-o", trace, "--force", "--no-progress", *planted],
                   check=True, stdout=subprocess.DEVNULL)  # fmt: skip
    taps = {}
    with h5py.File(trace) as file:
        step = file["t/s000000"]
        for group in step:
            for name in step[group]:
                prefix = f"layer.{int(group[1:])}." if group[1:].isdigit() else ""
                taps[prefix + name.split("_", 1)[1]] = torch.from_numpy(step[group][name][...])  # h5py widens bf16 to f32, exactly
    return taps


def differing(expected: dict, actual: dict) -> tuple:
    """Elements that differ, and all of them."""
    counts = [int((values.float().reshape(-1) != actual[path].float().reshape(-1)).sum()) for path, values in expected.items()]
    return sum(counts), sum(values.numel() for values in expected.values())


def main() -> int:
    parser = argparse.ArgumentParser(prog="check_olmo2.py")
    parser.add_argument("--plumbline", default="build/bin/plumbline")
    parser.add_argument("--seed", type=int, default=5)
    asked = parser.parse_args()
    if not transformers.__version__.startswith("4.51."):
        print(f"check_olmo2: transformers is {transformers.__version__}, not 4.51: see the head of scripts/dev/check_olmo2.py", file=sys.stderr)
        return 2
    older = ["norm.two_roundings@final_norm"]
    for layer in range(LAYERS):
        older += [f"norm.two_roundings@layer.{layer}.{norm}" for norm in NORMS] + [f"rope.narrow@layer.{layer}"]
    with tempfile.TemporaryDirectory() as name:
        folder = pathlib.Path(name)
        expected = theirs(folder, write_checkpoint(folder, asked.seed))
        with_faults, total = differing(expected, ours(asked.plumbline, folder, older))
        without, _ = differing(expected, ours(asked.plumbline, folder, []))
    print(f"transformers {transformers.__version__}: {with_faults} of {total} elements of {len(expected)} outputs differ with its norms and rotation, {without} with those of today")
    return 0 if with_faults == 0 and without > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
