# SPDX-License-Identifier: Apache-2.0
"""The study's page: Markdown from figures and verdicts, no number of its own."""

from experiments import MODELS, VARIANTS

INSTEAD = [
    ("where does it begin, and is it a rounding or a mistake?", "plumbline find ref.h5 cand.h5"),
    ("is the checkpoint what the config says?", "plumbline audit MODEL"),
    ("record both, every op", "plumbline run MODEL --backend torch --prompt TEXT -o ref.h5"),
    ("which rounding does my kernel have?", "plumbline contracts cand.h5"),
    ("how far apart do right implementations lie?", "plumbline noise ref.h5 --against cand.h5"),
    ("which op's error reaches the logits?", "plumbline blame ref.h5 cand.h5"),
    ("which token changed, and how close was it?", "plumbline tokens ref.h5 cand.h5"),
    ("in which order does each side add?", "plumbline order MODEL --backend twin"),
    ("one op to show to somebody else", "plumbline repro ref.h5 cand.h5 --op layer.0.attn.k_proj -o repro"),
    ("and keep it so", "plumbline gate ref.h5 cand.h5 --policy plumbline.toml"),
]


OPEN = [
    "the same experiments with the real weights of Qwen3-0.6B, which are not here",
]


def table(head: list, rows: list) -> list:
    lines = ["| " + " | ".join(head) + " |", "| " + " | ".join("---" for _ in head) + " |"]
    return lines + ["| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in row) + " |" for row in rows] + [""]


def quoted(text: str) -> str:
    return "`" + "".join(c if c.isprintable() and c != "`" else f"<{ord(c):02x}>" for c in text) + "`"


def claims(study: dict) -> list:
    lines = table(["notes", "claim", "verdict", "measured", "experiment"],
                  [[c["notes"], c["says"], f"**{c['verdict']}**", c["because"], ", ".join(f"[{e}](#{e})" for e in c["experiments"])] for c in study["claims"]])  # fmt: skip
    counts = {}
    for claim in study["claims"]:
        counts[claim["verdict"]] = counts.get(claim["verdict"], 0) + 1
    return [f"{len(study['claims'])} claims: " + ", ".join(f"{count} {name}" for name, count in counts.items()) + ".", "", *lines]


def variants(figures: dict) -> list:
    lines = [f"`{name}`: {what}. " for name, what in VARIANTS.items()]
    lines += ["", "Models: " + "; ".join(f"{name}, {what}" for name, what in MODELS.items()) + ".", ""]
    rows = [[r["model"], r["kernel"], f"{r['k_largest_error']:.3g}", f"{r['k_error']:.2g}", f"{r['first_resid_error']:.2g}", f"{r['logits_error']:.2g}",
             f"{r['mean_kl']:.2g}", f"{r['other_choices']} of {r['positions']}", "yes" if r["same_text"] else f"no: {quoted(r['text'])}"]
            for r in figures.values()]  # fmt: skip
    lines += table(["model", "kernel", "largest error of layer 0's keys", "relative", "behind layer 0", "logits", "mean KL", "other choices", "same 32 tokens"], rows)
    return lines + ["![relative error of the stream, layer by layer](growth.svg)", ""]


def checker(figures: dict) -> list:
    return table(["model", "notes' score", "verdict", "largest K weight", "ratio", "noise of the logits", "tokens that survive it"],
                 [[name, f"{r['score']:.2f}", r["verdict"], f"{r['worst']:.4g}", f"{r['ratio']:.3g}", f"{r['noise']:.2g}", f"{100 * r['agreement']:.1f} %"]
                  for name, r in figures.items()])  # fmt: skip


def bias_chain(figures: dict) -> list:
    healthy, faulty = figures["healthy"]["stages"], figures["faulty"]["stages"]
    rows = [[name, f"{healthy[name]['rms']:.4g}", f"{faulty[name]['rms']:.4g}", faulty[name]["infinite"] + faulty[name]["nan"]]
            for name in healthy if name in faulty and (not name.startswith("layer.") or int(name.split(".")[1]) in (0, 1, 2, 3, 27))]  # fmt: skip
    return [*table(["stage", "rms", "rms with the bias", "NaN or infinite"], rows), f"Tokens: {figures['healthy']['ids']}, with the bias {figures['faulty']['ids']}. In a checkpoint `audit` says {figures['audit_verdict']}:", "",
            *(f"- {finding}" for finding in dict.fromkeys(figures["audit"])), ""]  # fmt: skip


def symptoms(figures: dict) -> list:
    kinds = {"right first, then drift or repetition (\"first token correct, then divergence\")": "right for", "one token over and over (\"!!!!!\")": "one token over and over",
             "a cycle of several tokens (\"ukeukeuke\")": "repetition with period"}  # fmt: skip
    found = [f"- {name}: {', '.join(f'`{fault}`' for fault, row in figures.items() if words in row['kind']) or 'none of these'}" for name, words in kinds.items()]
    return ["The notes' symptoms, and what gives them here:", "", *found, "", *table(["fault", "what one sees", "mean KL", "text"], [[f"`{name}`" if name != "healthy" else name, r["kind"], f"{r['mean_kl']:.2g}" if "mean_kl" in r else "",
                                                                   quoted(r["text"])] for name, r in figures.items()])]  # fmt: skip


def ernie(figures: dict) -> list:
    return table(["ERNIE-like model, by the kernels", "what one sees", "mean KL", "text", "`find` begins at", "and names"],
                 [[name, r["kind"], f"{r['mean_kl']:.2g}", quoted(r["text"]), f"`{r['first']}`" if r["first"] else "parity", "; ".join(r["named"])]
                  for name, r in figures.items()])  # fmt: skip


def changed(figures: dict) -> list:
    return table(["what", "mean KL", "largest", "other choices", "same text"],
                 [[name, f"{r['mean_kl']:.2g}", f"{r['largest_kl']:.2g}", f"{r['other_choices']} of {r['positions']}", "yes" if r["same_text"] else f"no: {quoted(r['text'])}"]
                  for name, r in figures.items() if "mean_kl" in r])  # fmt: skip


def on_gpu(figures: dict) -> list:
    rows = [[row["model"], f"{row['ours']:,.0f}", row["numerics"], f"{row['eager']:.3g}", f"{row['generate']:.3g}", f"{row['tokens_equal']} of {row['tokens_compared']}"]
            for row in figures["decode"]]  # fmt: skip
    lines = table(["shape (random weights)", "fused kernels, tokens a second", "their numerics", "LibTorch eager in C++", "`transformers` generate", "first tokens that are LibTorch's"], rows)
    return [*lines, *plain({name: value for name, value in figures.items() if name != "decode"})]


def plain(figures: dict) -> list:
    def cell(value):
        if isinstance(value, dict):
            return ", ".join(f"{name} {part:,}" for name, part in value.items())
        return f"{value:.4g}" if isinstance(value, float) else quoted(value) if isinstance(value, str) else str(value)

    return table(["figure", "value"], [[name.replace("_", " "), cell(value)] for name, value in figures.items()])


TABLES = {"variants": variants, "checker": checker, "bias_chain": bias_chain, "symptoms": symptoms, "changed": changed, "ernie": ernie, "on_gpu": on_gpu}


def page(study: dict) -> str:
    lines = ["# The notes of 2025, claim by claim", "",
             "Notes of a team that fused Qwen3-0.6B's kernels explain why its text became \"ukeukeuke\". Each of their claims is an experiment here, each number comes",
             "with its command, each verdict is computed from the numbers. `scripts/study.sh` made this page and [its figures](study.json); do not edit it.", "",
             f"{study['machine']}; commit {study['commit'][:12]}. Models: those under `dumps/models`, 28 layers of a trained 6 M parameter Qwen3 and a Llama, and copies of",
             "the first with K-norm weights as the notes report them. The weights of Qwen3-0.6B itself are not here; what only they can decide is called so.",
             "`$W` is a folder for what is made on the way.", "", "## Verdicts", "", *claims(study)]  # fmt: skip
    for name, result in study["experiments"].items():
        lines += [f"## {name}", "", result["what"], "", *TABLES.get(name, plain)(result["figures"])]
        lines += ["<details><summary>commands</summary>", "", "```", *result["commands"], "```", "", "</details>", ""]
    lines += ["## Not measured yet", "", *(f"- {point}" for point in OPEN), ""]
    lines += ["## What to do instead", "", *table(["question", "command"], [[question, f"`{command}`"] for question, command in INSTEAD])]
    return "\n".join(lines)
