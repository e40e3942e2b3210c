#include "kube/core/extract.h"

#include <algorithm>
#include <optional>
#include <utility>

#include <nlohmann/json.hpp>

#include "kube/core/managed_fields.h"

namespace tp::kube {
namespace {

using Json = nlohmann::json;

class Extractor {
 public:
  // Nothing when the object lacks what is listed.
  std::optional<Json> extract(json::View fields, json::View live) {
    if (!live.exists()) return std::nullopt;
    const json::View step = first_step(fields);
    if (!step.exists()) return live.to_json();
    const std::string_view kind = step.key().substr(0, 2);
    if (kind == "f:") return members(fields, live);
    if (!live.is(json::Type::Array)) return std::nullopt;
    if (kind == "v:") return scalars(fields, live);
    return elements(fields, live);
  }

 private:
  std::optional<Json> members(json::View fields, json::View live) {
    if (!live.is(json::Type::Object)) return std::nullopt;
    Json object = Json::object();
    each_step(fields, [&](json::View step, std::string_view name) {
      if (auto value = extract(step, live[name])) object[std::string{name}] = *std::move(value);
    });
    return object;
  }

  // In the order of the live array.
  Json elements(json::View fields, json::View live) {
    std::vector<std::pair<std::size_t, Json>> found;  // with how many come after it
    each_step(fields, [&](json::View step, std::string_view text) {
      const bool keyed = step.key().starts_with("k:");
      if (keyed && !step_.parse(text)) return;
      const Json keys = keyed ? step_.root().to_json() : Json::object();
      const json::View element = keyed ? find_keyed(live, step_.root()) : find_indexed(live, text);
      auto value = extract(step, element);
      if (!value) return;
      if (value->is_object()) value->insert(keys.begin(), keys.end());
      std::size_t after = 0;
      for (json::View next = element.next(); next.exists(); next = next.next()) ++after;
      found.emplace_back(after, *std::move(value));
    });
    std::sort(found.begin(), found.end(), [](const auto& a, const auto& b) { return a.first > b.first; });
    Json array = Json::array();
    for (auto& [after, value] : found) array.push_back(std::move(value));
    return array;
  }

  Json scalars(json::View fields, json::View live) {
    Json array = Json::array();
    live.each([&](json::View element) {
      bool owned = false;
      each_step(fields, [&](json::View, std::string_view text) {
        owned = owned || (step_.parse(text) && same_scalar(element, step_.root()));
      });
      if (owned) array.push_back(element.to_json());
    });
    return array;
  }

  json::Document step_;
};

// Whether the tree has something at `path`.
bool reaches(json::View fields, const std::vector<std::string>& path) {
  for (const std::string& name : path) {
    if (!first_step(fields).exists()) return true;  // owned whole, with what we look for in it
    fields = fields["f:" + name];
    if (!fields.exists()) return false;
  }
  return true;
}

}  // namespace

nlohmann::json extract(json::View live, std::string_view field_manager) {
  const json::View fields = owned_fields(live, field_manager);
  Json configuration = Json::object();
  if (fields.exists() && first_step(fields).exists()) {
    if (auto owned = Extractor{}.extract(fields, live)) configuration = *std::move(owned);
  }
  for (const char* const name : {"apiVersion", "kind"}) {
    if (const json::View text = live[name]) configuration[name] = text.text();
  }
  for (const char* const name : {"name", "namespace"}) {
    if (const json::View text = live["metadata"][name]) configuration["metadata"][name] = text.text();
  }
  return configuration;
}

std::vector<std::string> other_managers(json::View live,
                                        const std::vector<std::string>& path,
                                        std::string_view field_manager) {
  std::vector<std::string> managers;
  live["metadata"]["managedFields"].each([&](json::View entry) {
    const std::string name{entry["manager"].text()};
    const bool ours = name == field_manager && entry["operation"].text() == "Apply";
    if (ours || !reaches(entry["fieldsV1"], path)) return;
    if (std::find(managers.begin(), managers.end(), name) == managers.end()) managers.push_back(name);
  });
  return managers;
}

}  // namespace tp::kube
