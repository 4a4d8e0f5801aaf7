# SPDX-License-Identifier: Apache-2.0
"""Scripts that need torch, run one after the other in one process of the given Python, which loads torch only once.

Invariant: each script is the page's, with its own arguments, run as a program (__main__).
"""

import json
import os
import subprocess

LOOP = """
import contextlib, io, json, os, runpy, sys, traceback
import torch, transformers, h5py, safetensors, xxhash
print("ready", flush=True)
for line in sys.stdin:
    words, text, status = json.loads(line), io.StringIO(), 0
    sys.argv, path = words, list(sys.path)
    sys.path.insert(0, os.path.dirname(words[0]))
    try:
        with contextlib.redirect_stdout(text), contextlib.redirect_stderr(text):
            runpy.run_path(words[0], run_name="__main__")
    except SystemExit as end:
        status = end.code if isinstance(end.code, int) else 0 if end.code is None else 1
        text.write(str(end.code))
    except BaseException:
        status = 1
        text.write(traceback.format_exc())
    sys.path[:] = path
    print(json.dumps([status, text.getvalue()]), flush=True)
"""


class TorchScripts:
    def __init__(self, python: str):
        self.process = subprocess.Popen([python, "-c", LOOP], stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                                        text=True, env={**os.environ, "OMP_NUM_THREADS": "1"})  # fmt: skip
        self.ready = self.process.stdout.readline() == "ready\n"  # else that Python lacks what the scripts need

    def wrong(self, words: list[str]) -> str:
        """Runs script and arguments; '' or what went wrong."""
        self.process.stdin.write(json.dumps([str(word) for word in words]) + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            return f"the interpreter ended with status {self.process.wait()}"
        status, text = json.loads(answer)
        return "" if status == 0 else f"status {status}: {text[-300:]}"

    def close(self) -> None:
        self.process.stdin.close()
        self.process.wait()
