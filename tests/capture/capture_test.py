# SPDX-License-Identifier: Apache-2.0
"""Models run by transformers, captured by scripts/capture/hf.py and read by plumbline: capture_test.py PLUMBLINE.

Exit status 77 (skipped): this Python lacks torch, transformers, h5py or xxhash.
"""

import importlib.util
import os
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
SCRIPTS = ROOT / "scripts/capture"
QWEN, LLAMA = ROOT / "dumps/models/qwen3-tiny", ROOT / "dumps/models/llama-tiny"
PLUMBLINE = sys.argv[1]
ENVIRONMENT = os.environ | {"OMP_WAIT_POLICY": "passive", "OMP_NUM_THREADS": "2", "COLUMNS": "80"}


def call(*words, limit=None):
    """Exit status, standard output, standard error. `limit`: bytes that a file may grow to."""
    before = None if limit is None else lambda: resource_limit(limit)
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, env=ENVIRONMENT, preexec_fn=before,
                          check=False)
    return done.returncode, done.stdout, done.stderr


def resource_limit(limit):
    import resource
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit))


def expect(words, status, out=(), err=(), **others):
    """Runs and holds the answer against status and texts, blanks and line breaks aside. Gives standard output."""
    said = call(*words, **others)
    shown = f"{' '.join(map(str, words))}\nexit status {said[0]}\n{said[1]}\n{said[2]}"
    assert said[0] == status, f"expected status {status}: {shown}"
    for text, where in [(text, said[1]) for text in out] + [(text, said[2]) for text in err]:
        assert " ".join(text.split()) in " ".join(where.split()), f"expected {text!r}: {shown}"
    return said[1]


def hf(*words):
    return [sys.executable, SCRIPTS / "hf.py", *words]


def captures_are_sound_traces(out):
    for name in ("odd", "qwen", "llama", "qwen_calls", "qwen_sdpa", "gpt2_a"):
        expect([PLUMBLINE, "verify", out / f"{name}.h5"], 0, out=["0 damaged"])
    expect([PLUMBLINE, "ls", out / "qwen.h5"], 0, out=["backend      transformers", "architecture Qwen3ForCausalLM",
                                                       "step 2       1 token(s) from position 30",
                                                       "model.layers.27.mlp.down_proj.in.0     bf16  [1, 29, 64]"])
    expect([PLUMBLINE, "ls", out / "qwen_plain.h5"], 0, out=["model.layers.0.self_attn.q_norm.out  bf16  [1, 29, 4, 128]"])


def the_program_says_what_it_did_and_refuses_the_rest(out):
    target = out / "program.h5"
    expect(hf(QWEN, "--prompt", "This program", "--new", "2", "-o", target), 0, out=["prompt        12 tokens", "2 steps"])
    before = target.read_bytes()
    rows = [
        ([out / "nowhere", "--tokens", "1", "-o", out / "x.h5"], "is no directory"),
        ([SCRIPTS, "--tokens", "1", "-o", out / "x.h5"], "has no config.json"),
        ([QWEN, "--tokens", "1", "-o", target], "--force replaces it"),
        ([QWEN, "--tokens", "1", "-o", out], "is no regular file"),
        ([QWEN, "--tokens", "1", "-o", out / "no/x.h5"], "there is no directory"),
        ([QWEN, "--tokens", "1", "--prompt", "a", "-o", out / "x.h5"], "not allowed with"),
        ([QWEN, "-o", out / "x.h5"], "--prompt --tokens is required"),
        ([QWEN, "--tokens", "1,999", "-o", out / "x.h5"], "token 999 is not in the model's vocabulary of 320"),
    ]
    for words, reason in rows:
        expect(hf(*words), 2, err=[reason])
    expect(hf(QWEN, "--tokens", "1,2", "--force", "-o", target), 2, err=["not enough disk"], limit=1 << 20)
    assert target.read_bytes() == before, "a failed run touched the older file"
    assert sorted(out.glob("*.part")) == [] and not (out / "x.h5").exists()


def main():
    lacking = [name for name in ("torch", "transformers", "h5py", "xxhash") if importlib.util.find_spec(name) is None]
    if lacking:
        print(f"SKIPPED: {sys.executable} has no {', '.join(lacking)}; capturing was NOT tested")
        return 77
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder)
        expect([sys.executable, ROOT / "tests/capture/captures.py", SCRIPTS, QWEN, LLAMA, out], 0)
        captures_are_sound_traces(out)
        the_program_says_what_it_did_and_refuses_the_rest(out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
