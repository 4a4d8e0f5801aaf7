// SPDX-License-Identifier: Apache-2.0
#include "trace/validate.h"

#include <algorithm>
#include <set>

#include "trace/posix_file.h"
#include "trace/schema.h"

namespace plumbline::trace {
namespace {

constexpr int64_t kMaxPosition = int64_t{1} << 40;

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

  [[noreturn]] void refuse(const Step& step, const std::string& problem) const {
    throw file_error("read trace", file_, "step " + std::to_string(step.index) + ": " + problem,
                     "the file is damaged or hostile: take another copy or record the run again");
  }

  /// Steps follow one another by index, and those that say what was fed also by position.
  void check_steps() const {
    int64_t next = -1;
    for (size_t i = 0; i < table_.steps.size(); ++i) {
      const Step& step = table_.steps[i];
      if (i > 0 && step.index <= table_.steps[i - 1].index) refuse(step, "it is out of order");
      const int64_t first = step.first_position, count = static_cast<int64_t>(step.tokens.size());
      if (first < 0 || first > kMaxPosition) refuse(step, "it begins at position " + std::to_string(first));
      if (count > 0 && next >= 0 && first != next)
        refuse(step, "it begins at position " + std::to_string(first) + ", the one before it ends at " +
                         std::to_string(next));
      if (i > 0 && (count > 0) != !table_.steps[i - 1].tokens.empty())
        refuse(step, "either every step says what was fed, or none");
      if (count > 0) next = first + count;
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
