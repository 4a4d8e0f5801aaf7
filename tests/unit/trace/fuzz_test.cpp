// SPDX-License-Identifier: Apache-2.0
// Thousands of damaged files: each is an error or a sound read, the parent neither crashes nor hangs. Fixed seeds.
#include <cstdio>
#include <random>
#include <set>

#include "support/temp_directory.h"
#include "unit/trace/sample.h"
#include "unit/trace/says.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr int kMutants = 300;  // a fork is many times dearer there
#else
constexpr int kMutants = 1500;
#endif

struct Tally {
  int refused = 0, sound = 0, noticed = 0;
};

/// A small trace of ours, so that mutations hit structure as often as numbers.
void write_small(const std::filesystem::path& file) {
  TraceWriter writer(file, sample_header());
  for (const int64_t step : {0, 1}) {
    writer.begin_step(sample_step(step));
    for (int i = 0; i < 3; ++i)
      writer.record({"layer." + std::to_string(i) + ".x", DType::bf16, {"a", "b"}, false},
                    random_bits(DType::bf16, {3, 5}, static_cast<uint64_t>(i)).view());
  }
  writer.finish();
}

/// The bytes of the file that are not zero: its structure and payloads, without the empty space set aside.
std::vector<size_t> busy_places(const std::string& bytes) {
  std::vector<size_t> places;
  for (size_t i = 0; i < bytes.size(); ++i) {
    if (bytes[i] != 0) places.push_back(i);
  }
  return places;
}

std::string mutate(std::string bytes, const std::vector<size_t>& places, std::mt19937_64& generator) {
  const uint64_t edits = 1 + generator() % 4;
  for (uint64_t i = 0; i < edits; ++i) {
    const size_t place = places[generator() % places.size()];
    switch (generator() % 4) {
      case 0: bytes[place] ^= static_cast<char>(1 << (generator() % 8)); break;
      case 1: bytes[place] = static_cast<char>(generator()); break;
      case 2: bytes[place] = static_cast<char>(0xff); break;
      default:
        for (size_t k = place; k < std::min(place + 8, bytes.size()); ++k) bytes[k] = static_cast<char>(generator());
    }
  }
  return bytes;
}

/// Opens a damaged file and touches every byte of every tap.
void probe(const std::filesystem::path& file, const Trace* original, Tally& tally) {
  try {
    const Trace trace = Trace::open(file);
    size_t sum = 0;
    for (const TapEntry& entry : trace.taps()) {
      const Tensor tensor = trace.read(entry);
      for (const std::byte byte : tensor.view().bytes()) sum += static_cast<size_t>(byte);
    }
    CHECK(sum < SIZE_MAX);
    const std::vector<std::string> damaged = verify_trace(trace);
    if (original) {  // ours: structure is checksummed, and a changed number is noticed
      REQUIRE(trace.taps().size() == original->taps().size());
      for (size_t i = 0; i < trace.taps().size(); ++i) {
        const TapEntry &before = original->taps()[i], &after = trace.taps()[i];
        CHECK(after.path == before.path);
        CHECK(after.shape == before.shape);
        CHECK(after.dtype == before.dtype);
        const bool same = bytes_of(trace.read(after)) == bytes_of(original->read(before));
        const bool named = std::find(damaged.begin(), damaged.end(), after.path) != damaged.end();
        if (!same) CHECK(named);
      }
    }
    ++(damaged.empty() ? tally.sound : tally.noticed);
  } catch (const TraceError& error) {
    CHECK(says(error.what(), {file.filename().string()}));
    ++tally.refused;
  }
}

Tally fuzz(const std::string& bytes, const Trace* original, int mutants, uint64_t seed) {
  const TempDirectory directory;
  const std::vector<size_t> places = busy_places(bytes);
  std::mt19937_64 generator(seed);
  Tally tally;
  for (int i = 0; i < mutants; ++i) {
    INFO("mutant " << i << " of seed " << seed);
    write_file(directory / "mutant.h5", mutate(bytes, places, generator));
    probe(directory / "mutant.h5", original, tally);
  }
  return tally;
}

void print(const char* what, const Tally& tally) {
  std::printf("%s: %d refused, %d read as sound, %d read with the damage noticed by verify\n", what, tally.refused,
              tally.sound, tally.noticed);
}

}  // namespace

TEST_CASE("a mutated trace of ours is refused, or read with every changed number noticed") {
  const TempDirectory directory;
  write_small(directory / "a.h5");
  const Trace original = Trace::open(directory / "a.h5");
  const Tally tally = fuzz(read_file(directory / "a.h5"), &original, kMutants, 20260101);
  print("own trace, seed 20260101", tally);
  CHECK(tally.refused > 0);
  CHECK(tally.refused + tally.sound + tally.noticed == kMutants);
}

TEST_CASE("a mutated file of h5py is refused or read, never fatal") {
  const std::string bytes = read_file(PLUMBLINE_SOURCE_DIR "/dumps/golden/h5py_foreign.h5");
  const Tally tally = fuzz(bytes, nullptr, kMutants, 20260102);
  print("h5py file, seed 20260102", tally);
  CHECK(tally.refused > 0);
  CHECK(tally.refused + tally.sound + tally.noticed == kMutants);
}

TEST_CASE("a trace cut at every structural boundary is refused") {
  const TempDirectory directory;
  write_small(directory / "a.h5");
  const std::string bytes = read_file(directory / "a.h5");
  const Trace original = Trace::open(directory / "a.h5");
  std::set<size_t> cuts = {0, 1, 7, 8, 12, 48, 512, 4096, bytes.size() / 2, bytes.size() - 1};
  for (const TapEntry& entry : original.taps()) {
    cuts.insert(static_cast<size_t>(entry.file_offset));
    cuts.insert(static_cast<size_t>(entry.file_offset + entry.byte_size));
  }
  for (const char* signature : {"OHDR", "OCHK", "FRHP", "FHDB", "BTHD", "BTLF", "BTIN", "SNOD", "TREE", "HEAP"}) {
    for (size_t at = bytes.find(signature); at != std::string::npos; at = bytes.find(signature, at + 1)) {
      cuts.insert(at);
      cuts.insert(at + 4);
    }
  }
  for (const size_t cut : cuts) {
    if (cut >= bytes.size()) continue;
    INFO("cut at " << cut << " of " << bytes.size());
    write_file(directory / "cut.h5", std::string_view(bytes).substr(0, cut));
    CHECK(says(message_of([&] { Trace::open(directory / "cut.h5"); }), {"cut.h5"}));
  }
  std::printf("cuts: %zu\n", cuts.size());
}

TEST_CASE("an h5py file cut anywhere is refused") {
  const TempDirectory directory;
  const std::string bytes = read_file(PLUMBLINE_SOURCE_DIR "/dumps/golden/h5py_foreign.h5");
  for (size_t cut = 0; cut < bytes.size(); cut += 97) {
    INFO("cut at " << cut << " of " << bytes.size());
    write_file(directory / "cut.h5", std::string_view(bytes).substr(0, cut));
    CHECK(says(message_of([&] { Trace::open(directory / "cut.h5"); }), {"cut.h5"}));
  }
}
