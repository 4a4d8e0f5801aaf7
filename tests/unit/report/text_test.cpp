// SPDX-License-Identifier: Apache-2.0
// The text report, as approved, at several widths and with hostile names.
#include <algorithm>
#include <sstream>

#include "report/escape.h"
#include "report/report.h"
#include "support/catch.h"
#include "unit/report/approved.h"
#include "unit/report/samples.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

/// Commands are left out: they must stay in one piece.
std::string widest(const std::string& text) {
  std::istringstream lines(text);
  std::string widest;
  for (std::string line; std::getline(lines, line);)
    if (line.find("plumbline show") == std::string::npos && line.find("`--fault") == std::string::npos &&
        line.size() > widest.size())
      widest = line;
  return widest;
}

}  // namespace

TEST_CASE("the report reads as approved") {
  check_approved("divergence_80.txt", render_text(diverging_report()));
  check_approved("divergence_120.txt", render_text(diverging_report(), {120, 3, true}));
  check_approved("parity_80.txt", render_text(parity_report()));
  check_approved("identical_80.txt", render_text(identical_report()));
  check_approved("inconclusive_80.txt", render_text(inconclusive_report()));
  check_approved("waived_80.txt", render_text(waived_report()));
  check_approved("amplified_80.txt", render_text(amplified_report()));
  check_approved("selected_80.txt", render_text(selected_report()));
  FindReport diff = diverging_report();
  diff.verb = "diff";
  check_approved("diff_80.txt", render_text(diff));
}

TEST_CASE("no line but a command passes the width") {
  for (const int width : {40, 60, 80, 100, 120}) {
    for (const FindReport& report : {diverging_report(), amplified_report(), identical_report()}) {
      const std::string line = widest(render_text(report, {width, 10, true}));
      INFO(line);
      CHECK(line.size() <= static_cast<size_t>(width));
    }
  }
}

TEST_CASE("without any difference the prediction stands alone, and nothing is said to have grown") {
  FindReport report = parity_report();
  report.amplification = Amplification{};
  report.amplification->predicted_at_end = 1e6;
  report.amplification->layers = {{0, 1e6, 1e6, 0.0, 0.0}};
  const std::string text = render_text(report);
  CHECK(text.find("compound to 1e+06 over 1 layers") != std::string::npos);
  CHECK(text.find("it grew") == std::string::npos);
}

TEST_CASE("many layers share cells, and the worst of a cell is shown") {
  FindReport report = parity_report();
  report.layers = 200;
  report.ops.clear();
  for (int layer = 0; layer < 200; ++layer) {
    OpRow row;
    row.op = "layer." + std::to_string(layer) + ".in_norm";
    row.layer = layer;
    row.role = layer == 77 ? Role::origin : Role::clean;
    row.own_share = layer == 77 ? 1e5 : 0.1;
    row.judged = true;
    report.ops.push_back(row);
  }
  const std::string text = render_text(report);
  CHECK(text.find("the worst of 8 layers") != std::string::npos);
  CHECK(text.find('5') != std::string::npos);
  CHECK(widest(text).size() <= 80);
}

TEST_CASE("what was not checked is named with its reason, and counted by elements") {
  FindReport report = diverging_report();
  const auto row = [&](const std::string& op) -> OpRow& {
    return *std::find_if(report.ops.begin(), report.ops.end(), [&](const OpRow& each) { return each.op == op; });
  };
  OpRow &lost = row("layer.6.attn.softmax"), &passed = row("layer.1.in_norm"), &end = row("layer.1.attn.k_norm");
  lost.judged = false;
  lost.role = Role::unknown;
  lost.reason = "its results were not recorded on both sides";
  passed.judged = passed.compared = false;
  passed.elements = 0;
  end.segment = {passed.op};
  Finding second = report.findings.front();
  second.op = "layer.5.attn.k_norm";
  second.causes.clear();
  report.findings.push_back(second);
  const std::string text = render_text(report, {120, 3, true});
  INFO(text);
  const auto says = [&](const std::string& words) { return text.find(words) != std::string::npos; };
  CHECK(says("not checked:\n"));
  CHECK(says("1 op (its results were not recorded on both sides): layer.6.attn.softmax\n"));
  CHECK(says("1 op (by themselves; together with the ops around them they were): layer.1.in_norm\n"));
  CHECK(says("causes of 1 finding: sought at the first ones only\n"));
  CHECK(says("32768 of 33792 elements (97.0%)"));  // 34 ops of 1024: one is not there, one has no verdict
  CHECK(render_text(diverging_report(), {120, 3, true}).find("not checked:") == std::string::npos);
}

TEST_CASE("names out of files cannot drive the terminal") {
  const std::string text = render_text(inconclusive_report());
  CHECK(text.find('\x1b') == std::string::npos);
  CHECK(text.find("ref\\x1b[31m.h5") != std::string::npos);
  CHECK(text.find("cand\\n.h5") != std::string::npos);
  CHECK(escaped("a\tb\x7f\xff") == "a\\tb\\x7f\\xff");
  CHECK(escaped_lines("a\nb\r") == "a\nb\\r");
}

TEST_CASE("lines break at blanks, never inside a command") {
  CHECK(wrap("one two three", "> ", "  ", 9) == "> one two\n  three\n");
  CHECK(wrap("run `a b c d e f` now", "", "", 6) == "run\n`a b c d e f`\nnow\n");
  CHECK(wrap("", "x", "y", 10) == "x\n");
}
