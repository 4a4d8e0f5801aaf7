// SPDX-License-Identifier: Apache-2.0
// TraceWriter: payload to its place in FILE.part, then a journal record, and only then is a tap acknowledged.
// Invariant: a tap whose record() returned is in the file or can be recovered, whenever the process dies.
#include <algorithm>
#include <mutex>
#include <set>

#include <plumbline/error.h>
#include <plumbline/trace.h>

#include "core/hash.h"
#include "trace/hdf5_output.h"
#include "trace/hdf5_types.h"
#include "trace/header_text.h"
#include "trace/index_builder.h"
#include "trace/journal.h"
#include "trace/posix_file.h"

namespace plumbline {

using namespace trace;

struct TraceWriter::Impl {
  std::filesystem::path file, part;
  TraceHeader header;
  WriteOptions options;
  Fd payload;
  std::unique_ptr<Hdf5Output> output;
  std::unique_ptr<JournalWriter> journal;
  IndexBuilder index;
  std::map<std::string, uint32_t> orders;  ///< taps so far in each group
  std::set<std::string, std::less<>> paths_of_step;
  bool after_layers = false;  ///< a tap of a layer was seen in this step
  bool failed = false, finished = false;

  Impl(std::filesystem::path to, TraceHeader about, WriteOptions with);
  ~Impl();
  void make_room() const;
  void drop();
  void check_usable(std::string_view what) const;
  void check_tap(const TapSpec& spec, const TensorView& values) const;
  void write_tap(const TapSpec& spec, const TensorView& values);
  void write_index();
  template <class Work>
  void guarded(Work&& work);
};

TraceWriter::Impl::Impl(std::filesystem::path to, TraceHeader about, WriteOptions with)
    : file(std::move(to)), part(part_of(file)), header(std::move(about)), options(std::move(with)) {
  check_header(file, header);
  make_room();
  payload = create_new(part);
  try {
    journal = std::make_unique<JournalWriter>(journal_of(part));
    journal->header(header);
    output = std::make_unique<Hdf5Output>(part, header);
  } catch (...) {  // nothing is recorded yet: leave nothing behind
    drop();
    throw;
  }
}

TraceWriter::Impl::~Impl() {
  const std::lock_guard lock(hdf5_mutex());
  if (!finished && index.rows.empty()) {  // nothing to recover: it would only be in the way of the next run
    drop();
  } else if (failed && output) {
    output->abandon();
  }
  output.reset();
}

/// Refuses what stands in the way, or removes what an interrupted run left if the caller may replace.
void TraceWriter::Impl::make_room() const {
  if (!options.replace) {
    if (std::filesystem::exists(std::filesystem::symlink_status(file))) throw system_error("create", file, EEXIST);
    if (std::filesystem::exists(std::filesystem::symlink_status(part)))
      throw file_error("create", file, part.string() + " exists: that run is under way or was interrupted",
                       "save it with `plumbline recover`, then remove it, or choose another name");
    return;
  }
  check_replaceable(file);
  check_replaceable(part);
  if (is_being_written(part))
    throw file_error("replace", file, part.string() + " is being written by another run",
                     "wait for it, or choose another name");
  std::error_code absent;  // what cannot be removed is in the way of create_new, which says so
  std::filesystem::remove(part, absent);
}

/// Leaves nothing behind.
void TraceWriter::Impl::drop() {
  if (output) output->abandon();
  if (journal) journal->remove();
  std::error_code ignored;  // called while an exception is on its way
  std::filesystem::remove(part, ignored);
}

void TraceWriter::Impl::check_usable(std::string_view what) const {
  if (finished) throw file_error(what, file, "the trace is finished", "");
  if (failed) throw file_error(what, file, "an earlier write failed", "`plumbline recover` saves what was recorded");
}

/// Runs work that writes; after an exception the writer refuses everything else.
template <class Work>
void TraceWriter::Impl::guarded(Work&& work) {
  try {
    work();
  } catch (...) {
    failed = true;
    throw;
  }
}

void TraceWriter::Impl::check_tap(const TapSpec& spec, const TensorView& values) const {
  const auto refuse = [&](const std::string& reason) {
    throw ShapeError("cannot record tap '" + printable(spec.path) + "' in " + file.string(), {reason}, "");
  };
  if (index.steps.empty()) refuse("no step was begun");
  if (spec.path.empty() || static_cast<int64_t>(spec.path.size()) > kMaxPathBytes ||
      spec.path.find('\0') != std::string::npos)
    refuse("its path is empty, too long or holds a zero byte");
  if (spec.dtype != values.dtype)
    refuse("declared " + std::string(dtype_name(spec.dtype)) + ", given " + std::string(dtype_name(values.dtype)));
  if (values.shape.size() > kMaxRank) refuse("rank " + std::to_string(values.shape.size()) + ", at most 8 is stored");
  if (!spec.axes.empty() && spec.axes.size() != values.shape.size())
    refuse(std::to_string(spec.axes.size()) + " axes for shape " + to_string(values.shape));
  if (values.data == nullptr && values.byte_size() > 0) refuse("it has no values");
  if (paths_of_step.contains(spec.path)) refuse("it was recorded twice in one step");
}

void TraceWriter::Impl::write_tap(const TapSpec& spec, const TensorView& values) {
  const StepRow& step = index.steps.back();
  JournalTap tap;
  tap.inner = spec.inner;
  tap.entry.path = spec.path;
  tap.entry.step = step.step;
  tap.entry.layer = layer_of(spec.path);
  tap.entry.dtype = spec.dtype;
  tap.entry.shape = values.shape;
  tap.entry.axes = spec.axes;
  tap.entry.byte_size = static_cast<int64_t>(values.byte_size());
  after_layers = after_layers || tap.entry.layer >= 0;

  DatasetPlace place = dataset_place(spec.path, step.step, after_layers, 0);
  const uint32_t order = orders[place.group]++;
  place = dataset_place(spec.path, step.step, after_layers, order);
  tap.entry.file_offset = output->add_tensor(place, spec.dtype, values.shape);
  write_at(payload.get(), values.bytes(), tap.entry.file_offset, part);
  const uint64_t xxh3 = xxh3_64(values.bytes());
  tap.entry.xxh3 = hex_of(xxh3);
  journal->tap(tap);
  index.add_tap(tap.entry, place.full(), order, spec.inner, xxh3);
  paths_of_step.insert(spec.path);
}

void TraceWriter::Impl::write_index() {
  const std::string files = to_json(header.files), parameters = to_json(header.parameters),
                    environment = to_json(header.environment), faults = to_json(header.faults);
  const IndexParts parts = {raw_bytes(index.rows),
                            raw_bytes(index.strings.offsets()),
                            index.strings.bytes(),
                            raw_bytes(index.steps),
                            raw_bytes(index.tokens),
                            header.config_json,
                            header.graph_json,
                            files,
                            parameters,
                            environment,
                            faults,
                            header.prompt};
  const Handle row = index_row_type(), step = step_row_type();
  output->add_table("index", row.get(), index.rows.data(), index.rows.size());
  output->add_table("string_offsets", H5T_STD_U64LE, index.strings.offsets().data(), index.strings.offsets().size());
  output->add_bytes("strings", parts.strings);
  output->add_table("steps", step.get(), index.steps.data(), index.steps.size());
  output->add_table("tokens", H5T_STD_I64LE, index.tokens.data(), index.tokens.size());
  output->add_bytes("config", parts.config);
  output->add_bytes("graph", parts.graph);
  output->add_bytes("files", parts.files);
  output->add_bytes("parameters", parts.parameters);
  output->add_bytes("environment", parts.environment);
  output->add_bytes("faults", parts.faults);
  output->add_bytes("prompt", parts.prompt);
  output->set_complete(index.rows.size(), parts.digest());
  output->close();
}

TraceWriter::TraceWriter(std::filesystem::path file, TraceHeader header, WriteOptions options) {
  const std::lock_guard lock(hdf5_mutex());
  impl_ = std::make_unique<Impl>(std::move(file), std::move(header), std::move(options));
}

TraceWriter::~TraceWriter() = default;

bool TraceWriter::wants(std::string_view path) const {
  return std::any_of(impl_->options.taps.begin(), impl_->options.taps.end(),
                     [&](const std::string& glob) { return glob_matches(glob, path); });
}

void TraceWriter::begin_step(const Step& step) {
  const std::lock_guard lock(hdf5_mutex());
  impl_->check_usable("begin a step in");
  if (step.index < 0 || (!impl_->index.steps.empty() && step.index <= impl_->index.steps.back().step))
    throw file_error("begin a step in", impl_->file, "step " + std::to_string(step.index) + " does not follow the last",
                     "");
  impl_->guarded([&] {
    impl_->journal->step(step);
    if (impl_->options.fdatasync_each_step) {
      sync_data(impl_->payload.get(), impl_->part);
      impl_->journal->sync();
    }
  });
  impl_->index.add_step(step);
  impl_->paths_of_step.clear();
  impl_->after_layers = false;
}

void TraceWriter::record(const TapSpec& spec, const TensorView& values) {
  if (!wants(spec.path)) return;
  const std::lock_guard lock(hdf5_mutex());
  impl_->check_usable("record to");
  impl_->check_tap(spec, values);
  impl_->guarded([&] { impl_->write_tap(spec, values); });
}

void TraceWriter::finish() {
  const std::lock_guard lock(hdf5_mutex());
  impl_->check_usable("finish");
  impl_->guarded([&] {
    impl_->write_index();
    sync_data(impl_->payload.get(), impl_->part);
    publish(impl_->part, impl_->file, impl_->options.replace);
    impl_->journal->remove();
  });
  impl_->finished = true;
}

}  // namespace plumbline
