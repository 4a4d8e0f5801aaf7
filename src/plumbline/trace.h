// SPDX-License-Identifier: Apache-2.0
// A trace: one run of one implementation in one HDF5 file (schema: dumps/schema/README.md). TraceWriter is the sink
// that writes it; Trace reads it, also files that others wrote without our index. Invariant: numbers go in and out bit
// for bit; a file appears under its own name only when it is whole.
#pragma once
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <plumbline/tap.h>
#include <plumbline/tensor.h>

namespace plumbline {

/// What a trace says about its run. Texts are UTF-8; graph and config are JSON texts that src/model understands.
struct TraceHeader {
  std::string run_id, producer, producer_version, created_utc, backend, device;
  std::string model_directory, architecture;
  std::string config_json, graph_json;
  std::map<std::string, std::string> files;        ///< file name -> "xxh3 bytes": the checkpoint's files as read
  std::map<std::string, std::string> parameters;   ///< parameter name -> digest as used
  std::map<std::string, std::string> environment;  ///< versions, threads, switches that move bits
  std::vector<std::string> faults;                 ///< as spelled on the command line
  std::string prompt;                              ///< the text, if there was one
  bool complete = false;                           ///< set by TraceWriter::finish
  bool recovered = false;                          ///< made by recover from an unfinished file
};

struct TapEntry {
  std::string path;
  int64_t step = 0;
  int layer = -1;
  DType dtype = DType::f32;
  Shape shape;
  std::vector<std::string> axes;
  int64_t file_offset = 0, byte_size = 0;  ///< offset < 0: not mapped but decoded (a chunked foreign dataset)
  std::string xxh3;                        ///< hex XXH3-64 of the bytes; empty in a foreign file
};

struct WriteOptions {
  std::vector<std::string> taps = {"*"};  ///< globs: a tap is wanted if one matches
  bool fdatasync_each_step = false;       ///< also survive power loss, not only a killed process
  bool replace = false;                   ///< an old FILE gives way when the new one is whole; an old FILE.part at once
};

class TraceWriter final : public TapSink {
 public:
  /// Creates FILE.part and FILE.part.journal. Throws TraceError if the file cannot be written, or exists and may not be
  /// replaced: without `replace`, or because it is no regular file, or because another run is writing FILE.part.
  TraceWriter(std::filesystem::path file, TraceHeader header, WriteOptions options = {});
  /// Without finish(): leaves .part and journal for recover, or nothing if no tap was recorded.
  ~TraceWriter() override;
  bool wants(std::string_view path) const override;
  void begin_step(const Step& step) override;
  /// Acknowledged (recoverable) when it returns. Throws ShapeError if spec and values disagree, the rank is above 8, or
  /// the path was already recorded in this step; TraceError if it cannot be written. A tap that is not wanted is
  /// ignored.
  void record(const TapSpec& spec, const TensorView& values) override;
  /// Writes index and header, closes, renames (over an old file if it may be replaced). Throws TraceError; nothing
  /// recorded is lost (recover), and neither is the old file.
  void finish();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

class Trace {
 public:
  /// Opens by way of a confined child process that validates the HDF5 structure; the data are then mapped read-only.
  /// Throws TraceError naming file and place for anything truncated, hostile or unsupported. A file cut short later,
  /// while it is mapped, ends the program with status 2 and its name on stderr (a SIGBUS handler).
  static Trace open(const std::filesystem::path& file);
  const std::filesystem::path& file() const;
  const TraceHeader& header() const;
  const std::vector<Step>& steps() const;
  const std::vector<TapEntry>& taps() const;  ///< in the order of writing
  /// The tap of that step, or nullptr.
  const TapEntry* find(std::string_view path, int64_t step) const;
  /// Borrowed from the mapping (kept alive by the Tensor).
  Tensor read(const TapEntry& entry) const;
  bool foreign() const;  ///< no index of ours: written by other software
  /// The same trace, but the taps of these paths and steps are described by these entries and hold these tensors: the
  /// same numbers in another format or shape. Throws TraceError if it has no such tap.
  Trace with_taps(std::vector<std::pair<TapEntry, Tensor>> taps) const;
  /// The same run with these taps instead of its own, in this order; no two may have one step and path.
  Trace with_only(std::vector<std::pair<TapEntry, Tensor>> taps) const;

 private:
  struct Impl;
  std::shared_ptr<const Impl> impl_;
};

/// Recomputes every payload digest on up to `threads` threads (0: all); returns the paths whose bytes do not match
/// (empty: sound, or a foreign file, which has no digests).
std::vector<std::string> verify_trace(const Trace& trace, int threads = 0);
/// The same for those who are about to judge by these numbers: throws TraceError naming file and taps.
void require_sound(const Trace& trace, int threads = 0);
/// Rebuilds a readable trace from FILE.part and its journal FILE.part.journal, which are left alone; returns how many
/// taps were saved. Throws TraceError if there is no journal, its header is damaged, or `output` exists.
int64_t recover_trace(const std::filesystem::path& part_file, const std::filesystem::path& output);

}  // namespace plumbline
