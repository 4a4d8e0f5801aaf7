# SPDX-License-Identifier: Apache-2.0
"""What scripts/fault_matrix.sh draws from: kinds of fault, their places, values, and how the right cause reads.

Invariant: the expected cause follows from the drawn fault and the model's config alone. Values are drawn from ranges, not
from lists.
"""

import math
import re
from dataclasses import dataclass
from typing import Callable

LINEAR = ["attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
NORMS = ["in_norm", "post_norm", "attn.q_norm", "attn.k_norm"]
RESULTS = ["in_norm", "post_norm", *LINEAR, "resid1", "resid2", "mlp.act", "mlp.mul"]
NUMBER = re.compile(r"[0-9]+(?:[.][0-9]+)?(?:e[-+]?[0-9]+)?")


def log_uniform(low: float, high: float):
    return lambda rng: float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")


def factor(low: float, high: float):
    """Not nearer to one than a fiftieth."""

    def draw(rng):
        value = 1.0
        while abs(value - 1.0) < 0.02:
            value = log_uniform(low, high)(rng)
        return value

    return draw


def whole(low: int, high: int):
    return lambda rng: rng.randint(low, high)


@dataclass
class Draw:
    """One kind. `{}` in a place stands for the layer; `code` is the cause's, or a word of the finding's title."""

    kind: str
    places: list
    code: str
    says: str = ""
    value: Callable | None = None
    near: float = 0.0  # the cause must give the drawn value, this near (relative)
    told: Callable = lambda value, config: value  # the number that the cause gives for the drawn one

    def fault(self, rng, layers: int):
        value = self.value(rng) if self.value else None
        place = rng.choice(self.places).replace("{}", str(rng.randrange(layers)))
        spelled = self.kind + (f"={value:g}" if value is not None else "") + (f"@{place}" if place else "")
        return spelled, value

    def names(self, finding: dict, value, config: dict) -> bool:
        if not self.code.startswith("P"):
            return self.code in (finding["contract"] or "") + finding["title"]
        likely = [cause for cause in finding["causes"] if cause["status"] == "likely"]
        if not likely or likely[0]["code"] not in self.code.split("|"):
            return False
        text = likely[0]["text"]
        if self.says and not any(word in text for word in self.says.split("|")):
            return False
        if value is None or not self.near:
            return True
        wanted = self.told(value, config)
        return any(abs(float(number) - wanted) <= self.near * abs(wanted) for number in NUMBER.findall(text))


def in_layers(parts):
    return ["layer.{}." + part for part in parts]


def scores_factor(value, config) -> float:
    return 1.0 / math.sqrt(config["head_dim"]) / value


ALL_NORMS, ALL_LINEAR = in_layers(NORMS) + ["final_norm"], in_layers(LINEAR) + ["logits"]
ALL_RESULTS, LAYER, SUMS = in_layers(RESULTS) + ["final_norm", "logits"], ["layer.{}"], in_layers(["resid1", "resid2"])
ACT, TURNS = in_layers(["mlp.act"]), in_layers(["attn.q_rope", "attn.k_rope"])
SOFTMAX, CACHES = in_layers(["attn.softmax"]), in_layers(["attn.k_cache", "attn.v_cache"])
LIMIT = log_uniform(0.01, 10.0)

DRAWS = [
    # Norms
    Draw("norm.single_rounding", ALL_NORMS, "rmsnorm/olmo"),
    Draw("norm.f32", in_layers(["in_norm", "post_norm"]), "rmsnorm/f32"),
    Draw("norm.dropped", in_layers(["in_norm", "post_norm", "attn.q_norm"]) + ["final_norm"], "was left out"),
    Draw("k_norm.dropped", in_layers(["attn.k_norm"]), "was left out"),
    Draw("norm.two_roundings", in_layers(["attn.post_norm", "mlp.post_norm", "attn.q_norm"]), "rmsnorm/llama"),
    Draw("norm.offset_lost", ALL_NORMS, "rmsnorm/olmo"),
    Draw("norm.before", LAYER, "P0622", "post_norm.out in place of"),
    Draw("norm.eps", ALL_NORMS, "P0601", "eps", log_uniform(2e-5, 0.5), 0.05),
    Draw("norm.weight_missing", ALL_NORMS, "P0602", "ones"),
    Draw("norm.weight_offset", ALL_NORMS, "P0602", "1 + w"),
    Draw("norm.weight_reduced", ALL_NORMS, "P0602", "w - 1"),
    Draw("norm.weight_squared", ALL_NORMS, "P0602", "twice"),
    Draw("norm.weight_shifted", ALL_NORMS, "P0612", "weight", whole(1, 60), 0.001),
    Draw("norm.weights_swapped", LAYER, "P0607", "post_attention_layernorm"),
    Draw("kernel.lane_lost", ALL_NORMS, "P0603", "lane"),
    Draw("kernel.norm_sum", ALL_NORMS, "P0604", "not divided"),
    Draw("kernel.norm_one_less", ALL_NORMS, "P0604", "one channel less"),
    Draw("kernel.norm_no_root", ALL_NORMS, "P0604", "root"),
    Draw("kernel.norm_eps_outside", ALL_NORMS, "P0601", "to the root", log_uniform(3e-4, 0.5), 0.1),
    Draw("kernel.norm_magnitudes", ALL_NORMS, "P0604", "magnitudes"),
    Draw("kernel.norm_variance", ALL_NORMS, "P0604", "variance"),
    # Rotation
    Draw("rope.theta", ["rope.table", "layer.{}"], "P0614", "theta", log_uniform(2e3, 5e7), 0.03),
    Draw("rope.scaling_ignored", ["rope.table"], "P0615"),
    Draw("rope.scaling_factor", ["rope.table"], "P0615", "factor", factor(1.5, 40.0), 0.02),
    Draw("rope.factors_exchanged", ["rope.table"], "P0615", "exchanged"),
    Draw("rope.attention_factor_lost", ["rope.table"], "P0615", "attention factor"),
    Draw("rope.partial_ignored", LAYER, "P0617", "channels of a head are rotated"),
    Draw("rope.interleaved", LAYER + TURNS, "P0617"),
    Draw("rope.halves", LAYER + TURNS, "P0617"),
    Draw("rope.narrow", LAYER, "P0624", "the rotation is in"),
    Draw("rope.cos_sin_swapped", TURNS, "P0617", "exchanged"),
    Draw("kernel.rope_backwards", TURNS, "P0617", "other way"),
    Draw("kernel.rope_half", TURNS, "P0617", "only"),
    Draw("kernel.not_rotated", TURNS, "P0605"),
    Draw("kernel.position_off_by_one", TURNS, "P0616", "off by -1"),
    Draw("kernel.position_offset", ["rope.table"], "P0616", "off by", whole(1, 40), 0.001),
    # Attention
    Draw("gqa.map", LAYER + in_layers(["attn.ctx"]), "P0618"),
    Draw("kernel.next_kv_head", in_layers(["attn.scores_raw"]), "P0618"),
    Draw("mask.off_by_one", LAYER, "P0620", "1 key"),
    Draw("mask.missing", LAYER, "P0620", "no key is masked"),
    Draw("mask.latest_lost", LAYER, "P0620", "latest", whole(1, 12), 0.001),
    Draw("mask.window_off_by_one", LAYER, "P0620", "the sliding window holds"),
    Draw("mask.window_ignored", LAYER, "P0620", "is not applied"),
    Draw("kernel.window", in_layers(["attn.scores_masked"]), "P0620", "window", whole(1, 20), 0.001),
    Draw("softcap.dropped", LAYER + ["logits"], "was left out"),
    Draw("softcap.cap", LAYER + ["logits"], "P0619", "the soft cap is", factor(0.2, 0.9), 0.02),
    Draw("softmax.scale_missing", LAYER, "P0619", "no scaling"),
    Draw("softmax.scale_doubled", LAYER, "P0619", "factor is"),
    Draw("softmax.head_dim_derived", LAYER, "P0619", "factor is"),
    Draw("softmax.temperature", LAYER, "P0619", "factor is", factor(0.3, 4.0), 0.01, scores_factor),
    Draw("kernel.softmax_not_rescaled", SOFTMAX, "P0627", "not rescaled"),
    Draw("kernel.softmax_base_two", SOFTMAX, "P0627", "powers of 2"),
    Draw("kernel.softmax_not_normalised", SOFTMAX, "P0627", "not divided"),
    Draw("kernel.softmax_no_maximum", SOFTMAX, "P0627", "maximum"),
    Draw("kernel.scores_capped", SOFTMAX, "P0627", "capped", log_uniform(0.5, 20.0), 0.05),
    Draw("kernel.last_key_lost", in_layers(["attn.ctx"]), "P0603", "key"),
    Draw("attn.values_from_keys", in_layers(["attn.ctx"]), "P0622", "k_cache"),
    Draw("attn.other_cache", in_layers(["attn.scores_raw", "attn.ctx"]), "P0622", "_cache"),
    Draw("attn.k_v_swapped", LAYER, "P0607", "v_proj"),
    Draw("kernel.cache_stale", CACHES, "P0623", "1 before"),
    Draw("kernel.cache_pairs", CACHES, "P0623"),
    Draw("kernel.cache_before_rope", in_layers(["attn.k_cache"]), "P0622", "k_heads"),
    # Weights that lie elsewhere
    Draw("weight.transposed", ALL_LINEAR, "P0608"),
    Draw("weight.blocks_transposed", ALL_LINEAR, "P0608", "block", whole(2, 64), 0.001),
    Draw("weight.wrong_layer", in_layers(LINEAR + ["in_norm", "post_norm"]), "P0607"),
    Draw("mlp.gate_up_swapped", LAYER, "P0607", "up_proj"),
    Draw("weight.rows_swapped", ALL_LINEAR, "P0612", "output channels", whole(1, 32)),
    Draw("weight.rows_shifted", ALL_LINEAR, "P0612", "output channels", whole(1, 60)),
    Draw("weight.rows_repeated", ALL_LINEAR, "P0612", "output channels", whole(1, 32)),
    Draw("weight.pairs_interleaved", in_layers(["attn.q_proj"]), "P0612", "output channels"),
    Draw("weight.columns_swapped", ALL_LINEAR, "P0612", "input channels", whole(1, 32)),
    Draw("weight.columns_shifted", ALL_LINEAR, "P0612", "input channels", whole(1, 60), 0.001),
    # Weights of other values
    Draw("bias.uninitialised", ALL_LINEAR, "P0606", "a bias is added", log_uniform(1e-1, 1e30)),
    Draw("bias.lost", ALL_LINEAR, "P0606", "the bias is not added"),
    Draw("weight.clamped", ALL_LINEAR, "P0610", "cut to", lambda rng: float(f"{rng.uniform(0.02, 0.3):.3g}"), 0.01),
    Draw("weight.scaled", ALL_LINEAR, "P0619", "multiplied", factor(0.25, 4.0), 0.01),
    Draw("weight.rows_scaled", ALL_LINEAR, "P0619", "multiplied", factor(0.25, 4.0), 0.02),
    Draw("weight.columns_scaled", ALL_LINEAR, "P0619", "input channels", factor(0.25, 4.0), 0.02),
    Draw("weight.rows_negated", ALL_LINEAR, "P0619", "-1", whole(1, 64)),
    Draw("weight.rows_zeroed", ALL_LINEAR, "P0625", "zero", whole(1, 64)),
    Draw("weight.columns_zeroed", ALL_LINEAR, "P0603", "left out", whole(1, 64)),
    Draw("weight.element_wrong", ALL_LINEAR, "P0607", "holds", log_uniform(0.3, 300.0), 0.02),
    Draw("weight.int8_rows", ALL_LINEAR, "P0609", "int8, one scale per row"),
    Draw("weight.int4_groups", ALL_LINEAR, "P0609", "int4", whole(8, 100), 0.001),
    Draw("weight.int_tensor", ALL_LINEAR, "P0609", "tensor", whole(3, 8), 0.001),
    Draw("weight.f8_e4m3", ALL_LINEAR, "P0609", "e4m3"),
    Draw("weight.f8_e5m2", ALL_LINEAR, "P0609", "e5m2"),
    Draw("weight.mantissa_cut", ALL_LINEAR, "P0609", "fraction", whole(1, 5), 0.001),
    # Products
    Draw("kernel.k_tail_lost", ALL_LINEAR, "P0603", "left out of the sum"),
    Draw("kernel.bf16_accumulator", ALL_LINEAR, "P0613", "bf16"),
    Draw("kernel.split_k_bf16", ALL_LINEAR, "P0613", "splits", whole(2, 12), 0.001),
    Draw("kernel.truncating_cast", ALL_LINEAR, "P0624", "cut"),
    Draw("kernel.stale_tile", ALL_LINEAR, "P0611", "stale"),
    Draw("kernel.missing_barrier", ALL_LINEAR, "P0611", "stale"),
    # Activation
    Draw("kernel.wrong_activation", ACT, "P0621", "1.702"),
    Draw("kernel.gelu_erf", ACT, "P0621", "erf"),
    Draw("kernel.gelu_tanh", ACT, "P0621", "tanh"),
    Draw("kernel.relu", ACT, "P0621", "ReLU"),
    Draw("kernel.swish", ACT, "P0621", "sigmoid(", factor(0.3, 4.0), 0.02),
    Draw("kernel.act_clamped", ACT, "P0621", "input cut to", log_uniform(0.1, 5.0), 0.02),
    Draw("kernel.sigmoid_only", ACT, "P0621", "sigmoid, not"),
    Draw("mlp.act_exchanged", ACT, "P0621", "not"),
    Draw("mlp.act_on_up", ACT, "P0622", "up_proj"),
    Draw("mlp.act_dropped", ACT, "was left out"),
    Draw("mlp.gate_lost", in_layers(["mlp.mul"]), "was left out"),
    # The stream
    Draw("embed.scale", ["embed"], "P0619", "multiplied", log_uniform(0.05, 20.0), 0.01),
    Draw("embed.rows_shifted", ["embed"], "P0626", "rows are read at", whole(1, 60), 0.001),
    Draw("linear.unnormed_input", in_layers(["attn.q_proj", "attn.k_proj", "attn.v_proj", "mlp.gate_proj", "mlp.up_proj"]),
         "P0622", "in place of"),
    Draw("residual.dropped", SUMS, "was left out"),
    Draw("residual.branch_lost", SUMS, "was left out"),
    Draw("residual.branch_doubled", SUMS, "P0619", "added twice"),
    Draw("residual.stream_doubled", SUMS, "P0619", "added twice"),
    Draw("residual.after_norm", SUMS, "P0622", "norm.out in place of"),
    Draw("residual.stale", in_layers(["resid2"]), "P0622", "in place of"),
    Draw("mlp.parallel", in_layers(["post_norm"]), "P0622", "in place of"),
    # Any result on its way to memory
    Draw("kernel.through_f8", ALL_RESULTS, "P0624", "e4m3"),
    Draw("kernel.saturated", ALL_RESULTS, "P0624", "saturate", LIMIT, 0.01),
    Draw("kernel.flushed", ALL_RESULTS, "P0624", "become zero", LIMIT, 0.05),
    Draw("kernel.overflow", ALL_RESULTS, "P0624", "infinite", LIMIT, 0.05),
    Draw("kernel.scaled", ALL_RESULTS, "P0619", "multiplied", factor(0.5, 2.0), 0.01),
    Draw("kernel.rows_unwritten", ALL_RESULTS, "P0625", "zero", whole(1, 3)),
    Draw("kernel.columns_unwritten", ALL_RESULTS, "P0625", "zero", whole(1, 40)),
    Draw("kernel.last_row_repeated", ALL_RESULTS, "P0612", "token"),
    Draw("kernel.columns_stale", ALL_RESULTS, "P0612", "channel", whole(1, 40)),
    Draw("kernel.neighbours_swapped", ALL_RESULTS, "P0612", "channel"),
]
