// SPDX-License-Identifier: Apache-2.0
// Trace: the structure comes from a confined child as a flat table, the numbers from a mapping of the same descriptor.
// Invariant: this process never parses HDF5 here; nothing is mapped or handed out before the table was validated.
#include <sys/mman.h>
#include <sys/stat.h>

#include <cerrno>
#include <map>

#include <plumbline/error.h>
#include <plumbline/trace.h>

#include "trace/confined_child.h"
#include "trace/foreign_layout.h"
#include "trace/journal.h"
#include "trace/mapped_file.h"
#include "trace/own_layout.h"
#include "trace/posix_file.h"
#include "trace/schema.h"
#include "trace/validate.h"

namespace plumbline {

using namespace trace;

struct Trace::Impl {
  std::filesystem::path file;
  FlatTable table;
  std::map<std::pair<int64_t, std::string>, size_t> places;  ///< (step, path) -> index of the entry
  std::shared_ptr<const MappedFile> data, decoded;
  std::map<size_t, Tensor> given;  ///< index of the entry -> what with_taps put in its place
};

namespace {

/// The child's work: structure in, flat bytes out.
std::string index_file(int fd, int64_t bytes, int decoded_fd, const std::filesystem::path& file) {
  const Input input = open_input(fd, bytes, file);
  forbid_opening_files();
  ByteWriter reply;
  encode(reply, is_own_trace(input) ? read_own_trace(input) : read_foreign_file(input, decoded_fd));
  return reply.data();
}

ChildLimits limits_for(int64_t bytes) {
  const auto seconds = static_cast<uint64_t>(bytes / 20'000'000);  // inflating, at its slowest
  ChildLimits limits;
  limits.cpu_seconds = 4 + seconds;
  limits.wall_seconds = 30 + 4 * seconds;
  limits.file_bytes = static_cast<uint64_t>(kMostDecodedBytes);
  limits.memory_bytes = (uint64_t{64} << 20) + 4 * static_cast<uint64_t>(bytes);
  return limits;
}

/// A run that did not finish is the commonest reason for a bad file, and there is a way out of it.
void refuse_unfinished(const std::filesystem::path& file) {
  const auto refuse = [&](const std::filesystem::path& part) {
    throw file_error("read trace", file, "the run that wrote it is under way or was interrupted",
                     "if it is over: `plumbline recover " + part.string() + " -o FILE`");
  };
  if (std::filesystem::exists(file)) {
    if (std::filesystem::exists(journal_of(file))) refuse(file);
  } else if (std::filesystem::exists(part_of(file))) {
    refuse(part_of(file));
  }
}

FlatTable decode_reply(const std::string& reply, const std::filesystem::path& file) {
  try {
    ByteReader in(reply);
    return decode_table(in);
  } catch (const ByteError& error) {
    throw file_error("read trace", file, std::string("the confined reader talks nonsense: ") + error.what(),
                     "the file is damaged or hostile: take another copy");
  }
}

}  // namespace

Trace Trace::open(const std::filesystem::path& file) {
  refuse_unfinished(file);
  int64_t bytes = 0;
  const Fd fd = open_regular(file, &bytes);
  const Fd area(::memfd_create("plumbline-decoded", MFD_CLOEXEC));
  if (!area) throw system_error("read trace", file, errno);
  const std::string reply =
      run_confined([&] { return index_file(fd.get(), bytes, area.get(), file); }, limits_for(bytes), file);

  auto impl = std::make_shared<Impl>();
  impl->file = file;
  impl->table = decode_reply(reply, file);
  struct stat info {
  }, area_info{};
  if (::fstat(fd.get(), &info) != 0 || ::fstat(area.get(), &area_info) != 0)
    throw system_error("read trace", file, errno);
  validate(impl->table, info.st_size, area_info.st_size, file);
  impl->data = MappedFile::map(fd.get(), info.st_size, file);
  impl->decoded = MappedFile::map(area.get(), area_info.st_size, file);
  for (size_t i = 0; i < impl->table.taps.size(); ++i) {
    const TapEntry& entry = impl->table.taps[i];
    impl->places.emplace(std::pair(entry.step, entry.path), i);
  }
  Trace trace;
  trace.impl_ = std::move(impl);
  return trace;
}

const std::filesystem::path& Trace::file() const { return impl_->file; }
const TraceHeader& Trace::header() const { return impl_->table.header; }
const std::vector<Step>& Trace::steps() const { return impl_->table.steps; }
const std::vector<TapEntry>& Trace::taps() const { return impl_->table.taps; }
bool Trace::foreign() const { return impl_->table.foreign; }

const TapEntry* Trace::find(std::string_view path, int64_t step) const {
  const auto place = impl_->places.find(std::pair(step, std::string(path)));
  return place == impl_->places.end() ? nullptr : &impl_->table.taps[place->second];
}

Trace Trace::with_taps(std::vector<std::pair<TapEntry, Tensor>> taps) const {
  auto impl = std::make_shared<Impl>(*impl_);
  for (auto& [entry, tensor] : taps) {
    const auto place = impl->places.find(std::pair(entry.step, entry.path));
    if (place == impl->places.end())
      throw file_error("replace tap '" + printable(entry.path) + "' of", impl->file, "it has no such tap", "");
    impl->table.taps[place->second] = std::move(entry);
    impl->given.insert_or_assign(place->second, std::move(tensor));
  }
  Trace trace;
  trace.impl_ = std::move(impl);
  return trace;
}

Trace Trace::with_only(std::vector<std::pair<TapEntry, Tensor>> taps) const {
  auto impl = std::make_shared<Impl>(*impl_);
  impl->table.taps.clear();
  impl->places.clear();
  impl->given.clear();
  for (auto& [entry, tensor] : taps) {
    const size_t place = impl->table.taps.size();
    if (!impl->places.emplace(std::pair(entry.step, entry.path), place).second)
      throw file_error("rename taps of", impl->file, "two of a step are called '" + printable(entry.path) + "'", "");
    impl->given.emplace(place, std::move(tensor));
    impl->table.taps.push_back(std::move(entry));
  }
  Trace trace;
  trace.impl_ = std::move(impl);
  return trace;
}

Tensor Trace::read(const TapEntry& entry) const {
  if (!impl_->given.empty()) {
    const auto index = impl_->places.find(std::pair(entry.step, entry.path));
    const auto given = index == impl_->places.end() ? impl_->given.end() : impl_->given.find(index->second);
    if (given != impl_->given.end()) return given->second;
  }
  const EntryPlace place = place_of(entry);
  const std::shared_ptr<const MappedFile>& map = place.decoded ? impl_->decoded : impl_->data;
  TensorView view;
  view.dtype = entry.dtype;
  view.shape = entry.shape;
  const auto size = static_cast<int64_t>(map->bytes().size());
  if (static_cast<int64_t>(view.byte_size()) != entry.byte_size || place.offset > size ||
      entry.byte_size > size - place.offset)
    throw file_error("read tap '" + printable(entry.path) + "' of", impl_->file, "the entry is not one of this trace",
                     "");
  static constexpr std::byte kNothing{};
  view.data = entry.byte_size == 0 ? &kNothing : map->bytes().data() + place.offset;
  return Tensor::borrow(view, map);
}

}  // namespace plumbline
