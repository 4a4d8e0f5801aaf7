// SPDX-License-Identifier: Apache-2.0
// The table of cases, for both builds. Rows and tokens lie on both sides of the 16 rows of a tile and of its halves,
// columns on both sides of 64, depths are no multiple of a tensor-core step where the op allows it.
#include "kernel/repeat/cases.h"

#include <array>
#include <deque>
#include <span>

#include <plumbline/error.h>

#include "core/random.h"
#include "cuda/attention/attention.h"
#include "cuda/common/memory.h"
#include "cuda/elementwise/elementwise.h"
#include "cuda/embedding/embedding.h"
#include "cuda/greedy/greedy.h"
#include "cuda/heads/heads.h"
#include "cuda/linear/linear.h"
#include "cuda/rmsnorm/rmsnorm.h"
#include "cuda/rmsnorm_qkv/rmsnorm_qkv.h"
#include "cuda/swiglu/swiglu.h"

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

using test::RepeatCase;
using test::Written;

constexpr int kRows[] = {1, 8, 9, 15, 16, 17, 66};
/// Enough columns for the large panel (gemm/panel_plan.h) at this many rows.
constexpr int kManyRows = 130, kManyColumns = 6395, kManyDepth = 72;
constexpr int kThreads = 128;
constexpr uint64_t kSeed = 2026;

/// The memory of one call: inputs of random numbers, outputs and taps of poison.
class Memory {
 public:
  explicit Memory(uint32_t poison) : poison_(poison), random_(kSeed) {}

  const bf16* bf16s(int64_t count, float scale = 1.0f) {
    std::vector<bf16> values(static_cast<size_t>(count));
    for (bf16& value : values) value = to_bf16(static_cast<float>(random_.normal()) * scale);
    return input(values);
  }
  const float* floats(int64_t count) {
    std::vector<float> values(static_cast<size_t>(count));
    for (float& value : values) value = static_cast<float>(random_.normal());
    return input(values);
  }
  const int64_t* tokens(int64_t count, uint64_t vocabulary) {
    std::vector<int64_t> values(static_cast<size_t>(count));
    for (int64_t& value : values) value = static_cast<int64_t>(random_.next() % vocabulary);
    return input(values);
  }
  template <class T>
  T* output(int64_t count) {
    return poisoned<T>(outputs_, count, "output");
  }
  /// What an op reads and then overwrites.
  template <class T>
  T* changed(T value) {
    T* memory = output<T>(1);
    outputs_.back().copy_from_host(std::as_bytes(std::span(&value, 1)));
    return memory;
  }
  template <class T>
  void tap(int slot, int64_t count) {
    taps_.slots[slot] = poisoned<T>(tapped_, count, "tap " + std::to_string(slot));
  }
  /// The slots of a norm of `rows` rows; `out`: what it yields never leaves the kernel otherwise.
  void norm_taps(NormRounding rounding, int64_t rows, int64_t columns, bool out, int first = 0) {
    for (const int slot : {NormTap::kX32, NormTap::kN32}) tap<float>(first + slot, rows * columns);
    for (const int slot : {NormTap::kVar, NormTap::kRstd}) tap<float>(first + slot, rows);
    if (rounding == NormRounding::two) tap<bf16>(first + NormTap::kN, rows * columns);
    if (!out) return;
    if (rounding == NormRounding::none) return tap<float>(first + NormTap::kOut, rows * columns);
    tap<bf16>(first + NormTap::kOut, rows * columns);
  }
  /// For the op: null unless taps are wanted.
  const RecordTap* taps(bool wanted) const { return wanted ? &taps_ : nullptr; }

  Written written() {
    synchronize(nullptr);
    for (size_t i = 0; i < inputs_.size(); ++i) {
      std::vector<std::byte> now;
      append(inputs_[i], now);
      if (now != given_[i]) throw BackendError("an op changed its input " + std::to_string(i));
    }
    Written all;
    for (const DeviceBuffer& buffer : outputs_) append(buffer, all.outputs);
    for (const DeviceBuffer& buffer : tapped_) append(buffer, all.taps);
    return all;
  }

 private:
  template <class T>
  const T* input(const std::vector<T>& values) {
    const auto bytes = std::as_bytes(std::span(values));
    DeviceBuffer& buffer = inputs_.emplace_back(bytes.size(), "input " + std::to_string(inputs_.size()));
    buffer.copy_from_host(bytes);
    given_.emplace_back(bytes.begin(), bytes.end());
    return buffer.template as<T>();
  }
  template <class T>
  T* poisoned(std::deque<DeviceBuffer>& buffers, int64_t count, const std::string& name) {
    DeviceBuffer& buffer = buffers.emplace_back(static_cast<size_t>(count) * sizeof(T), name);
    buffer.poison(poison_);
    return buffer.template as<T>();
  }
  static void append(const DeviceBuffer& buffer, std::vector<std::byte>& bytes) {
    buffer.check_fences();
    const size_t start = bytes.size();
    bytes.resize(start + buffer.bytes());
    buffer.copy_to_host(std::span(bytes).subspan(start));
  }

  uint32_t poison_;
  SplitMix64 random_;
  std::deque<DeviceBuffer> inputs_, outputs_, tapped_;
  std::vector<std::vector<std::byte>> given_;
  RecordTap taps_;
};

std::string text(std::initializer_list<int64_t> extents) {
  std::string all;
  for (const int64_t extent : extents) all += (all.empty() ? " " : "x") + std::to_string(extent);
  return all;
}

std::string rounding_text(NormRounding rounding) {
  return rounding == NormRounding::two ? " two" : rounding == NormRounding::one ? " one" : " none";
}

template <class Call>
void add(std::vector<RepeatCase>& cases, const std::string& name, const Call& call) {
  cases.push_back({name, [call](uint32_t poison, bool taps) {
                     Memory memory(poison);
                     call(memory, taps);
                     return memory.written();
                   }});
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

void add_attention(std::vector<RepeatCase>& cases) {
  for (const int tokens : kRows) {
    for (const int past : {0, 33}) {
      for (const int dim : {31, 64}) {
        for (const bool lanes : {false, true}) {
          if (lanes && (tokens != 1 || dim != 64)) continue;  // they are for one token
          const int keys = past + tokens;
          add(cases, "attention" + text({tokens, keys, dim}) + (lanes ? " lanes" : ""), [=](Memory& memory, bool taps) {
            const int64_t scores = int64_t(4) * tokens * keys, values = int64_t(4) * tokens * dim;
            AttentionArgs args{};
            args.q = memory.bf16s(values);
            args.k_cache = memory.bf16s(keys * 2 * dim, 2.0f);
            args.v_cache = memory.bf16s(keys * 2 * dim);
            args.masked = memory.output<bf16>(scores);
            args.probs = memory.output<bf16>(scores);
            args.y = memory.output<bf16>(values);
            args.heads = 4;
            args.kv_heads = 2;
            args.tokens = tokens;
            args.keys = keys;
            args.head_dim = dim;
            args.first_position = past;
            args.scale = 0.125f;
            if (lanes) {
              args.arithmetic = Arithmetic::torch_sm90;
              args.scores = {8, 2, false};
              args.context = {16, 1, true};
            }
            memory.tap<bf16>(AttentionTap::kRaw, scores);
            memory.tap<bf16>(AttentionTap::kScaled, scores);
            memory.tap<float>(AttentionTap::kProbs32, scores);
            memory.tap<bf16>(AttentionTap::kContext, values);
            attention(args, memory.taps(taps), kThreads, nullptr);
          });
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
    for (const ElementwiseOp op : {ElementwiseOp::add, ElementwiseOp::multiply, ElementwiseOp::silu}) {
      for (const Arithmetic arithmetic : {Arithmetic::portable, Arithmetic::torch_sm90}) {
        const std::string name = "elementwise " + std::to_string(int(op)) + text({count}) +
                                 (arithmetic == Arithmetic::torch_sm90 ? " torch/sm90" : "");
        add(cases, name, [=](Memory& memory, bool) {
          const bf16* a = memory.bf16s(count);
          const bf16* b = op == ElementwiseOp::silu ? nullptr : memory.bf16s(count);
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
              memory.changed(6), nullptr},
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
