// SPDX-License-Identifier: Apache-2.0
#include "trace/hdf5_output.h"

#include <vector>

#include "trace/hdf5_types.h"
#include "trace/posix_file.h"

namespace plumbline::trace {
namespace {

Handle access_properties() {
  Handle list(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_libver_bounds(list.get(), H5F_LIBVER_V110, H5F_LIBVER_V110);  // metadata checksums, refuse-to-open flag
  H5Pset_alignment(list.get(), kAlignment, kAlignment);
  H5Pset_meta_block_size(list.get(), 1 << 20);  // metadata together: a cold open reads half as long
  H5Pset_file_locking(list.get(), 1, 1);
  return list;
}

Handle creation_properties() {
  Handle list(H5Pcreate(H5P_FILE_CREATE), H5Pclose);
  H5Pset_attr_phase_change(list.get(), 32, 0);  // the root's attributes stay in its header
  return list;
}

Handle tensor_creation_properties() {
  Handle list(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  H5Pset_layout(list.get(), H5D_CONTIGUOUS);
  H5Pset_alloc_time(list.get(), H5D_ALLOC_TIME_EARLY);  // the offset must be known before anything is written
  H5Pset_fill_time(list.get(), H5D_FILL_TIME_NEVER);
  H5Pset_obj_track_times(list.get(), 0);
  return list;
}

}  // namespace

Hdf5Output::Hdf5Output(std::filesystem::path file, const TraceHeader& header) : file_(std::move(file)) {
  quiet_hdf5();
  const Handle access = access_properties(), creation = creation_properties();
  root_ = Handle(H5Fcreate(file_.c_str(), H5F_ACC_TRUNC, creation.get(), access.get()), H5Fclose);
  check(bool(root_), "file");
  tensor_properties_ = tensor_creation_properties();
  utf8_links_ = Handle(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_char_encoding(utf8_links_.get(), H5T_CSET_UTF8);
  scalar_ = Handle(H5Screate(H5S_SCALAR), H5Sclose);

  add_attribute("format", kFormat);
  add_attribute("format_version", H5T_STD_U32LE, kFormatVersion);
  add_attribute("run_id", header.run_id);
  add_attribute("producer", header.producer);
  add_attribute("producer_version", header.producer_version);
  add_attribute("created_utc", header.created_utc);
  add_attribute("backend", header.backend);
  add_attribute("device", header.device);
  add_attribute("model", header.model_directory);
  add_attribute("architecture", header.architecture);
  add_attribute("recovered", H5T_STD_U8LE, static_cast<uint8_t>(header.recovered));
  add_attribute("complete", H5T_STD_U8LE, uint8_t{0});
  add_attribute("n_tensors", H5T_STD_U64LE, uint64_t{0});
  add_attribute("index_xxh3", H5T_STD_U64LE, uint64_t{0});
  enter_group("/t");
}

Hdf5Output::~Hdf5Output() = default;

void Hdf5Output::fail(std::string_view what) const {
  throw file_error("write", file_, std::string(what) + ": " + hdf5_complaint(),
                   "check free space and rights; `plumbline recover` saves what was recorded so far");
}

template <class T>
void Hdf5Output::add_attribute(const char* name, hid_t type, const T& value) {
  const Handle attribute(H5Acreate2(root_.get(), name, type, scalar_.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  check(attribute && H5Awrite(attribute.get(), type, &value) >= 0, name);
}

void Hdf5Output::add_attribute(const char* name, std::string_view text) {
  const Handle type = fixed_string_type(text.size());
  const Handle attribute(H5Acreate2(root_.get(), name, type.get(), scalar_.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  const std::string padded(text.empty() ? std::string_view("\0", 1) : text);
  check(attribute && H5Awrite(attribute.get(), type.get(), padded.data()) >= 0, name);
}

void Hdf5Output::enter_group(const std::string& path) {
  if (path == group_path_) return;
  for (size_t end = path.find('/', 1);; end = path.find('/', end + 1)) {
    const std::string part = path.substr(0, end);
    if (groups_.insert(part).second) {
      group_ = Handle(H5Gcreate2(root_.get(), part.c_str(), utf8_links_.get(), H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    } else if (end == std::string::npos) {
      group_ = Handle(H5Gopen2(root_.get(), part.c_str(), H5P_DEFAULT), H5Gclose);
    }
    check(bool(group_), part);
    if (end == std::string::npos) break;
  }
  group_path_ = path;
}

int64_t Hdf5Output::add_tensor(const DatasetPlace& place, DType dtype, const Shape& shape) {
  quiet_hdf5();
  enter_group(place.group);
  const std::vector<hsize_t> dims(shape.begin(), shape.end());
  const Handle space = dims.empty()
                           ? Handle(H5Screate(H5S_SCALAR), H5Sclose)
                           : Handle(H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr), H5Sclose);
  const Handle type = file_type(dtype);
  const Handle dataset(H5Dcreate2(group_.get(), place.name.c_str(), type.get(), space.get(), utf8_links_.get(),
                                  tensor_properties_.get(), H5P_DEFAULT),
                       H5Dclose);
  check(dataset && type, place.full());

  const std::string_view name = dtype_name(dtype);
  const Handle text = fixed_string_type(name.size());
  const Handle attribute(H5Acreate2(dataset.get(), "dtype", text.get(), scalar_.get(), H5P_DEFAULT, H5P_DEFAULT),
                         H5Aclose);
  check(attribute && H5Awrite(attribute.get(), text.get(), name.data()) >= 0, place.full());

  if (element_count(shape) == 0) return 0;
  const haddr_t offset = H5Dget_offset(dataset.get());
  check(offset != HADDR_UNDEF, place.full());
  return static_cast<int64_t>(offset);
}

void Hdf5Output::add_table(const char* name, hid_t type, const void* rows, size_t count) {
  quiet_hdf5();
  const hsize_t dims = count;
  const Handle space(H5Screate_simple(1, &dims, nullptr), H5Sclose);
  const Handle dataset(
      H5Dcreate2(root_.get(), name, type, space.get(), H5P_DEFAULT, tensor_properties_.get(), H5P_DEFAULT), H5Dclose);
  check(bool(dataset), name);
  if (count > 0) check(H5Dwrite(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, rows) >= 0, name);
}

void Hdf5Output::add_bytes(const char* name, std::string_view bytes) {
  add_table(name, H5T_STD_U8LE, bytes.data(), bytes.size());
}

void Hdf5Output::set_complete(uint64_t n_tensors, uint64_t index_xxh3) {
  const auto set = [this](const char* name, hid_t type, const void* value) {
    const Handle attribute(H5Aopen(root_.get(), name, H5P_DEFAULT), H5Aclose);
    check(attribute && H5Awrite(attribute.get(), type, value) >= 0, name);
  };
  const uint8_t complete = 1;
  set("n_tensors", H5T_STD_U64LE, &n_tensors);
  set("index_xxh3", H5T_STD_U64LE, &index_xxh3);
  set("complete", H5T_STD_U8LE, &complete);
}

void Hdf5Output::close() {
  quiet_hdf5();
  group_.reset();
  check(H5Fflush(root_.get(), H5F_SCOPE_LOCAL) >= 0, "flush");
  check(root_.reset(), "close");
}

void Hdf5Output::abandon() {
  group_.abandon();
  root_.abandon();
}

}  // namespace plumbline::trace
