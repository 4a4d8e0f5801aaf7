// SPDX-License-Identifier: Apache-2.0
// The journal beside an unfinished trace: one record per header, step and tap, each with a digest of itself. It is what
// makes a killed run recoverable; HDF5's own flush is several writes and loses whole groups when it is cut short.
// Invariant: a record is appended only after the payload it speaks of was written; what follows a bad record is
// ignored.
//
// Record: u32 magic 'PLJ1', u32 kind, u64 body bytes, body (codec.h), u64 XXH3-64 of all before it.
#pragma once
#include <filesystem>
#include <variant>

#include "trace/codec.h"
#include "trace/posix_file.h"

namespace plumbline::trace {

struct JournalTap {
  TapEntry entry;
  bool inner = false;
};

class JournalWriter {
 public:
  /// Starts afresh: a journal without its .part is worth nothing.
  explicit JournalWriter(std::filesystem::path file);
  void header(const TraceHeader& header);
  void step(const Step& step);
  void tap(const JournalTap& tap);
  void sync() { sync_data(fd_.get(), file_); }
  /// Removes the file: the trace itself is whole now.
  void remove();

 private:
  void record(uint32_t kind, const ByteWriter& body);
  std::filesystem::path file_;
  Fd fd_;
};

struct JournalContent {
  TraceHeader header;
  std::vector<std::variant<Step, JournalTap>> events;  ///< in the order of writing
};

/// Throws TraceError if the file cannot be read or its first record is not a sound header.
JournalContent read_journal(const std::filesystem::path& file);

/// FILE.part -> FILE.part.journal
std::filesystem::path journal_of(const std::filesystem::path& part);
/// FILE -> FILE.part
std::filesystem::path part_of(const std::filesystem::path& file);

}  // namespace plumbline::trace
