// SPDX-License-Identifier: Apache-2.0
// Every diagnostic code in the sources has its page, and every page says something.
#include "locate/codes.h"

#include <filesystem>
#include <regex>
#include <set>
#include <string>

#include "support/catch.h"
#include "support/temp_directory.h"

using namespace plumbline;

TEST_CASE("every code that the sources spell has an explanation") {
  std::set<std::string> spelled;
  const std::regex pattern("P0[0-9]{3}");
  for (const auto& entry : std::filesystem::recursive_directory_iterator(PLUMBLINE_SOURCE_DIR "/src")) {
    if (entry.path().extension() != ".cpp" && entry.path().extension() != ".h") continue;
    const std::string text = test::read_file(entry.path());
    for (std::sregex_iterator match(text.begin(), text.end(), pattern), end; match != end; ++match)
      spelled.insert(match->str());
  }
  CHECK(spelled.size() >= code_pages().size());
  for (const std::string& code : spelled) {
    INFO(code);
    CHECK(find_code_page(code) != nullptr);
  }
}

TEST_CASE("pages are sorted, unique, and narrow enough for a terminal") {
  std::string_view before;
  for (const CodePage& page : code_pages()) {
    CHECK(page.code > before);
    before = page.code;
    CHECK(page.title.size() > 10);
    CHECK(page.text.find("What to do:") != std::string_view::npos);
    for (size_t at = 0; at < page.text.size();) {
      const size_t end = std::min(page.text.find('\n', at), page.text.size());
      CHECK(end - at <= 78);
      at = end + 1;
    }
  }
  CHECK(find_code_page("p0201") == find_code_page("P0201"));
  CHECK(find_code_page("P9999") == nullptr);
}
