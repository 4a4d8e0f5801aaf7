// SPDX-License-Identifier: Apache-2.0
#include "unit/trace/sample.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <random>

namespace plumbline::test {
namespace {

constexpr std::array kAll = {DType::f64,     DType::f32, DType::f16, DType::bf16, DType::f8_e4m3fn,
                             DType::f8_e5m2, DType::i64, DType::i32, DType::i16,  DType::i8,
                             DType::u64,     DType::u32, DType::u16, DType::u8,   DType::boolean};

/// Words that any conversion or normalisation would change: NaN payloads, -0, subnormals, infinities.
template <class T>
Tensor awkward(DType dtype, const std::vector<T>& words) {
  Tensor tensor(dtype, {static_cast<int64_t>(words.size())});
  std::memcpy(tensor.mutable_data(), words.data(), words.size() * sizeof(T));
  return tensor;
}

Tensor every_code(DType dtype) {  // all 256 or 65536 bit patterns
  const size_t bytes = element_bytes(dtype);
  const int64_t count = bytes == 1 ? 256 : 65536;
  Tensor tensor(dtype, {count});
  for (int64_t i = 0; i < count; ++i) std::memcpy(tensor.mutable_data() + static_cast<size_t>(i) * bytes, &i, bytes);
  return tensor;
}

}  // namespace

Tensor random_bits(DType dtype, Shape shape, uint64_t seed) {
  Tensor tensor(dtype, std::move(shape));
  std::mt19937_64 generator(seed);
  for (size_t i = 0; i < tensor.byte_size(); ++i) tensor.mutable_data()[i] = static_cast<std::byte>(generator());
  return tensor;
}

std::string bytes_of(const Tensor& tensor) {
  return {reinterpret_cast<const char*>(tensor.data()), tensor.byte_size()};
}

TraceHeader sample_header() {
  TraceHeader header;
  header.run_id = "run-1";
  header.producer = "plumbline-run";
  header.producer_version = "0.1.0";
  header.created_utc = "2026-01-02T03:04:05Z";
  header.backend = "twin";
  header.device = "";
  header.model_directory = "models/qwen3-tiny \xc3\xa9";
  header.architecture = "Qwen3ForCausalLM";
  header.config_json = "{\"layers\": 2}";
  header.graph_json = "[]";
  header.files = {{"config.json", "00 13"}, {"model.safetensors", "ff 99"}};
  header.parameters = {{"model.norm.weight", "0123"}};
  header.environment = {{"threads", "2"}, {"quote", "\"\\\n"}};
  header.faults = {"rope.theta=1e4@layer.3"};
  header.prompt = std::string("a\0b\xff", 4);  // any bytes
  return header;
}

Step sample_step(int64_t step) { return {step, 3 * std::min<int64_t>(step, 2), {7, -1, int64_t{1} << 62}}; }

std::vector<SampleTap> sample_taps(int64_t step) {
  const auto seed = static_cast<uint64_t>(step) * 1000;
  std::vector<SampleTap> taps;
  taps.push_back({{"tokens", DType::i64, {"token"}, false}, random_bits(DType::i64, {3}, seed + 1)});
  for (const DType dtype : kAll) {
    const std::string name = "layer.0.bits." + std::string(dtype_name(dtype));
    if (element_bytes(dtype) <= 2) {
      taps.push_back({{name, dtype, {"code"}, false}, every_code(dtype)});
    } else {
      taps.push_back({{name, dtype, {}, true}, random_bits(dtype, {5, 7}, seed + 2)});
    }
  }
  taps.push_back({{"layer.1.nan32", DType::f32, {"x"}, false},
                  awkward<uint32_t>(DType::f32, {0x7fc00001, 0xffa00000, 0x7f800001, 0x80000000, 1, 0x807fffff,
                                                 0x7f800000, 0xff800000})});
  taps.push_back({{"layer.1.nan64", DType::f64, {"x"}, false},
                  awkward<uint64_t>(DType::f64, {0x7ff8000000000001, 0xfff4000000000000, 0x8000000000000000, 1})});
  Shape shape;
  std::vector<std::string> axes;
  for (int rank = 0; rank <= 8; ++rank) {
    taps.push_back({{"layer.12.rank" + std::to_string(rank), DType::bf16, axes, false},
                    random_bits(DType::bf16, shape, seed + 3)});
    shape.push_back(1 + rank % 3);
    axes.push_back("axis" + std::to_string(rank));
  }
  taps.push_back({{"layer.12.empty", DType::bf16, {"a", "b", "c"}, false}, Tensor(DType::bf16, {2, 0, 3})});
  taps.push_back({{"odd/name \xc3\xa9", DType::u8, {"x"}, false}, random_bits(DType::u8, {1}, seed + 4)});
  taps.push_back(
      {{"logits", DType::bf16, {"batch", "token", "vocab"}, false}, random_bits(DType::bf16, {1, 3, 2048}, seed + 5)});
  return taps;
}

void write_sample(const std::filesystem::path& file) {
  TraceWriter writer(file, sample_header());
  for (const int64_t step : {0, 1, 3}) {
    writer.begin_step(sample_step(step));
    for (const SampleTap& tap : sample_taps(step)) writer.record(tap.spec, tap.tensor.view());
  }
  writer.finish();
}

}  // namespace plumbline::test
