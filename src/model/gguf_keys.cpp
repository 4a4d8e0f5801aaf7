// SPDX-License-Identifier: Apache-2.0
#include "model/gguf_keys.h"

#include <charconv>
#include <cmath>

#include <plumbline/error.h>

#include "model/strict_json.h"

namespace plumbline {
namespace {

constexpr const char* kAgain = "convert the model anew with a current converter, or import its Hugging Face checkpoint";

double shortest(float value) {
  char digits[32];
  const auto end = std::to_chars(digits, digits + sizeof digits, value).ptr;
  double number = 0.0;
  std::from_chars(digits, end, number);
  return number;
}

std::string decimal(double value) {
  char digits[32];
  return {digits, std::to_chars(digits, digits + sizeof digits, value).ptr};
}

}  // namespace

void GgufKeys::refuse(const std::string& what, std::vector<std::string> details, const std::string& way_out) const {
  details.insert(details.begin(), "file    " + file_.path().string());
  throw CheckpointError("cannot import the GGUF file: " + what, details, way_out);
}

void GgufKeys::refuse(const std::string& what, const std::string& key, const std::string& needed,
                      const std::string& way_out) const {
  refuse(what, {"key     " + printable(key), "found   " + said(key), "needed  " + needed}, way_out);
}

std::string GgufKeys::said(const std::string& key) const {
  const GgufValue* value = file_.find(key);
  if (value == nullptr) return "no such key";
  int64_t integer = 0;
  if (gguf_integer(*value, integer)) return std::to_string(integer);
  if (value->kind == GgufKind::text) return "\"" + printable(value->bytes) + "\"";
  if (value->kind == GgufKind::f32) return decimal(shortest(gguf_number<float>(value->bytes)));
  if (value->kind == GgufKind::f64) return decimal(gguf_number<double>(value->bytes));
  if (value->kind == GgufKind::boolean) return value->bytes.front() != 0 ? "true" : "false";
  if (value->kind == GgufKind::list)
    return "a list of " + std::to_string(value->count) + " " + std::string(gguf_kind_name(value->element));
  return "a number beyond counting";
}

const GgufValue& GgufKeys::value(const std::string& key, const std::string& needed) const {
  const GgufValue* value = file_.find(key);
  if (value == nullptr) refuse("a key is missing", key, needed, kAgain);
  return *value;
}

int64_t GgufKeys::integer(const std::string& key, int64_t least, int64_t most) const {
  const std::string needed = "an integer from " + std::to_string(least) + " to " + std::to_string(most);
  int64_t number = 0;
  if (!gguf_integer(value(key, needed), number) || number < least || number > most)
    refuse("a key has a value that cannot be used", key, needed, kAgain);
  return number;
}

std::optional<int64_t> GgufKeys::optional_integer(const std::string& key, int64_t least, int64_t most) const {
  if (!has(key)) return std::nullopt;
  return integer(key, least, most);
}

double GgufKeys::positive(const std::string& key) const {
  const std::string needed = "a finite number above 0";
  const GgufValue& found = value(key, needed);
  double number = 0.0;
  if (found.kind == GgufKind::f32) number = shortest(gguf_number<float>(found.bytes));
  if (found.kind == GgufKind::f64) number = gguf_number<double>(found.bytes);
  if (!std::isfinite(number) || number <= 0.0) refuse("a key has a value that cannot be used", key, needed, kAgain);
  return number;
}

std::string GgufKeys::text(const std::string& key) const {
  const GgufValue& found = value(key, "a text");
  if (found.kind != GgufKind::text) refuse("a key has a value that cannot be used", key, "a text", kAgain);
  return std::string(found.bytes);
}

bool GgufKeys::flag(const std::string& key, bool otherwise) const {
  const GgufValue* found = file_.find(key);
  if (found == nullptr) return otherwise;
  if (found->kind != GgufKind::boolean) refuse("a key has a value that cannot be used", key, "true or false", kAgain);
  return found->bytes.front() != 0;
}

std::vector<std::string_view> GgufKeys::texts(const std::string& key) const {
  const GgufValue& found = value(key, "a list of texts");
  if (found.kind != GgufKind::list || found.element != GgufKind::text)
    refuse("a key has a value that cannot be used", key, "a list of texts", kAgain);
  return gguf_texts(found);
}

std::optional<std::string> json_text(std::string_view text) {
  try {
    return nlohmann::json(text).dump();
  } catch (const nlohmann::json::type_error&) {  // not UTF-8
    return std::nullopt;
  }
}

}  // namespace plumbline
