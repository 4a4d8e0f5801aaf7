# SPDX-License-Identifier: Apache-2.0
"""How scripts/fault_matrix.sh prints what it saw: by kind of fault beside other tools, by magnitude, what was missed and why.

Invariant: every row is counted in the table; none is left out of the list of the missed.
"""

import math
from dataclasses import dataclass, field

COLUMNS = ("caught", "located", "named")


@dataclass
class Row:
    fault: str
    kind: str
    model: str
    shows_at: str
    share: float = 1.0  # of the op's outputs that the fault moves, given equal inputs
    detectable: bool = False
    caught: bool = False
    located: bool = False
    named: bool = False
    said: str = ""
    peers: dict = field(default_factory=dict)  # name of the tool -> the op that it blames, "" for none, or None

    def peer(self, name: str) -> tuple[bool, bool]:
        """Caught, located."""
        blamed = self.peers.get(name)
        return blamed is not None, blamed == self.shows_at


def sums(rows, names=COLUMNS) -> list[int]:
    return [sum(getattr(row, name) for row in rows) for name in names]


def print_kinds(rows, peers) -> None:
    title = f"{'fault':30} {'runs':>5} {'detectable':>10} {'caught':>7} {'located':>8} {'named':>6}"
    print(title + "".join(f" {name:>10}" for name in peers) + ("  (caught/located)" if peers else ""))
    for kind in [*sorted({row.kind for row in rows}), "all"]:
        mine = [row for row in rows if kind in (row.kind, "all")]
        detectable, *counts = sums(mine, ("detectable", *COLUMNS))
        line = f"{kind:30} {len(mine):5} {detectable:10} {counts[0]:7} {counts[1]:8} {counts[2]:6}"
        for name in peers:
            caught, located = (sum(row.peer(name)[i] for row in mine) for i in (0, 1))
            line += f" {f'{caught}/{located}':>10}"
        print(line)


def decade(share: float) -> int:
    return -9 if share <= 0.0 else max(-9, math.floor(math.log10(share)))


def print_curve(rows) -> None:
    """Over how much of the op's outputs the fault moves."""
    print(f"\n{'share of outputs moved':30} {'runs':>5} {'caught':>7} {'located':>8} {'named':>6}")
    for power in sorted({decade(row.share) for row in rows}):
        mine = [row for row in rows if decade(row.share) == power]
        name = "none" if power == -9 else f"1e{power} to 1e{power + 1}" if power < 0 else "all"
        counts = sums(mine)
        print(f"{name:30} {len(mine):5} {counts[0]:7} {counts[1]:8} {counts[2]:6}")
    print()


def print_missed(rows) -> None:
    for row in rows:
        if not (row.caught and row.located and row.named):
            missed = "not caught" if not row.caught else "not located" if not row.located else "not named"
            small = "" if row.detectable else f", below the detectable size (moves {row.share:.2g})"
            print(f"{missed}{small}: {row.fault} in {row.model} (shows at {row.shows_at}): {row.said}")
