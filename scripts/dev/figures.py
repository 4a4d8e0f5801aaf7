#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Makes README's table of speeds from dumps/benchmarks/h200.json, which is out/gpu/all.json of `scripts/gpu_all.sh`.

    scripts/dev/figures.py                 writes the table between README's markers
    scripts/dev/figures.py --check         writes nothing; exit 1 if README says anything else than the JSON
    scripts/dev/figures.py --from FILE     keeps a new all.json as dumps/benchmarks/h200.json first

Every entry becomes a row, or joins the row of what it was measured beside; one that fits no row is an error (exit 2), so that
no figure is left out by mistake. A number is a median, in brackets the 10th and the 90th percentile.
"""
import argparse
import json
import math
import pathlib
import re
import shlex
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
MODELS = ("qwen3-0.6b", "tinyllama-1.1b", "ernie-4.5-0.3b")  # that gpu_all.sh makes
FEW_ROWS = 16  # up to which the weights' way from memory is what takes the time
BLOCK = re.compile(r"(<!-- figures:[^\n]*-->\n).*?(<!-- end of figures -->)", re.S)
HEAD = "| what | ours | LibTorch eager in C++ | ratio | beside it | command |\n| --- | --- | --- | --- | --- | --- |\n"


class Unfit(Exception):
    pass


def number(value: float) -> str:
    """Three digits that count."""
    digits = max(0, 2 - (len(str(int(abs(value)))) - 1 if abs(value) >= 1 else 0))
    return f"{value:,.{digits}f}"


def spread(times: dict, unit: str, factor: float = 1.0) -> str:
    median, low, high = (number(times[key] * factor) for key in ("median", "p10", "p90"))
    return f"{median} {unit} ({low} to {high})"


def percent(part: float) -> str:
    """Cut, not rounded: half is not said of less."""
    return f"{math.floor(1000 * part) / 10:.1f} %"


def program(entry: dict) -> str:
    """The command without the folders of one machine."""
    first, *rest = shlex.split(entry["command"])
    return " ".join([first.split("/")[-1], *("MODEL" if word.endswith(MODELS) else shown(word) for word in rest)])


def shown(word: str) -> str:
    """A path by its last part; `torch/sm90` is none."""
    return word.split("/")[-1] if word.startswith(("/", "out/")) or word.endswith(".py") else word


def rows_text(count: int) -> str:
    return f"{count} row" if count == 1 else f"{count} rows"


def qkv_rows(entry: dict, beside: dict):
    """With the weights in L2; of few rows also with those from HBM."""
    what = f"RMSNorm and projections, {rows_text(entry['rows'])}"
    torch, notes = beside.get(("qkv_torch", entry["rows"])), []
    if torch:
        notes += [f"eager in Python {spread(torch['eager_python_us'], 'us')}", f"its ops in a graph {spread(torch['graph_us'], 'us')}"]
    peak = f", {percent(entry['part_of_peak'])} of {entry['peak_tflops']:.0f}" if "part_of_peak" in entry else ""
    notes += [f"{number(entry['tflops'])} TFLOPS{peak}", f"{entry['outputs_differing']} of {entry['outputs_compared']:,} outputs differ"]
    yield [what, spread(entry["graph_us"], "us"), spread(entry["eager_cpp_us"], "us"), f"{number(entry['speedup_over_eager_cpp'])}x", "; ".join(notes)]
    if entry["rows"] > FEW_ROWS:
        return
    yield [f"{what}, weights from HBM", spread(entry["graph_from_hbm_us"], "us"), "", "", f"{percent(entry['part_of_bandwidth'])} of the measured copy rate"]


def decode_rows(entry: dict, beside: dict):
    notes = [f"eager in Python {number(torch['eager_python_tokens_per_second'])}, its ops in a graph {number(torch['graph_tokens_per_second'])}, at {keys} keys"
             for (part, keys), torch in sorted(beside.items(), key=str) if part == "decode_torch" and keys == entry["prompt"] + entry["count"] // 2]
    notes += [f"`transformers` generate {number(torch['generate_tokens_per_second'])}" for (part, _), torch in beside.items() if part == "decode_hf"]
    notes.append(f"the first {entry['tokens_equal']} tokens are LibTorch's")
    yield [f"decode, {entry['count']} tokens after {entry['prompt']}", spread(entry["tokens_per_second"], "tokens a second"),
           f"{number(entry['eager_cpp_tokens_per_second'])} tokens a second", f"{number(entry['speedup_over_eager_cpp'])}x", "; ".join(notes)]  # fmt: skip


def prefill_rows(entry: dict, _):
    yield [f"prefill of {entry['tokens']} tokens, until the next one is known", spread(entry["seconds"], "ms", 1000),
           spread(entry["eager_cpp_seconds"], "ms", 1000), f"{number(entry['speedup_over_eager_cpp'])}x",
           f"{entry['logits_differing']} of {entry['logits_compared']:,} logits differ"]  # fmt: skip


def taps_rows(entry: dict, _):
    """What capture_speed prints: ours alone, as multiples of the pass without taps."""
    for name, what in (("prefill", f"prefill of {entry['tokens']} tokens"), ("decode", "a decode step behind it")):
        bare = entry[name]["none"]["seconds"]["median"]
        for choice, told in entry[name].items():
            times = told["seconds"]
            yield [f"{what}, taps: {choice}", f"{number(times['median'] * 1000)} ms ({number(times['min'] * 1000)} to {number(times['max'] * 1000)})", "",
                   f"{told['seconds']['median'] / bare:.2f}x no taps",
                   f"{told['bytes'] / 1e6:,.1f} MB of taps, {told['of_bound']:.2f}x max(no taps, bytes / copy rate), {told['stalls']} stalls"]  # fmt: skip


def shape_rows(entry: dict, beside: dict):
    """Other shapes, whose orders in LibTorch are not recorded: the kernels' own."""
    notes = [f"`transformers` generate {number(beside[key]['generate_tokens_per_second'])}" for key in [("generate_shape", entry["model"])] if key in beside]
    notes.append(f"{entry['numerics']} numerics: {entry['tokens_equal']} of the first {entry['tokens_compared']} tokens are LibTorch's")
    yield [f"decode, {entry['model']} shape, {entry['count']} tokens after {entry['prompt']}", spread(entry["tokens_per_second"], "tokens a second"),
           f"{number(entry['eager_cpp_tokens_per_second'])} tokens a second", f"{number(entry['speedup_over_eager_cpp'])}x", "; ".join(notes)]  # fmt: skip


ROWS = {"qkv": qkv_rows, "decode": decode_rows, "decode_shape": shape_rows, "prefill": prefill_rows, "taps": taps_rows}
BESIDE = {"qkv_torch": "rows", "decode_torch": "keys", "decode_hf": "", "generate_shape": "model"}


def part_of(entry: dict) -> str:
    return entry.get("part", "taps" if "copy_bytes_per_second" in entry and "prefill" in entry else "")


def table(record: dict) -> str:
    beside = {(part_of(entry), entry.get(BESIDE[part_of(entry)])): entry for entry in record["figures"] if part_of(entry) in BESIDE}
    lines = []
    for entry in record["figures"]:
        if part_of(entry) in BESIDE:
            continue
        if part_of(entry) not in ROWS:
            raise Unfit(f"figures: no row for {json.dumps(entry)[:200]}")
        lines += ["| " + " | ".join([*row, f"`{program(entry)}`"]) + " |" for row in ROWS[part_of(entry)](entry, beside)]
    if not lines:
        raise Unfit("figures: the JSON holds no figure")
    return caption(record) + "\n" + HEAD + "\n".join(lines) + "\n"


def caption(record: dict) -> str:
    """On what; of a part, the clocks under load where they were seen."""
    on, clocks = record["environment"], record["parts"].get("speed", {}).get("clocks", {}).get("sm_mhz")
    load = f", SM clock {clocks['median']} MHz ({clocks['min']} to {clocks['max']})" if isinstance(clocks, dict) else ""
    return (f"{on['gpu']}, driver {on['driver']}, CUDA {on['cuda']}, {on['libtorch']}{load}; commit {on['commit'][:12]}. "
            "Medians, in brackets the 10th and 90th percentile (of taps least and largest):\n")  # fmt: skip


def with_table(readme: str, text: str) -> str:
    changed, count = BLOCK.subn(lambda found: found[1] + text + found[2], readme)
    if count != 1:
        raise Unfit("figures: README.md has no block of figures")
    return changed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--check", action="store_true", help="write nothing; fail if README says anything else")
    parser.add_argument("--from", dest="source", type=pathlib.Path, metavar="FILE", help="a new out/gpu/all.json")
    parser.add_argument("--root", type=pathlib.Path, default=ROOT, help="of the tree (default: this one)")
    asked = parser.parse_args()
    kept, page = asked.root / "dumps/benchmarks/h200.json", asked.root / "README.md"
    if asked.source:
        kept.write_text(json.dumps(json.loads(asked.source.read_text()), indent=1) + "\n")
    readme = page.read_text(encoding="utf-8")
    made = with_table(readme, table(json.loads(kept.read_text())))
    if not asked.check:
        page.write_text(made, encoding="utf-8")
        return 0
    wrong = [line for line in made.splitlines() if line not in readme.splitlines()] or ([] if made == readme else ["a line too many"])
    for line in wrong:
        print(f"README.md does not say what dumps/benchmarks/h200.json does: {line}")
    return 1 if wrong else 0


if __name__ == "__main__":
    try:
        sys.exit(main())
    except (Unfit, OSError, json.JSONDecodeError, KeyError) as problem:
        print(problem if isinstance(problem, Unfit) else f"figures: {problem!r}", file=sys.stderr)
        sys.exit(2)
