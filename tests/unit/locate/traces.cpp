// SPDX-License-Identifier: Apache-2.0
// Recording with the oracle backend.
#include "unit/locate/traces.h"

#include <algorithm>
#include <cstring>

#include "core/random.h"
#include "oracle/backend.h"
#include "support/tiny_model.h"

namespace plumbline::test {
namespace {

/// Hands on every tap, after the test's own changes.
class EditingSink final : public TapSink {
 public:
  EditingSink(TraceWriter& writer, const std::function<void(TapSpec&, Tensor&)>& edit) : writer_(writer), edit_(edit) {}
  bool wants(std::string_view path) const override { return writer_.wants(path); }
  void begin_step(const Step& step) override { writer_.begin_step(step); }
  void record(const TapSpec& spec, const TensorView& values) override {
    if (!edit_) return writer_.record(spec, values);
    TapSpec changed = spec;
    Tensor copy(values.dtype, values.shape);
    std::memcpy(copy.mutable_data(), values.data, values.byte_size());
    edit_(changed, copy);
    changed.dtype = copy.dtype();
    writer_.record(changed, copy.view());
  }

 private:
  TraceWriter& writer_;
  const std::function<void(TapSpec&, Tensor&)>& edit_;
};

TraceHeader header_of(const Model& model, const Backend& backend) {
  TraceHeader header;
  header.run_id = "test";
  header.producer = "unit test";
  header.backend = "oracle";
  header.model_directory = model.directory.string();
  header.architecture = model.config.architecture;
  header.config_json = model.config.json;
  header.graph_json = to_json(backend.graph());
  for (const FileDigest& file : model.files) header.files[file.name] = file.xxh3 + " " + std::to_string(file.bytes);
  for (const auto& [name, tensor] : model.parameters) header.parameters[name] = digest(tensor.view());
  header.faults = model.faults;
  return header;
}

TinyModelOptions four_layers() {
  TinyModelOptions options;
  options.layers = 4;
  return options;
}

}  // namespace

const Bench& bench() {
  static const Bench shared;
  return shared;
}

const Trace& healthy() {
  static const Trace trace = bench().record("healthy.h5", {text_tokens(12)});
  return trace;
}

std::vector<int64_t> text_tokens(int64_t count) {
  const std::string text = "Permission is hereby granted, free of charge, to any person obtaining a copy. ";
  std::vector<int64_t> tokens;
  for (int64_t i = 0; i < count; ++i)
    tokens.push_back(static_cast<unsigned char>(text[static_cast<size_t>(i) % text.size()]));
  return tokens;
}

Bench::Bench() : Bench(four_layers()) {}

Bench::Bench(const TinyModelOptions& checkpoint)
    : directory_(write_tiny_model(checkpoint)), model_(load_model(directory_.path())) {}

Trace Bench::record(const std::string& name, const Run& run) const {
  Model model = model_;
  for (const std::string& fault : run.faults) apply_fault(model, fault);
  const std::unique_ptr<Backend> backend = make_oracle_backend(model, 2, std::nullopt, run.draw);
  TraceHeader header = header_of(model, *backend);
  if (run.edit_header) run.edit_header(header);
  TraceWriter writer(file(name), header, {run.taps, false});
  EditingSink sink(writer, run.edit);
  const auto count = static_cast<int64_t>(run.tokens.size());
  Step step;
  for (int64_t at = 0; at < count; ++step.index) {
    const int64_t take = step.index == 0 && run.prefill > 0 ? run.prefill : step.index == 0 ? count : 1;
    step.first_position = at;
    step.tokens.assign(run.tokens.begin() + at, run.tokens.begin() + at + take);
    backend->forward(step, sink);
    at += take;
  }
  writer.finish();
  return Trace::open(file(name));
}

Trace Bench::shuffled(const std::string& name, const Trace& trace, uint64_t seed) const {
  SplitMix64 random(seed);
  TraceWriter writer(file(name), trace.header());
  for (const Step& step : trace.steps()) {
    writer.begin_step(step);
    std::vector<const TapEntry*> taps;
    for (const TapEntry& tap : trace.taps())
      if (tap.step == step.index) taps.push_back(&tap);
    for (size_t left = taps.size(); left > 1; --left) std::swap(taps[left - 1], taps[random.next() % left]);
    for (const TapEntry* tap : taps)
      writer.record({.path = tap->path, .dtype = tap->dtype, .axes = tap->axes}, trace.read(*tap).view());
  }
  writer.finish();
  return Trace::open(file(name));
}

}  // namespace plumbline::test
