// SPDX-License-Identifier: Apache-2.0
#include "trace/foreign_layout.h"

#include <algorithm>
#include <array>
#include <set>
#include <vector>

#include "trace/decoded_area.h"
#include "trace/hdf5_types.h"
#include "trace/schema.h"

namespace plumbline::trace {
namespace {

constexpr int kMostNesting = 64;
constexpr uint64_t kMostLinks = kMaxTaps;

struct Link {
  std::string name;
  H5L_type_t kind = H5L_TYPE_ERROR;
};

struct Found {
  TapEntry entry;
  haddr_t place = HADDR_UNDEF;  ///< where its (first) data lie: the best guess of the order of writing
};

class Walker {
 public:
  Walker(const Input& input, int decoded_fd) : input_(input), decoded_(decoded_fd) {}
  FlatTable walk();

 private:
  void group(hid_t id, const std::string& path, int depth);
  void object(hid_t group, const std::string& path, const std::string& name, int depth);
  void dataset(hid_t id, const std::string& path);
  Shape shape_of(hid_t space, const std::string& path) const;
  void locate(hid_t id, hid_t type, const std::string& path, Found& found);

  const Input& input_;
  DecodedArea decoded_;
  std::vector<Found> found_;
  std::set<haddr_t> groups_seen_;
  uint64_t links_ = 0;
  std::string passed_over_;
};

herr_t collect(hid_t, const char* name, const H5L_info_t* info, void* out) noexcept {
  try {
    static_cast<std::vector<Link>*>(out)->push_back({name, info->type});
    return 0;
  } catch (...) {
    return -1;
  }
}

void Walker::group(hid_t id, const std::string& path, int depth) {
  if (depth > kMostNesting) input_.refuse(path, "groups are nested more than 64 deep");
  H5O_info_t info{};
  if (H5Oget_info2(id, &info, H5O_INFO_BASIC) < 0) input_.refuse(path, hdf5_complaint());
  if (!groups_seen_.insert(info.addr).second) input_.refuse(path, "this group contains itself or is linked twice");
  std::vector<Link> links;
  if (H5Literate(id, H5_INDEX_NAME, H5_ITER_INC, nullptr, collect, &links) < 0)
    input_.refuse(path, "its links cannot be read: " + hdf5_complaint());
  links_ += links.size();
  if (links_ > kMostLinks) input_.refuse(path, "more links than a trace can have");
  for (const Link& link : links) {
    const std::string inner = path == "/" ? "/" + link.name : path + "/" + link.name;
    if (link.kind == H5L_TYPE_SOFT) continue;  // another name of something that is found by its own
    if (link.kind != H5L_TYPE_HARD)
      input_.refuse(inner, "it links to another file, which is not followed", "copy the tensor into the file");
    if (link.name.empty()) input_.refuse(inner, "a link without a name");
    object(id, inner, link.name, depth);
  }
}

void Walker::object(hid_t group_id, const std::string& path, const std::string& name, int depth) {
  const std::string relative = "./" + name;  // a name of dots alone must not lead elsewhere
  const Handle id(H5Oopen(group_id, relative.c_str(), H5P_DEFAULT), H5Oclose);
  if (!id) input_.refuse(path, "it cannot be opened: " + hdf5_complaint());
  switch (H5Iget_type(id.get())) {
    case H5I_GROUP: group(id.get(), path, depth + 1); break;
    case H5I_DATASET: dataset(id.get(), path); break;
    default: break;  // a named type holds no numbers
  }
}

Shape Walker::shape_of(hid_t space, const std::string& path) const {
  const int rank = H5Sget_simple_extent_ndims(space);
  if (rank < 0 || rank > static_cast<int>(kMaxRank))
    input_.refuse(path, "rank " + std::to_string(rank) + ", at most 8 is read");
  std::array<hsize_t, kMaxRank> extent{};
  if (H5Sget_simple_extent_dims(space, extent.data(), nullptr) != rank) input_.refuse(path, hdf5_complaint());
  Shape shape;
  for (size_t i = 0; i < static_cast<size_t>(rank); ++i) {
    if (extent[i] > static_cast<hsize_t>(INT64_MAX)) input_.refuse(path, "an extent is absurd");
    shape.push_back(static_cast<int64_t>(extent[i]));
  }
  return shape;
}

/// Finds the bytes of a dataset in the file, or decodes them.
void Walker::locate(hid_t id, hid_t type, const std::string& path, Found& found) {
  const Handle properties(H5Dget_create_plist(id), H5Pclose);
  if (!properties) input_.refuse(path, hdf5_complaint());
  if (H5Pget_external_count(properties.get()) != 0)
    input_.refuse(path, "its numbers lie in another file, which is not read", "copy the tensor into the file");
  const int64_t bytes = found.entry.byte_size;
  switch (H5Pget_layout(properties.get())) {
    case H5D_CONTIGUOUS: {
      if (bytes == 0) return;
      found.place = H5Dget_offset(id);
      if (found.place == HADDR_UNDEF) input_.refuse(path, "its numbers were never written");
      if (H5Dget_storage_size(id) != static_cast<uint64_t>(bytes))
        input_.refuse(path, "its stored size is not that of its shape");
      if (found.place > static_cast<haddr_t>(input_.bytes))
        input_.refuse(path, "its numbers lie behind the file's end");
      found.entry.file_offset = static_cast<int64_t>(found.place);
      return;
    }
    case H5D_CHUNKED: {
      hsize_t stored = 0;
      const Handle space(H5Dget_space(id), H5Sclose);
      if (H5Dget_num_chunks(id, space.get(), &stored) >= 0 && stored > 0)
        H5Dget_chunk_info(id, space.get(), 0, nullptr, nullptr, &found.place, nullptr);
      break;
    }
    case H5D_COMPACT: {
      H5O_info_t info{};
      if (H5Oget_info2(id, &info, H5O_INFO_BASIC) >= 0) found.place = info.addr;
      break;
    }
    default:
      input_.refuse(path, "it is stored in a layout that is not read (virtual)", "copy the tensor into the file");
  }
  found.entry.file_offset = -1 - decoded_.decode(input_, path, id, type, bytes);
}

void Walker::dataset(hid_t id, const std::string& path) {
  const Handle type(H5Dget_type(id), H5Tclose), space(H5Dget_space(id), H5Sclose);
  if (!type || !space) input_.refuse(path, hdf5_complaint());
  const Recognised kind = recognise(type.get(), text_attribute(input_, id, "dtype").value_or(""));
  const H5S_class_t extent = H5Sget_simple_extent_type(space.get());
  if (!kind.tensor || extent == H5S_NULL) {
    passed_over_ += (passed_over_.empty() ? "" : ", ") + path;
    return;
  }
  if (!kind.dtype)
    input_.refuse(path, kind.problem, "store it as a little-endian type, or set the attribute 'dtype' (\"bf16\", ...)");
  Found found;
  if (!parse_dataset_place(path, found.entry)) {
    found.entry.path = path.substr(1);
    std::replace(found.entry.path.begin(), found.entry.path.end(), '/', '.');
    found.entry.layer = layer_of(found.entry.path);
  }
  found.entry.dtype = *kind.dtype;
  found.entry.shape = shape_of(space.get(), path);
  uint64_t bytes = element_bytes(*kind.dtype);
  for (const int64_t one : found.entry.shape) {
    if (__builtin_mul_overflow(bytes, static_cast<uint64_t>(one), &bytes) || bytes > static_cast<uint64_t>(INT64_MAX))
      input_.refuse(path, "its shape " + to_string(found.entry.shape) + " is absurd");
  }
  found.entry.byte_size = static_cast<int64_t>(bytes);
  locate(id, type.get(), path, found);
  found_.push_back(std::move(found));
}

FlatTable Walker::walk() {
  const Handle root(H5Gopen2(input_.root.get(), "/", H5P_DEFAULT), H5Gclose);
  if (!root) input_.refuse("/", hdf5_complaint());
  group(root.get(), "/", 0);
  std::stable_sort(found_.begin(), found_.end(), [](const Found& a, const Found& b) {
    return a.entry.step != b.entry.step ? a.entry.step < b.entry.step : a.place < b.place;
  });
  FlatTable table;
  table.foreign = true;
  table.header.producer = text_attribute(input_, root.get(), "producer").value_or("");
  table.header.complete = true;
  if (!passed_over_.empty()) table.header.environment["passed over"] = passed_over_;
  for (Found& found : found_) {
    if (table.steps.empty() || table.steps.back().index != found.entry.step)
      table.steps.push_back({found.entry.step, 0, {}});
    table.taps.push_back(std::move(found.entry));
  }
  return table;
}

}  // namespace

FlatTable read_foreign_file(const Input& input, int decoded_fd) { return Walker(input, decoded_fd).walk(); }

}  // namespace plumbline::trace
