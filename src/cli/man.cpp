// SPDX-License-Identifier: Apache-2.0
// `plumbline man`: the manual page plumbline(1) in roff, made from the option table.
#include <fmt/format.h>
#include <fmt/ranges.h>

#include "cli/output.h"
#include "cli/verbs.h"
#include "cli/whole_table.h"
#include "locate/codes.h"

namespace plumbline {
namespace {

/// A line of running text: hyphens stay hyphens, and no line begins with a control character.
std::string roff(std::string_view text) {
  std::string out;
  bool line_begins = true;
  for (const char c : text) {
    if (line_begins && (c == '.' || c == '\'')) out += "\\&";
    if (c == '-')
      out += "\\-";
    else if (c == '\\')
      out += "\\e";
    else
      out += c;
    line_begins = c == '\n';
  }
  return out;
}

std::string option_text(const OptionRow& row) {
  std::vector<std::string> names;
  for (const std::string& name : row.names) names.push_back("\\fB" + roff(name) + "\\fR");
  std::string head = fmt::format("{}", fmt::join(names, ", "));
  if (!row.flag() && !row.positional) head += " \\fI" + roff(row.value) + "\\fR";
  std::string out = ".TP\n" + head + "\n" + roff(row.text);
  if (row.positional && !row.choices.empty())
    out += fmt::format(": {}", roff(fmt::format("{}", fmt::join(row.choices, ", "))));
  return out + ".\n";
}

std::string synopsis(const std::string& words, const VerbRow& verb) {
  std::string out = "\\fBplumbline " + roff(words) + "\\fR";
  for (const OptionRow& row : verb.options) {
    if (!row.positional) continue;
    const std::string name = "\\fI" + roff(row.names.front()) + "\\fR";
    out += row.required ? " " + name : " [" + name + "]";
  }
  return out + " [\\fIOPTIONS\\fR]";
}

std::string verb_text(const std::string& words, const VerbRow& verb) {
  std::string out = fmt::format(".SS {}\n{}\n.PP\n{}.\n", roff(words), synopsis(words, verb), roff(verb.text));
  for (const OptionRow& row : verb.options)
    if (row.names.back() != "--help") out += option_text(row);
  if (!verb.footer.empty()) out += ".PP\n.nf\n" + roff(verb.footer) + "\n.fi\n";
  for (const VerbRow& part : verb.verbs) out += verb_text(words + " " + part.name, part);
  return out;
}

std::string code_list() {
  std::string out;
  for (const CodePage& page : code_pages()) out += fmt::format(".TP\n\\fB{}\\fR\n{}.\n", page.code, roff(page.title));
  return out;
}

constexpr const char* kAfter = R"(.SH EXIT STATUS
.TP
\fB0\fR
Parity: everything required was compared, and no op's own error passes its bound.
.TP
\fB1\fR
Divergence, or a breach of the policy.
.TP
\fB2\fR
Unusable input, wrong usage, or an internal error.
.TP
\fB3\fR
Inconclusive: nothing was paired, too little was compared, other tokens, or another checkpoint.
.SH ENVIRONMENT
Every option with a long name has a twin: \fBPLUMBLINE_ROWS=20\fR stands for \fB\-\-rows 20\fR, \fBPLUMBLINE_NO_PAGER=1\fR
for \fB\-\-no\-pager\fR. The command line wins; an empty variable counts as unset.
.TP
\fBNO_COLOR\fR, \fBCLICOLOR_FORCE\fR, \fBFORCE_COLOR\fR, \fBCLICOLOR\fR, \fBTERM\fR
Whether reports are coloured, in this order, where \fB\-\-color\fR does not say.
.TP
\fBPLUMBLINE_PAGER\fR, \fBPAGER\fR
What shows texts longer than the screen; \fBless \-FRX\fR by default, \fBcat\fR or nothing for none.
.TP
\fBCOLUMNS\fR
Width of reports.
)";

std::string page_text(const VerbRow& table) {
  std::string out = ".TH PLUMBLINE 1 \"\" \"plumbline " PLUMBLINE_VERSION "\" \"User Commands\"\n";
  out += ".SH NAME\nplumbline \\- " + roff(table.text) +
         "\n.SH SYNOPSIS\n\\fBplumbline\\fR \\fIVERB\\fR [\\fIOPTIONS\\fR]\n";
  out += ".SH DESCRIPTION\n.nf\n" + roff(table.footer) + "\n.fi\n.SH VERBS\n";
  for (const VerbRow& verb : table.verbs) out += verb_text(verb.name, verb);
  return out + kAfter + ".SH DIAGNOSTICS\n\\fBplumbline explain\\fR \\fICODE\\fR says more.\n" + code_list();
}

}  // namespace

void add_man(CLI::App& app, int& status) {
  CLI::App* verb = app.add_subcommand("man", "Print the manual page, in roff");
  verb->footer("Example:\n  plumbline man > plumbline.1 && man ./plumbline.1");
  verb->callback([&app, &status] {
    print(page_text(whole_table(app)));
    status = 0;
  });
}

}  // namespace plumbline
