// SPDX-License-Identifier: Apache-2.0
// `plumbline completions`: what a shell needs to complete verbs, options and their values, made from the option table.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <memory>

#include "cli/output.h"
#include "cli/verbs.h"
#include "cli/whole_table.h"

namespace plumbline {
namespace {

struct Line {
  std::string words;  // "find", "policy check": the words before the options
  const VerbRow* verb;
};

std::vector<Line> lines_of(const VerbRow& table, const std::string& before = "") {
  std::vector<Line> lines;
  for (const VerbRow& verb : table.verbs) {
    lines.push_back({before + verb.name, &verb});
    for (const Line& inner : lines_of(verb, before + verb.name + " ")) lines.push_back(inner);
  }
  return lines;
}

std::vector<std::string> names_of(const std::vector<VerbRow>& verbs) {
  std::vector<std::string> names;
  for (const VerbRow& verb : verbs) names.push_back(verb.name);
  return names;
}

std::vector<std::string> option_names(const VerbRow& verb) {
  std::vector<std::string> names;
  for (const OptionRow& row : verb.options)
    if (!row.positional) names.insert(names.end(), row.names.begin(), row.names.end());
  return names;
}

/// Text inside single quotes of all three shells.
std::string quoted(const std::string& text) {
  std::string out;
  for (const char c : text) out += c == '\'' ? "'\\''" : std::string(1, c);
  return "'" + out + "'";
}

std::string bash_values(const VerbRow& verb) {
  std::string out;
  for (const OptionRow& row : verb.options) {
    if (row.flag() || row.positional) continue;
    const std::string action =
        row.choices.empty() ? "COMPREPLY=($(compgen -f -- \"$cur\"))"
                            : fmt::format("COMPREPLY=($(compgen -W \"{}\" -- \"$cur\"))", fmt::join(row.choices, " "));
    out += fmt::format("        {}) {}; return ;;\n", fmt::join(row.names, "|"), action);
  }
  return out.empty() ? "" : "      case $prev in\n" + out + "      esac\n";
}

std::string bash_words(const VerbRow& verb) {
  std::string out;
  for (const OptionRow& row : verb.options)
    if (row.positional)
      for (const std::string& choice : row.choices) out += (out.empty() ? "" : " ") + choice;
  return out;
}

std::string bash(const VerbRow& table) {
  std::string cases;
  for (const Line& line : lines_of(table)) {
    cases += fmt::format("    {})\n{}", quoted(line.words), bash_values(*line.verb));
    cases += fmt::format("      options=\"{}\"\n      words=\"{}{}\" ;;\n", fmt::join(option_names(*line.verb), " "),
                         fmt::join(names_of(line.verb->verbs), " "), bash_words(*line.verb));
  }
  return fmt::format(R"(# bash completion for plumbline; source it, or put it into
# ${{XDG_DATA_HOME:-~/.local/share}}/bash-completion/completions/plumbline
_plumbline() {{
  local cur=${{COMP_WORDS[COMP_CWORD]}} prev=${{COMP_WORDS[COMP_CWORD-1]}} verb=${{COMP_WORDS[1]}} options="" words=""
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    COMPREPLY=($(compgen -W "{} {}" -- "$cur"))
    return
  fi
  case " {} " in
    *" $verb ${{COMP_WORDS[2]}} "*) [ "$COMP_CWORD" -gt 2 ] && verb="$verb ${{COMP_WORDS[2]}}" ;;
  esac
  case $verb in
{}  esac
  case $cur in
    -*) COMPREPLY=($(compgen -W "$options" -- "$cur")) ;;
    *) if [ -n "$words" ]; then COMPREPLY=($(compgen -W "$words" -- "$cur")); else COMPREPLY=($(compgen -f -- "$cur")); fi ;;
  esac
}}
complete -o filenames -F _plumbline plumbline
)",
                     fmt::join(names_of(table.verbs), " "), fmt::join(option_names(table), " "),
                     [&] {
                       std::vector<std::string> pairs;
                       for (const Line& line : lines_of(table))
                         if (line.words.find(' ') != std::string::npos) pairs.push_back(line.words);
                       return fmt::format("{}", fmt::join(pairs, "  "));
                     }(),
                     cases);
}

/// Text inside the brackets of zsh's _arguments.
std::string zsh_text(const std::string& text) {
  std::string out;
  for (const char c : text)
    out += (c == '[' || c == ']' || c == ':' || c == '\\') ? std::string("\\") + c : std::string(1, c);
  return out;
}

std::string zsh_action(const OptionRow& row) {
  return row.choices.empty() ? "_files" : fmt::format("({})", fmt::join(row.choices, " "));
}

std::string zsh_options(const VerbRow& verb) {
  std::string out;
  for (const OptionRow& row : verb.options) {
    if (row.positional) {
      out += " " +
             quoted(fmt::format("{}:{}:{}", row.repeatable ? "*" : "", zsh_text(row.names.front()), zsh_action(row)));
      continue;
    }
    for (const std::string& name : row.names) {
      const std::string value = row.flag() ? "" : fmt::format(":{}:{}", zsh_text(row.value), zsh_action(row));
      out += " \\\n        " +
             quoted(fmt::format("{}{}[{}]{}", row.repeatable ? "*" : "", name, zsh_text(row.text), value));
    }
  }
  return out;
}

std::string zsh_verbs(const VerbRow& table) {
  std::string out;
  for (const VerbRow& verb : table.verbs) out += " " + quoted(zsh_text(verb.name) + ":" + verb.text);
  return out;
}

std::string zsh_case(const VerbRow& verb) {
  if (verb.verbs.empty()) return fmt::format("    {}) _arguments{} ;;\n", verb.name, zsh_options(verb));
  std::string inner;
  for (const VerbRow& part : verb.verbs)
    inner += fmt::format("        {}) shift words; (( CURRENT-- )); _arguments{} ;;\n", part.name, zsh_options(part));
  return fmt::format(
      "    {0})\n      if (( CURRENT == 2 )); then local -a parts=({1}); _describe {0} parts; return; fi\n"
      "      case $words[2] in\n{2}      esac ;;\n",
      verb.name, zsh_verbs(verb), inner);
}

std::string zsh(const VerbRow& table) {
  std::string cases;
  for (const VerbRow& verb : table.verbs) cases += zsh_case(verb);
  return fmt::format(R"(#compdef plumbline
# zsh completion for plumbline; put it as _plumbline into a folder of $fpath.
_plumbline() {{
  if (( CURRENT == 2 )); then
    local -a verbs=({})
    _describe verb verbs
    return
  fi
  shift words
  (( CURRENT-- ))
  case $words[1] in
{}  esac
}}
_plumbline "$@"
)",
                     zsh_verbs(table), cases);
}

std::string fish_option(const std::string& condition, const OptionRow& row) {
  std::string out = fmt::format("complete -c plumbline -n {}", quoted(condition));
  for (const std::string& name : row.names)
    out += name.starts_with("--") ? " -l " + name.substr(2) : " -s " + name.substr(1);
  if (!row.flag())
    out += row.choices.empty() ? " -r -F"
                               : fmt::format(" -x -a {}", quoted(fmt::format("{}", fmt::join(row.choices, " "))));
  return out + " -d " + quoted(row.text) + "\n";
}

std::string fish(const VerbRow& table) {
  std::string out = "# fish completion for plumbline; put it into ~/.config/fish/completions/plumbline.fish\n";
  for (const VerbRow& verb : table.verbs)
    out += fmt::format("complete -c plumbline -f -n __fish_use_subcommand -a {} -d {}\n", verb.name, quoted(verb.text));
  for (const VerbRow& verb : table.verbs) {
    const std::string seen = "__fish_seen_subcommand_from " + verb.name;
    for (const VerbRow& part : verb.verbs) {
      out += fmt::format("complete -c plumbline -f -n {} -a {} -d {}\n", quoted(seen), part.name, quoted(part.text));
      for (const OptionRow& row : part.options)
        if (!row.positional) out += fish_option(seen + "; and __fish_seen_subcommand_from " + part.name, row);
    }
    for (const OptionRow& row : verb.options) {
      if (!row.positional)
        out += fish_option(seen, row);
      else if (!row.choices.empty())
        out += fmt::format("complete -c plumbline -f -n {} -a {}\n", quoted(seen),
                           quoted(fmt::format("{}", fmt::join(row.choices, " "))));
    }
  }
  return out;
}

}  // namespace

void add_completions(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("completions", "Print completions of verbs, options and values for a shell");
  auto shell = std::make_shared<std::string>();
  verb->add_option("SHELL", *shell, "Which shell")->required()->check(CLI::IsMember({"bash", "zsh", "fish"}));
  verb->footer("Example:\n  source <(plumbline completions bash)");
  verb->callback([&app, shell, &status] {
    const VerbRow table = whole_table(app);
    print(*shell == "bash" ? bash(table) : *shell == "zsh" ? zsh(table) : fish(table));
    status = 0;
  });
}

}  // namespace plumbline
