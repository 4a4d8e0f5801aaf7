// SPDX-License-Identifier: Apache-2.0
#include "trace/header_text.h"

#include <nlohmann/json.hpp>

#include "trace/bytes.h"
#include "trace/posix_file.h"
#include "trace/schema.h"

namespace plumbline::trace {
namespace {

using Json = nlohmann::json;

template <class T>
std::string dump(const T& value) {
  try {
    return Json(value).dump(1);
  } catch (const Json::exception&) {
    throw ByteError("a text is not UTF-8");
  }
}

template <class T>
T parse(std::string_view json, const char* what) {
  try {
    return Json::parse(json.begin(), json.end()).get<T>();
  } catch (const Json::exception&) {
    throw ByteError(std::string("text is not ") + what);
  }
}

}  // namespace

std::string to_json(const TextMap& map) { return dump(map); }
std::string to_json(const std::vector<std::string>& list) { return dump(list); }
TextMap map_from_json(std::string_view json) { return parse<TextMap>(json, "a JSON object of texts"); }
std::vector<std::string> list_from_json(std::string_view json) {
  return parse<std::vector<std::string>>(json, "a JSON list of texts");
}

void check_header(const std::filesystem::path& file, const TraceHeader& header) {
  const auto refuse = [&](const std::string& reason) { throw file_error("record to", file, reason, ""); };
  const std::map<std::string, const std::string*> attributes = {{"run_id", &header.run_id},
                                                                {"producer", &header.producer},
                                                                {"producer_version", &header.producer_version},
                                                                {"created_utc", &header.created_utc},
                                                                {"backend", &header.backend},
                                                                {"device", &header.device},
                                                                {"model_directory", &header.model_directory},
                                                                {"architecture", &header.architecture}};
  for (const auto& [name, text] : attributes) {
    if (text->size() > kMaxAttributeBytes)
      refuse(name + " is longer than " + std::to_string(kMaxAttributeBytes) + " bytes");
    if (text->find('\0') != std::string::npos) refuse(name + " holds a zero byte");
  }
  try {
    for (const TextMap* map : {&header.files, &header.parameters, &header.environment}) to_json(*map);
    to_json(header.faults);
  } catch (const ByteError& error) {
    refuse(std::string("files, parameters, environment or faults: ") + error.what());
  }
}

}  // namespace plumbline::trace
