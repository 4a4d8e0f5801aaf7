// SPDX-License-Identifier: Apache-2.0
#include "trace/journal.h"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "core/hash.h"

namespace plumbline::trace {
namespace {

constexpr uint32_t kMagic = 0x314a4c50;  // "PLJ1"
enum Kind : uint32_t { kHeader = 1, kStep = 2, kTap = 3 };
struct Prefix {
  uint32_t magic, kind;
  uint64_t body_bytes;
};

uint64_t digest_of(std::string_view bytes) {
  return xxh3_64(std::as_bytes(std::span<const char>(bytes.data(), bytes.size())));
}

std::filesystem::path with_suffix(std::filesystem::path file, const char* suffix) { return file += suffix; }

/// Takes one sound record off the front of `data`; false at its end or at the first bad one.
bool next_record(std::string_view& data, uint32_t& kind, std::string_view& body) {
  Prefix prefix{};
  if (data.size() < sizeof prefix + sizeof(uint64_t)) return false;
  std::memcpy(&prefix, data.data(), sizeof prefix);
  if (prefix.magic != kMagic || prefix.body_bytes > data.size() - sizeof prefix - sizeof(uint64_t)) return false;
  const size_t covered = sizeof prefix + prefix.body_bytes;
  uint64_t stored = 0;
  std::memcpy(&stored, data.data() + covered, sizeof stored);
  if (stored != digest_of(data.substr(0, covered))) return false;
  kind = prefix.kind;
  body = data.substr(sizeof prefix, prefix.body_bytes);
  data.remove_prefix(covered + sizeof stored);
  return true;
}

JournalTap decode_tap(ByteReader& in) {
  JournalTap tap;
  tap.entry = decode_entry(in);
  tap.inner = in.u8() != 0;
  return tap;
}

}  // namespace

std::filesystem::path journal_of(const std::filesystem::path& part) { return with_suffix(part, ".journal"); }
std::filesystem::path part_of(const std::filesystem::path& file) { return with_suffix(file, ".part"); }

JournalWriter::JournalWriter(std::filesystem::path file)
    : file_(std::move(file)), fd_(::open(file_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0666)) {
  if (!fd_) throw system_error("create", file_, errno);
}

void JournalWriter::record(uint32_t kind, const ByteWriter& body) {
  const Prefix prefix{kMagic, kind, body.data().size()};
  std::string bytes(reinterpret_cast<const char*>(&prefix), sizeof prefix);
  bytes += body.data();
  const uint64_t digest = digest_of(bytes);
  bytes.append(reinterpret_cast<const char*>(&digest), sizeof digest);
  append(fd_.get(), bytes, file_);
}

void JournalWriter::header(const TraceHeader& header) {
  ByteWriter body;
  encode(body, header);
  record(kHeader, body);
}

void JournalWriter::step(const Step& step) {
  ByteWriter body;
  encode(body, step);
  record(kStep, body);
}

void JournalWriter::tap(const JournalTap& tap) {
  ByteWriter body;
  encode(body, tap.entry);
  body.u8(tap.inner ? 1 : 0);
  record(kTap, body);
}

void JournalWriter::remove() {
  fd_.reset();
  ::unlink(file_.c_str());
}

JournalContent read_journal(const std::filesystem::path& file) {
  int64_t bytes = 0;
  const Fd fd = open_regular(file, &bytes);
  std::string data(static_cast<size_t>(bytes), '\0');
  if (!read_at(fd.get(), std::as_writable_bytes(std::span(data)), 0, file))
    throw file_error("read", file, "it was cut short while being read", "");

  JournalContent content;
  std::string_view left = data, body;
  uint32_t kind = 0;
  if (!next_record(left, kind, body) || kind != kHeader)
    throw file_error("recover from", file, "its first record, the header, is damaged", "record the run again");
  try {
    ByteReader in(body);
    content.header = decode_header(in);
    while (next_record(left, kind, body)) {
      ByteReader record(body);
      if (kind == kStep) content.events.emplace_back(decode_step(record));
      if (kind == kTap) content.events.emplace_back(decode_tap(record));
    }
  } catch (const ByteError& error) {
    throw file_error("recover from", file, error.what(), "it was written by another version of plumbline");
  }
  return content;
}

}  // namespace plumbline::trace
