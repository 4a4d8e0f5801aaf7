// SPDX-License-Identifier: Apache-2.0
// The file as other HDF5 programs see it: real bf16, contiguous, allocated, aligned, no variable-length anything.
#include <hdf5.h>
#include <sys/wait.h>

#include <cstdio>

#include "support/temp_directory.h"
#include "trace/schema.h"
#include "unit/trace/sample.h"
#include "unit/trace/says.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

/// What h5dump prints, or nullopt where the tool is missing.
std::optional<std::string> h5dump(const std::string& arguments) {
  if (std::system("h5dump --version >/dev/null 2>&1") != 0) return std::nullopt;
  std::FILE* pipe = ::popen(("h5dump " + arguments + " 2>&1").c_str(), "r");
  REQUIRE(pipe != nullptr);
  std::string text;
  for (int c = std::fgetc(pipe); c != EOF; c = std::fgetc(pipe)) text += static_cast<char>(c);
  CHECK(::pclose(pipe) == 0);
  return text;
}

herr_t check_object(hid_t file, const char* name, const H5O_info_t* info, void*) {
  INFO(name);
  const hid_t object = H5Oopen(file, name, H5P_DEFAULT);
  REQUIRE(object >= 0);
  for (unsigned i = 0; i < info->num_attrs; ++i) {
    const hid_t attribute = H5Aopen_by_idx(object, ".", H5_INDEX_NAME, H5_ITER_INC, i, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t type = H5Aget_type(attribute);
    CHECK(H5Tdetect_class(type, H5T_VLEN) == 0);
    CHECK((H5Tget_class(type) != H5T_STRING || H5Tis_variable_str(type) == 0));
    H5Tclose(type);
    H5Aclose(attribute);
  }
  if (info->type == H5O_TYPE_DATASET) {
    const hid_t creation = H5Dget_create_plist(object), space = H5Dget_space(object), type = H5Dget_type(object);
    const auto bytes = static_cast<hsize_t>(H5Sget_simple_extent_npoints(space)) * H5Tget_size(type);
    CHECK(H5Pget_layout(creation) == H5D_CONTIGUOUS);
    CHECK(H5Tdetect_class(type, H5T_VLEN) == 0);
    CHECK(H5Tdetect_class(type, H5T_REFERENCE) == 0);
    CHECK(H5Dget_storage_size(object) == bytes);
    if (bytes >= static_cast<hsize_t>(trace::kAlignment)) CHECK(H5Dget_offset(object) % trace::kAlignment == 0);
    H5Tclose(type);
    H5Sclose(space);
    H5Pclose(creation);
  }
  H5Oclose(object);
  return 0;
}

}  // namespace

TEST_CASE("every object is contiguous, allocated, aligned and of fixed length") {
  const TempDirectory directory;
  write_sample(directory / "a.h5");
  const hid_t file = H5Fopen((directory / "a.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  REQUIRE(file >= 0);
  CHECK(H5Ovisit2(file, H5_INDEX_NAME, H5_ITER_INC, check_object, nullptr, H5O_INFO_BASIC | H5O_INFO_NUM_ATTRS) >= 0);
  H5Fclose(file);
}

TEST_CASE("bf16 is a 16-bit float: sign 15, exponent 8 bits at 7 with bias 127, fraction 7 bits, little endian") {
  const TempDirectory directory;
  write_sample(directory / "a.h5");
  const hid_t file = H5Fopen((directory / "a.h5").c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t set = H5Dopen2(file, "/t/s000000/Lpost/0001_logits", H5P_DEFAULT);
  REQUIRE(set >= 0);
  const hid_t type = H5Dget_type(set);
  size_t sign = 0, exponent = 0, exponent_bits = 0, fraction = 0, fraction_bits = 0;
  H5Tget_fields(type, &sign, &exponent, &exponent_bits, &fraction, &fraction_bits);
  CHECK(H5Tget_class(type) == H5T_FLOAT);
  CHECK(H5Tget_size(type) == 2);
  CHECK(H5Tget_precision(type) == 16);
  CHECK(H5Tget_ebias(type) == 127);
  CHECK(H5Tget_order(type) == H5T_ORDER_LE);
  CHECK(H5Tget_norm(type) == H5T_NORM_IMPLIED);
  CHECK(sign == 15);
  CHECK(exponent == 7);
  CHECK(exponent_bits == 8);
  CHECK(fraction == 0);
  CHECK(fraction_bits == 7);
  H5Tclose(type);
  H5Dclose(set);
  H5Fclose(file);
}

TEST_CASE("h5dump shows the values of a bf16 tensor") {
  const TempDirectory directory;
  {
    TraceWriter writer(directory / "a.h5", sample_header());
    writer.begin_step({0, 0, {1, 2}});
    const std::vector<double> values = {1.0, -2.5, 0.00390625};  // exact in bf16
    writer.record({"layer.3.x", DType::bf16, {"a"}, false}, Tensor::from_values(DType::bf16, {3}, values).view());
    writer.finish();
  }
  const std::optional<std::string> text = h5dump("-d /t/s000000/L03/0000_x " + (directory / "a.h5").string());
  if (!text) {
    WARN("h5dump is not installed: its view of our files was NOT tested");
    return;
  }
  CHECK(says(*text, {"16-bit little-endian floating-point", "1, -2.5, 0.00390625", "\"bf16\""}));
  CHECK(says(*h5dump("-H " + (directory / "a.h5").string()), {"DATASET \"index\"", "\"n_tensors\""}));
}
