// SPDX-License-Identifier: Apache-2.0
// What cannot be recorded is refused with the file and a way out, and never costs what was recorded before.
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "support/temp_directory.h"
#include "unit/trace/sample.h"
#include "unit/trace/says.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

std::string refusal(const TapSpec& spec, const Tensor& tensor) {
  const TempDirectory directory;
  TraceWriter writer(directory / "a.h5", {});
  writer.begin_step(sample_step(0));
  return message_of([&] { writer.record(spec, tensor.view()); });
}

}  // namespace

TEST_CASE("an existing file or unfinished recording is never written over") {
  const TempDirectory directory;
  write_file(directory / "a.h5", "precious");
  CHECK(says(message_of([&] { TraceWriter(directory / "a.h5", {}); }), {"a.h5", "exists"}));
  CHECK(read_file(directory / "a.h5") == "precious");
  write_file(directory / "b.h5.part", "precious");
  CHECK(says(message_of([&] { TraceWriter(directory / "b.h5", {}); }), {"plumbline recover"}));
  CHECK(read_file(directory / "b.h5.part") == "precious");
}

TEST_CASE("an unfinished recording without a tap leaves nothing behind, whatever ended it") {
  const TempDirectory directory;
  { const TraceWriter writer(directory / "a.h5", sample_header()); }
  CHECK(std::filesystem::is_empty(directory.path()));
  {
    TraceWriter writer(directory / "a.h5", sample_header());
    writer.begin_step(sample_step(0));
    const Tensor tensor = random_bits(DType::bf16, {2}, 1);
    CHECK_THROWS_AS(writer.record({"x", DType::f32, {}, false}, tensor.view()), ShapeError);
  }
  CHECK(std::filesystem::is_empty(directory.path()));
}

TEST_CASE("with replace the old file stays until the new one is whole") {
  const TempDirectory directory;
  const auto record = [&](int64_t steps, bool finish) {
    TraceWriter writer(directory / "a.h5", sample_header(), {.replace = true});
    for (int64_t step = 0; step < steps; ++step) {
      writer.begin_step({step, 0, {}});
      writer.record({"x", DType::u8, {}, false}, random_bits(DType::u8, {2}, 1).view());
    }
    if (finish) writer.finish();
  };
  const auto steps_now = [&] { return Trace::open(directory / "a.h5").steps().size(); };
  record(1, true);
  record(2, false);
  CHECK(steps_now() == 1);
  CHECK(std::filesystem::exists(directory / "a.h5.part"));
  record(3, true);  // the remains of the interrupted one give way
  CHECK(steps_now() == 3);
  CHECK_FALSE(std::filesystem::exists(directory / "a.h5.part"));
  CHECK_FALSE(std::filesystem::exists(directory / "a.h5.part.journal"));
}

TEST_CASE("with replace, what is no regular file and what another writer has open is refused") {
  const TempDirectory directory;
  const WriteOptions replace = {.replace = true};
  std::filesystem::create_directory(directory / "folder");
  std::filesystem::create_symlink("elsewhere", directory / "link");
  CHECK(says(message_of([&] { TraceWriter(directory / "folder", {}, replace); }), {"folder", "is a directory"}));
  CHECK(says(message_of([&] { TraceWriter(directory / "link", {}, replace); }), {"link", "is a symbolic link"}));
  CHECK(std::filesystem::is_directory(directory / "folder"));
  CHECK(std::filesystem::is_symlink(directory / "link"));

  TraceWriter first(directory / "a.h5", sample_header(), replace);
  first.begin_step({0, 0, {}});
  CHECK(says(message_of([&] { TraceWriter(directory / "a.h5", {}, replace); }), {"a.h5.part", "another run"}));
  first.record({"x", DType::u8, {}, false}, random_bits(DType::u8, {2}, 1).view());
  first.finish();
  CHECK(verify_trace(Trace::open(directory / "a.h5")).empty());
}

TEST_CASE("a missing directory is an error with the path") {
  const TempDirectory directory;
  CHECK(says(message_of([&] { TraceWriter(directory / "none/a.h5", {}); }),
             {"none/a.h5", "No such file", "directory must be made"}));
}

TEST_CASE("a file that appears during the run is not replaced, and the run can be recovered") {
  const TempDirectory directory;
  TraceWriter writer(directory / "a.h5", sample_header());
  writer.begin_step(sample_step(0));
  for (const SampleTap& tap : sample_taps(0)) writer.record(tap.spec, tap.tensor.view());
  write_file(directory / "a.h5", "precious");
  CHECK(says(message_of([&] { writer.finish(); }), {"a.h5", "exists"}));
  CHECK(read_file(directory / "a.h5") == "precious");
  CHECK(recover_trace(directory / "a.h5.part", directory / "saved.h5") == static_cast<int64_t>(sample_taps(0).size()));
}

TEST_CASE("taps that contradict themselves are refused by name") {
  const Tensor tensor = random_bits(DType::bf16, {2, 3}, 1);
  struct Row {
    TapSpec spec;
    Tensor tensor;
    const char* reason;
  };
  const Row rows[] = {
      {{"x", DType::f32, {}, false}, tensor, "declared f32, given bf16"},
      {{"x", DType::bf16, {"a"}, false}, tensor, "1 axes for shape [2, 3]"},
      {{"", DType::bf16, {}, false}, tensor, "path"},
      {{std::string("a\0b", 3), DType::bf16, {}, false}, tensor, "zero byte"},
      {{"x", DType::bf16, {}, false}, random_bits(DType::bf16, {1, 1, 1, 1, 1, 1, 1, 1, 1}, 1), "rank 9"},
  };
  for (const Row& row : rows) CHECK(says(refusal(row.spec, row.tensor), {row.reason}));
}

TEST_CASE("a tap twice in one step, a tap before any step and a step out of order are refused") {
  const TempDirectory directory;
  const Tensor tensor = random_bits(DType::u8, {2}, 1);
  const TapSpec spec = {"x", DType::u8, {}, false};
  TraceWriter writer(directory / "a.h5", {});
  CHECK(says(message_of([&] { writer.record(spec, tensor.view()); }), {"no step"}));
  writer.begin_step({1, 0, {}});
  writer.record(spec, tensor.view());
  CHECK(says(message_of([&] { writer.record(spec, tensor.view()); }), {"'x'", "twice"}));
  CHECK_THROWS_AS(writer.begin_step({1, 0, {}}), TraceError);
  CHECK_THROWS_AS(writer.begin_step({0, 0, {}}), TraceError);
  writer.begin_step({2, 0, {}});
  writer.record(spec, tensor.view());
  writer.finish();
  CHECK_THROWS_AS(writer.finish(), TraceError);
  CHECK_THROWS_AS(writer.record(spec, tensor.view()), TraceError);
  CHECK(Trace::open(directory / "a.h5").taps().size() == 2);
}

TEST_CASE("header texts that cannot be stored are refused by field") {
  const TempDirectory directory;
  TraceHeader header;
  header.device = std::string(40000, 'x');
  CHECK(says(message_of([&] { TraceWriter(directory / "a.h5", header); }), {"device"}));
  header.device = "";
  header.environment["locale"] = "\xff\xfe";
  CHECK(says(message_of([&] { TraceWriter(directory / "a.h5", header); }), {"environment", "UTF-8"}));
  CHECK(std::filesystem::is_empty(directory.path()));
}

// A limit on the file size stands in for a full disk: write fails in the same places, with EFBIG instead of ENOSPC.
TEST_CASE("a full disk is one error naming the file; what was acknowledged is recovered") {
  const TempDirectory directory;
  const Tensor tensor = random_bits(DType::f32, {1000}, 5);
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGXFSZ, SIG_IGN);
    const struct rlimit limit = {1'500'000, 1'500'000};  // HDF5 sets 1 MiB aside for its structure
    ::setrlimit(RLIMIT_FSIZE, &limit);
    TraceWriter writer(directory / "a.h5", sample_header());
    writer.begin_step(sample_step(0));
    int recorded = 0;
    std::string message;
    try {
      for (; recorded < 1000; ++recorded)
        writer.record({"x" + std::to_string(recorded), DType::f32, {}, false}, tensor.view());
    } catch (const TraceError& error) {
      message = error.what();
    }
    const bool told = message.find("a.h5") != std::string::npos && message.find("recover") != std::string::npos;
    const bool closed = message_of([&] { writer.finish(); }).find("earlier write failed") != std::string::npos;
    ::_exit(told && closed ? recorded : 255);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  const int recorded = WEXITSTATUS(status);
  CHECK(recorded > 0);
  CHECK(recorded < 120);  // 120 x 4000 bytes + 1 MiB is more than the limit
  CHECK(recover_trace(directory / "a.h5.part", directory / "b.h5") == recorded);
  const Trace trace = Trace::open(directory / "b.h5");
  CHECK(trace.header().recovered);
  CHECK(verify_trace(trace).empty());
}

TEST_CASE("an unfinished recording is refused with the way to save it") {
  const TempDirectory directory;
  {
    TraceWriter writer(directory / "a.h5", {});
    writer.begin_step({0, 0, {}});
    writer.record({"x", DType::u8, {}, false}, random_bits(DType::u8, {2}, 1).view());
    CHECK(says(message_of([&] { Trace::open(directory / "a.h5"); }), {"plumbline recover"}));
    CHECK(says(message_of([&] { Trace::open(directory / "a.h5.part"); }), {"plumbline recover"}));
  }
  CHECK(says(message_of([&] { Trace::open(directory / "a.h5.part"); }), {"plumbline recover"}));
  std::filesystem::rename(directory / "a.h5.part", directory / "c.h5");  // parted from its journal
  CHECK(says(message_of([&] { Trace::open(directory / "c.h5"); }), {"plumbline recover"}));
}

TEST_CASE("recover says what it needs") {
  const TempDirectory directory;
  CHECK(says(message_of([&] { recover_trace(directory / "a.h5.part", directory / "b.h5"); }), {"a.h5.part"}));
  write_file(directory / "a.h5.part", "x");
  CHECK(says(message_of([&] { recover_trace(directory / "a.h5.part", directory / "b.h5"); }), {"journal"}));
  write_file(directory / "a.h5.part.journal", "nonsense");
  CHECK(says(message_of([&] { recover_trace(directory / "a.h5.part", directory / "b.h5"); }), {"damaged"}));
  CHECK_FALSE(std::filesystem::exists(directory / "b.h5"));
}
