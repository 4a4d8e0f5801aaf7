// SPDX-License-Identifier: Apache-2.0
// `plumbline run` where the surroundings are hostile: closed streams, pipes, limits, signals, things in the way.
// Whatever happens, the outcome is a whole trace or a clear message, and nothing that was there before is lost.
#include <sys/stat.h>

#include <filesystem>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "support/catch.h"
#include "support/temp_directory.h"
#include "support/tiny_model.h"

using namespace plumbline::test;
namespace fs = std::filesystem;

namespace {

const std::string kProgram = PLUMBLINE_BINARY_DIR "/bin/plumbline-run";

Said shell(const std::string& script) { return run_program("/bin/sh", {"-c", script}); }

/// "plumbline-run MODEL --backend oracle OPTIONS -o FILE"; the shell's own syntax may follow it.
std::string oracle(const std::string& options, const std::string& file) {
  return kProgram + " " + model_directory() + " --backend oracle " + options + " -o " + file;
}

bool left_behind(const std::string& file) { return fs::exists(file + ".part") || fs::exists(file + ".part.journal"); }

}  // namespace

TEST_CASE("a closed standard stream costs nothing but what it would have shown") {
  // 600 control characters make a report of over 4096 bytes: more than stdio keeps back until the program ends.
  TinyModelOptions options;
  options.layers = 1;
  const TempDirectory model = write_tiny_model(options);
  const std::string arguments = " " + model.path().string() + " --backend oracle --taps logits --json --prompt '" +
                                std::string(600, '\x01') + "' -o ";
  int number = 0;
  for (const std::string& program : {kProgram, std::string(PLUMBLINE_BINARY_DIR "/bin/plumbline run")}) {
    for (const std::string& closed : std::vector<std::string>{"<&-", ">&-", "2>&-", "<&- >&- 2>&-"}) {
      const std::string file = scratch("closed" + std::to_string(number++) + ".h5");
      const std::string command = program + arguments + file;
      INFO(program << " " << closed);
      CHECK(shell(command + " " + closed).status == 0);
      CHECK(call({"verify", file}).status == 0);
    }
  }
  const Said refused = shell(std::string(PLUMBLINE_BINARY_DIR "/bin/plumbline verify ") + scratch("none.h5") + " >&-");
  CHECK(refused.status == 2);
  CHECK(refused.complains("none.h5"));
}

TEST_CASE("token ids may come out of a pipe, a trace may not") {
  const std::string ids = scratch("piped_ids.json"), file = scratch("piped.h5");
  write_file(ids, "[80, 108, 117, 109, 98]\n");
  const Said piped = shell("cat " + ids + " | " + oracle("--json --tokens /dev/stdin", file));
  INFO(piped.err);
  REQUIRE(piped.status == 0);
  CHECK(nlohmann::json::parse(piped.out)["prompt_ids"] == std::vector<int>{80, 108, 117, 109, 98});
  const Said trace = shell("cat " + file + " | " + oracle("--tokens /dev/stdin", scratch("piped2.h5")));
  CHECK(trace.status == 2);
  CHECK(trace.complains("no regular file"));
  const Said endless = shell(oracle("--tokens /dev/zero", scratch("piped3.h5")));
  CHECK(endless.status == 2);
  CHECK(endless.complains("64 MiB"));
}

TEST_CASE("a forced run replaces regular files only") {
  const std::string directory = scratch("in_the_way.d"), pipe = scratch("in_the_way.pipe"),
                    link = scratch("in_the_way.link"), target = scratch("in_the_way.txt");
  fs::create_directory(directory);
  REQUIRE(::mkfifo(pipe.c_str(), 0600) == 0);
  write_file(target, "precious");
  fs::create_symlink(target, link);
  for (const std::string& file : {directory, pipe, link}) {
    const Said said = shell(oracle("--prompt Hi --force", file));
    INFO(said.err);
    CHECK(said.status == 2);
    CHECK(said.complains(file));
    CHECK_FALSE(left_behind(file));
  }
  CHECK(fs::is_directory(directory));
  CHECK(fs::is_fifo(pipe));
  CHECK(fs::is_symlink(link));
  CHECK(read_file(target) == "precious");
}

TEST_CASE("a forced run keeps the old trace until the new one is whole, and drops what an interrupted run left") {
  const std::string file = scratch("forced.h5");
  REQUIRE(shell(oracle("--prompt Hi", file)).status == 0);
  const std::string before = read_file(file);
  // A limit of 512 byte blocks stands in for a full disk: HDF5 alone sets 1 MiB aside.
  const Said full = shell("ulimit -f 2200; " + oracle("--prompt 'A longer text' --new 9 --force", file));
  INFO(full.err);
  CHECK(full.status == 2);
  CHECK(full.complains("recover"));
  CHECK(read_file(file) == before);
  CHECK(call({"recover", file + ".part", "-o", scratch("forced_saved.h5")}).status == 0);
  CHECK(call({"verify", scratch("forced_saved.h5")}).status == 0);

  fs::remove(file);
  const Said blocked = shell(oracle("--prompt Hi", file));
  CHECK(blocked.status == 2);
  CHECK(blocked.complains("--force"));
  CHECK(shell(oracle("--prompt Hi --force", file)).status == 0);
  CHECK(call({"verify", file}).status == 0);
  CHECK_FALSE(left_behind(file));
}

TEST_CASE("the number of threads has a range, and its upper end works") {
  const std::string command =
      kProgram + " " + model_directory() + " --backend twin --prompt Hi --taps logits --threads ";
  for (const char* threads : {"0", "1025", "1000000", "99999999999999999999", "-1", "two"}) {
    const Said said = shell(command + threads + " -o " + scratch("threads.h5"));
    INFO(threads << ": " << said.err);
    CHECK(said.status == 2);
    CHECK(said.complains("--threads"));
    CHECK(said.complains("1 to 1024"));
  }
  const Said said = shell(command + "1024 -o " + scratch("threads.h5"));
  INFO(said.err);
  CHECK(said.status == 0);
}

TEST_CASE("a rejected token id leaves nothing that blocks the corrected command") {
  const std::string ids = scratch("far_ids.txt"), file = scratch("far.h5");
  for (const char* bad : {"1 2 320", "-1 2", "1 9223372036854775807"}) {
    write_file(ids, bad);
    const Said said = shell(oracle("--prefill 1 --tokens " + ids, file));
    INFO(said.err);
    CHECK(said.status == 2);
    CHECK(said.complains("0 to 319"));
    CHECK_FALSE(left_behind(file));
  }
  write_file(ids, "1 2 319");
  CHECK(shell(oracle("--tokens " + ids, file)).status == 0);
}

TEST_CASE("a report that cannot be written is 2; the trace is whole") {
  const std::string file = scratch("unreported.h5");
  const Said full = shell(oracle("--prompt Hi", file) + " >/dev/full");
  CHECK(full.status == 2);
  CHECK(full.complains("is whole"));
  CHECK(call({"verify", file}).status == 0);
  CHECK_FALSE(left_behind(file));
  // The reader of the pipe is gone long before the report comes.
  const Said gone = shell("{ " + oracle("--prompt Hi --force", file) + "; echo $? >" + scratch("gone") + "; } | true");
  CHECK(read_file(scratch("gone")) == "2\n");
  CHECK(gone.complains("Broken pipe"));
  CHECK(call({"verify", file}).status == 0);
}

TEST_CASE("an interrupted run says so, ends by the signal and can be recovered") {
  const std::string file = scratch("interrupted.h5");
  // Far more steps than there is time for; the signal comes when 2 MiB are written, more than HDF5's own.
  const Said said =
      shell(oracle("--prompt Hi --new 4000", file) + " & run=$!; until [ \"$(stat -c %s " + file +
            ".part 2>/dev/null || echo 0)\" -gt 2097152 ]; do sleep 0.02; done; " + "kill -TERM $run; wait $run");
  INFO(said.err);
  CHECK(said.status == 128 + 15);
  CHECK(said.complains("plumbline recover " + file + ".part"));
  CHECK_FALSE(fs::exists(file));
  CHECK(call({"recover", file + ".part", "-o", scratch("interrupted_saved.h5")}).status == 0);
  CHECK(call({"verify", scratch("interrupted_saved.h5")}).status == 0);
}
