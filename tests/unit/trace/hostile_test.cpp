// SPDX-License-Identifier: Apache-2.0
// Files made to do harm: each is refused with its name and the place, and nothing outside it is read.
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

#include "support/temp_directory.h"
#include "trace/confined_child.h"
#include "trace/validate.h"
#include "unit/trace/hdf5_maker.h"
#include "unit/trace/sample.h"
#include "unit/trace/says.h"

using namespace plumbline;
using namespace plumbline::test;

namespace {

using Make = std::function<void(Hdf5Maker&, const TempDirectory&)>;

std::string refusal_of(const Make& make) {
  const TempDirectory directory;
  {
    Hdf5Maker maker(directory / "a.h5");
    make(maker, directory);
  }
  return message_of([&] { Trace::open(directory / "a.h5"); });
}

}  // namespace

TEST_CASE("data that would come from another file are refused") {
  CHECK(says(refusal_of([](Hdf5Maker& maker, const TempDirectory&) {
               maker.dataset("x", H5T_STD_U8LE, {16}, {},
                             {{}, [](hid_t l) { H5Pset_external(l, "/etc/os-release", 0, 16); }, "", false});
             }),
             {"a.h5", "/x", "another file"}));
  CHECK(says(refusal_of([](Hdf5Maker& maker, const TempDirectory& directory) {
               { Hdf5Maker(directory / "other.h5").dataset("y", H5T_STD_U8LE, {4}); }
               H5Lcreate_external("other.h5", "/y", maker.file(), "x", H5P_DEFAULT, H5P_DEFAULT);
             }),
             {"a.h5", "/x", "links to another file"}));
  CHECK(says(refusal_of([](Hdf5Maker& maker, const TempDirectory& directory) {
               { Hdf5Maker(directory / "other.h5").dataset("y", H5T_STD_U8LE, {4}); }
               const hsize_t four = 4;
               const hid_t space = H5Screate_simple(1, &four, nullptr);
               maker.dataset("x", H5T_STD_U8LE, {4}, {},
                             {{}, [&](hid_t l) { H5Pset_virtual(l, space, "other.h5", "/y", space); }, "", false});
               H5Sclose(space);
             }),
             {"a.h5", "/x", "virtual"}));
}

TEST_CASE("absurd and unwritten extents are refused") {
  struct Row {
    Make make;
    const char* reason;
  };
  const Row rows[] = {
      {[](Hdf5Maker& m, auto&) {
         m.dataset("x", H5T_STD_U8LE, {hsize_t{1} << 42}, {}, {{}, {}, "", false});
       },
       "never written"},
      {[](Hdf5Maker& m, auto&) {
         m.dataset("x", H5T_STD_U8LE, {hsize_t{1} << 42}, {}, {{1 << 20}, {}, "", false});
       },
       "0 of 4194304 chunks"},
      {[](Hdf5Maker& m, auto&) {
         m.dataset("x", H5T_STD_U8LE, {2, 2, 2, 2, 2, 2, 2, 2, 2});
       },
       "rank 9"},
      {[](Hdf5Maker& m, auto&) { m.dataset("x", H5T_STD_U8LE, std::vector<hsize_t>(32, 1)); }, "rank 32"},
      {[](Hdf5Maker& m, auto&) {
         m.dataset("x", H5T_STD_U8LE, {hsize_t{1} << 40, hsize_t{1} << 40}, {}, {{1, 1}, {}, "", false});
       },
       "absurd"},
      {[](Hdf5Maker& m, auto&) {
         m.dataset("x", H5T_IEEE_F32LE, {64}, {},
                   {{8}, [](hid_t l) { H5Pset_scaleoffset(l, H5Z_SO_FLOAT_DSCALE, 2); }, ""});
       },
       "filter 6"}};
  for (const Row& row : rows) CHECK(says(refusal_of(row.make), {"a.h5", "/x", row.reason}));
}

TEST_CASE("a bomb of deflated zeros is refused before it is decoded") {
  // 1280 chunks of 8 MiB, deflated about a thousandfold: 10 GiB out of 10 MB. The deflated chunk is made once.
  CHECK(says(refusal_of([](Hdf5Maker& maker, const TempDirectory&) {
               constexpr hsize_t kChunk = hsize_t{8} << 20, kChunks = 1280;
               const auto deflate = [](hid_t l) { H5Pset_deflate(l, 9); };
               maker.dataset("y", H5T_STD_U8LE, {kChunk}, {}, {{kChunk}, deflate, ""});
               maker.dataset("x", H5T_STD_U8LE, {kChunk * kChunks}, {}, {{kChunk}, deflate, "", false});
               const hid_t from = H5Dopen2(maker.file(), "y", H5P_DEFAULT),
                           to = H5Dopen2(maker.file(), "x", H5P_DEFAULT);
               hsize_t offset = 0, bytes = 0;
               uint32_t filters = 0;
               H5Dget_chunk_storage_size(from, &offset, &bytes);
               std::string chunk(bytes, '\0');
               H5Dread_chunk(from, H5P_DEFAULT, &offset, &filters, chunk.data());
               for (hsize_t i = 0; i < kChunks; ++i) {
                 offset = i * kChunk;
                 REQUIRE(H5Dwrite_chunk(to, H5P_DEFAULT, 0, &offset, chunk.size(), chunk.data()) >= 0);
               }
               H5Dclose(from);
               H5Dclose(to);
             }),
             {"a.h5", "/x", "MiB would have to be decoded"}));
}

TEST_CASE("groups that contain themselves end the walk") {
  CHECK(says(refusal_of([](Hdf5Maker& maker, const TempDirectory&) {
               maker.group("a");
               H5Lcreate_hard(maker.file(), "/", maker.file(), "/a/again", H5P_DEFAULT, H5P_DEFAULT);
             }),
             {"/a/again", "contains itself"}));
  CHECK(says(refusal_of([](Hdf5Maker& maker, const TempDirectory&) {
               std::string path;
               for (int i = 0; i < 80; ++i) maker.group(path += "/g");
             }),
             {"64 deep"}));
}

TEST_CASE("one dataset under two names is refused as overlapping") {
  CHECK(says(refusal_of([](Hdf5Maker& maker, const TempDirectory&) {
               maker.dataset("x", H5T_IEEE_F32LE, {4});
               H5Lcreate_hard(maker.file(), "x", maker.file(), "y", H5P_DEFAULT, H5P_DEFAULT);
             }),
             {"overlap", "'x'", "'y'"}));
}

TEST_CASE("variable-length texts and soft links do no harm") {
  const TempDirectory directory;
  {
    Hdf5Maker maker(directory / "a.h5");
    maker.dataset("x", H5T_STD_U16LE, {4});
    H5Lcreate_soft("/etc/passwd", maker.file(), "soft", H5P_DEFAULT, H5P_DEFAULT);
    const hid_t type = H5Tcopy(H5T_C_S1), space = H5Screate(H5S_SCALAR);
    H5Tset_size(type, H5T_VARIABLE);
    const hid_t set = H5Dopen2(maker.file(), "x", H5P_DEFAULT);
    const hid_t attribute = H5Acreate2(set, "dtype", type, space, H5P_DEFAULT, H5P_DEFAULT);
    const char* text = "bf16";
    H5Awrite(attribute, type, &text);
    H5Aclose(attribute);
    H5Dclose(set);
  }
  const Trace trace = Trace::open(directory / "a.h5");
  REQUIRE(trace.taps().size() == 1);
  CHECK(trace.taps()[0].dtype == DType::bf16);
}

TEST_CASE("a child that crashes, hangs, gorges or lies costs an error, never the parent") {
  using trace::ChildLimits;
  using trace::run_confined;
  const auto outcome = [](const std::function<std::string()>& work, uint64_t wall_seconds = 60) {
    return message_of([&] { run_confined(work, ChildLimits{1, wall_seconds, 64 << 20, 0}, "a.h5"); });
  };
  CHECK(says(outcome([]() -> std::string {
               ::raise(SIGSEGV);
               return "";
             }),
             {"a.h5", "crashed", "Segmentation"}));
  CHECK(says(outcome([]() -> std::string { ::abort(); }), {"a.h5", "crashed"}));
  CHECK(says(outcome([]() -> std::string { ::_exit(7); }), {"a.h5", "ended with status 7"}));
  CHECK(says(outcome([]() -> std::string {
               for (volatile bool on = true; on;) {
               }
               return "";
             }),
             {"a.h5", "ran out of time"}));
  const auto wait_for_ever = []() -> std::string {
    for (;;) ::pause();
  };
  CHECK(says(outcome(wait_for_ever, 1), {"a.h5", "hung"}));
  CHECK(says(outcome([]() -> std::string { throw TraceError("what the child says"); }), {"what the child says"}));
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // there the memory limit is off
  CHECK(says(outcome([] { return std::string(std::size_t{1} << 30, 'x'); }), {"a.h5", "memory"}));
#endif
  CHECK(run_confined([] { return std::string("fine"); }, {}, "a.h5") == "fine");
  CHECK(::waitpid(-1, nullptr, WNOHANG) == -1);  // no child is left behind
}

TEST_CASE("a table that lies about extents is refused whoever sends it") {
  trace::FlatTable sound;
  sound.steps = {{0, 0, {}}};
  sound.taps = {{"x", 0, -1, DType::f32, {4}, {"a"}, 100, 16, ""}, {"y", 0, -1, DType::f32, {4}, {}, 116, 16, ""}};
  const auto verdict = [](const trace::FlatTable& table) {
    return message_of([&] { trace::validate(table, 200, 64, "a.h5"); });
  };
  CHECK(verdict(sound) == "no error");
  struct Row {
    std::function<void(TapEntry&)> spoil;
    const char* reason;
  };
  const Row rows[] = {{[](TapEntry& e) { e.file_offset = 185; }, "past the file's end"},
                      {[](TapEntry& e) { e.file_offset = INT64_MAX; }, "past the file's end"},
                      {[](TapEntry& e) { e.file_offset = INT64_MIN; }, "past the file's end"},
                      {[](TapEntry& e) { e.file_offset = -50; }, "past the file's end"},
                      {[](TapEntry& e) { e.file_offset = 101; }, "overlap"},
                      {[](TapEntry& e) { e.byte_size = 12; }, "needs 16 bytes"},
                      {[](TapEntry& e) { e.shape = {-4}; }, "absurd shape"},
                      {[](TapEntry& e) { e.shape = Shape(8, int64_t{1} << 40); }, "absurd shape"},
                      {[](TapEntry& e) { e.shape = Shape(9, 1); }, "rank 9"},
                      {[](TapEntry& e) {
                         e.axes = {"a", "b"};
                       },
                       "axes"},
                      {[](TapEntry& e) { e.step = 5; }, "step"},
                      {[](TapEntry& e) { e.path = "x"; }, "two tensors"},
                      {[](TapEntry& e) { e.path = ""; }, "path"},
                      {[](TapEntry& e) { e.xxh3 = "12"; }, "digest"}};
  for (const Row& row : rows) {
    trace::FlatTable table = sound;
    row.spoil(table.taps[1]);
    CHECK(says(verdict(table), {"a.h5", row.reason}));
  }
}

TEST_CASE("a file cut short while it is mapped ends the program with status 2 and its name") {
  const TempDirectory directory;
  write_sample(directory / "a.h5");
  const pid_t child = ::fork();
  if (child == 0) {
    const Trace trace = Trace::open(directory / "a.h5");
    const Tensor tensor = trace.read(*trace.find("logits", 3));
    std::filesystem::resize_file(directory / "a.h5", 4096);
    unsigned sum = 0;
    for (const std::byte byte : tensor.view().bytes()) sum += static_cast<unsigned>(byte);
    ::_exit(sum == 0 ? 0 : 1);
  }
  int status = 0;
  REQUIRE(::waitpid(child, &status, 0) == child);
  REQUIRE(WIFEXITED(status));
  CHECK(WEXITSTATUS(status) == 2);
}
