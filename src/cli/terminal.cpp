// SPDX-License-Identifier: Apache-2.0
// The terminal options, the variables beside them, and the pager's process.
#include "cli/terminal.h"

#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>

#include "core/progress.h"

namespace plumbline {
namespace {

constexpr int kWidth = 80, kRows = 24;

struct TerminalOptions {
  std::string color = "auto";
  bool no_pager = false;
};

/// One program, one terminal.
TerminalOptions& terminal() {
  static TerminalOptions options;
  return options;
}

std::optional<std::string> variable(const char* name) {
  const char* value = std::getenv(name);
  return value == nullptr ? std::nullopt : std::optional<std::string>(value);
}

bool set_and_not(const char* name, std::string_view unlike) {
  const std::optional<std::string> value = variable(name);
  return value && !value->empty() && *value != unlike;
}

bool is_terminal() { return isatty(STDOUT_FILENO) == 1; }

winsize window() {
  winsize size{};
  if (!is_terminal() || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) != 0) size = {};
  return size;
}

std::string pager() {
  if (terminal().no_pager || !is_terminal()) return "";
  for (const char* name : {"PLUMBLINE_PAGER", "PAGER"})
    if (const std::optional<std::string> value = variable(name)) return *value == "cat" ? "" : *value;
  return "less -FRX";
}

bool longer_than_a_screen(std::string_view text) {
  const int rows = window().ws_row > 0 ? window().ws_row : kRows;
  return std::count(text.begin(), text.end(), '\n') >= rows;
}

/// False if the pager could not take the text from its beginning: then it is written straight.
bool page(const std::string& command, std::string_view text) {
  std::fflush(stdout);
  std::FILE* pipe = ::popen(command.c_str(), "w");
  if (pipe == nullptr) return false;
  std::fwrite(text.data(), 1, text.size(), pipe);  // a pager that is left before the end closes its pipe: no error
  const int state = ::pclose(pipe);
  constexpr int kNotFound = 127, kNotExecutable = 126;
  return !WIFEXITED(state) || (WEXITSTATUS(state) != kNotFound && WEXITSTATUS(state) != kNotExecutable);
}

}  // namespace

void add_terminal_options(CLI::App& verb) {
  for (CLI::App* inner : verb.get_subcommands([](const CLI::App*) { return true; })) add_terminal_options(*inner);
  verb.add_option("--color", terminal().color, "Colour on standard output (default: on a terminal; see NO_COLOR)")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->group("Terminal");
  verb.add_flag("--no-pager", terminal().no_pager, "Do not hand long texts to PLUMBLINE_PAGER, PAGER or less")
      ->group("Terminal");
  verb.add_flag_callback(
          "--no-progress", [] { show_progress(false); }, "Do not say on standard error how far long work is")
      ->group("Terminal");
}

bool colour_wanted() {
  if (terminal().color != "auto") return terminal().color == "always";
  if (set_and_not("NO_COLOR", "")) return false;
  if (set_and_not("CLICOLOR_FORCE", "0") || set_and_not("FORCE_COLOR", "0")) return true;
  if (variable("CLICOLOR") == "0" || variable("TERM") == "dumb") return false;
  return is_terminal();
}

int columns() {
  if (const std::optional<std::string> given = variable("COLUMNS")) {
    char* end = nullptr;
    const long width = std::strtol(given->c_str(), &end, 10);
    if (end != given->c_str() && *end == '\0' && width > 0 && width < 10000) return static_cast<int>(width);
  }
  const int width = window().ws_col;
  return width > 0 ? width : kWidth;
}

bool paged(std::string_view text) {
  const std::string command = pager();
  return !command.empty() && longer_than_a_screen(text) && page(command, text);
}

}  // namespace plumbline
