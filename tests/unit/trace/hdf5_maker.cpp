// SPDX-License-Identifier: Apache-2.0
#include "unit/trace/hdf5_maker.h"

#include <stdexcept>

namespace plumbline::test {
namespace {

hid_t good(hid_t id) {
  if (id < 0) throw std::runtime_error("HDF5 refused to make a test file");
  return id;
}

void add_text_attribute(hid_t object, const std::string& text) {
  const hid_t type = good(H5Tcopy(H5T_C_S1)), space = good(H5Screate(H5S_SCALAR));
  H5Tset_size(type, text.size());
  const hid_t attribute = good(H5Acreate2(object, "dtype", type, space, H5P_DEFAULT, H5P_DEFAULT));
  good(H5Awrite(attribute, type, text.data()));
  H5Aclose(attribute);
  H5Sclose(space);
  H5Tclose(type);
}

}  // namespace

Hdf5Maker::Hdf5Maker(const std::filesystem::path& file)
    : file_(good(H5Fcreate(file.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT))) {}

Hdf5Maker::~Hdf5Maker() { H5Fclose(file_); }

void Hdf5Maker::group(const std::string& name) {
  H5Gclose(good(H5Gcreate2(file_, name.c_str(), H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT)));
}

void Hdf5Maker::dataset(const std::string& name, hid_t type, const std::vector<hsize_t>& dims, std::string bytes,
                        const DatasetOptions& options) {
  const hid_t space = good(dims.empty() ? H5Screate(H5S_SCALAR)
                                        : H5Screate_simple(static_cast<int>(dims.size()), dims.data(), nullptr));
  const hid_t creation = good(H5Pcreate(H5P_DATASET_CREATE)), links = good(H5Pcreate(H5P_LINK_CREATE));
  H5Pset_create_intermediate_group(links, 1);
  if (!options.chunk.empty()) H5Pset_chunk(creation, static_cast<int>(options.chunk.size()), options.chunk.data());
  if (options.adjust) options.adjust(creation);
  const hid_t set = good(H5Dcreate2(file_, name.c_str(), type, space, links, creation, H5P_DEFAULT));
  if (options.write) {
    const auto count = static_cast<size_t>(H5Sget_simple_extent_npoints(space));
    bytes.resize(count * H5Tget_size(type), '\0');
    good(H5Dwrite(set, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()));
  }
  if (!options.dtype_attribute.empty()) add_text_attribute(set, options.dtype_attribute);
  for (const hid_t list : {creation, links}) H5Pclose(list);
  H5Dclose(set);
  H5Sclose(space);
}

}  // namespace plumbline::test
