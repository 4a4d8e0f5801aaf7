// SPDX-License-Identifier: Apache-2.0
#include "fuzz/campaign.h"

#include <plumbline/error.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <exception>
#include <new>
#include <optional>

#include "fuzz/heap_meter.h"

namespace plumbline::test {
namespace {

constexpr int64_t kBatch = 2000;  ///< cases of one worker
constexpr int kMostDefects = 20, kDefect = 70;
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr unsigned kMostSeconds = 180;
#else
constexpr unsigned kMostSeconds = 60;  // a confined reader is given 30
#endif

/// What a worker has got done, seen by its parent.
struct Shared {
  int64_t current = 0;
  Tally tally;
  char defect[400] = {};
};

/// C0 but newline, DEL, and C1 (in UTF-8: C2 80 to C2 9F).
bool has_control_characters(std::string_view text) {
  for (size_t i = 0; i < text.size(); ++i) {
    const auto byte = static_cast<unsigned char>(text[i]);
    if ((byte < 0x20 && byte != '\n') || byte == 0x7F) return true;
    if (byte == 0xC2 && i + 1 < text.size() && static_cast<unsigned char>(text[i + 1]) < 0xA0) return true;
  }
  return false;
}

std::optional<std::string> defect_of_message(std::string_view message) {
  if (message.empty()) return "refused without a message";
  if (has_control_characters(message)) return "control characters in the message";
  return std::nullopt;
}

/// Reads one case; what is wrong with how that went.
std::optional<std::string> try_case(const Reader& reader, const std::filesystem::path& folder, const std::string& bytes,
                                    bool must_refuse, Tally& tally) {
  std::optional<std::string> defect;
  reset_heap_peak();
  try {
    reader.read(folder, bytes);
    ++tally.sound;
    if (must_refuse) defect = "read as sound";
  } catch (const Error& error) {
    ++tally.refused;
    defect = defect_of_message(error.what());
  } catch (const std::exception& error) {
    defect = std::string("no Error of ours, but ") + error.what();
  }
  const int64_t peak = heap_peak_bytes(), allowed = 4 * static_cast<int64_t>(bytes.size()) + (int64_t{64} << 20);
  tally.peak_bytes = std::max(tally.peak_bytes, peak);
  tally.peak_share = std::max(tally.peak_share, static_cast<double>(peak) / static_cast<double>(allowed));
  if (!defect && peak > allowed)
    defect = "held " + std::to_string(peak) + " bytes of heap, allowed " + std::to_string(allowed);
  return defect;
}

/// The life of a worker: cases up to `end`, or up to the first defect.
[[noreturn]] void work(const Reader& reader, const std::filesystem::path& folder, const Campaign& campaign, int64_t end,
                       Shared& shared) {
  for (; shared.current < end; ++shared.current) {
    ::alarm(kMostSeconds);
    const std::string bytes = campaign.make(shared.current);
    const auto defect = try_case(reader, folder, bytes, campaign.all_refused, shared.tally);
    if (!defect) continue;
    std::snprintf(shared.defect, sizeof shared.defect, "%s", defect->c_str());
    ::_exit(kDefect);
  }
  ::_exit(0);
}

std::string end_of(int status, const Shared& shared) {
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM) return "hung";
  if (WIFSIGNALED(status)) return std::string("died: ") + ::strsignal(WTERMSIG(status));
  if (WEXITSTATUS(status) == kDefect) return shared.defect;
  return "ended with status " + std::to_string(WEXITSTATUS(status));
}

}  // namespace

Tally run_campaign(const Reader& reader, const std::filesystem::path& folder, const Campaign& campaign) {
  void* const page = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) throw std::bad_alloc();
  Shared& shared = *new (page) Shared;
  while (shared.current < campaign.cases && shared.tally.crashed < kMostDefects) {
    std::fflush(nullptr);
    const pid_t worker = ::fork();
    if (worker < 0) throw InputError("fuzz: cannot start a worker");
    if (worker == 0) work(reader, folder, campaign, std::min(shared.current + kBatch, campaign.cases), shared);
    int status = 0;
    ::waitpid(worker, &status, 0);
    if (status == 0) continue;
    ++shared.tally.crashed;
    campaign.report(shared.current, campaign.make(shared.current), end_of(status, shared));
    ++shared.current;
  }
  const Tally tally = shared.tally;
  ::munmap(page, sizeof(Shared));
  return tally;
}

}  // namespace plumbline::test
