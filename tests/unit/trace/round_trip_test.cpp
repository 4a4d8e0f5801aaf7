// SPDX-License-Identifier: Apache-2.0
// What is written comes back bit for bit, with everything that describes it.

#include <plumbline/error.h>

#include "support/catch.h"
#include "support/temp_directory.h"
#include "unit/trace/sample.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

size_t entries_in(const std::filesystem::path& directory) {
  size_t count = 0;
  for ([[maybe_unused]] const auto& entry : std::filesystem::directory_iterator(directory)) ++count;
  return count;
}

}  // namespace

TEST_CASE("every format, rank and awkward bit pattern comes back bit for bit") {
  const TempDirectory directory;
  write_sample(directory / "a.h5");
  const Trace trace = Trace::open(directory / "a.h5");
  CHECK_FALSE(trace.foreign());
  size_t i = 0;
  for (const int64_t step : {0, 1, 3}) {
    for (const SampleTap& tap : sample_taps(step)) {
      INFO(tap.spec.path << " of step " << step);
      REQUIRE(i < trace.taps().size());
      const TapEntry& entry = trace.taps()[i++];  // the order of writing is kept
      CHECK(entry.path == tap.spec.path);
      CHECK(entry.step == step);
      CHECK(entry.dtype == tap.spec.dtype);
      CHECK(entry.shape == tap.tensor.shape());
      CHECK(entry.axes == tap.spec.axes);
      CHECK(bytes_of(trace.read(entry)) == bytes_of(tap.tensor));
      CHECK(trace.find(tap.spec.path, step) == &entry);
    }
  }
  CHECK(i == trace.taps().size());
  CHECK(verify_trace(trace).empty());
}

TEST_CASE("header and steps come back as they were given") {
  const TempDirectory directory;
  write_sample(directory / "a.h5");
  const Trace trace = Trace::open(directory / "a.h5");
  const TraceHeader expected = sample_header(), &actual = trace.header();
  CHECK(actual.run_id == expected.run_id);
  CHECK(actual.producer == expected.producer);
  CHECK(actual.producer_version == expected.producer_version);
  CHECK(actual.created_utc == expected.created_utc);
  CHECK(actual.backend == expected.backend);
  CHECK(actual.device == expected.device);
  CHECK(actual.model_directory == expected.model_directory);
  CHECK(actual.architecture == expected.architecture);
  CHECK(actual.config_json == expected.config_json);
  CHECK(actual.graph_json == expected.graph_json);
  CHECK(actual.files == expected.files);
  CHECK(actual.parameters == expected.parameters);
  CHECK(actual.environment == expected.environment);
  CHECK(actual.faults == expected.faults);
  CHECK(actual.prompt == expected.prompt);
  CHECK(actual.complete);
  CHECK_FALSE(actual.recovered);
  REQUIRE(trace.steps().size() == 3);
  CHECK(trace.steps()[2].index == 3);
  CHECK(trace.steps()[2].first_position == 6);
  CHECK(trace.steps()[2].tokens == sample_step(3).tokens);
}

TEST_CASE("find knows the layer of a path and nothing that is not there") {
  const TempDirectory directory;
  write_sample(directory / "a.h5");
  const Trace trace = Trace::open(directory / "a.h5");
  REQUIRE(trace.find("layer.12.rank3", 1) != nullptr);
  CHECK(trace.find("layer.12.rank3", 1)->layer == 12);
  CHECK(trace.find("tokens", 0)->layer == -1);
  CHECK(trace.find("layer.12.rank3", 2) == nullptr);
  CHECK(trace.find("layer.12.rank", 1) == nullptr);
}

TEST_CASE("a finished trace stands alone: no .part, no journal") {
  const TempDirectory directory;
  write_sample(directory / "a.h5");
  CHECK(entries_in(directory.path()) == 1);
}

TEST_CASE("a trace without steps or taps is sound") {
  const TempDirectory directory;
  TraceWriter writer(directory / "a.h5", {});
  writer.finish();
  const Trace trace = Trace::open(directory / "a.h5");
  CHECK(trace.taps().empty());
  CHECK(trace.steps().empty());
}

TEST_CASE("numbers stay readable after the trace object and the file are gone") {
  const TempDirectory directory;
  write_sample(directory / "a.h5");
  Tensor tensor;
  {
    const Trace trace = Trace::open(directory / "a.h5");
    tensor = trace.read(*trace.find("logits", 1));
  }
  std::filesystem::remove(directory / "a.h5");
  CHECK(bytes_of(tensor) == bytes_of(sample_taps(1).back().tensor));
}

TEST_CASE("only taps that match a glob are stored") {
  const TempDirectory directory;
  TraceWriter writer(directory / "a.h5", sample_header(), {{"layer.12.*", "logits"}, true});
  CHECK(writer.wants("layer.12.rank0"));
  CHECK_FALSE(writer.wants("tokens"));
  writer.begin_step(sample_step(0));
  for (const SampleTap& tap : sample_taps(0)) writer.record(tap.spec, tap.tensor.view());
  writer.finish();
  const Trace trace = Trace::open(directory / "a.h5");
  CHECK(trace.taps().size() == 11);  // ranks 0 to 8, the empty one, the logits
}

TEST_CASE("verify names the tap whose bytes were changed") {
  const TempDirectory directory;
  write_sample(directory / "a.h5");
  const TapEntry entry = *Trace::open(directory / "a.h5").find("logits", 3);
  std::string bytes = read_file(directory / "a.h5");
  bytes[static_cast<size_t>(entry.file_offset) + 17] ^= 1;
  write_file(directory / "a.h5", bytes);
  CHECK(verify_trace(Trace::open(directory / "a.h5")) == std::vector<std::string>{"logits"});
}

TEST_CASE("two thousand small taps make one whole trace") {
  const TempDirectory directory;
  const Tensor tensor = random_bits(DType::bf16, {1, 16, 128}, 1);
  TraceWriter writer(directory / "a.h5", sample_header());
  writer.begin_step(sample_step(0));
  for (int i = 0; i < 2000; ++i)
    writer.record({"layer." + std::to_string(i / 50) + ".tap" + std::to_string(i % 50), DType::bf16, {}, false},
                  tensor.view());
  writer.finish();
  const Trace trace = Trace::open(directory / "a.h5");
  CHECK(trace.taps().size() == 2000);
  CHECK(verify_trace(trace).empty());
}

TEST_CASE("steps that do not follow one another are refused") {
  const std::vector<Step> hostile[] = {
      {{0, -1, {1, 2}}},              // before the beginning
      {{0, int64_t{1} << 62, {1}}},   // beyond every length
      {{0, 0, {1, 2}}, {1, 1, {3}}},  // over the first
      {{0, 0, {1, 2}}, {1, 5, {3}}},  // after a gap
      {{0, 0, {1, 2}}, {1, 2, {}}},   // silent about what was fed
  };
  for (const std::vector<Step>& steps : hostile) {
    const TempDirectory directory;
    TraceWriter writer(directory / "a.h5", sample_header());
    for (const Step& step : steps) {
      writer.begin_step(step);
      writer.record({"embed", DType::bf16, {}, false}, random_bits(DType::bf16, {2}, 1).view());
    }
    writer.finish();
    CHECK_THROWS_AS(Trace::open(directory / "a.h5"), TraceError);
  }
}
