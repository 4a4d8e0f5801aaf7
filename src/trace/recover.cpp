// SPDX-License-Identifier: Apache-2.0
// recover_trace: what an interrupted run had acknowledged, as a whole trace of its own.
// Invariant: only taps whose payload still matches the journal's digest are saved; the interrupted files are left
// alone.
#include <plumbline/error.h>
#include <plumbline/trace.h>

#include <optional>

#include "core/hash.h"
#include "trace/journal.h"
#include "trace/posix_file.h"

namespace plumbline {

using namespace trace;

namespace {

/// What its shape and dtype need; nullopt if that cannot be counted.
std::optional<int64_t> needed_bytes(const TapEntry& entry) {
  int64_t bytes = static_cast<int64_t>(element_bytes(entry.dtype));
  for (const int64_t extent : entry.shape) {
    if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes)) return std::nullopt;
  }
  return bytes;
}

/// Copies one tap if its payload is there and sound.
bool save(const JournalTap& tap, int fd, int64_t part_bytes, const std::filesystem::path& part, TraceWriter& writer) {
  const TapEntry& entry = tap.entry;
  if (entry.byte_size < 0 || entry.file_offset < 0 || entry.byte_size > part_bytes ||
      entry.file_offset > part_bytes - entry.byte_size)
    return false;
  if (needed_bytes(entry) != entry.byte_size) return false;  // before anything is allocated for it
  Tensor tensor(entry.dtype, entry.shape);
  const std::span<std::byte> bytes(tensor.mutable_data(), tensor.byte_size());
  if (!read_at(fd, bytes, entry.file_offset, part)) return false;
  if (xxh3_64_hex(bytes) != entry.xxh3) return false;
  writer.record({entry.path, entry.dtype, entry.axes, tap.inner}, tensor.view());
  return true;
}

}  // namespace

int64_t recover_trace(const std::filesystem::path& part_file, const std::filesystem::path& output) {
  int64_t part_bytes = 0;
  const Fd fd = open_regular(part_file, &part_bytes);
  const std::filesystem::path journal = journal_of(part_file);
  if (!std::filesystem::exists(journal))
    throw file_error("recover", part_file, "its journal " + journal.string() + " is missing",
                     "give the FILE.part of an interrupted run; beside it lies FILE.part.journal");
  JournalContent content = read_journal(journal);
  content.header.recovered = true;
  TraceWriter writer(output, content.header);
  int64_t saved = 0;
  for (const auto& event : content.events) {
    if (const auto* step = std::get_if<Step>(&event)) {
      writer.begin_step(*step);
    } else if (save(std::get<JournalTap>(event), fd.get(), part_bytes, part_file, writer)) {
      ++saved;
    }
  }
  writer.finish();
  return saved;
}

}  // namespace plumbline
