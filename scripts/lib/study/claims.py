# SPDX-License-Identifier: Apache-2.0
"""The claims of the notes, and how figures decide each.

Invariant: a verdict is computed; a claim whose figures are missing is "not measured", never true or false. `judge` gets
the figures of the experiments that the claim names, and returns the verdict and one sentence with the numbers.
"""

from dataclasses import dataclass
from typing import Callable

TRUE, FALSE, MISLEADING, OPEN, ABSENT = "true", "false", "misleading", "not decidable without the original weights", "not measured"


@dataclass
class Claim:
    notes: str  # numbers of the notes
    says: str
    experiments: tuple
    judge: Callable


def verdict(is_true: bool, sentence: str, otherwise: str = FALSE) -> tuple:
    return TRUE if is_true else otherwise, sentence


def rows(variants: dict, model: str) -> list:
    return [row for row in variants.values() if row["model"] == model]


def gibberish(variants: dict) -> tuple:
    wrong = [row for row in variants.values() if not row["same_text"]]
    changed = sum(row["other_choices"] for row in variants.values())
    positions = sum(row["positions"] for row in variants.values())
    return verdict(len(wrong) == len(variants),
                   f"{len(variants) - len(wrong)} of {len(variants)} runs of 7 kernels on 3 models continue with the very same {32} tokens; "
                   f"the likeliest token changes at {changed} of {positions} positions")  # fmt: skip


def amplified(f: dict) -> tuple:
    return verdict(f["k_norm_error_after"] > 2 * f["k_norm_error_before"],
                   f"weights {f['k_weight_before']:.3g} -> {f['k_weight_after']:.3g}: the largest absolute difference behind the K norm grows from "
                   f"{f['k_norm_largest_before']:.3g} to {f['k_norm_largest_after']:.3g}, the relative one stays {f['k_norm_error_before']:.4g} and "
                   f"{f['k_norm_error_after']:.4g}, that of the logits {f['logits_error_before']:.4g} and {f['logits_error_after']:.4g}; of {f['ops']} ops "
                   f"{f['ops_with_equal_error']} have the same relative error to the last digit", MISLEADING)  # fmt: skip


def growth(limit: float, additive: bool = False) -> Callable:
    def judge(variants: dict) -> tuple:
        rounded = [row for row in variants.values() if row["k_error"] > 0]  # otherwise than the reference
        factors = [row["resid"][-1] / row["resid"][0] for row in rounded]
        if not factors:
            return ABSENT, "no kernel rounds otherwise than the reference"
        worst = max(max(row["resid"]) for row in variants.values())
        holds = worst > 1 if additive else max(factors) >= limit
        return verdict(holds, f"relative error of the stream behind the last layer over that behind the first: {min(factors):.3g} to {max(factors):.3g} "
                              f"over the {len(factors)} kernels and models with another rounding; the largest anywhere {worst:.3g} of the stream's own size")  # fmt: skip

    return judge


def single_is_pytorch(variants: dict) -> tuple:
    single, hf = (variants[f"qwen3-tiny qkv={name}"] for name in ("single", "hf"))
    return verdict(single["k_error"] <= hf["k_error"],
                   f"relative error of layer 0's keys before their norm: {single['k_error']:.3g} with one rounding, {hf['k_error']:.3g} with transformers' two")  # fmt: skip


def one_ulp(variants: dict) -> tuple:
    powers = {0.000488281: -11, 0.0078125: -7, 0.015625: -6}
    exact = all(abs(value - 2.0**power) < 1e-9 for value, power in powers.items())
    row = variants["qwen3-tiny qkv=single"]
    return verdict(not exact, "they are 2^-11, 2^-7 and 2^-6, one unit in the last place of bf16 at magnitudes from 1/16, 1 and 2 on; here the same kernel gives "
                              f"{row['k_largest_error']:.6g} where values are of size 1 to 10, a relative error of {row['k_error']:.2g}", MISLEADING)  # fmt: skip


def equal(sides: str, what: str) -> Callable:
    def judge(gpu: dict) -> tuple:
        compared = gpu[sides]
        return verdict(compared["differing"] > 0, f"{what}: {compared['taps']:,} taps of whole passes compared on one {gpu['gpu']}, {compared['differing']} differ")

    return judge


def functions_vary(gpu: dict) -> tuple:
    return verdict(not gpu["functions_passed"], "rsqrt, 2^x, expf, cosf and sinf of the GPU follow tables of integers on all 2^32 inputs each, division and root are IEEE's: "
                                                f"{gpu['functions'].lower()}")  # fmt: skip


def quantisation(f: dict) -> tuple:
    return verdict(f["mean_kl"] < f["rounding_mean_kl"],
                   f"mean KL to the unchanged model: 4-bit weights {f['mean_kl']:.3g} nats ({f['other_choices']} other choices), the rounding that the notes blame "
                   f"{f['rounding_mean_kl']:.3g} ({f['rounding_other_choices']}): {f['mean_kl'] / f['rounding_mean_kl']:.3g} times as much, and it says "
                   f"{'the same' if f['text'] == f['healthy_text'] else 'something else'}", MISLEADING)  # fmt: skip


def chain(f: dict) -> tuple:
    stages = f["faulty"]["stages"]
    dead = stages["logits"]["rms"] == 0 and stages["final_norm.out"]["rms"] == 0
    token = set(f["faulty"]["ids"]) == {0}
    return verdict(dead and token, f"rms behind layer 1 {stages['layer.1.resid2']['rms']:.3g}; its square overflows f32, rsqrt gives 0, so behind the final norm "
                                   f"{stages['final_norm.out']['rms']:g}, logits {stages['logits']['rms']:g}, tokens {f['faulty']['ids']}")  # fmt: skip


def k_norm_exploded(f: dict) -> tuple:
    return verdict(f["first"] != "layer.1.attn.v_proj", f"`find` names {f['first']} ({', '.join(f['codes'])}): a bias from memory that nobody wrote; without it the same weights give "
                                                         f"rms {f['healthy']['stages']['layer.1.resid2']['rms']:.3g} behind layer 1")  # fmt: skip


def guards(f: dict) -> tuple:
    return verdict(f["faulty"]["stages"]["logits"]["rms"] != 0, "LibTorch eager itself, given that bias, yields logits of 0 and token 0: nothing in it guards")


def embed_scaled(f: dict) -> tuple:
    return verdict(f["mean_kl"] == 0, f"transformers does not, and the reference is its bits; scaled by {f['factor']:.4g} this model lies {f['mean_kl']:.2g} nats off "
                                      f"({f['other_choices']} of {f['positions']} choices change). The norm keeps {f['norm_keeps']:.3f} of it; by the notes' own numbers "
                                      f"{f['notes_norm_keeps_scaled']:.3f}, where it kept {f['notes_norm_keeps']:.4f}")  # fmt: skip


def ten_times(f: dict) -> tuple:
    ratio = f["rms_before"] / f["rms_after"]
    return verdict(abs(ratio - 10) < 1, f"the scale changes the norm by sqrt(hidden): {ratio:.3g} here, 32 for a hidden size of 1,024; neither is about 10")


def theta_matters(f: dict) -> tuple:
    return verdict(f["first"].startswith("rope") and f["mean_kl"] > 0, f"the model has {f['config']:g}; with 1e4 `find` names {f['first']}, mean KL {f['mean_kl']:.3g} nats, "
                                                                      f"{f['other_choices']} of {f['positions']} choices change")  # fmt: skip


def checker_works(f: dict) -> tuple:
    notes, exact, tiny, llama = f["notes"], f["exact"], f["qwen3-tiny"], f["llama-tiny"]
    return verdict(exact["noise_kl"] > 2 * tiny["noise_kl"],
                   f"score {tiny['score']:.2f} and {exact['score']:.2f} for two checkpoints that compute the same bits (noise of the logits {tiny['noise']:.3g} and "
                   f"{exact['noise']:.3g} of their size); with the notes' weights {notes['score']:.2f}, noise {notes['noise']:.3g}; a Llama gets {llama['score']:.2f} "
                   f"{'' if llama['looked'] else 'without a look at any weight '}and has noise {llama['noise']:.3g}", MISLEADING)  # fmt: skip


def chaotic(f: dict) -> tuple:
    return verdict(f["notes"]["chaotic"], f"with the notes' weights right implementations lie {f['notes']['noise']:.3g} of the logits' size apart and agree on "
                                          f"{100 * f['notes']['agreement']:.1f} % of the tokens; `noise` calls that {'chaotic' if f['notes']['chaotic'] else 'not chaotic'}")  # fmt: skip


def changes(what: str, hoped: Callable, otherwise: str = FALSE) -> Callable:
    def judge(f: dict) -> tuple:
        row = f[what]
        return verdict(hoped(row), f"mean KL {row['mean_kl']:.3g} nats, {row['other_choices']} of {row['positions']} choices change, "
                                   f"{'the same text' if row['same_text'] else 'another text'}", otherwise)  # fmt: skip

    return judge


def apart(f: dict) -> tuple:
    return verdict(not f["fused"]["same_as_apart"], "a K norm in a kernel of its own gives what the fused one gives, to the last digit of KL, and the same text: what is "
                                                    "rounded where counts, not which kernel does it")  # fmt: skip


def gpu_speed(gpu: dict) -> tuple:
    return verdict(gpu["qkv_speedup"] >= 12.72, f"{gpu['qkv_speedup']:.3g} times LibTorch eager in C++ ({gpu['qkv_us']:.3g} us a call) with {gpu['qkv_differing']} of "
                                                f"{gpu['qkv_compared']:,} outputs differing; the notes' own kernel had other bits and a slower base line")  # fmt: skip


def decode_table(gpu: dict) -> tuple:
    qwen, rates = gpu["decode"][0], gpu["decode"]
    told = "; ".join(f"{row['model']} {row['ours']:,.0f} fused, {row['eager']:.3g} LibTorch eager in C++, {row['generate']:.3g} `transformers`" for row in rates)
    return verdict(qwen["tokens_equal"] < qwen["tokens_compared"],
                   f"tokens a second: {told}. Of the Qwen3 shape's first {qwen['tokens_compared']} tokens fused kernels give LibTorch's {qwen['tokens_equal']}; 29 is what "
                   "waiting for launches costs, not the model")  # fmt: skip


def llama_only(variants: dict) -> tuple:
    mean = {model: sum(row["mean_kl"] for row in rows(variants, model)) / len(rows(variants, model)) for model in ("llama-tiny", "qwen3-tiny", "notes")}
    same = {model: sum(row["same_text"] for row in rows(variants, model)) for model in mean}
    return verdict(same["llama-tiny"] == 7 and same["qwen3-tiny"] < 7, "runs with the same text, of 7 each: " + ", ".join(f"{model} {same[model]} (mean KL {mean[model]:.2g})" for model in mean))


def identical_states(f: dict) -> tuple:
    late = {side: {f[side]["stages"][name]["rms"] for name in f[side]["stages"] if name.startswith("layer.") and int(name.split(".")[1]) >= 3} for side in ("healthy", "faulty")}
    if len(late["faulty"]) > 1:
        return FALSE, f"even with the bias the stream has {len(late['faulty'])} sizes behind layers 3 to the last"
    return verdict(len(late["healthy"]) == 1, f"only with the bias: the stream then has rms {late['faulty'].pop():.3g} from layer 3 on, every layer adds nothing that it can hold; "
                                              "without it every layer changes it", MISLEADING)  # fmt: skip


def bias_found(f: dict) -> tuple:
    return verdict(f["audit_verdict"] == "SOUND", f"planted in a checkpoint, biases of 1e29 to 1e34 are named by `audit`: {'; '.join(dict.fromkeys(f['audit']))}; in a run `find` names {f['first']}")


def clamp_helps(f: dict) -> tuple:
    clamped, fused = f["K-norm weights clamped to 10"], f["norms kept in f32 up to the products"]
    return verdict(clamped["mean_kl"] < fused["mean_kl"], f"it changes the model by {clamped['mean_kl']:.2g} nats, the rounding that it is to cure by {fused['mean_kl']:.2g}")


def ernie_port(f: dict) -> tuple:
    whole, ports = f["as it is"], [f[name] for name in ("NeoX rotation", "tying lost", "both")]
    return verdict(whole["kind"] == "the same text" and all(port["kind"] != "the same text" for port in ports),
                   f"by the kernels an ERNIE-like model says {whole['kind']} as LibTorch; rotated as other families rotate it is {ports[0]['kind']} "
                   f"(`find`: {ports[0]['first']}), with a head of its own {ports[1]['kind']} (`find`: {ports[1]['first']}), with both {ports[2]['kind']}")  # fmt: skip


def original(sentence: str) -> Callable:
    return lambda: (OPEN, sentence)


CLAIMS = [
    Claim("000, 002, 003", "a kernel that is right to 0.0005 makes the model print gibberish; any deviation from PyTorch's numerics does", ("variants",), gibberish),
    Claim("000, 001, 002", "K-norm weights of 96.5 amplify a rounding difference 96.5 times", ("rescaled",), amplified),
    Claim("000", "the error accumulates beyond 1.0 through 28 layers", ("variants",), growth(0, additive=True)),
    Claim("003", "the error is amplified more than 1,000 times", ("variants",), growth(1000)),
    Claim("004", "through 28 layers the error grows beyond a million times", ("variants",), growth(1e6)),
    Claim("002, 004", "PyTorch multiplies norm and weight in f32 and rounds once", ("variants",), single_is_pytorch),
    Claim("000, 002", "0.000488, 0.0078 and 0.0156 measure the quality of the kernels", ("variants",), one_ulp),
    Claim("000, 003", "no bit for bit equality, 1: tiles against a sequential order", ("on_gpu",), equal("torch", "tiled tensor-core kernels against LibTorch eager")),
    Claim("000", "no bit for bit equality, 2: sqrt and division vary between implementations", ("on_gpu",), functions_vary),
    Claim("000", "no bit for bit equality, 3: additions do not associate", ("on_gpu",), equal("torch", "they do not, so the order is part of the contract, and it can be kept")),
    Claim("000", "no bit for bit equality, 4: compilers optimise otherwise", ("on_gpu",), equal("twin", "the same source by nvcc for the GPU and by g++ for the CPU, contraction off")),
    Claim("000", "the model is chaotic", ("checker",), chaotic),
    Claim("002", "llama.cpp is spared since 4-bit weights change nothing about the arithmetic", ("quantised",), quantisation),
    Claim("001", "values of 1e29 end in zeros and in token 0, \"!!!!!\"", ("bias_chain",), chain),
    Claim("001", "the explosion in layer 1 comes from the K norm", ("bias_chain",), k_norm_exploded),
    Claim("001", "PyTorch has implicit guards of stability", ("bias_chain",), guards),
    Claim("003", "by layer 3 hidden states become identical", ("bias_chain",), identical_states),
    Claim("004", "a corrupted bias hides in the checkpoint and can only be ignored", ("bias_chain",), bias_found),
    Claim("001, 004", "embeddings must be scaled by 1/sqrt(hidden)", ("embedding",), embed_scaled),
    Claim("004", "the missing scale explains a norm about 10 times too large", ("embedding",), ten_times),
    Claim("004", "rope theta is 1,000,000, and a wrong one makes the model diverge", ("theta",), theta_matters),
    Claim("003", "score, ratio below 20 and maximum below 10 tell which models can be fused", ("checker",), checker_works),
    Claim("003", "Llama-like models bear fused kernels, Qwen-like ones do not", ("variants",), llama_only),
    Claim("003", "ERNIE-4.5 prints gibberish with every kernel, and the port is to blame, not a rounding", ("ernie",), ernie_port),
    Claim("001", "clamping K-norm weights to 10 is a way out", ("changed",), clamp_helps),
    Claim("002", "everything in f32 works", ("changed",), changes("everything in f32", lambda row: row["same_text"])),
    Claim("004", "16 bits are not enough for this model: f16 throughout fails", ("changed",), changes("everything in f16", lambda row: not row["same_text"])),
    Claim("002", "a K norm in a kernel of its own avoids the difference", ("changed",), apart),
    Claim("001", "a partial fusion stays stable where the whole one does not", ("changed",), changes("norm and projections unfused", lambda row: not row["same_text"], MISLEADING)),
    Claim("003", "what differs from PyTorch's eager bits (here its own SDPA attention) fails", ("changed",), changes("SDPA in place of eager attention", lambda row: not row["same_text"])),
    Claim("004", "norms of extreme layers kept in f32 are needed", ("changed",), changes("norms kept in f32 up to the products", lambda row: not row["same_text"], MISLEADING)),
    Claim("001", "a fused kernel can be 12.72 times as fast in isolation", ("on_gpu",), gpu_speed),
    Claim("003", "Qwen3-0.6B: 29 tokens a second with standard kernels, gibberish with fused ones; TinyLlama works with both, ERNIE with neither", ("on_gpu",), decode_table),
    Claim("000, 001, 003", "Qwen3-0.6B's K-norm weights reach 96.5 (44.5, 44.0, 41.75, 34.0), 16 of 28 layers above 10", (), original("`plumbline audit DIR` of that checkpoint says it")),
    Claim("004", "the checkpoint holds biases of 1e29 to 1e34 in layers 1 to 4", (), original("`plumbline audit DIR` lists every tensor that the config denies; a file of 311 tensors has room for none")),
    Claim("001", "K before its norm has a standard deviation of 0.2, behind it 10 to 20", (), original("by the notes' own weights (mean 3.56, deviation 9.13) the rms behind the norm is 9.8, whatever came in")),
]  # fmt: skip
