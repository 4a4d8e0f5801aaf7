// SPDX-License-Identifier: Apache-2.0
// Planned and written checkpoints with random weights: shapes against figures counted elsewhere, bytes by the seed, and
// nothing left behind where the writing fails.
#include <plumbline/error.h>
#include <plumbline/model.h>
#include <sys/resource.h>

#include <algorithm>
#include <cmath>
#include <csignal>
#include <cstring>
#include <numeric>

#include "model/checkpoint_plan.h"
#include "model/checkpoint_writer.h"
#include "support/catch.h"
#include "support/error_text.h"
#include "support/temp_directory.h"

namespace plumbline::test {
namespace {

const PlannedTensor& tensor_of(const CheckpointPlan& plan, const std::string& name) {
  for (const PlannedTensor& tensor : plan.tensors)
    if (tensor.name == name) return tensor;
  throw std::runtime_error("no tensor " + name);
}

std::vector<double> drawn(const CheckpointPlan& plan, const PlannedTensor& planned) {
  Tensor tensor(plan.dtype, planned.shape);
  draw(plan, planned, 0, tensor.count(), tensor.mutable_data());
  return to_values(tensor.view());
}

double mean_of(const std::vector<double>& values) {
  return std::accumulate(values.begin(), values.end(), 0.0) / static_cast<double>(values.size());
}

double deviation_of(const std::vector<double>& values) {
  const double mean = mean_of(values);
  double sum = 0.0;
  for (const double value : values) sum += (value - mean) * (value - mean);
  return std::sqrt(sum / static_cast<double>(values.size()));
}

}  // namespace

TEST_CASE("every shape has the tensors and weights of the published checkpoint") {
  // Counted from the published shapes. Qwen3-0.6B stores its tied head; ERNIE's file has none.
  const std::string llama_1b = R"({"architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 2048,
    "num_hidden_layers": 16, "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
    "intermediate_size": 8192, "vocab_size": 128256, "rms_norm_eps": 1e-5, "rope_theta": 500000.0,
    "tie_word_embeddings": true, "torch_dtype": "bfloat16"})";
  const TempDirectory directory;
  write_file(directory / "config.json", llama_1b);
  struct Row {
    std::string shape;
    size_t tensors;
    int64_t elements;
  };
  const Row rows[] = {
      {"qwen3-0.6b", 311, 751'632'384},        {"tinyllama-1.1b", 201, 1'100'048'384},
      {"ernie-4.5-0.3b", 164, 360'748'032},    {(directory / "config.json").string(), 146, 1'235'814'400},
      {"qwen2.5-0.5b", 290, 494'032'768},      {"llama-3.2-1b", 146, 1'235'814'400},
      {"mistral-7b-v0.1", 291, 7'241'732'096}, {"qwen3-tiny", 28 * 11 + 2, 6'248'576},
  };
  for (const Row& row : rows) {
    INFO(row.shape);
    const CheckpointPlan plan = plan_checkpoint({.shape = row.shape});
    CHECK(plan.tensors.size() == row.tensors);
    CHECK(plan.elements() == row.elements);
  }
}

TEST_CASE("the numbers follow the documented statistics, whatever the division into calls") {
  const CheckpointPlan plan = plan_checkpoint({.shape = "qwen3-tiny"});
  struct Row {
    std::string name;
    double mean, deviation;
  };
  const Row rows[] = {
      {"model.embed_tokens.weight", 0.0, 0.86 / std::sqrt(128.0)},
      {"model.layers.3.self_attn.q_proj.weight", 0.0, 0.78 / std::sqrt(128.0)},
      {"model.layers.3.self_attn.o_proj.weight", 0.0, 0.73 / std::sqrt(512.0)},
      {"model.layers.27.mlp.down_proj.weight", 0.0, 0.60 / std::sqrt(64.0)},
  };
  for (const Row& row : rows) {
    INFO(row.name);
    const std::vector<double> values = drawn(plan, tensor_of(plan, row.name));
    // 8,192 numbers at least: mean and deviation are within 1 and 0.8 % (one deviation); four are allowed.
    CHECK(std::fabs(mean_of(values) - row.mean) < 0.045 * row.deviation);
    CHECK(std::fabs(deviation_of(values) / row.deviation - 1.0) < 0.035);
  }
  const PlannedTensor& gate = tensor_of(plan, "model.layers.0.mlp.gate_proj.weight");
  Tensor whole(plan.dtype, gate.shape), parts(plan.dtype, gate.shape);
  draw(plan, gate, 0, whole.count(), whole.mutable_data());
  for (int64_t first = 0; first < parts.count(); first += 1000)
    draw(plan, gate, first, std::min<int64_t>(1000, parts.count() - first), parts.mutable_data() + 2 * first);
  CHECK(std::memcmp(whole.data(), parts.data(), whole.byte_size()) == 0);
}

TEST_CASE("another seed gives other weights, a tied head that is stored equals the embedding") {
  const CheckpointPlan one = plan_checkpoint({.shape = "qwen3-0.6b"});
  const CheckpointPlan two = plan_checkpoint({.shape = "qwen3-0.6b", .seed = 2});
  std::byte embedding[64], head[64], other[64];
  draw(one, one.tensors.front(), 5000, 32, embedding);
  draw(one, one.tensors.back(), 5000, 32, head);
  draw(two, two.tensors.front(), 5000, 32, other);
  CHECK(one.tensors.back().name == "lm_head.weight");
  CHECK(std::memcmp(embedding, head, sizeof head) == 0);
  CHECK(std::memcmp(embedding, other, sizeof other) != 0);
}

TEST_CASE("K-norm maxima as the case study's notes report them") {
  const CheckpointPlan plan = plan_checkpoint({.shape = "qwen3-0.6b", .notes_k_norm = true});
  const double reported[] = {96.5, 44.5, 44.0, 41.75, 34.0};
  int above_ten = 0;
  for (int layer = 0; layer < 28; ++layer) {
    const std::string name = "model.layers." + std::to_string(layer) + ".self_attn.k_norm.weight";
    const std::vector<double> values = drawn(plan, tensor_of(plan, name));
    const double most = *std::max_element(values.begin(), values.end());
    if (layer < 5) CHECK(most == reported[layer]);
    above_ten += most > 10.0 ? 1 : 0;
  }
  CHECK(above_ten == 16);
  CHECK_THROWS_AS(plan_checkpoint({.shape = "llama-tiny", .notes_k_norm = true}), UsageError);
}

TEST_CASE("a written checkpoint loads, twice the same bytes, in every format") {
  const TempDirectory directory;
  for (const DType dtype : {DType::bf16, DType::f16, DType::f32}) {
    for (const std::string shape : {"qwen3-tiny", "llama-tiny"}) {
      INFO(shape << ' ' << dtype_name(dtype));
      const auto first = directory / (shape + "a"), second = directory / (shape + "b");
      const CheckpointPlan plan = plan_checkpoint({.shape = shape, .dtype = dtype, .layers = 2});
      const int64_t bytes = write_checkpoint(plan, first, true);
      write_checkpoint(plan, second, true);
      CHECK(static_cast<int64_t>(std::filesystem::file_size(first / "model.safetensors")) == bytes);
      CHECK(read_file(first / "model.safetensors") == read_file(second / "model.safetensors"));
      const Model model = load_model(first);
      CHECK(model.config.layers == 2);
      CHECK(model.config.dtype == dtype);
      CHECK(Tokenizer::load(first).encode("A").front() == 65);
    }
  }
}

TEST_CASE("a name that is taken is refused, and replaced only if it is a model directory") {
  const TempDirectory directory;
  const CheckpointPlan plan = plan_checkpoint({.shape = "llama-tiny", .layers = 1});
  const auto target = directory / "model";
  write_checkpoint(plan, target, false);
  require_parts(error_text<UsageError>([&] { write_checkpoint(plan, target, false); }), {"exists", "--force"});
  write_checkpoint(plan, target, true);
  std::filesystem::create_directory(target / "precious");
  require_parts(error_text<UsageError>([&] { write_checkpoint(plan, target, true); }),
                {"no model directory of plain files"});
  CHECK(std::filesystem::exists(target / "precious"));
  const auto home = directory / "home";
  std::filesystem::create_directory(home);
  write_file(home / "letter.txt", "dear");
  CHECK_THROWS_AS(write_checkpoint(plan, home, true), UsageError);
  CHECK(read_file(home / "letter.txt") == "dear");
}

TEST_CASE("where nothing can be written the error names the file, and nothing is left") {
  const TempDirectory directory;
  const CheckpointPlan plan = plan_checkpoint({.shape = "llama-tiny", .layers = 1});
  const auto nowhere = directory / "absent" / "model";
  require_parts(error_text<Error>([&] { write_checkpoint(plan, nowhere, false); }),
                {"cannot write", nowhere.string() + ".part", "No such file"});
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("where the room ends half-way the error says so, and an old checkpoint stays") {
  const TempDirectory directory;
  const CheckpointPlan plan = plan_checkpoint({.shape = "llama-tiny", .layers = 1});
  write_checkpoint(plan, directory / "model", false);
  rlimit before{};
  REQUIRE(getrlimit(RLIMIT_FSIZE, &before) == 0);
  const rlimit small{100'000, before.rlim_max};  // config and tokenizer fit, the weights do not
  std::signal(SIGXFSZ, SIG_IGN);
  REQUIRE(setrlimit(RLIMIT_FSIZE, &small) == 0);
  const std::string text = error_text<Error>([&] { write_checkpoint(plan, directory / "model", true); });
  setrlimit(RLIMIT_FSIZE, &before);
  require_parts(text, {"cannot write", "model.safetensors", "File too large", "nothing is left behind"});
  CHECK_FALSE(std::filesystem::exists(directory / "model.part"));
  CHECK(load_model(directory / "model").config.layers == 1);
}

TEST_CASE("a shape that nobody knows is refused with the nearest name") {
  require_parts(error_text<UsageError>([] { plan_checkpoint({.shape = "qwen3-0.6"}); }),
                {"given  qwen3-0.6", "near   qwen3-0.6b"});
}

}  // namespace plumbline::test
