// SPDX-License-Identifier: Apache-2.0
// A signal handler may call next to nothing: all names are made beforehand.
#include "model/part_folder.h"

#include <unistd.h>

#include <atomic>
#include <cstdio>
#include <system_error>

namespace plumbline {
namespace {

namespace fs = std::filesystem;

struct Names {
  std::string name, part, old;
  std::vector<std::string> files;
  std::string farewell;
};
Names names;                         // unchanged while a handler is installed
std::atomic<bool> replacing{false};  // the folder of that name is called NAME.old now
static_assert(std::atomic<bool>::is_always_lock_free, "a handler must not wait");

void drop_part() {
  for (const std::string& file : names.files) ::unlink(file.c_str());
  ::rmdir(names.part.c_str());
  if (replacing) std::rename(names.old.c_str(), names.name.c_str());  // fails where the new one has the name by now
  [[maybe_unused]] const ssize_t written = ::write(STDERR_FILENO, names.farewell.data(), names.farewell.size());
}

}  // namespace

PartFolder::PartFolder(fs::path name, const std::vector<std::string>& files, const std::string& verb)
    : name_(std::move(name)), part_(name_of_part(name_)) {
  if (!fs::create_directory(part_))
    throw fs::filesystem_error("make", part_, std::make_error_code(std::errc::file_exists));
  names = {name_.string(),
           part_.string(),
           name_of_old(name_).string(),
           {},
           "\nplumbline " + verb + ": interrupted; nothing is left behind\n"};
  for (const std::string& file : files) names.files.push_back((part_ / file).string());
  replacing = false;
  handler_.emplace(drop_part);
}

PartFolder::~PartFolder() {
  std::error_code ignored;
  if (!taken_) fs::remove_all(part_, ignored);
}

void PartFolder::take_name() {
  const fs::path old = name_of_old(name_);
  const bool replaces = fs::exists(fs::symlink_status(name_));
  replacing = replaces;
  if (replaces) fs::rename(name_, old);
  rename_part();
  if (replaces) fs::remove_all(old);
}

void PartFolder::take_empty_name() {
  fs::remove(name_);
  rename_part();
}

void PartFolder::rename_part() {
  fs::rename(part_, name_);
  taken_ = true;
  handler_.reset();
}

}  // namespace plumbline
