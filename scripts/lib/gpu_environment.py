# SPDX-License-Identifier: Apache-2.0
"""On what scripts/gpu_all.sh ran: GPU, driver, CUDA, LibTorch, clocks, commit.

Invariant: what a machine does not say is "unknown", never left out, so that two environments can be compared key by key.
"""

import json
import os
import re
import subprocess
import threading

UNKNOWN = "unknown"
# What makes results of two parts belong together; clocks may differ.
SAME = ("gpu", "driver", "cuda", "libtorch", "commit")


def said_by(*command, cwd=None) -> str:
    """Standard output of a command, empty if it failed or is not there."""
    try:
        done = subprocess.run([str(word) for word in command], cwd=cwd, capture_output=True, text=True, check=False)
    except OSError:
        return ""
    return done.stdout.strip() if done.returncode == 0 else ""


def gpu_facts(*names) -> list:
    """What nvidia-smi says of the first GPU under those names."""
    first = said_by("nvidia-smi", f"--query-gpu={','.join(names)}", "--format=csv,noheader").splitlines()[:1]
    values = [value.strip() for value in first[0].split(",")] if first else []
    return values if len(values) == len(names) else [UNKNOWN] * len(names)


def commit_of(root) -> str:
    commit = said_by("git", "-C", root, "rev-parse", "HEAD")
    changed = "+changes" if commit and said_by("git", "-C", root, "status", "--porcelain", "--untracked-files=no") else ""
    return commit + changed if commit else os.environ.get("PLUMBLINE_COMMIT", UNKNOWN)


def libtorch_of(plumbline) -> str:
    """Of the build, once there is one."""
    try:
        backends = json.loads(said_by(plumbline, "run", "--list-backends", "--json") or '{"backends": []}')["backends"]
    except json.JSONDecodeError:
        return UNKNOWN
    version = [re.search(r"LibTorch [^;]+", backend["detail"]) for backend in backends if backend["name"] == "torch"]
    return version[0][0] if version and version[0] else UNKNOWN


def environment_of(root, plumbline) -> dict:
    name, driver, sm, memory = gpu_facts("name", "driver_version", "clocks.max.sm", "clocks.max.mem")
    compiler = re.search(r"release [\d.]+, V([\d.]+)", said_by("nvcc", "--version") or said_by("/usr/local/cuda/bin/nvcc", "--version"))
    return {"gpu": name, "driver": driver, "cuda": compiler[1] if compiler else UNKNOWN, "libtorch": libtorch_of(plumbline),
            "clocks_max": {"sm": sm, "memory": memory}, "cores": os.cpu_count(), "commit": commit_of(root)}  # fmt: skip


def megahertz(text: str):
    number = re.match(r"\d+", text)
    return int(number[0]) if number else None


class Clocks:
    """The clocks while something runs, asked for every `seconds`."""

    def __init__(self, seconds: float = 5.0):
        self.seconds, self.sm, self.memory = seconds, [], []
        self.end = threading.Event()
        self.thread = threading.Thread(target=self.watch, daemon=True)

    def watch(self) -> None:
        while not self.end.wait(self.seconds):
            for text, kept in zip(gpu_facts("clocks.sm", "clocks.mem"), (self.sm, self.memory)):
                if (value := megahertz(text)) is not None:
                    kept.append(value)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_):
        self.end.set()
        self.thread.join()

    def told(self) -> dict:
        """Least, median and largest of what was seen, in MHz."""
        return {name: {"min": min(kept), "median": sorted(kept)[len(kept) // 2], "max": max(kept)} if kept else UNKNOWN
                for name, kept in (("sm_mhz", self.sm), ("memory_mhz", self.memory))}  # fmt: skip
