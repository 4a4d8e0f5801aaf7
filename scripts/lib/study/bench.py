# SPDX-License-Identifier: Apache-2.0
"""What an experiment of the study works with: models, traces, and what the verbs say about them.

Invariant: every number comes out of a command, and the command is kept with it, as typed in the repository's root; a
trace is made once for all experiments that ask for it. Left to others: what is asked (experiments.py), what it means
(claims.py).
"""

import json
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

PROMPT = "The licenses for most software are designed to take away your freedom"
RECORDED = {0, 1, 3}  # statuses of a comparison that was made


class Bench:
    def __init__(self, root: Path, programs: Path, work: Path):
        self.root, self.plumbline, self.work = root, programs / "plumbline", work
        self.notes: list[str] = []  # commands since the last call of commands()
        self.traces: dict = {}

    def model(self, name: str) -> Path:
        return self.work / name if (self.work / name).is_dir() else self.root / "dumps/models" / name

    def shown(self, words) -> str:
        """As typed in the repository's root, the programs on the path, made files in a folder $W."""
        text = shlex.join([str(word) for word in words])
        for path, name in ((str(self.plumbline), "plumbline"), (f"{self.work}/", "$W/"), (f"{self.root}/", "")):
            text = text.replace(path, name)
        return text.replace("'$W/", "$W/'") if "'$W/" in text else text

    def call(self, *words, allowed=frozenset({0})):
        words = [str(word) for word in words]
        done = subprocess.run(words, cwd=self.root, capture_output=True, text=True, errors="replace", check=False)
        if done.returncode not in allowed:
            raise SystemExit(f"study: {self.shown(words)}: status {done.returncode}\n{done.stdout[-2000:]}{done.stderr}")
        self.notes.append(self.shown(words))
        return done

    def commands(self) -> list[str]:
        """Those since the last time, each once."""
        kept, self.notes = list(dict.fromkeys(self.notes)), []
        return kept

    def says(self, *words, allowed=frozenset({0})) -> dict:
        return json.loads(self.call(self.plumbline, *words, "--json", allowed=allowed).stdout)

    def run(self, name: str, model: str, backend: str, *options, prompt=PROMPT) -> dict:
        """A recorded run: what `run --json` said of it, its trace as "path". `name` stands for all of it."""
        if name in self.traces:
            self.notes.append(self.traces[name]["command"])
            return self.traces[name]
        path = self.work / f"{name}.h5"
        given = [] if "--tokens" in options else ["--prompt", prompt]
        said = self.says("run", self.model(model), "--backend", backend, *given, *options, "--no-progress", "--force", "-o", path)
        self.traces[name] = said | {"path": path, "command": self.notes[-1]}
        return self.traces[name]

    def compare(self, reference: dict, candidate: dict, *options) -> dict:
        """`diff` of two runs: its report, "op" the metrics of each op by name."""
        report = self.work / "report.json"
        self.call(self.plumbline, "diff", reference["path"], candidate["path"], *options, "--no-progress", "--no-pager", "--format", f"json={report}",
                  allowed=RECORDED)  # fmt: skip
        said = json.loads(report.read_text())
        return said | {"op": {op["op"]: op["metrics"] for op in said["ops"] if op["compared"]}}

    def tokens(self, reference: dict, candidate: dict) -> dict:
        """`tokens` of two runs, with mean and largest KL and the positions that choose otherwise."""
        said = self.says("tokens", reference["path"], candidate["path"], "--ignore-digests", allowed=RECORDED)
        rows = said["positions"]
        if not rows:
            raise SystemExit(f"study: {self.notes[-1]}: no position was compared")
        other = [row for row in rows if row["reference"]["best"] != row["candidate"]["best"]]
        return said | {
            "mean_kl": sum(float(row["kl"]) for row in rows) / len(rows),
            "largest_kl": max(float(row["kl"]) for row in rows),
            "compared": len(rows),
            "other_choices": len(other),
        }

    def make(self, name: str, *words) -> Path:
        """A folder that `words` fill."""
        target = self.work / name
        if not target.is_dir():
            self.call(*words)
        return target

    def extreme(self, name: str, how: str) -> Path:
        script = self.root / "scripts/extreme_norms.py"
        return self.make(name, sys.executable, script, self.root / "dumps/models/qwen3-tiny", "-o", self.work / name, how)

    def copy(self, name: str, model: str) -> Path:
        target = self.work / name
        shutil.copytree(self.model(model), target)
        return target
