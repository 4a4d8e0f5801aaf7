// SPDX-License-Identifier: Apache-2.0
// The reference against Hugging Face transformers on the same torch build, machine and thread count: a prefill and 16
// greedy decode steps with cache, every module output, cache and attention intermediate, and the logits, of single
// sequences and of batches. Bits, no tolerance.
#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <nlohmann/json.hpp>

#include "reference/memory_sink.h"
#include "reference/torch_backend.h"
#include "support/catch.h"
#include "support/families.h"

#include <plumbline/model.h>

namespace plumbline::test {
namespace {

constexpr int kDecodeSteps = 16;
constexpr int kTransformersMissing = 77;

struct Case {
  std::string name;
  TinyModelOptions model;
  int64_t prompt = 0;
  int threads = 1;
  int64_t batch = 1;  ///< equal sequences at once, of which the first is compared
  bool cut = false;   ///< transformers' cache drops the keys that a sliding window has left
};

// Lengths around a GEMM's tile edges and none of them a round number but for 64; head counts with and without sharing;
// head_dim unlike hidden / heads, as in the published models.
std::vector<Case> cases() {
  std::vector<Case> list = {
      {"GQA 4/2, one thread", {}, 17, 1},
      {"GQA 4/2, two threads", {}, 17, 2},
      {"GQA 2/1, head_dim 128 over hidden 64", {.heads = 2, .kv_heads = 1, .head_dim = 128, .seed = 2}, 33, 2},
      {"no sharing 3/3, odd widths",
       {.hidden = 48, .heads = 3, .kv_heads = 3, .head_dim = 16, .intermediate = 72, .seed = 3},
       7,
       2},
      {"untied head", {.tied = false, .seed = 4}, 64, 2},
      {"prefill of a single token", {.layers = 1, .seed = 5}, 1, 2},
      {"projection biases, new config keys", {.attention_bias = true, .new_config_keys = true, .seed = 6}, 21, 1},
      {"llama3 rope scaling in a Qwen3",
       {.layers = 1, .rope_theta = 5e5, .rope_scaling = RopeScaling{8.0, 1.0, 4.0, 512.0}, .seed = 8},
       40,
       2},
      {"Llama, untied, GQA 4/2, head_dim 32 over hidden 64", {.llama = true, .tied = false, .seed = 9}, 17, 2},
      {"Llama, tied, llama3 rope scaling, new config keys",
       {.rope_theta = 5e5,
        .llama = true,
        .rope_scaling = RopeScaling{8.0, 1.0, 4.0, 512.0},
        .new_config_keys = true,
        .seed = 10},
       33,
       2},
      {"Llama, head_dim 128 over hidden 64, Llama-3.2's rope scaling, one thread",
       {.heads = 2,
        .kv_heads = 1,
        .head_dim = 128,
        .rope_theta = 5e5,
        .rms_eps = 1e-5,
        .llama = true,
        .rope_scaling = RopeScaling{32.0, 1.0, 4.0, 8192.0},
        .tied = false,
        .seed = 11},
       64,
       1},
      {"Llama, head_dim as derived, no key for it, odd limits of the scaling's bands",
       {.head_dim = 16,
        .llama = true,
        .rope_scaling = RopeScaling{3.0, 0.7, 2.3, 1000.0},
        .seed = 12,
        .edit_config = [](nlohmann::json& config) { config.erase("head_dim"); }},
       21,
       2},
      {"Llama, no key for rope_theta, which means 1e4",
       {.layers = 1,
        .llama = true,
        .seed = 14,
        .edit_config = [](nlohmann::json& config) { config.erase("rope_theta"); }},
       21,
       2},
      {"Llama, biases of attention and MLP",
       {.llama = true, .attention_bias = true, .mlp_bias = true, .seed = 13},
       21,
       2},
      {"Qwen3, a window of 5 in layer 0",
       {.seed = 18,
        .edit_config = keys({{"use_sliding_window", true},
                             {"sliding_window", 5},
                             {"layer_types", {"sliding_attention", "full_attention"}}})},
       3,
       2},
      {"wide enough for two threads to split",
       {.hidden = 256, .heads = 8, .kv_heads = 2, .intermediate = 512, .seed = 7},
       130,
       2},
      {"a batch of three, GQA 4/2", {}, 17, 2, 3},
      {"a batch of eight, Llama", {.llama = true, .seed = 9}, 5, 1, 8},
  };
  // What has no axis of keys is the same with the cut cache: sums without the exact zeros of masked keys.
  for (const FamilyRow& row : families()) {
    if (row.architecture == "MistralForCausalLM")
      list.push_back({"Mistral, a cache that drops keys", row.models.front(), 17, 1, 1, true});
  }
  constexpr int64_t kPrompts[] = {17, 33, 7};
  for (const FamilyRow& row : families()) {
    for (size_t i = 0; i < row.models.size(); ++i)
      list.push_back({row.architecture + ", checkpoint " + std::to_string(i) + " of its row", row.models[i],
                      kPrompts[i % std::size(kPrompts)], i == 0 ? 1 : 2});
  }
  return list;
}

/// Any ids do; these walk the vocabulary of 320 without a short period (7 and 320 have no common divisor).
std::vector<int64_t> prompt_ids(int64_t count) {
  std::vector<int64_t> ids;
  for (int64_t i = 0; i < count; ++i) ids.push_back((i * i * 7 + 31 * i + 5) % 256);
  return ids;
}

struct Capture {
  nlohmann::json manifest;
  std::string data;
};

/// Bit-for-bit, with the place of the first difference in the failure.
void check_equal(const nlohmann::json& entry, const std::string& data, const Tensor& actual) {
  const std::string path = entry.at("path");
  INFO("tap " << path);
  REQUIRE_FALSE(actual.empty());
  REQUIRE(std::string(dtype_name(actual.dtype())) == entry.at("dtype").get<std::string>());
  REQUIRE(actual.shape() == entry.at("shape").get<Shape>());
  const TensorView expected{actual.dtype(), actual.shape(),
                            reinterpret_cast<const std::byte*>(data.data()) + entry.at("offset").get<size_t>()};
  if (std::memcmp(expected.data, actual.data(), actual.byte_size()) == 0) return;
  for (int64_t i = 0; i < actual.count(); ++i)
    if (expected.at(i) != actual.view().at(i))
      FAIL(path << " " << to_string(actual.shape()) << " element " << i << ": transformers " << expected.at(i)
                << ", reference " << actual.view().at(i));
  FAIL(path << ": equal numbers, unequal bits (signed zeros or NaN)");
}

/// Feeds the reference what transformers was fed, and returns how many tensors were compared.
size_t compare_run(const Capture& capture, Backend& backend) {
  size_t compared = 0;
  MemorySink sink;
  Step step;
  for (const nlohmann::json& wanted : capture.manifest.at("steps")) {
    step.tokens = wanted.at("tokens").get<std::vector<int64_t>>();
    step.first_position = wanted.at("first_position");
    INFO("step " << step.index << " of " << step.tokens.size() << " tokens");
    const Tensor logits = backend.forward(step, sink);
    CHECK(std::memcmp(logits.data(), sink.at("logits").data(), logits.byte_size()) == 0);
    for (const nlohmann::json& entry : wanted.at("taps")) {
      check_equal(entry, capture.data, sink.at(entry.at("path")));
      ++compared;
    }
    ++step.index;
  }
  return compared;
}

/// Runs all jobs in one Python process (its start takes longer than the models). False: transformers is not installed.
bool capture_all(const nlohmann::json& jobs, const TempDirectory& scratch) {
  write_file(scratch / "jobs.json", jobs.dump());
  const std::string command = std::string("\"") + PLUMBLINE_TORCH_PYTHON + "\" \"" + PLUMBLINE_SOURCE_DIR +
                              "/tests/reference/capture_transformers.py\" \"" + (scratch / "jobs.json").string() + "\"";
  const int status = std::system(command.c_str());
  const int exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  if (exit_status == kTransformersMissing) return false;
  INFO("command: " << command);
  REQUIRE(exit_status == 0);
  return true;
}

nlohmann::json job(const std::filesystem::path& model, const Case& c, const std::string& device,
                   const std::filesystem::path& output) {
  return {{"model", model.string()}, {"threads", c.threads},   {"device", device}, {"tokens", prompt_ids(c.prompt)},
          {"batch", c.batch},        {"decode", kDecodeSteps}, {"cut", c.cut},     {"output", output.string()}};
}

Capture read_capture(const std::string& directory) {
  return {nlohmann::json::parse(read_file(directory + "/manifest.json")), read_file(directory + "/data.bin")};
}

/// How many tensors of a captured job have the reference's bits: all, or the test fails.
size_t compare_job(const nlohmann::json& job, const std::string& name) {
  INFO(name);
  const Model model = load_model(job.at("model").get<std::string>());
  const auto backend =
      make_torch_backend(model, {.device = job.at("device"), .threads = job.at("threads"), .batch = job.at("batch")});
  const Capture capture = read_capture(job.at("output"));
  REQUIRE(capture.manifest.at("steps").size() == kDecodeSteps + 1);
  const size_t compared = compare_run(capture, *backend);
  // 10 modules, 3 inputs, 4 in RoPE, 3 in the cache, 5 in attention, 1 layer, and of every norm its result and a
  // statistic; outside embed and logits (before and after a cap), cosines and sines of every table, the norm's two.
  const auto number_of = [&](OpKind kind) {
    return static_cast<size_t>(std::ranges::count(model.graph.ops, kind, &Op::kind));
  };
  const size_t in_layer = 26 - (job.at("cut") ? 6 : 0);  // cache, scores, probabilities
  const size_t of_norms = 2 * number_of(OpKind::rmsnorm), of_tables = 2 * number_of(OpKind::rope_table),
               outside = model.config.logit_cap != 0.0 ? 3 : 2;
  CHECK(compared ==
        (kDecodeSteps + 1) * (static_cast<size_t>(model.config.layers) * in_layer + of_norms + of_tables + outside));
  std::cout << "bit-equal: " << compared << " tensors, " << name << "\n";
  return compared;
}

void report_skip() {
  const char* ci = std::getenv("CI");
  if (ci != nullptr && *ci != '\0')
    FAIL("transformers is not installed, and CI must not skip this test (scripts/setup.sh installs it)");
  std::cout << "plumbline: skipped, " << PLUMBLINE_TORCH_PYTHON << " has no transformers\n";
}

}  // namespace

TEST_CASE("every tap has the bits that transformers gives, prefill and 16 decode steps", "[reference]") {
  const TempDirectory scratch;
  std::vector<TempDirectory> random_models;
  std::vector<std::string> names;
  nlohmann::json jobs = nlohmann::json::array();
  const auto plan = [&](const Case& c, const std::filesystem::path& model, const std::string& device) {
    names.push_back(c.name + ", " + device);
    jobs.push_back(job(model, c, device, scratch / std::to_string(jobs.size())));
  };
  std::vector<std::string> devices = {"cpu"};
  if (torch_device_problem("cuda").empty()) devices.push_back("cuda");
  for (const std::string& device : devices) {
    for (const Case& c : cases()) {
      random_models.push_back(write_tiny_model(c.model));
      plan(c, random_models.back().path(), device);
    }
    for (const std::string name : {"qwen3-tiny", "llama-tiny"}) {
      const std::filesystem::path trained = std::filesystem::path(PLUMBLINE_SOURCE_DIR) / "dumps/models" / name;
      if (std::filesystem::exists(trained / "model.safetensors")) plan({"trained " + name, {}, 64, 2}, trained, device);
    }
  }
  if (!capture_all(jobs, scratch)) return report_skip();

  size_t compared = 0;
  for (size_t i = 0; i < jobs.size(); ++i) compared += compare_job(jobs[i], names[i]);
  CHECK(compared > 0);
}

// scripts/smollm2.sh runs it: what it needs is no part of the repository.
TEST_CASE("a real checkpoint gives the bits of transformers, fed the ids of a file", "[.real]") {
  const char* const model = std::getenv("PLUMBLINE_REAL_MODEL");
  const char* const tokens = std::getenv("PLUMBLINE_REAL_TOKENS");
  if (model == nullptr || tokens == nullptr)
    FAIL("PLUMBLINE_REAL_MODEL names no model directory, or PLUMBLINE_REAL_TOKENS no file of ids");
  const TempDirectory scratch;
  nlohmann::json jobs = nlohmann::json::array({job(model, {"", {}, 1, 2}, "cpu", scratch / "0")});
  jobs[0]["tokens"] = nlohmann::json::parse(read_file(tokens));
  if (!capture_all(jobs, scratch)) return report_skip();
  CHECK(compare_job(jobs[0], model) > 0);
}

}  // namespace plumbline::test
