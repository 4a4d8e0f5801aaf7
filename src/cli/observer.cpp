// SPDX-License-Identifier: Apache-2.0
// `plumbline observer`: does recording change what is computed? In words, with the run that is to be believed.
#include "locate/observer.h"

#include <fmt/format.h>

#include <memory>

#include "cli/output.h"
#include "cli/verbs.h"
#include "report/escape.h"

namespace plumbline {
namespace {

constexpr size_t kNamed = 8;  // paths in one line

std::string listed(const std::vector<std::string>& paths, size_t count) {
  std::string out;
  for (size_t i = 0; i < std::min(count, kNamed); ++i) out += (i == 0 ? "" : ", ") + escaped(paths[i]);
  return count > kNamed ? out + fmt::format(" and {} more", count - kNamed) : out;
}

std::string runs_text(const ObserverReport& report, int width) {
  std::string out;
  for (const ObservedRun& run : report.runs)
    out += wrap(
        fmt::format("{}: {} taps, {:.2f} MiB{}", escaped(run.file), run.taps, static_cast<double>(run.bytes) / 0x1p20,
                    report.effect() ? fmt::format(", result {}", run.result + 1) : ""),
        "  ", "    ", width);
  return out;
}

std::string suspects_text(const ObserverReport& report, int width) {
  std::string out;
  for (const Suspects& suspects : report.suspects) {
    const size_t count = suspects.paths.size();
    out += wrap(fmt::format("recorded by every run with result {} and by no other: {}", suspects.result + 1,
                            listed(suspects.paths, count)),
                "  ", "    ", width);
    if (count > 1)
      out += wrap(fmt::format("to narrow it down, record once more without half of them: {}",
                              listed(suspects.paths, count / 2)),
                  "  help: ", "    ", width);
  }
  return out.empty() ? wrap("no tap alone decides: all runs with one result have none in common that the others lack",
                            "  ", "    ", width)
                     : out;
}

std::string effect_text(const ObserverReport& report, int width) {
  const std::string least = escaped(report.runs[report.least].file);
  return wrap(fmt::format("what is recorded changes what is computed: {} different results", report.results),
              "OBSERVER EFFECT  ", "  ", width) +
         wrap(fmt::format("first tap that differs: {} (step {}), of {} that every run recorded", escaped(report.first),
                          report.first_step, report.common.size()),
              "  ", "    ", width) +
         runs_text(report, width) + suspects_text(report, width) +
         wrap(fmt::format("{} recorded least and is nearest to what happens unobserved; judge the engine by what it "
                          "holds, at best caches and logits alone: `plumbline find REF {}`",
                          least, least),
              "  help: ", "    ", width);
}

std::string report_text(const ObserverReport& report, int width) {
  if (!report.why_not.empty())
    return wrap(escaped(report.why_not), "INCONCLUSIVE  ", "  ", width) + runs_text(report, width);
  if (report.effect()) return effect_text(report, width);
  return wrap(fmt::format("all {} taps that every run recorded hold the same bits, whatever else was recorded",
                          report.common.size()),
              "NO OBSERVER EFFECT  ", "  ", width) +
         runs_text(report, width);
}

}  // namespace

void add_observer(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand(
      "observer", "Whether recording changes what an engine computes, from runs that record different taps");
  auto files = std::make_shared<std::vector<std::string>>();
  verb->add_option("RUNS", *files, "Traces of one engine on the same tokens, at best one with few taps")
      ->required()
      ->expected(2, 1000);
  verb->footer(
      "Every bit that all runs recorded must be the same in all of them. Where it is\n"
      "not, the taps are named that all runs with one result have and no other has.\n"
      "Exit status: 0 no effect, 1 an effect, 2 unreadable, 3 other tokens or\n"
      "checkpoints, nothing in common, or runs that vary by themselves.\n\n"
      "Example:\n  plumbline observer all_taps.h5 logits_only.h5 half_the_taps.h5");
  verb->callback([files, &status] {
    std::vector<Trace> runs;
    for (const std::string& file : *files) {
      runs.push_back(Trace::open(file));
      require_sound(runs.back());
    }
    const ObserverReport report = compare_observed(runs);
    print(report_text(report, text_options(0).width));
    status = !report.why_not.empty() ? 3 : report.effect() ? 1 : 0;
  });
}

}  // namespace plumbline
