// SPDX-License-Identifier: Apache-2.0
// Globs over tap paths: iterative with one backtrack point, so no pattern is slow.
#include <plumbline/tap.h>

namespace plumbline {

bool glob_matches(std::string_view glob, std::string_view path) {
  size_t g = 0, p = 0, star = std::string_view::npos, resume = 0;
  while (p < path.size()) {
    if (g < glob.size() && (glob[g] == '?' || glob[g] == path[p]) && glob[g] != '*') {
      ++g, ++p;
    } else if (g < glob.size() && glob[g] == '*') {
      star = g++;
      resume = p;
    } else if (star != std::string_view::npos) {
      g = star + 1;
      p = ++resume;
    } else {
      return false;
    }
  }
  while (g < glob.size() && glob[g] == '*') ++g;
  return g == glob.size();
}

}  // namespace plumbline
