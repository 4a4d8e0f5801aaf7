# SPDX-License-Identifier: Apache-2.0
"""What is measured: one function an experiment, from a bench to its figures (plain numbers, lists and texts).

Invariant: a figure is what a verb said or simple arithmetic on it; nothing here knows what is hoped for (claims.py
judges).
"""

import json
import math
import re
import sys

from bench import RECORDED, Bench

# The notes' five kernels, as `run --kernel` names them, and what each rounds.
VARIANTS = {
    "qkv=hf": "norm, weight, product rounded as transformers does (their mixed precision, first form)",
    "qkv=exact": "the same order, one pass (their exact kernel)",
    "qkv=single": "norm and weight in f32, one rounding (their mixed precision, second form: called PyTorch's)",
    "qkv=f32": "everything in f32 up to the output",
    "qkv=minimal_f32": "f32 tiles through TF32 products (their minimal float32 kernel)",
    "qkv=tf32": "TF32 products of f32 tiles",
    "qkv=fp16_tiles": "norm and weight in f32, cut to f16 tiles (their first kernel)",
}
MODELS = {"qwen3-tiny": "trained", "notes": "the same with the notes' K-norm weights, up to 96.5", "llama-tiny": "a Llama, no norm of heads"}
NEW = 32


def variants(bench: Bench) -> dict:
    """The kernels of the notes on three models: alone, through all layers, in the text."""
    bench.extreme("notes", "--notes")
    figures = {}
    for model in MODELS:
        whole = bench.run(f"{model}.torch", model, "torch")
        said = bench.run(f"{model}.torch.text", model, "torch", "--new", NEW, "--taps", "logits")
        for variant in VARIANTS:
            run = bench.run(f"{model}.{variant[4:]}", model, "twin", "--tokens", whole["path"], "--kernel", variant)
            text = bench.run(f"{model}.{variant[4:]}.text", model, "twin", "--new", NEW, "--taps", "logits", "--kernel", variant)
            ops, tokens = bench.compare(whole, run)["op"], bench.tokens(whole, run)
            figures[f"{model} {variant}"] = {
                "model": model, "kernel": variant,
                "k_largest_error": ops["layer.0.attn.k_proj"]["max_abs"],
                "k_error": ops["layer.0.attn.k_proj"]["total"],
                "first_resid_error": ops["layer.0.resid2"]["total"],
                "logits_error": ops["logits"]["total"],
                "mean_kl": tokens["mean_kl"], "largest_kl": tokens["largest_kl"],
                "other_choices": tokens["other_choices"], "positions": tokens["compared"],
                "same_text": text["continuation"] == said["continuation"], "text": text["continuation"],
                "resid": [ops[f"layer.{i}.resid2"]["total"] for i in range(layers_of(ops))],
            }  # fmt: skip
    return figures


def layers_of(ops: dict) -> int:
    return 1 + max(int(name.split(".")[1]) for name in ops if name.startswith("layer."))


def rescaled(bench: Bench) -> dict:
    """One more rounding (qkv=single) before and after K-norm weights of up to 91 that leave the function as it was."""
    bench.extreme("exact", "--exact")
    figures = {}
    for model in ("qwen3-tiny", "exact"):
        reference = bench.run(f"{model}.torch", model, "torch")
        run = bench.run(f"{model}.single", model, "twin", "--tokens", reference["path"], "--kernel", "qkv=single")
        figures[model] = bench.compare(reference, run)["op"]
    before, after = figures["qwen3-tiny"], figures["exact"]
    equal = [name for name in before if before[name]["total"] == after[name]["total"]]
    largest = {model: weights_of(bench, model)["worst"] for model in ("qwen3-tiny", "exact", "notes")}
    return {
        "ops": len(before), "ops_with_equal_error": len(equal),
        "k_norm_error_before": before["layer.0.attn.k_norm"]["total"], "k_norm_error_after": after["layer.0.attn.k_norm"]["total"],
        "k_norm_largest_before": before["layer.0.attn.k_norm"]["max_abs"], "k_norm_largest_after": after["layer.0.attn.k_norm"]["max_abs"],
        "logits_error_before": before["logits"]["total"], "logits_error_after": after["logits"]["total"],
        "k_weight_before": largest["qwen3-tiny"], "k_weight_after": largest["exact"], "k_weight_notes": largest["notes"],
    }  # fmt: skip


def weights_of(bench: Bench, model: str) -> dict:
    """The notes' checker, as audit has it."""
    bench.extreme("notes", "--notes")
    bench.extreme("exact", "--exact")
    said = bench.says("audit", bench.model(model), allowed={0, 1})
    checker = said["notes_checker"]
    return {"score": checker["score"], "verdict": checker["verdict"], "worst": checker["largest_k"], "ratio": checker["worst_k_ratio"],
            "looked": checker["looked"], "amplification": checker["amplification"]}  # fmt: skip


def checker(bench: Bench) -> dict:
    """The notes' score beside the floor that is measured."""
    figures = {}
    for model in (*MODELS, "exact"):
        row = weights_of(bench, model)
        reference = bench.run(f"{model}.torch", model, "torch")
        noise = bench.says("noise", reference["path"], "--runs", 16, "--no-progress", allowed={0, 3})
        floor = noise["floors"][0]
        figures[model] = row | {"chaotic": floor["chaotic"], "noise": floor["logits"]["relative"], "noise_kl": floor["logits"]["kl_mean"],
                                "agreement": floor["logits"]["agreement"]}  # fmt: skip
    return figures


def quantised(bench: Bench) -> dict:
    """Weights in 4 bits (Q4_0 and back) beside the rounding of 0.0005, on one measure."""
    script = bench.root / "scripts/lib/study/weights.py"
    bench.make("q4_0", sys.executable, script, "q4_0", bench.model("qwen3-tiny"), "-o", bench.work / "q4_0")
    reference = bench.run("qwen3-tiny.torch", "qwen3-tiny", "torch")
    run = bench.run("q4_0.torch", "q4_0", "torch", "--tokens", reference["path"])
    text = bench.run("q4_0.text", "q4_0", "torch", "--new", NEW, "--taps", "logits")
    tokens = bench.tokens(reference, run)
    healthy = bench.run("qwen3-tiny.torch.text", "qwen3-tiny", "torch", "--new", NEW, "--taps", "logits")
    one = bench.run("qwen3-tiny.single", "qwen3-tiny", "twin", "--tokens", reference["path"], "--kernel", "qkv=single")
    rounding = bench.tokens(reference, one)
    return {"mean_kl": tokens["mean_kl"], "largest_kl": tokens["largest_kl"], "other_choices": tokens["other_choices"],
            "text": text["continuation"], "healthy_text": healthy["continuation"], "rounding_mean_kl": rounding["mean_kl"],
            "rounding_other_choices": rounding["other_choices"]}  # fmt: skip


def stage_table(bench: Bench, name: str, *options) -> dict:
    """Note 001's stages of one run: standard deviation (rms) after each layer, from statistics made while it ran."""
    said = bench.run(name, "qwen3-tiny", "torch", "--new", 4, "--taps", "stats", *options)
    listed = bench.call(bench.plumbline, "ls", said["path"], "*.stats", "--no-pager").stdout
    stages = {}
    for line in listed.splitlines():
        found = re.match(r"\s*0 (\S+)\.stats .* (\d+) values: min (\S+), max (\S+), rms (\S+), (\d+) NaN, (\d+) infinite", line)
        if found and (found[1] in ("embed", "final_norm.out", "logits") or re.fullmatch(r"layer\.\d+\.resid2", found[1])):
            stages[found[1]] = {"rms": float(found[5]), "max": float(found[4]), "nan": int(found[6]), "infinite": int(found[7]), "count": int(found[2])}
    if "embed" not in stages or "logits" not in stages:
        raise SystemExit(f"study: {said['command']}: its statistics of the stages are not listed")
    return {"stages": stages, "text": said["continuation"], "ids": said["continuation_ids"]}


def bias_chain(bench: Bench) -> dict:
    """A bias of 1e29 from memory that nobody wrote, down to the token; and whether it is found."""
    fault = "bias.uninitialised=1e29@layer.1.attn.v_proj"
    healthy, faulty = stage_table(bench, "stages.healthy"), stage_table(bench, "stages.bias", "--fault", fault)
    reference = bench.run("qwen3-tiny.torch", "qwen3-tiny", "torch")
    run = bench.run("bias.whole", "qwen3-tiny", "twin", "--tokens", reference["path"], "--fault", fault)
    found = bench.says("find", reference["path"], run["path"], "--no-progress", allowed={0, 1, 3})
    script = bench.root / "scripts/lib/study/weights.py"
    bench.make("biased", sys.executable, script, "bias", bench.model("qwen3-tiny"), "-o", bench.work / "biased")
    audit = bench.says("audit", bench.work / "biased", allowed={0, 1})
    return {"healthy": healthy, "faulty": faulty, "first": found["outcome"]["first_divergence"], "codes": [f["code"] for f in found["findings"][:1]],
            "audit": [f"{finding['code']} {finding['title']}" for finding in audit["findings"]], "audit_verdict": audit["verdict"]}  # fmt: skip


TRANSPOSED = "weight.transposed@layer.0.attn.o_proj"
# Faults of a port, beside their names in the notes where they have one.
SYMPTOMS = [
    "norm.single_rounding@layer.0.in_norm", "norm.f32_everywhere@layer.0.in_norm", "k_norm.dropped@layer.0.attn.k_norm",
    "norm.dropped@layer.0.in_norm", "norm.weight_offset@layer.0.in_norm", "norm.weight_missing@layer.0.attn.q_norm",
    "norm.eps=1e-5@layer.0.in_norm", "rope.theta=1e4@rope.table", "rope.interleaved@layer.0", "gqa.map@layer.0",
    "mask.off_by_one@layer.0", "mask.missing@layer.0", "softmax.scale_missing@layer.0", "softmax.scale_doubled@layer.0",
    "attn.k_v_swapped@layer.0", "bias.uninitialised=1e29@layer.1.attn.v_proj", TRANSPOSED,
    "mlp.gate_up_swapped@layer.0", "weight.wrong_layer@layer.0.attn.o_proj", "weight.rows_zeroed@layer.0.attn.v_proj",
    "weight.int4_groups@layer.0.mlp.down_proj", "weight.f8_e4m3@layer.0.mlp.up_proj", "embed.scale=0.0883883@embed",
    "residual.dropped@layer.0.resid1", "residual.dropped@layer.27.resid2", "head.untied@logits", "mlp.act_dropped@layer.0.mlp.act",
    "attn.values_from_keys@layer.0.attn.ctx",
]  # fmt: skip


def said_as(tokens: dict) -> str:
    """How a candidate's text sounds beside the reference's, by `tokens`: from where on it differs, and in which cycle it ends."""
    if tokens["first_difference"] is None:
        return "the same text"
    right = tokens["first_difference"] - tokens["prompt_tokens"]
    since = "wrong from the first token" if right == 0 else f"right for {right} token{'s' if right > 1 else ''}"
    cycle, own = tokens["candidate_repetition"], tokens["reference_repetition"]
    if cycle["period"] == 0 or cycle["period"] == own["period"]:
        return f"{since}, then another text"
    return f"{since}, then " + ("one token over and over" if cycle["period"] == 1 else f"repetition with period {cycle['period']}")


def symptoms(bench: Bench) -> dict:
    """Fault -> text."""
    healthy = bench.run("qwen3-tiny.torch.text", "qwen3-tiny", "torch", "--new", NEW, "--taps", "logits")
    figures = {"healthy": {"text": healthy["continuation"], "kind": "the right text"}}
    for number, fault in enumerate(SYMPTOMS):
        run = bench.run(f"symptom.{number}", "qwen3-tiny", "torch", "--new", NEW, "--taps", "logits", "--fault", fault)
        tokens = bench.tokens(healthy, run)
        figures[fault] = {"text": run["continuation"], "kind": said_as(tokens), "mean_kl": tokens["mean_kl"]}
    # The text of a broken model hangs on the last bits too: by the kernels one of these runs into a cycle, for a while.
    shorter = bench.run("qwen3-tiny.torch.text21", "qwen3-tiny", "torch", "--new", 21, "--taps", "logits")
    run = bench.run("symptom.kernels", "qwen3-tiny", "twin", "--new", 21, "--taps", "logits", "--fault", TRANSPOSED)
    tokens = bench.tokens(shorter, run)
    figures[TRANSPOSED + ", by the kernels, 21 tokens"] = {"text": run["continuation"], "kind": said_as(tokens), "mean_kl": tokens["mean_kl"]}
    return figures


def changed(bench: Bench) -> dict:
    """What the notes tried or advised: clamped weights, f32, f16, a K norm apart, parts of the fusion left out."""
    script = bench.root / "scripts/lib/study/weights.py"
    bench.extreme("notes", "--notes")
    bench.make("clamped", sys.executable, script, "clamp10", bench.model("notes"), "-o", bench.work / "clamped")
    reference = bench.run("notes.torch", "notes", "torch")
    healthy = bench.run("notes.torch.text", "notes", "torch", "--new", NEW, "--taps", "logits")
    rows = {
        "K-norm weights clamped to 10": ("clamped", "torch", ()),
        "everything in f32": ("notes", "torch", ("--dtype", "f32")),
        "everything in f16": ("notes", "torch", ("--dtype", "f16")),
        "K norm in a kernel of its own": ("notes", "twin", ("--kernel", "qkv=separate_k_norm")),
        "norm and projections unfused": ("notes", "twin", ("--kernel", "qkv=unfused")),
        "fused, as transformers rounds": ("notes", "twin", ("--kernel", "qkv=hf")),
        "SDPA in place of eager attention": ("notes", "torch", ("--attention", "sdpa")),
        "norms kept in f32 up to the products": ("notes", "torch", ("--fault", "norm.f32_everywhere@layer.0.in_norm")),
    }
    figures = {}
    for number, (what, (model, backend, options)) in enumerate(rows.items()):
        run = bench.run(f"changed.{number}", model, backend, "--tokens", reference["path"], "--taps", "logits", *options)
        text = bench.run(f"changed.{number}.text", model, backend, "--new", NEW, "--taps", "logits", *options)
        tokens = bench.tokens(reference, run)
        figures[what] = {"mean_kl": tokens["mean_kl"], "largest_kl": tokens["largest_kl"], "other_choices": tokens["other_choices"],
                         "positions": tokens["compared"], "same_text": text["continuation"] == healthy["continuation"], "text": text["continuation"]}  # fmt: skip
    fused, apart = figures["fused, as transformers rounds"], figures["K norm in a kernel of its own"]
    figures["fused"] = {"same_as_apart": all(fused[key] == apart[key] for key in ("mean_kl", "largest_kl", "text"))}
    return figures


def embedding(bench: Bench) -> dict:
    """The embedding multiplied by 1/sqrt(hidden), as the guide asks for."""
    config = json.loads((bench.model("qwen3-tiny") / "config.json").read_text())
    factor = 1 / math.sqrt(config["hidden_size"])
    fault = f"embed.scale={factor:.7g}@embed"
    healthy, scaled = stage_table(bench, "stages.healthy"), stage_table(bench, "stages.scaled", "--fault", fault)
    reference = bench.run("qwen3-tiny.torch", "qwen3-tiny", "torch")
    run = bench.run("scaled.logits", "qwen3-tiny", "torch", "--tokens", reference["path"], "--taps", "logits", "--fault", fault)
    text = bench.run("scaled.text", "qwen3-tiny", "torch", "--new", NEW, "--taps", "logits", "--fault", fault)
    tokens, eps = bench.tokens(reference, run), config["rms_norm_eps"]
    rms = scaled["stages"]["embed"]["rms"]
    # The notes' own number: std 0.000839 after scaling, hidden 1024.
    kept = [math.sqrt(square / (square + 1e-6)) for square in (0.000839**2, (0.000839 * 32) ** 2)]
    return {"factor": factor, "rms_before": healthy["stages"]["embed"]["rms"], "rms_after": rms, "norm_keeps": rms / math.sqrt(rms**2 + eps),
            "notes_norm_keeps_scaled": kept[0], "notes_norm_keeps": kept[1], "mean_kl": tokens["mean_kl"],
            "other_choices": tokens["other_choices"], "positions": tokens["compared"], "text": text["continuation"]}  # fmt: skip


def theta(bench: Bench) -> dict:
    """RoPE with the base 1e4 where the model has 1e6."""
    reference = bench.run("qwen3-tiny.torch", "qwen3-tiny", "torch")
    fault = "rope.theta=1e4@rope.table"
    run = bench.run("theta", "qwen3-tiny", "torch", "--tokens", reference["path"], "--fault", fault)
    found = bench.says("find", reference["path"], run["path"], "--no-progress", allowed={0, 1, 3})
    config, tokens = json.loads((bench.model("qwen3-tiny") / "config.json").read_text()), bench.tokens(reference, run)
    return {"config": config.get("rope_theta") or config["rope_parameters"]["rope_theta"], "first": found["outcome"]["first_divergence"],
            "mean_kl": tokens["mean_kl"], "other_choices": tokens["other_choices"], "positions": tokens["compared"]}  # fmt: skip


def ernie(bench: Bench) -> dict:
    """An ERNIE-like model by the kernels: as it is, rotated as other families rotate, with a head of its own, and both."""
    config = json.loads((bench.model("ernie-tiny") / "config.json").read_text())
    rotation = [word for layer in range(config["num_hidden_layers"]) for word in ("--fault", f"rope.halves@layer.{layer}")]
    untied = ["--fault", "head.untied@logits"]
    reference = bench.run("ernie-tiny.torch", "ernie-tiny", "torch")
    healthy = bench.run("ernie-tiny.torch.text", "ernie-tiny", "torch", "--new", NEW, "--taps", "logits")
    figures = {}
    for number, (what, faults) in enumerate({"as it is": [], "NeoX rotation": rotation, "tying lost": untied, "both": rotation + untied}.items()):
        run = bench.run(f"ernie.{number}", "ernie-tiny", "twin", "--tokens", reference["path"], *faults)
        text = bench.run(f"ernie.{number}.text", "ernie-tiny", "twin", "--new", NEW, "--taps", "logits", *faults)
        found = bench.says("find", reference["path"], run["path"], "--no-progress", allowed=RECORDED)
        tokens = bench.tokens(healthy, text)
        figures[what] = {"text": text["continuation"], "kind": said_as(tokens), "mean_kl": bench.tokens(reference, run)["mean_kl"],
                         "first": found["outcome"]["first_divergence"], "named": named_causes(found)}  # fmt: skip
    return figures


def named_causes(found: dict) -> list:
    """Of each finding that has one, its likely cause; else its title. Each text once, whatever the layer."""
    texts = [next((f"{cause['code']}: {cause['text']}" for cause in finding["causes"] if cause["status"] == "likely"), f"{finding['code']}: {finding['title']}")
             for finding in found["findings"]]  # fmt: skip
    return list(dict.fromkeys(re.sub(r"layer\.\d+", "layer.N", text) for text in texts))[:4]


def equal_taps(record: dict, sides: str) -> dict:
    """Taps that checks of these sides compared, and how many differ."""
    taps = differing = 0
    for check in record["checks"]:
        found = re.match(r"(\d+) taps, \d+ values, (\d+) taps differ", check.get("said", ""))
        if found and sides in check["check"]:
            taps, differing = taps + int(found[1]), differing + int(found[2])
    if taps == 0:
        raise SystemExit(f"study: the record of the GPU holds no comparison {sides}")
    return {"taps": taps, "differing": differing}


def decode_rates(figures: list) -> list:
    """Tokens a second of each shape: fused kernels, LibTorch eager in C++, transformers' generate."""
    def row(model: str, entry: dict, generated: dict) -> dict:
        return {"model": model, "numerics": entry.get("numerics", "torch/sm90"), "ours": entry["tokens_per_second"]["median"],
                "eager": entry["eager_cpp_tokens_per_second"], "generate": generated["generate_tokens_per_second"],
                "tokens_equal": entry["tokens_equal"], "tokens_compared": entry.get("tokens_compared", entry["tokens_equal"])}  # fmt: skip

    first = next(figure for figure in figures if figure.get("part") == "decode")
    generate = next(figure for figure in figures if figure.get("part") == "decode_hf")
    others = {figure["model"]: figure for figure in figures if figure.get("part") == "generate_shape"}
    return [row("qwen3-0.6b", first, generate),
            *(row(figure["model"], figure, others[figure["model"]]) for figure in figures if figure.get("part") == "decode_shape")]  # fmt: skip


def on_gpu(bench: Bench) -> dict:
    """What an H200 was recorded to do: equality with LibTorch, speeds. Read from dumps/benchmarks, made by gpu_all.sh."""
    file = "dumps/benchmarks/h200.json"
    record = json.loads((bench.root / file).read_text())
    bench.notes.append(f"scripts/gpu_all.sh equal speed (recorded in {file}, commit {record['environment']['commit'][:12]})")
    qkv = next(f for f in record["figures"] if f.get("part") == "qkv" and f["rows"] == 1)
    functions = next(check for check in record["checks"] if check["check"].startswith("special functions"))
    return {"gpu": record["environment"]["gpu"], "torch": equal_taps(record, "torch = cuda"), "twin": equal_taps(record, "twin = cuda"),
            "functions": functions["said"], "functions_passed": functions["passed"],
            "decode": decode_rates(record["figures"]),
            "qkv_us": qkv["graph_us"]["median"], "qkv_speedup": qkv["speedup_over_eager_cpp"], "qkv_differing": qkv["outputs_differing"],
            "qkv_compared": qkv["outputs_compared"]}  # fmt: skip


EXPERIMENTS = {"variants": variants, "rescaled": rescaled, "checker": checker, "quantised": quantised, "bias_chain": bias_chain, "symptoms": symptoms,
               "changed": changed, "embedding": embedding, "theta": theta, "ernie": ernie, "on_gpu": on_gpu}  # fmt: skip
