// SPDX-License-Identifier: Apache-2.0
// The libraries of healthy kernels hold no code with a defect: every template argument of type Defect is none.
#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <sstream>
#include <string>

#include "support/catch.h"

namespace {

/// The values of type Defect in the mangled names of a library's symbols ("6DefectE3E" is value 3).
std::set<int> defects_in(const std::string& library) {
  std::ifstream file(library, std::ios::binary);
  REQUIRE(file);
  const std::string bytes{std::istreambuf_iterator<char>(file), {}};
  static const std::regex kValue("6DefectE([0-9]+)E");
  std::set<int> values;
  for (std::sregex_iterator at(bytes.begin(), bytes.end(), kValue), end; at != end; ++at)
    values.insert(std::stoi((*at)[1]));
  return values;
}

}  // namespace

TEST_CASE("no library of healthy kernels has an instantiation with a defect", "[kernel]") {
  std::istringstream list(PLUMBLINE_HEALTHY_KERNELS);
  int with_the_parameter = 0;
  for (std::string library; std::getline(list, library, ':');) {
    INFO(library);
    const std::set<int> values = defects_in(library);
    for (const int value : values) CHECK(value == 0);
    with_the_parameter += values.empty() ? 0 : 1;
  }
  CHECK(with_the_parameter >= 5);  // linear, rmsnorm, heads, attention, elementwise: the pattern does match
}

TEST_CASE("the library of faulty kernels has every defect", "[kernel]") {
  const std::set<int> values = defects_in(PLUMBLINE_FAULTY_KERNELS);
  for (int value = 1; value <= 28; ++value) {
    INFO("defect " << value);
    CHECK(values.contains(value));
  }
}
