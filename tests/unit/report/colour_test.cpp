// SPDX-License-Identifier: Apache-2.0
// Colour is laid over a report and says nothing of its own.
#include "report/colour.h"

#include <regex>

#include "report/report.h"
#include "support/catch.h"
#include "unit/report/samples.h"

namespace plumbline::test {
namespace {

std::string stripped(const std::string& text) {
  static const std::regex kSequence("\033\\[[0-9;]*m");
  return std::regex_replace(text, kSequence, "");
}

constexpr const char *kRed = "\033[1;31m", *kGreen = "\033[1;32m", *kYellow = "\033[1;33m";

}  // namespace

TEST_CASE("without its escape sequences a painted report is the plain one, at any width") {
  for (const FindReport& report : {parity_report(), diverging_report(), waived_report(), inconclusive_report()}) {
    for (const int width : {40, 60, 80, 160}) {
      const TextOptions plain{.width = width}, colour{.width = width, .colour = true};
      const std::string painted_text = render_text(report, colour);
      CHECK(stripped(painted_text) == render_text(report, plain));
      CHECK(painted_text != render_text(report, plain));
    }
  }
}

TEST_CASE("the verdict, the head of a diagnostic, its carets and the cells of the grid are told apart") {
  CHECK(painted("PARITY  a vs b\n") == std::string(kGreen) + "PARITY\033[0m  a vs b\n");
  CHECK(painted("DIVERGENCE  a vs b").starts_with(kRed));
  CHECK(painted("INCONCLUSIVE  a vs b").starts_with(kYellow));
  CHECK(painted("error[P0201]: text") == std::string(kRed) + "error[P0201]\033[0m: text");
  CHECK(painted("errors abound") == "errors abound");
  CHECK(painted("   |      ^^^^").find(std::string(kRed) + "      ^^^^") != std::string::npos);
  const std::string grid =
      painted("  op \\ layer         0    4    own inh.    worst\n  attn.q             ..3~    1    1\n");
  CHECK(grid.find(std::string(kRed) + "3\033[0m") != std::string::npos);
  CHECK(grid.find("attn.q") < grid.find("\033[2m."));
}

}  // namespace plumbline::test
