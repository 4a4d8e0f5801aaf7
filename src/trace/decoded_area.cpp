// SPDX-License-Identifier: Apache-2.0
#include "trace/decoded_area.h"

#include <sys/mman.h>
#include <unistd.h>

#include <array>
#include <vector>

#include "trace/foreign_layout.h"

namespace plumbline::trace {
namespace {

// Deflate, the strongest filter accepted, cannot shrink below 1/1032; a dataset that claims more was never written.
constexpr uint64_t kMostExpansion = 1100;
constexpr uint64_t kMostChunkBytes = uint64_t{8} << 20;  ///< of a small file
constexpr std::string_view kRepack = "rewrite it with `h5repack -f NONE -l CONTI IN OUT`";

void check_filters(const Input& input, const std::string& place, hid_t properties) {
  const int filters = H5Pget_nfilters(properties);
  for (int i = 0; i < filters; ++i) {
    unsigned flags = 0, config = 0;
    size_t values = 0;
    std::array<char, 64> name{};
    const H5Z_filter_t id = H5Pget_filter2(properties, static_cast<unsigned>(i), &flags, &values, nullptr, name.size(),
                                           name.data(), &config);
    const bool known =
        id == H5Z_FILTER_DEFLATE || id == H5Z_FILTER_SHUFFLE || id == H5Z_FILTER_FLETCHER32 || id == H5Z_FILTER_SZIP;
    if (!known || H5Zfilter_avail(id) <= 0)
      input.refuse(place, "it is stored with filter " + std::to_string(id) + ", which is not read here", kRepack);
  }
}

/// Chunks that were never written would read as fill values: numbers that nobody computed.
void check_chunks(const Input& input, const std::string& place, hid_t dataset, hid_t space, hid_t properties) {
  const int rank = H5Sget_simple_extent_ndims(space);
  std::array<hsize_t, H5S_MAX_RANK> extent{}, chunk{};
  if (rank < 1 || rank > H5S_MAX_RANK || H5Sget_simple_extent_dims(space, extent.data(), nullptr) != rank ||
      H5Pget_chunk(properties, rank, chunk.data()) != rank)
    input.refuse(place, "its chunks cannot be read: " + hdf5_complaint());
  uint64_t expected = 1;
  for (size_t i = 0; i < static_cast<size_t>(rank); ++i) {
    if (chunk[i] == 0) input.refuse(place, "a chunk extent is 0");
    const uint64_t along = extent[i] / chunk[i] + (extent[i] % chunk[i] != 0 ? 1 : 0);
    if (__builtin_mul_overflow(expected, along, &expected)) input.refuse(place, "it claims an absurd number of chunks");
  }
  hsize_t stored = 0;
  if (H5Dget_num_chunks(dataset, space, &stored) < 0) input.refuse(place, "its chunks cannot be counted");
  if (stored != expected)
    input.refuse(place, std::to_string(stored) + " of " + std::to_string(expected) + " chunks were written",
                 "its writer did not finish; record it again");
}

/// HDF5 takes a whole chunk into memory, twice while it inflates. So its extent, which costs nothing to claim, is
/// bounded by the file.
void check_chunk_size(const Input& input, const std::string& place, hid_t properties, hid_t type) {
  std::array<hsize_t, H5S_MAX_RANK> chunk{};
  const int rank = H5Pget_chunk(properties, H5S_MAX_RANK, chunk.data());
  uint64_t bytes = H5Tget_size(type);
  bool counted = rank > 0;
  for (int i = 0; counted && i < rank; ++i)
    counted = !__builtin_mul_overflow(bytes, chunk[static_cast<size_t>(i)], &bytes);
  const uint64_t most = kMostChunkBytes + static_cast<uint64_t>(input.bytes);
  if (!counted || bytes > most)
    input.refuse(place,
                 "a chunk of it takes " + (counted ? std::to_string(bytes) : "uncountably many") +
                     " bytes; from a file of this size at most " + std::to_string(most) + " are decoded at once",
                 kRepack);
}

/// A shared window onto part of the memory file.
class Window {
 public:
  Window(int fd, int64_t offset, int64_t bytes) : bytes_(static_cast<size_t>(bytes)) {
    address_ = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd, offset);
  }
  Window(const Window&) = delete;
  Window& operator=(const Window&) = delete;
  ~Window() {
    if (mapped()) ::munmap(address_, bytes_);
  }
  bool mapped() const { return address_ != MAP_FAILED; }
  void* data() const { return address_; }

 private:
  void* address_ = MAP_FAILED;
  size_t bytes_ = 0;
};

}  // namespace

int64_t DecodedArea::decode(const Input& input, const std::string& place, hid_t dataset, hid_t type, int64_t bytes) {
  const Handle properties(H5Dget_create_plist(dataset), H5Pclose), space(H5Dget_space(dataset), H5Sclose);
  check_filters(input, place, properties.get());
  if (H5Pget_layout(properties.get()) == H5D_CHUNKED) {
    check_chunks(input, place, dataset, space.get(), properties.get());
    check_chunk_size(input, place, properties.get(), type);
  }
  const uint64_t stored = H5Dget_storage_size(dataset);
  if (stored > static_cast<uint64_t>(input.bytes) || static_cast<uint64_t>(bytes) > kMostExpansion * stored)
    input.refuse(place, std::to_string(bytes) + " bytes cannot come from " + std::to_string(stored) + " stored ones");
  const int64_t most = most_decoded_bytes(input.bytes);
  if (bytes > most - used_)
    input.refuse(place, "more than " + std::to_string(most >> 20) + " MiB would have to be decoded", kRepack);

  const int64_t page = ::sysconf(_SC_PAGESIZE);
  const int64_t offset = used_, window_start = offset / page * page;
  used_ = (offset + bytes + 63) / 64 * 64;
  if (::ftruncate(fd_, used_) != 0) input.refuse(place, "no memory to decode it");
  if (bytes == 0) return offset;
  const Window window(fd_, window_start, offset + bytes - window_start);
  if (!window.mapped()) input.refuse(place, "no memory to decode it");
  void* const target = static_cast<std::byte*>(window.data()) + (offset - window_start);
  if (H5Dread(dataset, type, H5S_ALL, H5S_ALL, H5P_DEFAULT, target) < 0)
    input.refuse(place, "it cannot be decoded: " + hdf5_complaint());
  return offset;
}

}  // namespace plumbline::trace
