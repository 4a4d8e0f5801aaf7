// SPDX-License-Identifier: Apache-2.0
// The published schema and the writer name the same keys: each key written stands in the schema, each key of the schema
// is written, and is always there. Types are left to a validator (documents_check.py).
#include <nlohmann/json.hpp>
#include <set>

#include "report/report.h"
#include "support/catch.h"
#include "support/temp_directory.h"
#include "unit/report/samples.h"

using namespace plumbline;
using nlohmann::json;

namespace {

using Keys = std::set<std::string>;  // "finding.code": definition and key

const json& schema() {
  static const json parsed =
      json::parse(test::read_file(PLUMBLINE_SOURCE_DIR "/dumps/schema/plumbline-report.schema.json"));
  return parsed;
}

struct Node {
  const json& rule;
  std::string name;
};

/// Follows references, and of alternatives takes the one that is not null.
Node resolve(const json& rule, const std::string& name) {
  if (rule.contains("$ref")) {
    const std::string target = rule["$ref"].get<std::string>().substr(std::string("#/$defs/").size());
    return resolve(schema()["$defs"][target], target);
  }
  if (rule.contains("anyOf") && rule["anyOf"][0].contains("$ref")) return resolve(rule["anyOf"][0], name);
  return {rule, name};
}

void written_keys(const json& rule, const std::string& name, const json& value, Keys& keys, Keys& strangers) {
  if (value.is_null()) return;
  const Node node = resolve(rule, name);
  if (value.is_array()) {
    for (const json& item : value) written_keys(node.rule["items"], node.name + "[]", item, keys, strangers);
  } else if (value.is_object()) {
    for (const auto& [key, inner] : value.items()) {
      const std::string full = node.name + "." + key;
      keys.insert(full);
      if (!node.rule.contains("properties") || !node.rule["properties"].contains(key))
        strangers.insert(full);
      else
        written_keys(node.rule["properties"][key], full, inner, keys, strangers);
    }
  }
}

void promised_keys(const json& rule, const std::string& name, Keys& keys) {
  const Node node = resolve(rule, name);
  if (node.rule.contains("items")) promised_keys(node.rule["items"], node.name + "[]", keys);
  if (!node.rule.contains("properties")) return;
  const json required = node.rule["required"];
  for (const auto& [key, inner] : node.rule["properties"].items()) {
    const std::string full = node.name + "." + key;
    if (!keys.insert(full).second) continue;
    INFO(full << " is required");
    CHECK(std::find(required.begin(), required.end(), json(key)) != required.end());
    promised_keys(inner, full, keys);
  }
}

}  // namespace

TEST_CASE("the schema and the writer name the same keys") {
  Keys written, strangers, promised;
  for (const FindReport& report : {test::diverging_report(), test::waived_report(), test::inconclusive_report(),
                                   test::amplified_report(), test::selected_report(), test::identical_report()})
    written_keys(schema(), "", json::parse(render_json(report)), written, strangers);
  promised_keys(schema(), "", promised);
  CHECK(strangers.empty());
  CHECK(written == promised);
  CHECK(promised.size() > 80);
}
