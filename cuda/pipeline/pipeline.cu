// SPDX-License-Identifier: Apache-2.0
// The backend: plan, weights and cache from one forward pass to the next. Invariant: pipeline.h. Left to others: one
// pass (step_runner.h).
#include "cuda/pipeline/pipeline.h"

#include <algorithm>
#include <cstring>
#include <limits>
#include <span>

#include <plumbline/error.h>

#include "cuda/common/launch.h"
#include "cuda/greedy/greedy.h"
#include "cuda/pipeline/decode_program.h"
#include "cuda/pipeline/step_runner.h"
#if !defined(__CUDACC__)
#include "cuda/twin/options.h"
#endif

namespace plumbline::PLUMBLINE_BUILD_NS {
namespace {

Tensor int64_tensor(const std::vector<int64_t>& values) {
  Tensor tensor(DType::i64, {int64_t(values.size())});
  std::memcpy(tensor.mutable_data(), values.data(), tensor.byte_size());
  return tensor;
}

void record_input(const std::string& path, const std::vector<int64_t>& values, TapCapture& capture, TapSink& sink) {
  if (sink.wants(path)) capture.add({path, DType::i64, {"token"}, false}, int64_tensor(values).view(), sink);
}

void record_inputs(const Step& step, TapCapture& capture, TapSink& sink) {
  std::vector<int64_t> positions;
  for (size_t i = 0; i < step.tokens.size(); ++i) positions.push_back(step.first_position + int64_t(i));
  record_input("tokens", step.tokens, capture, sink);
  record_input("positions", positions, capture, sink);
  capture.hand_out(sink);
}

bool same_bytes(const Tensor& a, const Tensor& b) {
  return a.byte_size() == b.byte_size() && (a.byte_size() == 0 || std::memcmp(a.data(), b.data(), a.byte_size()) == 0);
}

#if defined(__CUDACC__)

using Device = GpuFacts;

/// The first GPU, fit for these options.
Device find_device(const KernelOptions& options) {
  Device gpu = usable_gpu();
  if (options.numerics == "portable" || (gpu.major == 9 && gpu.minor == 0)) return gpu;
  throw BackendError("kernels: numerics " + options.numerics + " needs an H100 or H200", {gpu_text(gpu)},
                     "run with --backend twin, which has the same numerics without one, or --numerics portable");
}

std::string device_text(const Device& gpu) { return "cuda: " + gpu_text(gpu); }

/// Whose orders: those of the GPU at hand, unless the options name one.
HopperGpu hopper_gpu(const KernelOptions& options, const Device& gpu) {
  if (options.numerics != "torch/sm90") return plumbline::hopper_gpu(options.numerics);
  return gpu.name.find("H100") != std::string::npos ? HopperGpu::h100 : HopperGpu::h200;
}

#else

struct Device {
  int threads = twin_threads();
};

Device find_device(const KernelOptions&) { return {}; }

std::string device_text(const Device& twin) { return "twin: " + std::to_string(twin.threads) + " threads"; }

/// An H200's, unless the options name another.
HopperGpu hopper_gpu(const KernelOptions& options, const Device&) { return plumbline::hopper_gpu(options.numerics); }

#endif

std::optional<TorchOrders> torch_orders(const KernelOptions& options, const Device& device) {
  if (options.numerics == "portable") return {};
  return TorchOrders(hopper_gpu(options, device));
}

/// longrope changes its table at a length.
double one_table_positions(const OpGraph& graph) {
  double most = std::numeric_limits<double>::infinity();
  for (const Op& op : graph.ops) {
    if (op.kind != OpKind::rope_table) continue;
    const std::optional<RopeScaling> scaling = rope_scaling(op);
    if (scaling && scaling->kind == RopeScaling::Kind::longrope) most = std::min(most, scaling->original_positions);
  }
  return most;
}

class KernelBackend final : public KernelsBackend {
 public:
  KernelBackend(const Model& model, const KernelOptions& options)
      : options_(options),
        device_(find_device(options)),
        vocab_(model.config.vocab),
        heads_(model.config.heads),
        head_dim_(model.config.head_dim),
        graph_(graph_as_run(model.graph, options)),
        defects_(model),
        orders_(torch_orders(options, device_)),
        plan_(make_plan(graph_, [this](const PlanStep& step) { return is_fused(step) && defects_.fits(step); })),
        weights_(graph_, model.parameters),
        has_kernel_faults_(!model.kernel_faults.empty()),
        one_table_positions_(one_table_positions(graph_)),
        capture_(options.ring_bytes, options.checked, options.statistics) {
    if (orders_ && !model.kernel_faults.empty())
      throw UsageError("kernels: a kernel with a planted defect has portable numerics only",
                       {"fault     " + model.kernel_faults.front().name, "numerics  " + options.numerics},
                       "leave one of the two out");
    if (model.config.dtype == DType::bf16) return;
    throw BackendError("kernels: the model must be bf16",
                       {"config.json says " + std::string(dtype_name(model.config.dtype))},
                       "run it with --backend torch or --backend oracle");
  }

  Tensor forward(const Step& step, TapSink& sink) override {
    check(step);
    const bool started = start_replay(step);  // with the taps of the last one: the sink is asked while the GPU works
    if (!started) make_way(step);
    sink.begin_step(step);
    capture_.abandon();
    record_inputs(step, capture_, sink);
    std::optional<Tensor> replayed = replay(step, sink, started);
    Tensor logits = replayed ? std::move(*replayed) : pass(step, sink);
    if (options_.verify_taps) verify(step, logits);
    cache_.advance(int64_t(step.tokens.size()));
    last_index_ = step.index;
    return logits;
  }

  std::string description() const override {
    std::string layers = options_.qkv_layer < 0 ? "" : " in layer " + std::to_string(options_.qkv_layer);
    return device_text(device_) + "; norm and projections " + options_.qkv + layers + "; " +
           std::to_string(options_.block_threads) + " threads a block" +
           (orders_ ? "; numerics " + options_.numerics : "");
  }

  const OpGraph& graph() const override { return graph_; }

  std::optional<CaptureCounts> capture() const override { return capture_.counts(); }

  std::vector<int64_t> generate(int64_t token, int64_t count) override {
    if (cache_.length() == 0) throw InputError("kernels: nothing to go on from", {}, "feed a prompt first");
    begin({last_index_ + 1, cache_.length(), {token}});
    capture_.abandon();
    if (orders_) require_known_orders({0, cache_.length() + count - 1, {token}});
    cache_.reserve(count);
    if (!can_replay())
      throw BackendError("kernels: the steps of this model cannot be recorded",
                         {"head_dim  " + std::to_string(head_dim_), "capacity  " + std::to_string(cache_.capacity())},
                         "feed its tokens one by one");
    NullSink nothing;
    if (!has_program() || !program_->records_for(nothing)) record(nothing);
    std::vector<int64_t> chosen = program_->greedy(token, cache_.length(), count, stream_.get());
    cache_.clear();
    return chosen;
  }

  int64_t next_token(const Step& step) override {
    begin(step);
    capture_.abandon();
    NullSink nothing;
    const DeviceValue logits = runner(step, nothing).compute(plan_);
    const int64_t token = choose(logits.as<bf16>() + (logits.rows() - 1) * logits.last(), logits.last());
    cache_.advance(int64_t(step.tokens.size()));
    last_index_ = step.index;
    return token;
  }

 private:
  bool can_replay() const {
    return can_record(head_dim_, cache_.capacity()) && !has_kernel_faults_ &&
           double(cache_.capacity()) <= one_table_positions_;
  }

  /// What every pass begins with. Throws InputError for a step that does not follow the last one.
  void begin(const Step& step) {
    check(step);
    make_way(step);
  }

  /// Waits for the taps of the last replay, since a pass writes where they are.
  void make_way(const Step& step) {
    if (program_ != nullptr) program_->settle();
    if (step.first_position == 0) cache_.clear();
  }

  /// Whether this is one token behind others whose launches can be recorded; if so the caches have room for it.
  bool is_replayable(const Step& step) {
    if (step.tokens.size() != 1 || step.first_position == 0) return false;
    cache_.reserve(1);
    return can_replay();
  }

  /// Starts the step if its launches are recorded and their taps fit into the ring: on the GPU it waits for the taps of
  /// the last one, which the host does not.
  bool start_replay(const Step& step) {
    if (!is_replayable(step) || !has_program() || !program_->holds(step.first_position)) return false;
    program_->start(step.tokens.front(), step.first_position, stream_.get());
    return true;
  }

  /// The step from recorded launches: its logits; nothing if it must be run launch by launch, because it cannot be
  /// recorded or its taps are more than the ring holds.
  std::optional<Tensor> replay(const Step& step, TapSink& sink, bool started) {
    const bool fits = has_program() && program_->records_for(sink);
    if (started && fits) return program_->finish(step.first_position, stream_.get(), sink);
    if (started) {
      synchronize(stream_.get());
      program_->settle();
    }
    if (!is_replayable(step)) return {};
    if (!fits) record(sink);
    if (!start_replay(step)) return {};
    return program_->finish(step.first_position, stream_.get(), sink);
  }

  /// Whether something was recorded for the caches as they are.
  bool has_program() const { return program_ != nullptr && program_->fits(cache_); }

  void record(TapSink& sink) {
    program_.reset();
    program_ = std::make_unique<DecodeProgram>(
        DecodeParts{graph_, plan_, weights_, cache_, capture_, options_, defects_, orders_, heads_, head_dim_}, sink);
  }

  bool is_fused(const PlanStep& step) const {
    const int layer = step.window.front()->layer;
    if (step.kind == StepKind::norm_qkv) return !options_.runs("unfused", layer);
    return step.kind != StepKind::heads || step.find("k_norm") == nullptr || !options_.runs("separate_k_norm", layer);
  }

  void check(const Step& step) const {
    if (step.tokens.empty()) throw InputError("kernels: a step without tokens", {}, "give at least one token");
    const bool begins = step.first_position == 0,
               follows = step.first_position == cache_.length() && step.index == last_index_ + 1;
    if (!begins && !follows) {
      throw InputError(
          "kernels: step " + std::to_string(step.index) + " does not follow the last one",
          {"expected  position " + std::to_string(cache_.length()) + " in step " + std::to_string(last_index_ + 1),
           "actual    position " + std::to_string(step.first_position)},
          "feed the steps of a sequence in order, or start a new one at position 0");
    }
    if (orders_) require_known_orders(step);
    for (const int64_t token : step.tokens) {
      if (token >= 0 && token < vocab_) continue;
      throw InputError("kernels: token " + std::to_string(token) + " is outside the vocabulary",
                       {"ids run from 0 to " + std::to_string(vocab_ - 1)},
                       "check the tokens against the model's tokenizer");
    }
  }

  /// Throws BackendError before anything is recorded, not at the first op whose order nobody knows.
  void require_known_orders(const Step& step) const {
    const auto rows = int64_t(step.tokens.size());
    const AttentionShape shape{heads_, head_dim_, rows, step.first_position + rows};
    orders_->scores(shape);
    orders_->context(shape);
    orders_->require_softmax(shape.keys);
    for (const Op& op : graph_.ops) {
      if (op.kind != OpKind::linear) continue;
      const Shape& weight = weights_.shape(op, 0);
      orders_->part_depth(weight.at(0), weight.at(1), rows);
    }
  }

  StepRunner runner(const Step& step, TapSink& sink) {
    const Outlets outlets{sink, capture_, options_.checked ? &fences_ : nullptr};
    fences_.begin();
    return {weights_, cache_, options_, defects_, orders_, step, outlets, stream_.get()};
  }

  Tensor pass(const Step& step, TapSink& sink) {
    Tensor logits = runner(step, sink).run(plan_);
    synchronize(stream_.get());
    return logits;
  }

  /// Of one row of logits on the device.
  int64_t choose(const bf16* logits, int64_t count) {
    const int nowhere = 0;
    int64_t token = 0;
    position_.copy_from_host(std::as_bytes(std::span(&nowhere, 1)));
    greedy({.logits = logits,
            .count = int(count),
            .candidates = candidates_.as<Candidate>(),
            .token = token_.as<int64_t>(),
            .position = position_.as<int>(),
            .history = nullptr},
           stream_.get());
    synchronize(stream_.get());
    token_.copy_to_host(std::as_writable_bytes(std::span(&token, 1)));
    return token;
  }

  /// The rows that this step wrote into every cache.
  std::map<std::string, Tensor> new_rows(const Step& step) const {
    std::map<std::string, Tensor> rows;
    for (const auto& [path, value] : cache_.values())
      rows[path] = cache_.rows(path, step.first_position, int64_t(step.tokens.size()));
    return rows;
  }

  void verify(const Step& step, const Tensor& logits) {
    capture_.settle();  // taps of the cache read the rows that are about to be written again
    const auto before = new_rows(step);
    NullSink nothing;
    const Tensor again = pass(step, nothing);
    if (!same_bytes(logits, again)) fail_verify(step, "logits");
    for (const auto& [path, rows] : new_rows(step)) {
      if (!same_bytes(before.at(path), rows)) fail_verify(step, path);
    }
  }

  [[noreturn]] static void fail_verify(const Step& step, const std::string& path) {
    throw BackendError(
        "kernels: recording taps changed '" + path + "' in step " + std::to_string(step.index), {},
        "a tap must only read: this is a defect of a kernel, report it with the taps that were asked for");
  }

  const KernelOptions options_;
  const Device device_;
  const int64_t vocab_, heads_, head_dim_;
  const OwnStream stream_{};
  const OpGraph graph_;
  const Defects defects_;
  const std::optional<TorchOrders> orders_;  // nothing: portable numerics
  const std::vector<PlanStep> plan_;         // points into graph_
  const Weights weights_;
  const bool has_kernel_faults_;
  const double one_table_positions_;  // up to which a position has one row of angles, whichever step asks
  KvCache cache_;
  TapCapture capture_;
  FenceWatch fences_;
  DeviceBuffer candidates_{kGreedyBlocks * sizeof(Candidate), "candidates"}, token_{sizeof(int64_t), "chosen token"},
      position_{sizeof(int), "position"};
  std::unique_ptr<DecodeProgram> program_;  // points into all of the above
  int64_t last_index_ = -1;
};

}  // namespace
}  // namespace plumbline::PLUMBLINE_BUILD_NS

namespace plumbline {

#if defined(__CUDACC__)
void require_gpu(const KernelOptions& options) { cuda::find_device(options); }

std::unique_ptr<KernelsBackend> make_cuda_backend(const Model& model, const KernelOptions& options) {
  return std::make_unique<cuda::KernelBackend>(model, options);
}
#else
std::unique_ptr<KernelsBackend> make_twin_backend(const Model& model, const KernelOptions& options) {
  twin::set_twin_threads(options.threads);
  return std::make_unique<twin::KernelBackend>(model, options);
}
#endif

}  // namespace plumbline
