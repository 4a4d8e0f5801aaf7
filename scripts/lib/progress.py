# SPDX-License-Identifier: Apache-2.0
"""How far a long table of scripts/ is.

Invariant: it writes to standard error only: in place on a terminal, a line for every tenth part elsewhere.
"""

import sys


def counted(results, total: int, what: str):
    """Hands on `results` as they come and says how many of `total` have come."""
    terminal, done = sys.stderr.isatty(), 0
    for result in results:
        done += 1
        if terminal:
            print(f"\r{what}: {done} of {total}", end="\n" if done == total else "", file=sys.stderr, flush=True)
        elif done * 10 // total > (done - 1) * 10 // total:
            print(f"{what}: {done} of {total}", file=sys.stderr, flush=True)
        yield result
