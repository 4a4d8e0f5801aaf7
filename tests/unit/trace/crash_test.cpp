// SPDX-License-Identifier: Apache-2.0
// Whatever instant a writer dies at, or runs out of disk, every tap that it had acknowledged is readable afterwards.
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <csignal>
#include <cstdio>
#include <new>

#include "support/temp_directory.h"
#include "unit/trace/crash_switch.h"
#include "unit/trace/sample.h"
#include "unit/trace/says.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

constexpr int kTapsPerStep = 6, kSteps = 2;

/// What a dying child had got done, seen by its parent.
struct Progress {
  std::atomic<int> steps = 0, taps = 0, calls = 0;
  std::atomic<bool> opened = false, finished = false, refused = false;
};

Progress* shared_progress() {
  void* memory = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  REQUIRE(memory != MAP_FAILED);
  return new (memory) Progress;
}

TapSpec spec_of(int i) { return {"layer." + std::to_string(i) + ".x", DType::f32, {}, false}; }
Tensor tensor_of(int step, int i) {
  return random_bits(DType::f32, {1 + 700 * i}, static_cast<uint64_t>(100 * step + i));
}

void record_all(const std::filesystem::path& file, Progress& progress) {
  TraceWriter writer(file, sample_header());
  progress.opened = true;
  for (int step = 0; step < kSteps; ++step) {
    writer.begin_step(sample_step(step));
    ++progress.steps;
    for (int i = 0; i < kTapsPerStep; ++i) {
      writer.record(spec_of(i), tensor_of(step, i).view());
      ++progress.taps;
    }
  }
  writer.finish();
  progress.finished = true;
}

/// Runs the writer in a child with the switch armed; how it ended.
int run_writer(const std::filesystem::path& file, Crash crash, int nth_call, Progress& progress) {
  std::fflush(stdout);
  const pid_t child = ::fork();
  if (child == 0) {
    ::alarm(60);
    arm(crash, nth_call);
    try {
      record_all(file, progress);
    } catch (const TraceError&) {
      progress.refused = true;
    } catch (...) {
      ::_exit(3);
    }
    progress.calls = calls_so_far();
    ::_exit(0);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  return status;
}

/// Opens the trace or recovers it; every acknowledged tap must be there, bit for bit.
void check_survivors(const TempDirectory& directory, const Progress& progress) {
  std::filesystem::path file = directory / "a.h5";
  if (!std::filesystem::exists(file)) {
    CHECK_FALSE(progress.finished);
    if (!progress.opened) return;                  // nothing was acknowledged
    if (progress.refused && progress.taps == 0) {  // an orderly end before the first tap leaves nothing in the way
      CHECK(std::filesystem::is_empty(directory.path()));
      return;
    }
    file = directory / "b.h5";
    const int64_t saved = recover_trace(directory / "a.h5.part", file);
    CHECK(saved >= progress.taps);
    CHECK(saved <= progress.taps + 1);  // written and journalled, but not yet acknowledged
    CHECK(Trace::open(file).header().recovered);
  }
  const Trace trace = Trace::open(file);
  CHECK(verify_trace(trace).empty());
  CHECK(static_cast<int>(trace.steps().size()) >= progress.steps);
  for (int n = 0; n < progress.taps; ++n) {
    const int step = n / kTapsPerStep, i = n % kTapsPerStep;
    const TapEntry* entry = trace.find(spec_of(i).path, step);
    REQUIRE(entry != nullptr);
    CHECK(bytes_of(trace.read(*entry)) == bytes_of(tensor_of(step, i)));
  }
}

/// The number of file-changing calls in an undisturbed run.
int undisturbed_calls() {
  const TempDirectory directory;
  Progress* progress = shared_progress();
  REQUIRE(run_writer(directory / "a.h5", Crash::count, 0, *progress) == 0);
  REQUIRE(progress->finished);
  check_survivors(directory, *progress);
  return progress->calls;
}

}  // namespace

TEST_CASE("a writer killed at any of its calls loses nothing that it acknowledged") {
  const int calls = undisturbed_calls();
  REQUIRE(calls > 2 * kSteps * kTapsPerStep);  // a payload and a journal record per tap at least
  for (const Crash crash : {Crash::kill, Crash::torn_kill}) {
    for (int nth = 1; nth <= calls; ++nth) {
      const TempDirectory directory;
      Progress* progress = shared_progress();
      const int status = run_writer(directory / "a.h5", crash, nth, *progress);
      INFO((crash == Crash::kill ? "killed at call " : "torn at call ") << nth << " of " << calls);
      CHECK(WIFSIGNALED(status));
      CHECK(WTERMSIG(status) == SIGKILL);
      check_survivors(directory, *progress);
      ::munmap(progress, sizeof *progress);
    }
  }
  std::printf("crash points: %d, each killed before and in the middle of the call\n", calls);
}

TEST_CASE("a disk that fills up at any call is a clean error and loses nothing") {
  const int calls = undisturbed_calls();
  for (int nth = 1; nth <= calls; ++nth) {
    const TempDirectory directory;
    Progress* progress = shared_progress();
    INFO("full at call " << nth << " of " << calls);
    CHECK(run_writer(directory / "a.h5", Crash::no_space, nth, *progress) == 0);  // neither crashes nor hangs
    CHECK(progress->refused != progress->finished);
    check_survivors(directory, *progress);
    ::munmap(progress, sizeof *progress);
  }
}

TEST_CASE("a damaged payload or journal costs only the taps it touches") {
  const TempDirectory directory;
  Progress* progress = shared_progress();
  const int calls = undisturbed_calls();
  run_writer(directory / "a.h5", Crash::kill, calls - 4, *progress);  // in finish
  REQUIRE(progress->taps == kSteps * kTapsPerStep);
  const std::string part = read_file(directory / "a.h5.part"), journal = read_file(directory / "a.h5.part.journal");

  const std::string victim = bytes_of(tensor_of(0, 3));
  std::string damaged = part;
  const size_t place = damaged.find(victim);
  REQUIRE(place != std::string::npos);
  damaged[place + 5] ^= 4;
  write_file(directory / "a.h5.part", damaged);
  CHECK(recover_trace(directory / "a.h5.part", directory / "payload.h5") == kSteps * kTapsPerStep - 1);
  CHECK(Trace::open(directory / "payload.h5").find("layer.3.x", 0) == nullptr);

  write_file(directory / "a.h5.part", part);
  write_file(directory / "a.h5.part.journal", journal.substr(0, journal.size() - 1));
  CHECK(recover_trace(directory / "a.h5.part", directory / "cut.h5") == kSteps * kTapsPerStep - 1);
  CHECK(verify_trace(Trace::open(directory / "cut.h5")).empty());

  write_file(directory / "a.h5.part.journal", journal);
  write_file(directory / "a.h5.part", part.substr(0, part.find(bytes_of(tensor_of(1, 2)))));
  CHECK(recover_trace(directory / "a.h5.part", directory / "short.h5") < kSteps * kTapsPerStep);
  CHECK(verify_trace(Trace::open(directory / "short.h5")).empty());
}
