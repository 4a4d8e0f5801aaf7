// SPDX-License-Identifier: Apache-2.0
// plumbline-fuzz: mutants of sound files, or the files of a kept corpus, through every reader. Exit status 0: no
// defect; 1: a defect, whose file is kept under a path that is printed; 2: usage.
#include <plumbline/error.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <chrono>
#include <cstdio>

#include "core/process_start.h"
#include "fuzz/campaign.h"
#include "fuzz/heap_meter.h"
#include "support/temp_directory.h"

namespace plumbline::test {
namespace {

namespace fs = std::filesystem;

struct Options {
  int64_t mutants = 2000, first = 0;
  uint64_t seed = 1;
  std::string corpus, keep = "fuzz-culprits";
  std::vector<std::string> readers;
};

std::vector<const Reader*> chosen(const std::vector<std::string>& names) {
  std::vector<const Reader*> readers;
  std::string known;
  for (const Reader& reader : all_readers()) {
    known += " " + std::string(reader.name);
    if (names.empty() || std::find(names.begin(), names.end(), reader.name) != names.end()) readers.push_back(&reader);
  }
  if (!names.empty() && readers.size() != names.size()) throw UsageError("fuzz: no such reader; there are" + known);
  return readers;
}

/// Writes the culprit and says where it is.
void keep(const fs::path& folder, const Reader& reader, int64_t number, const std::string& bytes,
          const std::string& defect) {
  fs::create_directories(folder);
  const fs::path file = folder / (std::string(reader.name) + "-" + std::to_string(number));
  write_file(file, bytes);
  std::fprintf(stderr, "%s: case %ld: %s\n  kept  %s\n", std::string(reader.name).c_str(), static_cast<long>(number),
               defect.c_str(), fs::absolute(file).c_str());
}

void print_row(const Reader& reader, int64_t cases, const Tally& tally, double seconds) {
  std::printf("%-14s %8ld %8ld %8ld %8ld %9.2f MiB %6.3f %8.1f s\n", std::string(reader.name).c_str(),
              static_cast<long>(cases), static_cast<long>(tally.sound), static_cast<long>(tally.refused),
              static_cast<long>(tally.crashed), static_cast<double>(tally.peak_bytes) / (1 << 20), tally.peak_share,
              seconds);
  std::fflush(stdout);
}

/// Runs one campaign and prints its row; the number of defects.
int64_t carry_out(const Reader& reader, const fs::path& folder, Campaign campaign, const Options& options) {
  const auto start = std::chrono::steady_clock::now();
  std::fprintf(stderr, "%s: %ld cases\n", std::string(reader.name).c_str(), static_cast<long>(campaign.cases));
  campaign.report = [&](int64_t number, const std::string& bytes, const std::string& defect) {
    keep(options.keep, reader, options.first + number, bytes, defect);
  };
  const Tally tally = run_campaign(reader, folder, campaign);
  print_row(reader, campaign.cases, tally,
            std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count());
  return tally.crashed;
}

int64_t fuzz(const Reader& reader, const Options& options) {
  const TempDirectory folder;
  const std::vector<std::string> seeds = reader.seeds(folder.path());
  for (const std::string& seed : seeds) reader.read(folder.path(), seed);  // throws unless it is sound
  Campaign campaign;
  campaign.cases = options.mutants;
  campaign.make = [&](int64_t number) {
    number += options.first;
    // Mixed, as the generator steps by a constant: neighbouring seeds would else give the same numbers, shifted by one.
    SplitMix64 random((fnv1a(reader.name) ^ SplitMix64(options.seed).next()) + static_cast<uint64_t>(number));
    const std::string& seed = seeds[random.next() % seeds.size()];
    if (number % 1000 == 999)
      std::fprintf(stderr, "%s: %ld of %ld\n", std::string(reader.name).c_str(), static_cast<long>(number + 1),
                   static_cast<long>(options.first + options.mutants));
    return mutate(seed, reader.form, random);
  };
  return carry_out(reader, folder.path(), campaign, options);
}

/// The files of CORPUS/READER; those named sound-* must be read, all others refused.
int64_t walk(const Reader& reader, const Options& options) {
  std::vector<fs::path> sound, hostile;
  for (const auto& entry : fs::directory_iterator(fs::path(options.corpus) / reader.name)) {
    const bool is_sound = entry.path().filename().string().starts_with("sound-");
    (is_sound ? sound : hostile).push_back(entry.path());
  }
  std::sort(hostile.begin(), hostile.end());
  if (hostile.empty() && sound.empty())
    throw InputError("fuzz: no file in " + options.corpus + "/" + std::string(reader.name));
  const TempDirectory folder;
  reader.seeds(folder.path());
  for (const fs::path& file : sound) reader.read(folder.path(), read_file(file));
  Campaign campaign;
  campaign.cases = static_cast<int64_t>(hostile.size());
  campaign.all_refused = true;
  campaign.make = [&](int64_t number) { return read_file(hostile[static_cast<size_t>(number)]); };
  return carry_out(reader, folder.path(), campaign, options);
}

int run(int argc, char** argv) {
  start_process();
  Options options;
  CLI::App app("Damaged files through every reader of untrusted input", "plumbline-fuzz");
  app.add_option("--mutants", options.mutants, "Mutants of each reader")->check(CLI::Range(1, 1 << 30))->take_last();
  app.add_option("--seed", options.seed, "Seed of the mutator");
  app.add_option("--first", options.first, "Number of the first mutant: the one that a culprit is named after")
      ->check(CLI::Range(0, 1 << 30));
  app.add_option("--keep", options.keep, "Folder for files that show a defect")->take_last();
  app.add_option("--corpus", options.corpus, "Folder READER/FILE: read these files instead of mutants");
  app.add_option("READER", options.readers, "Readers (default all)");
  CLI11_PARSE(app, argc, argv);
  start_heap_meter();
  const std::vector<const Reader*> readers = chosen(options.readers);
  std::printf("%-14s %8s %8s %8s %8s %13s %6s %10s\n", "reader", "cases", "sound", "refused", "crashed", "peak heap",
              "share", "time");
  int64_t defects = 0;
  for (const Reader* reader : readers)
    defects += options.corpus.empty() ? fuzz(*reader, options) : walk(*reader, options);
  std::printf("%ld defects\n", static_cast<long>(defects));
  return defects == 0 ? 0 : 1;
}

}  // namespace
}  // namespace plumbline::test

int main(int argc, char** argv) {
  try {
    return plumbline::test::run(argc, argv);
  } catch (const std::exception& error) {
    std::fprintf(stderr, "%s\n", error.what());
  }
  return 2;
}
