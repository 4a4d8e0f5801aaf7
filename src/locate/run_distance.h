// SPDX-License-Identifier: Apache-2.0
// How far one run of a graph lies from another that was kept whole, taken down while it runs (or is read from a
// trace). Invariant: logits are compared only at positions up to which both runs were fed the same tokens; results only
// in steps that hold the same positions.
#pragma once
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include <plumbline/tap.h>
#include <plumbline/trace.h>

#include "locate/tokens.h"

namespace plumbline {

/// Sums of squares over the finite, unmasked elements of an op's results.
struct OpDistance {
  double difference = 0.0, base = 0.0;
  std::vector<double> channels;  ///< difference by index of the last axis; only of the ops that end a layer
};

struct LogitsDistance {
  double square = 0.0;  ///< mean over the vocabulary of the squared difference
  double kl = 0.0;      ///< KL(base || run)
  Choice choice;
};

struct RunDistance {
  std::vector<OpDistance> ops;  ///< as in the graph
  std::map<int64_t, LogitsDistance> logits;
};

/// Which results of a graph are measured: those that other ops can read.
class ResultIndex {
 public:
  explicit ResultIndex(const OpGraph& graph);
  /// Of the op in the graph; -1 if the path is no result.
  int op_of(std::string_view path) const;
  /// Whether the op is the last of its layer.
  bool ends_layer(int op) const { return ends_layer_[static_cast<size_t>(op)]; }
  size_t ops() const { return ends_layer_.size(); }

 private:
  std::map<std::string, int, std::less<>> op_of_;
  std::vector<bool> ends_layer_;
};

/// A run kept whole, widened.
class KeptRun final : public TapSink {
 public:
  explicit KeptRun(const ResultIndex& index) : index_(index) {}
  bool wants(std::string_view path) const override { return index_.op_of(path) >= 0; }
  void begin_step(const Step& step) override;
  void record(const TapSpec& spec, const TensorView& values) override;

  struct Tap {
    Shape shape;
    std::vector<double> values;
  };
  /// nullptr if it was not recorded in that step, or the steps hold other positions.
  const Tap* find(std::string_view path, const Step& step) const;
  struct Logits {
    std::vector<double> values;
    double half_unit = 0.0;  ///< half a unit in the last place of the stored format, root mean square
    Choice choice;
    double spread = 0.0;
  };
  const std::map<int64_t, Logits>& logits() const { return logits_; }
  /// The token fed at a position; kUnknownToken if none is known.
  int64_t token(int64_t position) const;
  const ResultIndex& index() const { return index_; }
  /// Variance over tokens of every channel of that op's result, averaged over steps; empty if there is none.
  std::vector<double> channel_signal(const std::string& path) const;

 private:
  void keep_logits(const TensorView& values);
  const ResultIndex& index_;
  std::map<int64_t, Step> steps_;
  const Step* step_ = nullptr;
  std::map<std::pair<std::string, int64_t>, Tap, std::less<>> taps_;
  std::map<int64_t, Logits> logits_;
  std::map<int64_t, int64_t> tokens_;
};

/// Measures a run against a kept one. Elements at or beyond `mask` on both sides are left out.
class DistanceSink final : public TapSink {
 public:
  DistanceSink(const KeptRun& base, double mask);
  bool wants(std::string_view path) const override { return base_.wants(path); }
  void begin_step(const Step& step) override;
  void record(const TapSpec& spec, const TensorView& values) override;
  RunDistance take() { return std::move(result_); }

 private:
  void compare_logits(const TensorView& values);
  const KeptRun& base_;
  const double mask_;
  Step step_;
  bool same_tokens_ = true;
  int64_t common_ = 0;  ///< positions fed alike so far, from this step's first on
  RunDistance result_;
};

/// Gives the taps of a trace to a sink, as the run did.
void feed(const Trace& trace, const std::vector<Step>& steps, TapSink& sink);

}  // namespace plumbline
