// SPDX-License-Identifier: Apache-2.0
// Line by line: what a line begins with says what it is. Names out of files are escaped before this and cannot bring
// sequences of their own.
#include "report/colour.h"

#include <algorithm>
#include <array>
#include <utility>

namespace plumbline {
namespace {

constexpr const char *kReset = "\033[0m", *kBold = "\033[1m", *kDim = "\033[2m", *kRed = "\033[1;31m",
                     *kGreen = "\033[1;32m", *kYellow = "\033[1;33m", *kBlue = "\033[1;34m", *kCyan = "\033[36m";

struct Start {
  std::string_view text;
  const char* colour;
};

constexpr std::array kHeads = {Start{"PARITY", kGreen},
                               Start{"DIVERGENCE", kRed},
                               Start{"INCONCLUSIVE", kYellow},
                               Start{"FIRST DIVERGENCE", kBold},
                               Start{"error", kRed},
                               Start{"warning", kYellow},
                               Start{"note", kCyan}};
constexpr std::array kMargins = {Start{"  --> ", kBlue}, Start{"  ::: ", kBlue}, Start{"   |", kBlue},
                                 Start{"   = ", kBlue}};

std::string in(const char* colour, std::string_view text) { return colour + std::string(text) + kReset; }

/// "error[P0201]: ..." up to the colon; a verdict up to the blank after it.
bool ends_head(std::string_view line, size_t at) {
  return at == line.size() || line[at] == '[' || line[at] == ':' || line[at] == ' ';
}

std::string diagnostic_line(std::string_view line, const Start& margin) {
  std::string_view rest = line.substr(margin.text.size());
  std::string out = in(margin.colour, margin.text);
  const bool carets = !rest.empty() && rest.find_first_not_of(" ^") == std::string_view::npos;
  if (carets) return out + in(kRed, rest);
  const size_t colon = rest.find(": ");
  if (margin.text == kMargins.back().text && colon != std::string_view::npos)
    return out + in(kBold, rest.substr(0, colon + 1)) + std::string(rest.substr(colon + 1));
  return out + std::string(rest);
}

const char* cell_colour(char letter) {
  if ((letter >= '1' && letter <= '9') || letter == 'N' || letter == 'm' || letter == '!') return kRed;
  if (letter == 'c' || letter == 'a' || letter == '?' || letter == 'r' || letter == 'w') return kYellow;
  return letter == '.' || letter == '~' || letter == '-' || letter == 'd' ? kDim : nullptr;
}

/// Cells stand between the name's column and the totals, which begin after two blanks.
std::string grid_line(std::string_view line, size_t cells) {
  if (line.size() <= cells) return std::string(line);
  const size_t end = std::min(line.find("  ", cells), line.size());
  std::string out(line.substr(0, cells));
  for (const char letter : line.substr(cells, end - cells)) {
    const char* colour = cell_colour(letter);
    out += colour == nullptr ? std::string(1, letter) : in(colour, std::string_view(&letter, 1));
  }
  return out + std::string(line.substr(end));
}

class Painter {
 public:
  std::string paint(std::string_view line) {
    constexpr std::string_view kGridHead = "  op \\ layer";
    if (line.starts_with(kGridHead)) {
      cells_ = line.find_first_not_of(' ', kGridHead.size());
      return in(kBold, line);
    }
    if (cells_ != std::string_view::npos && is_row(line)) return grid_line(line, cells_);
    cells_ = std::string_view::npos;
    for (const Start& head : kHeads)
      if (line.starts_with(head.text) && ends_head(line, head.text.size())) return head_line(line, head);
    for (const Start& margin : kMargins)
      if (line.starts_with(margin.text)) return diagnostic_line(line, margin);
    return std::string(line);
  }

 private:
  /// A row has a name, then blanks up to the cells; the legend after the rows has neither.
  bool is_row(std::string_view line) const {
    return line.size() > cells_ && line.starts_with("  ") && line[2] != '[' && line[cells_ - 1] == ' ' &&
           line[cells_] != ' ' && line.substr(2, cells_ - 3).find_last_not_of(' ') < line.find("  ", 2);
  }
  static std::string head_line(std::string_view line, const Start& head) {
    const size_t bracket = line.find(']');
    const size_t end = line.size() > head.text.size() && line[head.text.size()] == '[' && bracket != line.npos
                           ? bracket + 1
                           : head.text.size();
    return in(head.colour, line.substr(0, end)) + std::string(line.substr(end));
  }

  size_t cells_ = std::string_view::npos;  // column of the grid's first cell while inside the grid
};

}  // namespace

std::string painted(std::string_view text) {
  std::string out;
  Painter painter;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    out += painter.paint(text.substr(begin, end - begin));
    if (end < text.size()) out += '\n';
    begin = end + 1;
  }
  return out;
}

}  // namespace plumbline
