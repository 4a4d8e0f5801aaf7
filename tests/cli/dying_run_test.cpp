// SPDX-License-Identifier: Apache-2.0
// A whole plumbline-run, killed at each of its writes in turn, and given a full disk at each: `recover` gives back
// every tap that was acknowledged, bit for bit, and a full disk is a message and 2.
#include <fcntl.h>
#include <plumbline/trace.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <new>

#include "support/catch.h"
#include "support/temp_directory.h"
#include "support/tiny_model.h"
#include "unit/trace/crash_switch.h"

using namespace plumbline;
using namespace plumbline::test;

int plumbline_run_main(int argc, char** argv);  // main of src/run/main.cpp, renamed by the build

namespace {

std::string model() {
  static const TempDirectory directory = [] {
    TinyModelOptions options;
    options.layers = 1;
    options.hidden = 16;
    options.heads = 2;
    options.kv_heads = 1;
    options.head_dim = 8;
    options.intermediate = 16;
    return write_tiny_model(options);
  }();
  return directory.path().string();
}

struct Ended {
  int status = -1;   ///< exit status; 128 + signal if it died of one
  std::string said;  ///< on standard error
  Seen seen;
  bool says(const std::string& text) const { return said.find(text) != std::string::npos; }
};

/// The life of a child: two steps, all taps, into DIRECTORY/a.h5. No exec: a thousand of them would take minutes more.
[[noreturn]] void live(const std::string& model, const std::string& backend, const TempDirectory& directory,
                       Crash crash, int call, Seen* seen) {
  const int null = ::open("/dev/null", O_WRONLY);
  const int errors = ::open((directory / "stderr").c_str(), O_WRONLY | O_CREAT, 0600);
  ::dup2(null, STDOUT_FILENO);
  ::dup2(errors, STDERR_FILENO);
  ::alarm(60);
  keep_notes_in(seen);
  arm(crash, call);
  std::vector<std::string> words = {"plumbline-run",
                                    model,
                                    "--backend",
                                    backend,
                                    "--prompt",
                                    "ab",
                                    "--prefill",
                                    "1",
                                    "-o",
                                    (directory / "a.h5").string()};
  std::vector<char*> argv;
  for (std::string& word : words) argv.push_back(word.data());
  argv.push_back(nullptr);
  const int status = plumbline_run_main(static_cast<int>(words.size()), argv.data());
  std::fflush(nullptr);
  ::_exit(status);
}

Ended run(const std::string& backend, const TempDirectory& directory, Crash crash, int call) {
  static void* const page = ::mmap(nullptr, sizeof(Seen), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(page != MAP_FAILED);
  Seen* const seen = new (page) Seen;
  const std::string from = model();  // made by the parent
  std::fflush(nullptr);
  const pid_t child = ::fork();
  if (child == 0) live(from, backend, directory, crash, call, seen);
  int state = 0;
  REQUIRE(::waitpid(child, &state, 0) == child);
  return {WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state), read_file(directory / "stderr"), *seen};
}

/// How many taps `appends` records of the journal acknowledge: the first is the header, and each step has one.
size_t acknowledged(const Trace& whole, int appends) {
  size_t taps = 0;
  int64_t step = -1;
  for (int left = appends - 1; taps < whole.taps().size(); ++taps) {
    if (whole.taps()[taps].step != step) --left;
    step = whole.taps()[taps].step;
    if (--left < 0) break;
  }
  return taps;
}

/// `saved` holds the first `count` taps of `whole`, and no other.
void check_taps(const Trace& whole, const Trace& saved, size_t count) {
  CHECK(verify_trace(saved, 1).empty());
  CHECK(saved.taps().size() == count);
  for (size_t i = 0; i < count; ++i) {
    const TapEntry& entry = whole.taps()[i];
    const TapEntry* const there = saved.find(entry.path, entry.step);
    REQUIRE(there != nullptr);
    CHECK(there->xxh3 == entry.xxh3);
  }
}

/// The trace is whole under its name, or what was acknowledged can be recovered.
void check_survivors(const TempDirectory& directory, const Trace& whole, const Seen& seen) {
  const std::filesystem::path file = directory / "a.h5", part = directory / "a.h5.part";
  const size_t count = acknowledged(whole, seen.appends);
  if (std::filesystem::exists(file)) {
    std::filesystem::remove(directory / "a.h5.part.journal");  // killed between the rename and its removal
    return check_taps(whole, Trace::open(file), whole.taps().size());
  }
  if (count == 0) return;
  CHECK(recover_trace(part, directory / "saved.h5") == static_cast<int64_t>(count));
  const Trace saved = Trace::open(directory / "saved.h5");
  CHECK(saved.header().recovered);
  check_taps(whole, saved, count);
}

}  // namespace

TEST_CASE("a run that dies or finds the disk full at any of its writes loses no acknowledged tap") {
  const std::string backend =
      GENERATE("oracle", "twin");  // the twin has a thread that writes: every fifth call will do
  const TempDirectory home;
  const Ended undisturbed = run(backend, home, Crash::count, 0);
  INFO(undisturbed.said);
  REQUIRE(undisturbed.status == 0);
  const Trace whole = Trace::open(home / "a.h5");
  REQUIRE(whole.steps().size() == 2);
  REQUIRE(acknowledged(whole, undisturbed.seen.appends) == whole.taps().size());
  REQUIRE(acknowledged(whole, undisturbed.seen.appends - 1) == whole.taps().size() - 1);
  for (const Crash crash : {Crash::kill, Crash::torn_kill, Crash::no_space}) {
    for (int call = 1; call <= undisturbed.seen.calls; call += backend == "twin" ? 5 : 1) {
      const TempDirectory directory;
      const Ended ended = run(backend, directory, crash, call);
      INFO("mode " << static_cast<int>(crash) << ", call " << call << " of " << undisturbed.seen.calls << ": "
                   << ended.said);
      if (crash == Crash::no_space) {
        CHECK((ended.status == 2 || std::filesystem::exists(directory / "a.h5")));
        CHECK((ended.status == 0 || (ended.says("a.h5") && ended.says("No space left"))));
      } else {
        CHECK(ended.status == 128 + SIGKILL);
      }
      check_survivors(directory, whole, ended.seen);
    }
  }
  std::printf("%s: %d calls, %zu taps: killed before each, in the middle of each, and the disk full from each on\n",
              backend.c_str(), undisturbed.seen.calls, whole.taps().size());
}
