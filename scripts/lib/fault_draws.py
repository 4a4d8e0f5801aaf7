# SPDX-License-Identifier: Apache-2.0
"""What scripts/fault_matrix.sh draws from: kinds of fault, their places, values, and how the right cause reads.

Invariant: the expected cause follows from the drawn fault alone. Values are drawn from ranges, not from lists.
"""

import math
import re
from dataclasses import dataclass, field
from typing import Callable

LINEAR = ["attn.q_proj", "attn.k_proj", "attn.v_proj", "attn.o_proj", "mlp.gate_proj", "mlp.up_proj", "mlp.down_proj"]
NORMS = ["in_norm", "post_norm", "attn.q_norm", "attn.k_norm"]


def log_uniform(low: float, high: float):
    return lambda rng: float(f"{math.exp(rng.uniform(math.log(low), math.log(high))):.3g}")


@dataclass
class Draw:
    """One kind. `{}` in a place stands for the layer; `code` is the cause's, or a word of the finding's title."""

    kind: str
    places: list
    code: str
    says: str = ""
    value: Callable | None = None
    near: float = 0.0  # the cause must give the drawn value, this near (relative)
    number: str = field(default=r"[0-9.]+(?:e[-+]?[0-9]+)?")

    def fault(self, rng, layers: int):
        value = self.value(rng) if self.value else None
        place = rng.choice(self.places).replace("{}", str(rng.randrange(layers)))
        spelled = self.kind + (f"={value:g}" if value is not None else "") + (f"@{place}" if place else "")
        return spelled, value

    def names(self, finding: dict, value) -> bool:
        if not self.code.startswith("P"):
            return self.code in (finding["contract"] or "") + finding["title"]
        likely = [cause for cause in finding["causes"] if cause["status"] == "likely"]
        if not likely or likely[0]["code"] not in self.code.split("|"):
            return False
        if self.says and self.says not in likely[0]["text"]:
            return False
        if value is None or not self.near:
            return True
        numbers = [float(text) for text in re.findall(self.number, likely[0]["text"])]
        return any(abs(number - value) <= self.near * abs(value) for number in numbers)


def in_layers(parts):
    return ["layer.{}." + part for part in parts]


DRAWS = [
    Draw("norm.single_rounding", in_layers(NORMS) + ["final_norm"], "rmsnorm/olmo"),
    Draw("norm.f32", in_layers(["in_norm", "post_norm"]), "rmsnorm/f32"),
    Draw("k_norm.dropped", ["layer.{}.attn.k_norm"], "was left out"),
    Draw("norm.eps", in_layers(NORMS) + ["final_norm"], "P0601", "eps", log_uniform(2e-5, 0.5), 0.05),
    Draw("norm.weight_missing", in_layers(NORMS) + ["final_norm"], "P0602", "ones"),
    Draw("norm.weight_offset", in_layers(NORMS) + ["final_norm"], "P0602", "1 + w"),
    Draw("rope.theta", ["rope.table", "layer.{}"], "P0614", "theta", log_uniform(2e3, 5e7), 0.03),
    Draw("rope.interleaved", ["layer.{}", "layer.{}.attn.k_rope", "layer.{}.attn.q_rope"], "P0617"),
    Draw("gqa.map", ["layer.{}", "layer.{}.attn.ctx"], "P0618"),
    Draw("mask.off_by_one", ["layer.{}"], "P0620", "1 key"),
    Draw("softmax.scale_missing", ["layer.{}"], "P0619", "no scaling"),
    Draw("attn.k_v_swapped", ["layer.{}"], "P0607", "v_proj"),
    Draw("bias.uninitialised", in_layers(LINEAR), "P0606", "a bias is added", log_uniform(1e-1, 1e30)),
    Draw("weight.transposed", in_layers(LINEAR), "P0608"),
    Draw("weight.clamped", in_layers(LINEAR), "P0610", "cut to", lambda rng: float(f"{rng.uniform(0.02, 0.3):.3g}"), 0.01),
    Draw("weight.wrong_layer", in_layers(LINEAR + ["in_norm", "post_norm"]), "P0607"),
    Draw("mlp.gate_up_swapped", ["layer.{}"], "P0607", "up_proj"),
    Draw("embed.scale", ["embed"], "P0619", "multiplied", log_uniform(0.05, 20.0), 0.01),
    Draw("residual.dropped", in_layers(["resid1", "resid2"]), "was left out"),
    Draw("kernel.k_tail_lost", in_layers(LINEAR) + ["logits"], "P0603", "left out of the sum"),
    Draw("kernel.bf16_accumulator", in_layers(LINEAR) + ["logits"], "P0613", "bf16"),
    Draw("kernel.truncating_cast", in_layers(LINEAR) + ["logits"], "P0624", "cut"),
    Draw("kernel.stale_tile", in_layers(LINEAR) + ["logits"], "P0611", "stale"),
    Draw("kernel.missing_barrier", in_layers(LINEAR) + ["logits"], "P0611", "stale"),
    Draw("kernel.lane_lost", in_layers(NORMS) + ["final_norm"], "P0603", "lane"),
    Draw("kernel.wrong_activation", ["layer.{}.mlp.act"], "P0621", "1.702"),
    Draw("kernel.position_off_by_one", in_layers(["attn.q_rope", "attn.k_rope"]), "P0616", "off by -1"),
    Draw("kernel.softmax_not_rescaled", ["layer.{}.attn.softmax"], "P0627", "not rescaled"),
    Draw("kernel.cache_stale", in_layers(["attn.k_cache", "attn.v_cache"]), "P0623", "1 before"),
]
