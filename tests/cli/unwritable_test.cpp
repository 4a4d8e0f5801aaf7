// SPDX-License-Identifier: Apache-2.0
// Every verb that writes, where it cannot: a full disk, a read-only folder, a pipe whose reader has gone. The outcome
// is 2 and a message that names file or stream and reason; files that were there before keep their digests.
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>

#include "cli/program.h"
#include "core/hash.h"
#include "support/catch.h"
#include "support/raw_gguf.h"
#include "support/temp_directory.h"
#include "support/tiny_model.h"

using namespace plumbline;
using namespace plumbline::test;
namespace fs = std::filesystem;

namespace {

const std::string kProgram = PLUMBLINE_BINARY_DIR "/bin/plumbline";

Said shell(const std::string& script) { return run_program("/bin/bash", {"-c", script}); }
std::string reference() { return record("ref.h5", {"oracle", {}, "", 4}); }
std::string candidate() { return record("cand.h5", {"twin", {}, "", 4}); }

/// FILE.part and its journal, of a run that was killed.
std::string unfinished() {
  static const std::string part = [] {
    const std::string file = scratch("killed.h5");
    shell(kProgram + " run " + model_directory() + " --backend oracle --prompt Hi --new 4000 -o " + file +
          " & run=$!; until [ \"$(stat -c %s " + file +
          ".part 2>/dev/null || echo 0)\" -gt 2097152 ]; do sleep 0.02; done; kill -KILL $run; wait $run");
    return file + ".part";
  }();
  return part;
}

struct Writer {
  std::string command, file;
  int room = 0;  ///< what fits on the disk that is full, in KiB: part of what the command writes
};

/// Every verb that writes files, over old ones in FOLDER and beside them.
std::vector<Writer> writers(const fs::path& folder) {
  const auto in = [&](const char* name) { return (folder / name).string(); };
  const std::string run = "run " + model_directory() + " --backend oracle --prompt 'A longer text' --new 6 --force -o ";
  const std::string make = "make-model " + model_directory() + "/config.json --force -o ";
  const std::string import = "import gguf " + in("m.gguf") + " -o ";
  std::vector<Writer> all = {{import + in("imported"), in("imported"), 40},
                             {run + in("old.h5"), in("old.h5"), 1100},
                             {run + in("new.h5"), in("new.h5"), 1100},
                             {"recover " + unfinished() + " -o " + in("saved.h5"), in("saved.h5"), 1100},
                             {make + in("model"), in("model"), 40},
                             {make + in("new"), in("new"), 40}};
  for (const char* verb : {"find", "gate"})
    for (const char* format : {"json", "jsonl", "junit", "md", "full", "concise", "github"})
      for (const char* name : {"old", "new"})
        all.push_back(
            {std::string(verb) + " " + reference() + " " + candidate() + " --format " + format + "=" + in(name),
             in(name)});
  return all;
}

/// What writers() is let loose on.
void furnish(const fs::path& folder) {
  for (const char* name : {"old", "old.h5"}) write_file(folder / name, "precious");
  TinyModelOptions llama;
  llama.llama = true;
  write_file(folder / "m.gguf", gguf_bytes(gguf_of_llama(tiny_config(llama), tiny_tensors(llama))));
  REQUIRE(call({"make-model", model_directory() + "/config.json", "--seed", "7", "-o", (folder / "model").string()})
              .status == 0);
}

/// What each verb says on standard output.
std::vector<std::string> speakers() {
  const std::string both = reference() + " " + candidate();
  return {"find " + both,
          "find --json " + both,
          "diff " + both,
          "diff --json " + both,
          "gate " + both,
          "tokens " + both,
          "tokens --json " + both,
          "ls " + reference(),
          "show " + reference() + " embed",
          "verify " + reference(),
          "faults",
          "explain P0201",
          "doctor " + both,
          "completions bash",
          "man",
          "--help",
          "--version",
          "find --help",
          "run --help",
          "run " + model_directory() + " --backend oracle --prompt Hi --force -o " + scratch("said.h5"),
          "recover " + unfinished() + " -o $(mktemp -u " + scratch("saved.XXXXXX") + ")",
          "make-model " + model_directory() + "/config.json --force -o " + scratch("model"),
          "run --list-backends"};
}

using Digests = std::map<std::string, std::string>;

Digests digests(const fs::path& folder) {
  Digests all;
  for (const auto& entry : fs::recursive_directory_iterator(folder)) {
    if (entry.is_directory()) continue;
    const std::string bytes = read_file(entry.path());
    all[entry.path()] = xxh3_128_hex(std::as_bytes(std::span<const char>(bytes)));
  }
  return all;
}

/// The same but for what an interrupted run leaves on purpose.
Digests without_unfinished(Digests all) {
  std::erase_if(all,
                [](const auto& file) { return file.first.ends_with(".part") || file.first.ends_with(".journal"); });
  return all;
}

/// Root may write anywhere unless it gives that right up; "" if it cannot.
std::string without_privilege(const fs::path& read_only) {
  const std::string prefix =
      ::geteuid() == 0 ? "setpriv --bounding-set=-dac_override --inh-caps=-dac_override -- " : std::string("env ");
  const Said tried = shell(prefix + "touch " + (read_only / "probe").string());
  return tried.status == 0 || !tried.complains("ermission denied") ? "" : prefix;
}

}  // namespace

TEST_CASE("a read-only folder is a message and 2, and its files stay as they are") {
  const TempDirectory folder;
  furnish(folder.path());
  const std::vector<Writer> all = writers(folder.path());
  const Digests before = digests(folder.path());
  ::chmod(folder.path().c_str(), 0555);
  const std::string prefix = without_privilege(folder.path());
  if (prefix.empty()) WARN("nothing is read-only for this user: not tried");
  for (const Writer& writer : prefix.empty() ? std::vector<Writer>() : all) {
    const Said said = shell(prefix + kProgram + " " + writer.command);
    INFO(writer.command << "\n" << said.err);
    CHECK(said.status == 2);
    CHECK(said.complains(writer.file));
    CHECK(said.complains("Permission denied"));
  }
  ::chmod(folder.path().c_str(), 0755);
  CHECK(digests(folder.path()) == before);
}

TEST_CASE("a disk that is full is a message and 2, and the files that were there stay") {
  const TempDirectory folder;
  furnish(folder.path());
  const Digests before = digests(folder.path());
  for (const Writer& writer : writers(folder.path())) {
    // A limit on the size of files stands in for the disk. The message goes through a pipe: a file would be as full.
    const Said said = shell("(ulimit -f " + std::to_string(writer.room) + "; exec " + kProgram + " " + writer.command +
                            ") 2>&1 >/dev/null | cat >&2; exit ${PIPESTATUS[0]}");
    INFO(writer.command << "\n" << said.err);
    CHECK(said.status == 2);
    CHECK(said.complains(writer.file));
    CHECK(said.complains("File too large"));
    CHECK(without_unfinished(digests(folder.path())) == before);
  }
}

TEST_CASE("a report to a device that is full is a message and 2") {
  for (const char* verb : {"find", "gate"}) {
    const Said said = call({verb, reference(), candidate(), "--format", "junit=/dev/full"});
    INFO(said.err);
    CHECK(said.status == 2);
    CHECK(said.complains("cannot write /dev/full: No space left"));
  }
}

TEST_CASE("what cannot be said on standard output is a message and 2") {
  for (const std::string& command : speakers()) {
    const Said full = shell(kProgram + " " + command + " >/dev/full");
    INFO(command << "\n" << full.err);
    CHECK(full.status == 2);
    CHECK(full.complains("No space left"));
    // The reader has gone before the first byte comes.
    const Said gone =
        shell("{ sleep 0.1; " + kProgram + " " + command + "; echo $? >" + scratch("gone") + "; } | true");
    INFO(gone.err);
    CHECK(read_file(scratch("gone")) == "2\n");
    CHECK(gone.complains("Broken pipe"));
  }
}
