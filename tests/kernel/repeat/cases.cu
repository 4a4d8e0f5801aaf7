// SPDX-License-Identifier: Apache-2.0
// The table of cases, for both builds. Rows and tokens lie on both sides of the 16 rows of a tile and of its halves,
// columns on both sides of 64, depths are no multiple of a tensor-core step where the op allows it.
#include "kernel/repeat/cases.h"

#include <array>

#include <plumbline/error.h>

#include "cuda/attention/attention.h"
#include "cuda/elementwise/elementwise.h"
#include "cuda/embedding/embedding.h"
#include "cuda/greedy/greedy.h"
#include "cuda/heads/heads.h"
#include "cuda/linear/linear.h"
#include "cuda/rmsnorm/rmsnorm.h"
#include "cuda/rmsnorm_qkv/rmsnorm_qkv.h"
#include "cuda/swiglu/swiglu.h"
#include "kernel/repeat/case_memory.h"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

using test::RepeatCase;

constexpr int kRows[] = {1, 8, 9, 15, 16, 17, 66};
/// Enough columns for the large panel (gemm/panel_plan.h) at this many rows.
constexpr int kManyRows = 130, kManyColumns = 6395, kManyDepth = 72;
constexpr int kThreads = 128;

std::string rounding_text(NormRounding rounding) {
  return rounding == NormRounding::two ? " two" : rounding == NormRounding::one ? " one" : " none";
}

void add_embedding(std::vector<RepeatCase>& cases) {
  for (const int rows : kRows) {
    for (const float scale : {1.0f, 1.5f}) {
      add(cases, "embedding" + text({rows, 33}) + (scale == 1.0f ? "" : " scaled"), [=](Memory& memory, bool) {
        embedding({memory.tokens(rows, 40), memory.bf16s(40 * 33), memory.output<bf16>(rows * 33), rows, 33, scale},
                  kThreads, nullptr);
      });
    }
  }
}

void add_rmsnorm(std::vector<RepeatCase>& cases) {
  for (const int rows : kRows) {
    for (const int columns : {31, 64, 129}) {
      for (const NormRounding rounding : {NormRounding::two, NormRounding::one, NormRounding::none}) {
        for (const int lanes : {32, 256}) {
          const Arithmetic arithmetic = lanes == 32 ? Arithmetic::portable : Arithmetic::torch_sm90;
          const std::string name = "rmsnorm" + text({rows, columns}) + rounding_text(rounding);
          add(cases, name + " " + std::to_string(lanes) + " lanes", [=](Memory& memory, bool taps) {
            const int64_t count = int64_t(rows) * columns;
            const bf16 *x = memory.bf16s(count), *weight = memory.bf16s(columns);
            void* y = rounding == NormRounding::none ? static_cast<void*>(memory.output<float>(count))
                                                     : memory.output<bf16>(count);
            memory.norm_taps(rounding, rows, columns, false);
            rmsnorm({x, weight, y, rows, columns, 1e-6f, rounding, arithmetic, lanes}, memory.taps(taps), kThreads,
                    nullptr);
          });
        }
      }
    }
  }
}

struct LinearMode {
  const char* name;
  bool f32, bias, residual;
  int part_depth;
};

void add_linear_case(std::vector<RepeatCase>& cases, const LinearMode& mode, int rows, int columns, int depth) {
  add(cases, "linear" + text({rows, columns, depth}) + mode.name, [=](Memory& memory, bool taps) {
    LinearArgs args{};
    args.x = mode.f32 ? static_cast<const void*>(memory.floats(rows * depth)) : memory.bf16s(rows * depth);
    args.x_is_f32 = mode.f32;
    args.weight = memory.bf16s(columns * depth, 0.3f);
    args.bias = mode.bias ? memory.bf16s(columns) : nullptr;
    args.residual = mode.residual ? memory.bf16s(rows * columns) : nullptr;
    args.y = memory.output<bf16>(rows * columns);
    args.rows = rows;
    args.columns = columns;
    args.depth = depth;
    args.part_depth = mode.part_depth;
    if (mode.residual) memory.tap<bf16>(LinearTap::kProduct, rows * columns);
    linear(args, memory.taps(taps), kThreads, nullptr);
  });
}

void add_linear(std::vector<RepeatCase>& cases) {
  constexpr LinearMode kModes[] = {{" plain", false, false, false, 0},
                                   {" bias, residual", false, true, true, 0},
                                   {" in parts", false, false, true, 64},
                                   {" f32", true, true, true, 0}};
  for (const int rows : kRows) {
    for (const auto& [columns, depth] :
         {std::pair(63, 17), std::pair(64, 64), std::pair(65, 200), std::pair(72, 256)}) {
      for (const LinearMode& mode : kModes) add_linear_case(cases, mode, rows, columns, depth);
    }
  }
  for (const int part : {0, 64})
    add_linear_case(cases, {part == 0 ? " many" : " many, in parts", false, true, true, part}, kManyRows, kManyColumns,
                    kManyDepth);
}

struct QkvMode {
  const char* name;
  NormRounding rounding;
  Operands operands;
  bool one_pass, f32_out;
  Arithmetic arithmetic;
};

/// Memory for the norm where it is one of many rows, which is what fills it.
bf16* normed_memory(Memory& memory, NormRounding rounding, int rows, int columns) {
  const bool used = rows > 16 && columns % 8 == 0 && rounding != NormRounding::none;
  return used ? memory.output<bf16>(rows * columns) : nullptr;
}

using Columns = std::array<int, 3>;

void add_rmsnorm_qkv_case(std::vector<RepeatCase>& cases, const QkvMode& mode, int rows, int columns,
                          const Columns& out) {
  add(cases, "rmsnorm_qkv" + text({rows, columns}) + mode.name, [=](Memory& memory, bool taps) {
    RmsNormQkvArgs args{};
    args.norm = {memory.bf16s(rows * columns), memory.bf16s(columns), rows, columns, 1e-6f, mode.arithmetic, 32};
    if (!mode.one_pass) args.norm.normed = normed_memory(memory, mode.rounding, rows, columns);
    args.rounding = mode.rounding;
    args.operands = mode.operands;
    args.one_pass = mode.one_pass;
    for (size_t i = 0; i < 3; ++i) {
      Projection& part = args.projections[i];
      part.weight = memory.bf16s(out[i] * columns, 0.3f);
      part.bias = i == 1 ? memory.bf16s(out[i]) : nullptr;
      part.columns = out[i];
      if (mode.f32_out) {
        part.y32 = memory.output<float>(rows * out[i]);
      } else {
        part.y = memory.output<bf16>(rows * out[i]);
      }
    }
    memory.norm_taps(mode.rounding, rows, columns, true);
    rmsnorm_qkv(args, memory.taps(taps), kThreads, nullptr);
  });
}

void add_rmsnorm_qkv(std::vector<RepeatCase>& cases) {
  using enum NormRounding;
  constexpr QkvMode kModes[] = {{" hf", two, Operands::as_given, false, false, Arithmetic::portable},
                                {" torch/sm90", two, Operands::as_given, false, false, Arithmetic::torch_sm90},
                                {" exact", two, Operands::as_given, true, false, Arithmetic::portable},
                                {" single", one, Operands::as_given, false, false, Arithmetic::portable},
                                {" f32", none, Operands::as_given, false, false, Arithmetic::portable},
                                {" minimal_f32", none, Operands::as_given, false, true, Arithmetic::portable},
                                {" tf32", none, Operands::tf32, false, false, Arithmetic::portable},
                                {" fp16_tiles", none, Operands::f16, false, false, Arithmetic::portable}};
  for (const int rows : kRows) {
    for (const int columns : {47, 64, 130}) {
      for (const QkvMode& mode : kModes) add_rmsnorm_qkv_case(cases, mode, rows, columns, {65, 64, 7});
    }
  }
  add_rmsnorm_qkv_case(cases, kModes[1], kManyRows, kManyDepth, {kManyColumns, 64, 7});
}

struct HeadsMode {
  const char* name;
  NormRounding rounding;
  bool norm, interleaved, f32;
  Arithmetic arithmetic;
};

void add_heads(std::vector<RepeatCase>& cases) {
  constexpr HeadsMode kModes[] = {
      {" plain", NormRounding::two, false, false, false, Arithmetic::portable},
      {" norm", NormRounding::two, true, false, false, Arithmetic::portable},
      {" norm torch/sm90", NormRounding::two, true, false, false, Arithmetic::torch_sm90},
      {" interleaved", NormRounding::one, true, true, false, Arithmetic::portable},
      {" f32", NormRounding::one, true, false, true, Arithmetic::portable},
  };
  constexpr int kHeads[3] = {4, 2, 2};
  for (const int tokens : kRows) {
    for (const int dim : {30, 64, 66}) {
      for (const HeadsMode& mode : kModes) {
        add(cases, "heads" + text({tokens, dim}) + mode.name, [=](Memory& memory, bool taps) {
          HeadsArgs args{};
          args.tokens = tokens;
          args.head_dim = dim;
          args.arithmetic = mode.arithmetic;
          const bf16 *cos = memory.bf16s(tokens * dim), *sin = memory.bf16s(tokens * dim);
          for (int i = 0; i < 3; ++i) {
            const int64_t count = int64_t(tokens) * kHeads[i] * dim;
            HeadRole& role = args.roles[i];
            const bool normed = mode.norm && i < 2;
            if (mode.f32 && normed) {
              role.x32 = memory.floats(count);
            } else {
              role.x = memory.bf16s(count);
            }
            role.norm_weight = normed ? memory.bf16s(dim) : nullptr;
            role.cos = i < 2 ? cos : nullptr;
            role.sin = i < 2 ? sin : nullptr;
            role.y = memory.output<bf16>(count);
            role.head_stride = int64_t(tokens) * dim;
            role.token_stride = dim;
            role.heads = kHeads[i];
            role.eps = 1e-6f;
            role.rounding = mode.rounding;
            role.interleaved = mode.interleaved;
            const int first = i * HeadsTap::kCount;
            if (normed) memory.norm_taps(mode.rounding, int64_t(tokens) * kHeads[i], dim, true, first);
            memory.tap<bf16>(first + HeadsTap::kHeads, count);
            if (i < 2) {
              memory.tap<bf16>(first + HeadsTap::kCos, count);
              memory.tap<bf16>(first + HeadsTap::kRotSin, count);
            }
            memory.tap<bf16>(first + HeadsTap::kRotated, count);
          }
          heads(args, memory.taps(taps), kThreads, nullptr);
        });
      }
    }
  }
}

/// `placed`: the position and the orders are in device memory.
struct AttentionCase {
  int tokens, past, dim;
  bool lanes = false;
  LaneOrder scores = {}, context = {};
  bool placed = false;

  std::string name() const {
    std::string all = "attention" + text({tokens, past + tokens, dim});
    if (lanes) all += " lanes" + text({scores.lanes, scores.vector, context.lanes});
    return all + (placed ? " position on the device" : "");
  }
};

void place(const AttentionCase& one, Memory& memory, AttentionArgs& args) {
  args.position = memory.given(std::vector<int>{one.past});
  if (!one.lanes) return;
  const auto by_keys = [&](const LaneOrder& order) {
    return memory.given(std::vector<LaneOrder>(size_t(one.past + one.tokens + 1), order));
  };
  args.scores_by_keys = by_keys(one.scores);
  args.context_by_keys = by_keys(one.context);
}

void add_attention_case(std::vector<RepeatCase>& cases, const AttentionCase& one) {
  add(cases, one.name(), [=](Memory& memory, bool taps) {
    const int keys = one.past + one.tokens;
    const int64_t scores = int64_t(4) * one.tokens * keys, values = int64_t(4) * one.tokens * one.dim;
    AttentionArgs args{};
    args.q = memory.bf16s(values);
    args.k_cache = memory.bf16s(keys * 2 * one.dim, 2.0f);
    args.v_cache = memory.bf16s(keys * 2 * one.dim);
    args.masked = memory.output<bf16>(scores);
    args.probs = memory.output<bf16>(scores);
    args.y = memory.output<bf16>(values);
    args.heads = 4;
    args.kv_heads = 2;
    args.tokens = one.tokens;
    args.keys = keys;
    args.head_dim = one.dim;
    args.first_position = one.past;
    args.scale = 0.125f;
    if (one.lanes) {
      args.arithmetic = Arithmetic::torch_sm90;
      args.scores = one.scores;
      args.context = one.context;
    }
    if (one.placed) place(one, memory, args);
    memory.tap<bf16>(AttentionTap::kRaw, scores);
    memory.tap<bf16>(AttentionTap::kScaled, scores);
    memory.tap<float>(AttentionTap::kProbs32, scores);
    memory.tap<bf16>(AttentionTap::kContext, values);
    attention(args, memory.taps(taps), kThreads, nullptr);
  });
}

void add_attention(std::vector<RepeatCase>& cases) {
  for (const int tokens : kRows) {
    for (const int past : {0, 33}) {
      for (const int dim : {31, 64}) add_attention_case(cases, {tokens, past, dim});
    }
  }
  // One query: keys on both sides of a block's, values staged and not.
  const std::pair<LaneOrder, LaneOrder> orders[] = {{{8, 2, false}, {16, 1, true}},
                                                    {{16, 8, false}, {8, 1, true}},
                                                    {{32, 4, false}, {16, 1, true}},
                                                    {{16, 4, true}, {4, 16, false}},
                                                    {{8, 1, true}, {32, 1, false}}};
  for (const int past : {0, 33, 127, 128, 1023, 1024}) {
    for (const int dim : {64, 128}) {
      if (past > 1000 && dim > 64) continue;  // the sanitizers have their limits
      for (const bool placed : {false, true}) {
        if (placed || past > 33) add_attention_case(cases, {1, past, dim, false, {}, {}, placed});
        for (const auto& [scores, context] : orders) {
          if (past > 1000 && scores != orders[0].first) continue;
          if (dim % (scores.lanes * scores.vector) == 0)
            add_attention_case(cases, {1, past, dim, true, scores, context, placed});
        }
      }
    }
  }
}

void add_swiglu_case(std::vector<RepeatCase>& cases, NormRounding rounding, Arithmetic arithmetic, int rows,
                     int columns, int depth) {
  const std::string name = "swiglu" + text({rows, columns, depth}) + rounding_text(rounding) +
                           (arithmetic == Arithmetic::torch_sm90 ? " torch/sm90" : "");
  add(cases, name, [=](Memory& memory, bool taps) {
    SwigluArgs args{};
    args.norm = {memory.bf16s(rows * depth), memory.bf16s(depth), rows, depth, 1e-6f, arithmetic, 32};
    args.norm.normed = normed_memory(memory, rounding, rows, depth);
    args.rounding = rounding;
    args.gate_weight = memory.bf16s(columns * depth, 0.3f);
    args.up_weight = memory.bf16s(columns * depth, 0.3f);
    args.gate_bias = memory.bf16s(columns);
    args.y = memory.output<bf16>(rows * columns);
    args.columns = columns;
    memory.norm_taps(rounding, rows, depth, true);
    for (const int slot : {SwigluTap::kGate, SwigluTap::kUp, SwigluTap::kAct}) memory.tap<bf16>(slot, rows * columns);
    swiglu(args, memory.taps(taps), kThreads, nullptr);
  });
}

void add_swiglu(std::vector<RepeatCase>& cases) {
  for (const int rows : kRows) {
    for (const auto& [columns, depth] : {std::pair(63, 47), std::pair(64, 64), std::pair(65, 130)}) {
      for (const NormRounding rounding : {NormRounding::two, NormRounding::one, NormRounding::none})
        add_swiglu_case(cases, rounding, Arithmetic::portable, rows, columns, depth);
      add_swiglu_case(cases, NormRounding::two, Arithmetic::torch_sm90, rows, columns, depth);
    }
  }
  add_swiglu_case(cases, NormRounding::two, Arithmetic::torch_sm90, kManyRows, kManyColumns / 2, kManyDepth);
}

void add_elementwise(std::vector<RepeatCase>& cases) {
  for (const int64_t count : {1, 127, 128, 129, 1025}) {
    for (const ElementwiseOp op :
         {ElementwiseOp::add, ElementwiseOp::multiply, ElementwiseOp::silu, ElementwiseOp::gelu_tanh}) {
      for (const Arithmetic arithmetic : {Arithmetic::portable, Arithmetic::torch_sm90}) {
        const std::string name = "elementwise " + std::to_string(int(op)) + text({count}) +
                                 (arithmetic == Arithmetic::torch_sm90 ? " torch/sm90" : "");
        add(cases, name, [=](Memory& memory, bool) {
          const bf16* a = memory.bf16s(count);
          const bf16* b = op == ElementwiseOp::silu || op == ElementwiseOp::gelu_tanh ? nullptr : memory.bf16s(count);
          elementwise(op, {a, b, memory.output<bf16>(count), count, arithmetic}, kThreads, nullptr);
        });
      }
    }
  }
}

void add_greedy(std::vector<RepeatCase>& cases) {
  for (const int count : {1, 255, 256, 257, 5000}) {
    add(cases, "greedy" + text({count}), [=](Memory& memory, bool) {
      greedy({memory.bf16s(count), count, memory.output<Candidate>(kGreedyBlocks), memory.output<int64_t>(1),
              memory.changed(std::vector<int>{6}), nullptr},
             nullptr);
    });
  }
}

}  // namespace

std::vector<RepeatCase> repeat_cases() {
  std::vector<RepeatCase> cases;
  add_embedding(cases);
  add_rmsnorm(cases);
  add_linear(cases);
  add_rmsnorm_qkv(cases);
  add_heads(cases);
  add_attention(cases);
  add_swiglu(cases);
  add_elementwise(cases);
  add_greedy(cases);
  add_capture(cases);
  return cases;
}

RepeatCase unwritten_case() {
  std::vector<RepeatCase> cases;
  add(cases, "a row too much", [](Memory& memory, bool) {
    embedding({memory.tokens(3, 40), memory.bf16s(40 * 33), memory.output<bf16>(4 * 33), 3, 33, 1.0f}, kThreads,
              nullptr);
  });
  return cases.front();
}

#if defined(__CUDACC__)
std::string repeat_problem() {
  try {
    usable_gpu();
    return "";
  } catch (const BackendError& error) {
    return error.what();
  }
}
#endif

}  // namespace plumbline::PLUMBLINE_BUILD_NS
