// SPDX-License-Identifier: Apache-2.0
#include "trace/hdf5_input.h"

#include <array>
#include <cstring>

#include "trace/posix_file.h"
#include "trace/schema.h"

namespace plumbline::trace {
namespace {

constexpr size_t kMostAttributeText = 1 << 16;

/// Superblocks of version 2 and 3 mark a file that is open for writing: a live run or one that was killed.
bool marked_open_for_writing(const Input& input) {
  std::array<std::byte, 12> start{};
  if (!read_at(input.fd, start, 0, input.name)) return false;
  constexpr std::array<unsigned char, 8> kSignature = {0x89, 'H', 'D', 'F', '\r', '\n', 0x1a, '\n'};
  return std::memcmp(start.data(), kSignature.data(), kSignature.size()) == 0 && start[8] >= std::byte{2} &&
         (start[11] & std::byte{1}) != std::byte{0};
}

std::string until_zero(std::string text) { return text.substr(0, text.find('\0')); }

std::optional<std::string> fixed_text(hid_t attribute, hid_t type) {
  const size_t bytes = H5Tget_size(type);
  if (bytes == 0 || bytes > kMostAttributeText) return std::nullopt;
  std::string text(bytes, '\0');
  if (H5Aread(attribute, type, text.data()) < 0) return std::nullopt;
  return until_zero(std::move(text));
}

std::optional<std::string> variable_text(hid_t attribute, hid_t type) {
  char* text = nullptr;
  if (H5Aread(attribute, type, &text) < 0 || !text) return std::nullopt;
  std::string copy(text, strnlen(text, kMostAttributeText));
  H5free_memory(text);
  return copy;
}

Handle open_attribute(const Input& input, hid_t object, const char* name) {
  const htri_t exists = H5Aexists(object, name);
  if (exists == 0) return {};
  Handle attribute(exists > 0 ? H5Aopen(object, name, H5P_DEFAULT) : H5I_INVALID_HID, H5Aclose);
  if (!attribute) input.refuse("attribute " + std::string(name), "it cannot be read: " + hdf5_complaint());
  return attribute;
}

bool holds_one(hid_t attribute) {
  const Handle space(H5Aget_space(attribute), H5Sclose);
  return space && H5Sget_simple_extent_npoints(space.get()) == 1;
}

}  // namespace

void Input::refuse(std::string_view place, std::string_view problem, std::string_view way_out) const {
  throw TraceError("cannot read trace " + name.string(), {"at " + printable(place) + ": " + std::string(problem)},
                   way_out);
}

Input open_input(int fd, int64_t bytes, std::filesystem::path name) {
  Input input{fd, bytes, std::move(name), {}};
  if (marked_open_for_writing(input))
    input.refuse("/", "it was never closed by its writer: still being written, or interrupted",
                 "if the run is over: `plumbline recover`");
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  H5Pset_file_locking(access.get(), 0, 1);
  const std::string by_descriptor = "/proc/self/fd/" + std::to_string(fd);
  input.root = Handle(H5Fopen(by_descriptor.c_str(), H5F_ACC_RDONLY, access.get()), H5Fclose);
  if (!input.root)
    input.refuse(
        "/", "not a whole HDF5 file (" + printable(hdf5_complaint()) + ")",
        "check that it was copied completely; a run that was interrupted leaves FILE.part: `plumbline recover`");
  return input;
}

std::optional<std::string> text_attribute(const Input& input, hid_t object, const char* name) {
  const Handle attribute = open_attribute(input, object, name);
  if (!attribute || !holds_one(attribute.get())) return std::nullopt;
  const Handle type(H5Aget_type(attribute.get()), H5Tclose);
  if (!type || H5Tget_class(type.get()) != H5T_STRING) return std::nullopt;
  const htri_t variable = H5Tis_variable_str(type.get());
  if (variable < 0) return std::nullopt;
  return variable ? variable_text(attribute.get(), type.get()) : fixed_text(attribute.get(), type.get());
}

std::optional<uint64_t> number_attribute(const Input& input, hid_t object, const char* name, hid_t type) {
  const Handle attribute = open_attribute(input, object, name);
  if (!attribute || !holds_one(attribute.get())) return std::nullopt;
  const Handle stored(H5Aget_type(attribute.get()), H5Tclose);
  uint64_t value = 0;
  if (!stored || H5Tequal(stored.get(), type) <= 0 || H5Tget_size(type) > sizeof value) return std::nullopt;
  if (H5Aread(attribute.get(), type, &value) < 0) return std::nullopt;
  return value;
}

bool has_dataset(const Input& input, const char* name) {
  H5L_info_t link{};
  return H5Lexists(input.root.get(), name, H5P_DEFAULT) > 0 &&
         H5Lget_info(input.root.get(), name, &link, H5P_DEFAULT) >= 0 && link.type == H5L_TYPE_HARD;
}

std::string plain_dataset(const Input& input, const char* name, hid_t type) {
  if (!has_dataset(input, name)) input.refuse(name, "it is missing or no dataset of this file");
  const Handle dataset(H5Dopen2(input.root.get(), name, H5P_DEFAULT), H5Dclose);
  if (!dataset) input.refuse(name, "it cannot be opened: " + hdf5_complaint());
  const Handle stored(H5Dget_type(dataset.get()), H5Tclose), space(H5Dget_space(dataset.get()), H5Sclose),
      properties(H5Dget_create_plist(dataset.get()), H5Pclose);
  if (!stored || H5Tequal(stored.get(), type) <= 0) input.refuse(name, "its type is not that of schema version 1");
  hsize_t count = 0;
  if (H5Sget_simple_extent_ndims(space.get()) != 1 || H5Sget_simple_extent_dims(space.get(), &count, nullptr) != 1)
    input.refuse(name, "it is not one-dimensional");
  if (H5Pget_layout(properties.get()) != H5D_CONTIGUOUS || H5Pget_external_count(properties.get()) != 0)
    input.refuse(name, "it is not stored contiguously inside the file");
  const uint64_t element = H5Tget_size(type);
  if (count > static_cast<uint64_t>(input.bytes) / element) input.refuse(name, "it is larger than the file");
  if (H5Dget_storage_size(dataset.get()) != count * element) input.refuse(name, "its stored size is not its extent");
  std::string bytes(count * element, '\0');
  if (count > 0 && H5Dread(dataset.get(), type, H5S_ALL, H5S_ALL, H5P_DEFAULT, bytes.data()) < 0)
    input.refuse(name, "it cannot be read: " + hdf5_complaint());
  return bytes;
}

}  // namespace plumbline::trace
