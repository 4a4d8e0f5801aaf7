#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Loads checkpoints of `plumbline make-model` by transformers: every tensor used, none missing, logits finite.

Usage: made_model_check.py PLUMBLINE. Exit status 77: transformers is not installed.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

try:
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer
except ImportError as error:
    print(f"made_model_check: {error}", file=sys.stderr)
    sys.exit(77)


def check(program: str, shape: str, dtype: str, directory: Path) -> None:
    subprocess.run([program, "make-model", shape, "--layers", "2", "--dtype", dtype, "-o", directory], check=True)
    expected = {"bf16": torch.bfloat16, "f16": torch.float16, "f32": torch.float32}[dtype]
    model, info = AutoModelForCausalLM.from_pretrained(directory, dtype=expected, output_loading_info=True)
    for problem in ("missing_keys", "unexpected_keys", "mismatched_keys"):
        assert not info[problem], (shape, problem, info[problem])
    assert AutoConfig.from_pretrained(directory).num_hidden_layers == 2, shape
    ids = AutoTokenizer.from_pretrained(directory)("plumb line", return_tensors="pt").input_ids
    assert ids.tolist() == [list(b"plumb line")], (shape, ids)
    with torch.no_grad():
        logits = model(ids).logits
    assert logits.isfinite().all() and logits.float().std() > 0.1, shape


def main() -> None:
    with tempfile.TemporaryDirectory() as scratch:
        for number, (shape, dtype) in enumerate(
            [("qwen3-tiny", "bf16"), ("llama-tiny", "bf16"), ("llama-tiny", "f16"), ("qwen3-tiny", "f32")]
        ):
            check(sys.argv[1], shape, dtype, Path(scratch) / str(number))


if __name__ == "__main__":
    main()
