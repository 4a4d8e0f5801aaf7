#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The scripts around a real model, as far as they go without a network: each refuses with status 2 and says the way out,
and takes what is there already.

Usage: smollm2_test.py PROGRAMS_FOLDER SOURCE_FOLDER PYTHON
"""

import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

PROGRAMS, ROOT, PYTHON = Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3] or sys.executable
NAME = "SmolLM2-135M-Instruct.Q4_1.gguf"


def call(*words):
    offline = {**os.environ, "PIP_NO_INDEX": "1"}
    return subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False, env=offline)


def expect(done, status, *texts):
    said = done.stdout + done.stderr
    assert done.returncode == status, (done.args, done.returncode, said)
    for text in texts:
        assert text in said, (done.args, text, said)


def check_fetch(folder):
    script = ROOT / "scripts/fetch_smollm2.sh"
    expect(call(script, "--from", folder), 2, "unknown argument --from")
    expect(call(script, "--to"), 2, "--to needs a directory")
    expect(call(script, "--to", folder / "none"), 2, "pip", "put the file there yourself")
    assert not list((folder / "none").iterdir()), "something is left behind"
    (folder / NAME).write_bytes(b"GGUF")
    expect(call(script, "--to", folder), 2, "another digest")
    assert (folder / NAME).read_bytes() == b"GGUF"
    there = ROOT / ".models" / NAME
    if there.exists():
        expect(call(script), 0, f".models/{NAME}")


def check_whole(folder):
    """In a tree that holds nothing that was built."""
    (folder / "scripts").mkdir()
    shutil.copy(ROOT / "scripts/smollm2.sh", folder / "scripts")
    expect(call(folder / "scripts/smollm2.sh"), 2, "build/bin/plumbline is missing", "scripts/setup.sh")
    expect(call(folder / "scripts/smollm2.sh", "--help"), 0, "Usage: scripts/smollm2.sh")


def check_widening():
    """With the package gguf random blocks are compared; without it the script says what to install."""
    done = call(PYTHON, ROOT / "scripts/dev/check_gguf.py", "--plumbline", PROGRAMS / "plumbline")
    if done.returncode == 2:
        expect(done, 2, "pip install gguf==")
    else:
        expect(done, 0, "Q6_K.gguf as f32: 0 numbers differ")


def check_tokens():
    """The same of the tokenizer, where the model was fetched."""
    file = ROOT / ".models" / NAME
    done = call(PYTHON, ROOT / "scripts/dev/check_gguf_tokens.py", "--plumbline", PROGRAMS / "plumbline", "--texts", "200", file)
    if done.returncode == 2:
        expect(done, 2, "gguf==")
    elif file.exists():
        expect(done, 0, "ids of 0 differ from the rules, 0 do not come back")


with tempfile.TemporaryDirectory() as scratch:
    check_fetch(Path(scratch))
    check_whole(Path(scratch))
check_widening()
check_tokens()
