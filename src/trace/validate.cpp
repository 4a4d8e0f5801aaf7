// SPDX-License-Identifier: Apache-2.0
#include "trace/validate.h"

#include <algorithm>
#include <set>

#include "trace/posix_file.h"
#include "trace/schema.h"

namespace plumbline::trace {
namespace {

class Validator {
 public:
  Validator(const FlatTable& table, int64_t file_bytes, int64_t decoded_bytes, const std::filesystem::path& file)
      : table_(table), file_bytes_(file_bytes), decoded_bytes_(decoded_bytes), file_(file) {}

  void run() const {
    if (table_.taps.size() > kMaxTaps)
      throw file_error("read trace", file_, "it claims more taps than a trace can have", "");
    check_steps();
    for (const TapEntry& entry : table_.taps) check_entry(entry);
    check_names();
    check_overlaps();
  }

 private:
  [[noreturn]] void refuse(const TapEntry& entry, const std::string& problem) const {
    throw file_error("read trace", file_,
                     "tap '" + printable(entry.path) + "' of step " + std::to_string(entry.step) + ": " + problem,
                     "the file is damaged or hostile: take another copy or record the run again");
  }

  void check_steps() const {
    for (size_t i = 1; i < table_.steps.size(); ++i) {
      if (table_.steps[i].index <= table_.steps[i - 1].index)
        throw file_error("read trace", file_, "its steps are out of order", "the file is damaged");
    }
  }

  void check_entry(const TapEntry& entry) const {
    if (entry.path.empty() || static_cast<int64_t>(entry.path.size()) > kMaxPathBytes) refuse(entry, "bad path");
    if (entry.shape.size() > kMaxRank) refuse(entry, "rank " + std::to_string(entry.shape.size()));
    if (!entry.axes.empty() && entry.axes.size() != entry.shape.size()) refuse(entry, "axes do not fit its rank");
    if (!entry.xxh3.empty() && entry.xxh3.size() != 16) refuse(entry, "bad digest");
    const auto step = std::lower_bound(table_.steps.begin(), table_.steps.end(), entry.step,
                                       [](const Step& one, int64_t index) { return one.index < index; });
    if (step == table_.steps.end() || step->index != entry.step) refuse(entry, "its step is not declared");
    int64_t bytes = static_cast<int64_t>(element_bytes(entry.dtype));
    for (const int64_t extent : entry.shape) {
      if (extent < 0 || __builtin_mul_overflow(bytes, extent, &bytes))
        refuse(entry, "absurd shape " + plumbline::to_string(entry.shape));
    }
    if (bytes != entry.byte_size)
      refuse(entry, "shape " + plumbline::to_string(entry.shape) + " needs " + std::to_string(bytes) + " bytes, " +
                        std::to_string(entry.byte_size) + " are stored");
    const EntryPlace place = place_of(entry);
    const int64_t limit = place.decoded ? decoded_bytes_ : file_bytes_;
    if (place.offset > limit || entry.byte_size > limit - place.offset)
      refuse(entry, std::to_string(entry.byte_size) + " bytes at offset " + std::to_string(place.offset) +
                        " reach past the file's end at " + std::to_string(limit));
  }

  void check_names() const {
    std::set<std::pair<int64_t, std::string_view>> seen;
    for (const TapEntry& entry : table_.taps) {
      if (!seen.insert({entry.step, entry.path}).second) refuse(entry, "two tensors have this name");
    }
  }

  void check_overlaps() const {
    std::vector<const TapEntry*> order;
    for (const TapEntry& entry : table_.taps) {
      if (entry.byte_size > 0) order.push_back(&entry);
    }
    const auto start = [](const TapEntry* e) { return std::pair(place_of(*e).decoded, place_of(*e).offset); };
    std::sort(order.begin(), order.end(), [&](auto* a, auto* b) { return start(a) < start(b); });
    for (size_t i = 1; i < order.size(); ++i) {
      const EntryPlace before = place_of(*order[i - 1]), here = place_of(*order[i]);
      if (before.decoded == here.decoded && before.offset + order[i - 1]->byte_size > here.offset)
        refuse(*order[i], "its bytes overlap those of '" + printable(order[i - 1]->path) + "'");
    }
  }

  const FlatTable& table_;
  int64_t file_bytes_, decoded_bytes_;
  const std::filesystem::path& file_;
};

}  // namespace

void validate(const FlatTable& table, int64_t file_bytes, int64_t decoded_bytes, const std::filesystem::path& file) {
  Validator(table, file_bytes, decoded_bytes, file).run();
}

}  // namespace plumbline::trace
