# SPDX-License-Identifier: Apache-2.0
"""The built programs as the tables of scripts/ call them, and the models that they go through.

Invariant: a call that has to succeed and does not ends the table with the command and what it said.
"""

import subprocess
import sys
from pathlib import Path


def all_models(root: Path) -> list[Path]:
    return sorted(config.parent for config in root.glob("dumps/models/*/config.json"))


class Programs:
    def __init__(self, folder: Path, table: str):
        self.program, self.table = folder / "plumbline", table

    def call(self, *arguments):
        try:
            return subprocess.run([self.program, *map(str, arguments)], capture_output=True, text=True, check=False)
        except OSError as missing:
            sys.exit(f"{self.table}: {missing}")

    def must(self, *arguments):
        done = self.call(*arguments)
        if done.returncode != 0:
            said = f"plumbline {' '.join(map(str, arguments))}: status {done.returncode}\n{done.stderr}"
            raise SystemExit(f"{self.table}: {said}")
        return done
