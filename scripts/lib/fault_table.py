# SPDX-License-Identifier: Apache-2.0
"""The table of scripts/fault_table.sh: fault x model x {caught, located, said}.

Invariant: what is expected comes from the fault catalogue alone, before anything is run; a row counts as located only if
find ended with status 1 and named that op as the first divergence. What a model cannot have is listed and not counted.
A fault of the weights has a second row in which find may look at no digest, so that the numbers have to give it away.
Defects of kernels have portable numerics only; under others they are listed with that as the reason, and so is a fault that
makes of an op what LibTorch's way of is not recorded.
"""

import argparse
import json
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from programs import Programs, all_models
from progress import counted

# A prefill and two decode steps: some faults show in one of the two only.
PROMPT = "The licenses"
PREFILL = 10
PORTABLE = "portable"
UNRECORDED = "numerics torch/sm90: "  # how a backend says that LibTorch's order or function is not known there
RACES = {"kernel.missing_barrier": 20}  # runs that a race has on a GPU to show in; on the twin it always does

# Places besides the catalogue's own: other kernels, other inner dimensions, the ends of the model. One that a family
# lacks is listed as not applicable.
MORE_PLACES = [
    "norm.single_rounding@final_norm",
    "norm.eps=1e-3@layer.2.post_norm",
    "norm.weight_missing@layer.3.post_norm",
    "rope.theta=1e4@layer.3",
    "rope.interleaved@layer.0.attn.k_rope",
    "gqa.map@layer.1.attn.ctx",
    "weight.transposed@layer.2.attn.q_proj",
    "weight.wrong_layer@layer.0.mlp.up_proj",
    "weight.clamped@logits",
    "residual.dropped@layer.3.resid2",
    "kernel.k_tail_lost@layer.2.mlp.down_proj",
    "kernel.bf16_accumulator@layer.0.attn.k_proj",
    "kernel.truncating_cast@logits",
    "kernel.missing_barrier@layer.1.attn.v_proj",
    "kernel.lane_lost@final_norm",
    "kernel.position_off_by_one@layer.0.attn.q_rope",
    "kernel.cache_stale@layer.1.attn.k_cache",
]


@dataclass
class Row:
    fault: str
    model: str
    shows_at: str = ""
    by_numbers: bool = False
    reason: str = ""  # why the model cannot have it; then nothing below is filled
    caught: bool = False
    located: bool = False
    explained: bool = False  # another contract, an op left out, or a cause proven by replay; whether it is the planted one is said
    said: str = ""

    @property
    def name(self):
        return self.fault + (" (digests ignored)" if self.by_numbers else "")


class Table(Programs):
    def __init__(self, asked, work: Path):
        super().__init__(asked.bin or asked.root / "build/bin", "fault_table")
        self.asked, self.work = asked, work

    def reference(self, model: Path):
        device = ["--device", self.asked.device] if self.asked.device else []
        return self.record(model, "healthy", self.asked.reference, *device)

    def catalogue(self, model: Path, faults):
        said = json.loads(self.must("faults", *faults, "--model", model, "--json").stdout)
        return said["faults"]

    def record(self, model: Path, name: str, backend: str, *options):
        """A trace and no complaint, or no trace and the complaint."""
        trace = self.work / f"{model.name}.{name}.h5"
        done = self.call("run", model, "--backend", backend, "--prompt", PROMPT, "--prefill", PREFILL, "--threads", 1,
                         *options, "--force", "-o", trace)
        return (trace, "") if done.returncode == 0 else (None, done.stderr.strip().splitlines()[0])

    def unknown_numerics(self, model: Path) -> str:
        """Why the healthy candidate cannot have these numerics, which are known for some shapes; "" if it can."""
        if self.asked.numerics == PORTABLE:
            return ""
        trace, complaint = self.record(model, "candidate", self.asked.backend, "--numerics", self.asked.numerics)
        return "" if trace is not None else complaint

    def rows_of(self, model: Path, reference: Path, entry: dict, number: int):
        """One fault in one model: one row, or two if it is one of the weights."""
        fault = entry["fault"]
        if not entry["applies"]:
            return [Row(fault, model.name, reason=reason_of(entry["reason"]))]
        if "oracle" not in entry["backends"] and self.asked.numerics != PORTABLE:
            return [Row(fault, model.name, reason="a kernel with a defect has portable numerics only")]
        tries = RACES.get(entry["name"], 1) if self.asked.backend == "cuda" else 1
        for _ in range(tries):
            rows = self.planted(model, reference, entry, number)
            if all(row.located for row in rows):
                break
        return rows

    def planted(self, model: Path, reference: Path, entry: dict, number: int):
        """What find makes of one run with the fault."""
        fault, rows = entry["fault"], []
        trace, complaint = self.record(model, f"{number}", self.asked.backend, "--numerics", self.asked.numerics, "--fault", fault)
        if trace is None and complaint.startswith(UNRECORDED):
            return [Row(fault, model.name, reason=complaint)]
        for by_numbers in [False, True][: 2 if entry["changes_parameters"] else 1]:
            row = Row(fault, model.name, entry["shows_at"], by_numbers)
            if trace is None:
                row.said = complaint
            else:
                judge(row, self.call("find", reference, trace, "-j", 1, "--json",
                                     *(["--ignore-digests"] if by_numbers else [])))
            rows.append(row)
        if trace is not None:
            trace.unlink()
        return rows


def reason_of(refusal: str) -> str:
    """The reason that a refusal gives, or its first line."""
    lines = refusal.splitlines()
    for line in lines:
        if line.strip().startswith("reason"):
            return line.strip().removeprefix("reason").strip()
    return lines[0] if lines else "refused without a word"


def cause_of(finding) -> str:
    """The likely cause that a finding names, as a clause."""
    likely = [cause for cause in finding["causes"] if cause["status"] == "likely"]
    return f"; cause {likely[0]['code']}: {likely[0]['text']}" if likely else ""


def judge(row: Row, done) -> None:
    row.caught = done.returncode == 1
    try:
        report = json.loads(done.stdout)
    except json.JSONDecodeError:
        row.said = (done.stderr.strip().splitlines() or [f"no report, status {done.returncode}"])[0]
        return
    row.located = row.caught and report["outcome"]["first_divergence"] == row.shows_at
    for finding in report["findings"]:
        if finding["op"] != report["outcome"]["first_divergence"] or finding["level"] != "error" or not finding["role"]:
            continue
        contract = f" {finding['contract']}" if finding["contract"] else ""
        cause = cause_of(finding)
        row.said = f"{finding['role']}{contract} {finding['code']}: {finding['title']}{cause}"
        row.explained = bool(contract or cause) or "was left out" in finding["title"]
        break
    else:
        row.said = report["outcome"].get("headline", "nothing")
    if row.caught and not row.located:
        row.said = f"at {report['outcome']['first_divergence']}, not {row.shows_at}: {row.said}"


def yes(value: bool) -> str:
    return "yes" if value else "NO"


def print_table(rows) -> None:
    wide = max(len(row.name) for row in rows)
    models = max(len("model"), *(len(row.model) for row in rows))
    print(f"{'fault':{wide}}  {'model':{models}}  caught  located  said")
    for row in rows:
        if not row.reason:
            print(f"{row.name:{wide}}  {row.model:{models}}  {yes(row.caught):6}  {yes(row.located):7}  {row.said}")
    for row in rows:
        if row.reason:
            print(f"{row.name:{wide}}  {row.model:{models}}  not applicable: {row.reason}")


def options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="scripts/fault_table.sh", description="Plant every fault; look for it.")
    parser.add_argument("--root", type=Path, required=True, help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, action="append", help="model directory (default: all of dumps/models)")
    parser.add_argument("--fault", action="append", help="as spelled for run --fault (default: all, and more places)")
    parser.add_argument("--bin", type=Path, help="where the programs are (default: build/bin)")
    parser.add_argument("--backend", default="twin", help="whose kernels have the fault: twin or cuda (default: %(default)s)")
    parser.add_argument("--numerics", default=PORTABLE, help="of those kernels (default: %(default)s)")
    parser.add_argument("--reference", default="oracle", help="the backend of the healthy run (default: %(default)s)")
    parser.add_argument("--device", default="", help="of the healthy run, if that is torch's")
    parser.add_argument("--jobs", type=int, default=2, help="faults at the same time (default: 2)")
    return parser.parse_args()


def main() -> int:
    asked = options()
    models, rows, used = asked.model or all_models(asked.root), [], 0
    with tempfile.TemporaryDirectory() as work, ThreadPoolExecutor(max(1, asked.jobs)) as pool:
        table = Table(asked, Path(work))
        for model in models:
            reference, complaint = table.reference(model)
            if reference is None:
                sys.exit(f"fault_table: no healthy run of {model}: {complaint}")
            if not asked.model and (unknown := table.unknown_numerics(model)):
                print(f"fault_table: {model.name} is left out: {unknown}", file=sys.stderr)
                continue
            used += 1
            entries = table.catalogue(model, asked.fault or [])
            if not asked.fault:
                entries += table.catalogue(model, MORE_PLACES)
            jobs = [pool.submit(table.rows_of, model, reference, entry, i) for i, entry in enumerate(entries)]
            for found in counted((job.result() for job in jobs), len(jobs), model.name):
                rows += found
    if not rows:
        sys.exit("fault_table: no model, no fault: nothing was tried")
    print_table(rows)
    planted = [row for row in rows if not row.reason]
    located = sum(row.located for row in planted)
    kinds = len({row.fault.split("@")[0].split("=")[0] for row in planted})
    print(f"{kinds} kinds of fault in {used} models, {len(rows) - len(planted)} not applicable")
    print(f"explained {sum(row.explained for row in planted)} of {len(planted)}")
    print(f"located {located} of {len(planted)}")
    return 0 if planted and located == len(planted) else 1


if __name__ == "__main__":
    sys.exit(main())
