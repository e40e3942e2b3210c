#include "kube/core/ownership.h"

#include <utility>

#include <nlohmann/json.hpp>

namespace tp::kube {
namespace {

using nlohmann::json;

// Union of two fieldsV1 trees. "{}" means the value as a whole, so it swallows what the other tree says
// below.
void unite(json& into, const json& from) {
  for (const auto& [path, below] : from.items()) {
    const auto found = into.find(path);
    if (found == into.end()) {
      into[path] = below;
    } else if (below.empty() || found->empty()) {
      *found = json::object();
    } else {
      unite(*found, below);
    }
  }
}

bool is_apply_entry(const json& entry, std::string_view manager) {
  return entry.value("manager", "") == manager && entry.value("operation", "") == "Apply" &&
         entry.value("subresource", "").empty();
}

bool is_to_take(const json& entry, std::string_view keep) {
  return entry.value("operation", "") == "Update" && entry.value("subresource", "").empty() &&
         entry.value("manager", "") != keep;
}

json test(std::string path, json value) {
  return json{{"op", "test"}, {"path", std::move(path)}, {"value", std::move(value)}};
}

}  // namespace

std::optional<std::string> take_over_patch(const json& live,
                                           std::string_view field_manager,
                                           std::string_view keep) {
  const json& metadata = live.at("metadata");
  json mine{{"manager", field_manager},
            {"operation", "Apply"},
            {"apiVersion", live.at("apiVersion")},
            {"fieldsType", "FieldsV1"},
            {"fieldsV1", json::object()}};
  json entries = json::array();
  bool took = false;
  for (const json& entry : metadata.value("managedFields", json::array())) {
    if (is_to_take(entry, keep)) {
      unite(mine["fieldsV1"], entry.value("fieldsV1", json::object()));
      took = true;
    } else if (is_apply_entry(entry, field_manager)) {
      unite(mine["fieldsV1"], entry.value("fieldsV1", json::object()));
    } else {
      entries.push_back(entry);
    }
  }
  if (!took) return std::nullopt;
  entries.push_back(std::move(mine));
  return json::array(
             {test("/metadata/uid", metadata.at("uid")),
              test("/metadata/resourceVersion", metadata.at("resourceVersion")),
              {{"op", "replace"}, {"path", "/metadata/managedFields"}, {"value", std::move(entries)}}})
      .dump();
}

std::string last_other_writer(const json& live, std::string_view field_manager) {
  std::string last;
  std::string when;  // RFC 3339 in UTC, in whole seconds: sorts as text
  for (const json& entry : live.at("metadata").value("managedFields", json::array())) {
    std::string manager = entry.value("manager", "");
    std::string time = entry.value("time", "");
    if (manager == field_manager || entry.value("subresource", "") == "status" || time < when) continue;
    last = std::move(manager);
    when = std::move(time);
  }
  return last;
}

std::optional<std::string> release_patch(const json& live, std::string_view owner_uid) {
  const json& metadata = live.at("metadata");
  const json references = metadata.value("ownerReferences", json::array());
  for (std::size_t i = 0; i < references.size(); ++i) {
    if (references[i].value("uid", "") != owner_uid) continue;
    const std::string path = "/metadata/ownerReferences/" + std::to_string(i);
    return json::array({test("/metadata/uid", metadata.at("uid")),
                        test(path + "/uid", owner_uid),
                        {{"op", "remove"}, {"path", path}}})
        .dump();
  }
  return std::nullopt;
}

std::optional<std::string> claim_patch(const json& live, const json& owner_reference) {
  const json& metadata = live.at("metadata");
  json references = metadata.value("ownerReferences", json::array());
  for (const json& reference : references) {
    if (reference.at("uid") == owner_reference.at("uid")) return std::nullopt;
  }
  references.push_back(owner_reference);
  return json::array(
             {test("/metadata/uid", metadata.at("uid")),
              test("/metadata/resourceVersion", metadata.at("resourceVersion")),
              {{"op", "add"}, {"path", "/metadata/ownerReferences"}, {"value", std::move(references)}}})
      .dump();
}

}  // namespace tp::kube
