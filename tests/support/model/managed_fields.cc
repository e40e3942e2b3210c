#include "support/model/managed_fields.h"

#include <algorithm>
#include <functional>
#include <iterator>
#include <map>
#include <optional>
#include <string_view>
#include <utility>

namespace tp::test {
namespace {

using Json = nlohmann::json;

const std::set<std::string_view> kServersMetadata{"name",
                                                  "namespace",
                                                  "uid",
                                                  "generation",
                                                  "resourceVersion",
                                                  "creationTimestamp",
                                                  "selfLink",
                                                  "deletionTimestamp",
                                                  "managedFields",
                                                  "deletionGracePeriodSeconds"};

// Objects that are replaced as a whole (x-kubernetes-map-type: atomic).
const std::set<std::string_view> kAtomicObjects{"f:selector",     "f:labelSelector",   "f:podSelector",
                                                "f:nodeSelector", "f:secretKeyRef",    "f:configMapKeyRef",
                                                "f:fieldRef",     "f:resourceFieldRef"};

// The members that tell the elements of a list apart (x-kubernetes-list-map-keys).
const std::map<std::string_view, std::vector<std::string>> kListKeys{
    {"f:containers", {"name"}},       {"f:env", {"name"}},
    {"f:volumes", {"name"}},          {"f:volumeMounts", {"mountPath"}},
    {"f:imagePullSecrets", {"name"}}, {"f:topologySpreadConstraints", {"topologyKey", "whenUnsatisfiable"}},
    {"f:ownerReferences", {"uid"}},   {"f:conditions", {"type"}},
};
// Their elements are atomic.
const std::set<std::string_view> kAtomicElements{"f:imagePullSecrets", "f:ownerReferences"};

const std::vector<std::string>* keys_of(const FieldPath& list) {
  static const std::vector<std::string> kContainerPort{"containerPort", "protocol"};
  static const std::vector<std::string> kServicePort{"port", "protocol"};
  if (list.back() == "f:ports") {
    return std::find(list.begin(), list.end(), "f:containers") == list.end() ? &kServicePort
                                                                             : &kContainerPort;
  }
  // A ServiceAccount's are atomic, those of a pod are not.
  if (list.back() == "f:imagePullSecrets" && list.size() == 1) return nullptr;
  const auto found = kListKeys.find(list.back());
  return found == kListKeys.end() ? nullptr : &found->second;
}

bool is_atomic_object(const FieldPath& path) {
  if (path.empty()) return false;
  // A selector term of an affinity, and nodeAffinity's requirement as a whole.
  if (path.back() == "f:requiredDuringSchedulingIgnoredDuringExecution") return true;
  if (path.back().starts_with("k:")) return kAtomicElements.contains(path.at(path.size() - 2));
  return kAtomicObjects.contains(path.back());
}

bool is_set(const FieldPath& path) { return path.back() == "f:finalizers"; }

std::string key_step(const Json& element, const std::vector<std::string>& keys) {
  Json key = Json::object();
  for (const std::string& name : keys) {
    if (element.contains(name)) {
      key[name] = element.at(name);
    } else if (name == "protocol") {
      key[name] = "TCP";  // the default of a key member
    }
  }
  return "k:" + key.dump();
}

FieldPath below(FieldPath path, std::string step) {
  path.push_back(std::move(step));
  return path;
}

void collect(const Json& value, const FieldPath& path, FieldSet& fields) {
  if (value.is_object() && !value.empty() && !is_atomic_object(path)) {
    for (const auto& [name, member] : value.items()) collect(member, below(path, "f:" + name), fields);
    return;
  }
  if (value.is_array() && !value.empty()) {
    if (is_set(path)) {
      for (const Json& element : value) fields.insert(below(path, "v:" + element.dump()));
      return;
    }
    if (const auto* keys = keys_of(path)) {
      for (const Json& element : value) {
        const FieldPath step = below(path, key_step(element, *keys));
        fields.insert(step);
        collect(element, step, fields);
      }
      return;
    }
  }
  fields.insert(path);
}

Json::iterator find_element(Json& list, const std::string& step, const std::vector<std::string>& keys) {
  return std::find_if(list.begin(), list.end(),
                      [&](const Json& element) { return key_step(element, keys) == step; });
}

Json overlay_at(const Json& live, const Json& applied, const FieldPath& path) {
  if (applied.is_object() && !is_atomic_object(path)) {
    Json result = live.is_object() ? live : Json::object();
    for (const auto& [name, member] : applied.items()) {
      const auto old = result.find(name);
      result[name] = overlay_at(old == result.end() ? Json{} : *old, member, below(path, "f:" + name));
    }
    return result;
  }
  if (!applied.is_array()) return applied;
  Json result = live.is_array() ? live : Json::array();
  if (is_set(path)) {
    for (const Json& element : applied) {
      if (std::find(result.begin(), result.end(), element) == result.end()) result.push_back(element);
    }
    return result;
  }
  const auto* keys = keys_of(path);
  if (keys == nullptr) return applied;
  for (const Json& element : applied) {
    const std::string step = key_step(element, *keys);
    const auto old = find_element(result, step, *keys);
    Json& place = old == result.end() ? result.emplace_back() : *old;
    place = overlay_at(place, element, below(path, step));
    if (!is_atomic_object(below(path, step))) place.update(Json::parse(step.substr(2)));  // with its defaults
  }
  return result;
}

// The place of a step below `value`: of a member its name, of an element its index.
std::optional<std::size_t> element_index(const Json& list,
                                         const FieldPath& list_path,
                                         const std::string& step) {
  if (!list.is_array()) return std::nullopt;
  const auto* keys = keys_of(list_path);
  for (std::size_t i = 0; i < list.size(); ++i) {
    const std::string own = keys == nullptr ? "v:" + list[i].dump() : key_step(list[i], *keys);
    if (own == step) return i;
  }
  return std::nullopt;
}

const Json* step_into(const Json& value, const FieldPath& path, const std::string& step) {
  if (step.starts_with("f:")) {
    const auto found = value.is_object() ? value.find(step.substr(2)) : value.end();
    return value.is_object() && found != value.end() ? &*found : nullptr;
  }
  const auto index = element_index(value, path, step);
  return index ? &value.at(*index) : nullptr;
}

bool begins_with(const FieldPath& path, const FieldPath& start) {
  return path.size() >= start.size() && std::equal(start.begin(), start.end(), path.begin());
}

bool owns_at_or_below(const FieldSet& owned, const FieldPath& path) {
  const auto first = owned.lower_bound(path);
  return first != owned.end() && begins_with(*first, path);
}

// Whether the object is empty afterwards, so that its parent drops it.
bool remove_at(Json& value, const FieldPath& path, std::size_t depth) {
  const FieldPath here{path.begin(), path.begin() + static_cast<std::ptrdiff_t>(depth)};
  const std::string& step = path.at(depth);
  const bool last = depth + 1 == path.size();
  if (step.starts_with("f:")) {
    const std::string name = step.substr(2);
    if (!value.is_object() || !value.contains(name)) return false;
    if (last || remove_at(value[name], path, depth + 1)) value.erase(name);
  } else {
    const auto index = element_index(value, here, step);
    if (!index) return false;
    if (last || remove_at(value[*index], path, depth + 1)) value.erase(*index);
  }
  return value.empty();
}

bool same_entry(const Json& entry, const Applying& who, std::string_view operation) {
  return entry.value("manager", "") == who.manager && entry.value("operation", "") == operation &&
         entry.value("subresource", "") == who.subresource;
}

Json make_entry(const Applying& who, std::string_view operation, const FieldSet& fields, const Json& object) {
  Json entry{
      {"manager", who.manager},   {"operation", operation},           {"apiVersion", object.at("apiVersion")},
      {"fieldsType", "FieldsV1"}, {"fieldsV1", to_fields_v1(fields)}, {"time", who.time}};
  if (!who.subresource.empty()) entry["subresource"] = who.subresource;
  return entry;
}

// ".spec.replicas", as the server's messages name fields.
std::string dotted(const FieldPath& path) {
  std::string text;
  for (const std::string& step : path) {
    text += step.starts_with("f:") ? "." + step.substr(2) : "[" + step.substr(2) + "]";
  }
  return text;
}

bool same_value(const Json* a, const Json* b) { return a != nullptr && b != nullptr && *a == *b; }

}  // namespace

FieldSet fields_of(const Json& object) {
  FieldSet fields;
  for (const auto& [name, member] : object.items()) {
    if (name == "apiVersion" || name == "kind") continue;
    if (name != "metadata") {
      collect(member, {"f:" + name}, fields);
      continue;
    }
    for (const auto& [key, value] : member.items()) {
      if (!kServersMetadata.contains(key)) collect(value, {"f:metadata", "f:" + key}, fields);
    }
  }
  return fields;
}

FieldSet read_fields_v1(const Json& fields) {
  FieldSet result;
  const std::function<void(const Json&, const FieldPath&)> walk = [&](const Json& at, const FieldPath& path) {
    for (const auto& [step, next] : at.items()) {
      if (step == ".") {
        result.insert(path);
      } else if (next.empty()) {
        result.insert(below(path, step));
      } else {
        walk(next, below(path, step));
      }
    }
  };
  walk(fields, {});
  return result;
}

Json to_fields_v1(const FieldSet& fields) {
  Json result = Json::object();
  for (const FieldPath& path : fields) {
    Json* at = &result;
    for (const std::string& step : path) at = &(*at)[step];
    if (at->is_null()) *at = Json::object();
    // A path comes before those that it is the beginning of.
    const auto next = fields.upper_bound(path);
    if (next != fields.end() && begins_with(*next, path)) (*at)["."] = Json::object();
  }
  return result;
}

Json overlay(const Json& live, const Json& applied) { return overlay_at(live, applied, {}); }

const Json* find_field(const Json& object, const FieldPath& path) {
  const Json* at = &object;
  FieldPath here;
  for (const std::string& step : path) {
    at = step_into(*at, here, step);
    if (at == nullptr) return nullptr;
    here.push_back(step);
  }
  return at;
}

void remove_fields(Json& object, const FieldSet& dropped, const FieldSet& others) {
  // The longest first: an element goes when nobody owns anything in it.
  std::vector<FieldPath> paths{dropped.begin(), dropped.end()};
  std::stable_sort(paths.begin(), paths.end(),
                   [](const FieldPath& a, const FieldPath& b) { return a.size() > b.size(); });
  for (const FieldPath& path : paths) {
    if (owns_at_or_below(others, path)) continue;
    // The key of an element that others hold a part of.
    const FieldPath parent{path.begin(), path.end() - 1};
    const bool is_key = !parent.empty() && parent.back().starts_with("k:") &&
                        Json::parse(parent.back().substr(2)).contains(path.back().substr(2));
    if (is_key && owns_at_or_below(others, parent)) continue;
    remove_at(object, path, 0);
  }
}

Result<Json> apply_fields(const Json& live, const Json& configuration, const Applying& applying) {
  Json applied = configuration;
  Json& metadata = applied["metadata"];
  for (const std::string_view key : kServersMetadata) metadata.erase(std::string{key});
  const FieldSet named = fields_of(applied);
  Json result = overlay(live, applied);

  FieldSet before;
  FieldSet others;
  Json entries = Json::array();
  const Json former =
      live.is_null() ? Json::array() : live.at("metadata").value("managedFields", Json::array());
  for (const Json& entry : former) {
    FieldSet owned = read_fields_v1(entry.at("fieldsV1"));
    if (same_entry(entry, applying, "Apply")) {
      before = std::move(owned);
      continue;
    }
    for (const FieldPath& path : named) {
      if (!owned.contains(path) || same_value(find_field(live, path), find_field(result, path))) continue;
      if (!applying.force) {
        return Error{ErrorCode::Conflict,
                     "conflict with \"" + entry.value("manager", "") + "\": " + dotted(path)};
      }
      owned.erase(path);
    }
    if (owned.empty()) continue;
    others.insert(owned.begin(), owned.end());
    Json kept = entry;
    kept["fieldsV1"] = to_fields_v1(owned);
    entries.push_back(std::move(kept));
  }
  FieldSet dropped;
  std::set_difference(before.begin(), before.end(), named.begin(), named.end(),
                      std::inserter(dropped, dropped.end()));
  FieldSet kept_by_us = others;
  kept_by_us.insert(named.begin(), named.end());
  remove_fields(result, dropped, kept_by_us);
  if (!named.empty()) entries.push_back(make_entry(applying, "Apply", named, configuration));
  result["metadata"]["managedFields"] = std::move(entries);
  return result;
}

void note_update(const Json& before, Json& after, const Applying& updating) {
  const FieldSet now = fields_of(after);
  FieldSet changed;
  for (const FieldPath& path : now) {
    if (!same_value(find_field(before, path), find_field(after, path))) changed.insert(path);
  }
  Json entries = Json::array();
  for (const Json& entry : before.at("metadata").value("managedFields", Json::array())) {
    FieldSet owned = read_fields_v1(entry.at("fieldsV1"));
    if (same_entry(entry, updating, "Update")) {
      changed.insert(owned.begin(), owned.end());
      continue;
    }
    // Gone from the object, or set by somebody else now.
    for (auto it = owned.begin(); it != owned.end();) {
      it = find_field(after, *it) == nullptr || changed.contains(*it) ? owned.erase(it) : std::next(it);
    }
    if (owned.empty()) continue;
    Json kept = entry;
    kept["fieldsV1"] = to_fields_v1(owned);
    entries.push_back(std::move(kept));
  }
  for (auto it = changed.begin(); it != changed.end();) {
    it = find_field(after, *it) == nullptr ? changed.erase(it) : std::next(it);
  }
  if (!changed.empty()) entries.push_back(make_entry(updating, "Update", changed, after));
  after["metadata"]["managedFields"] = std::move(entries);
}

}  // namespace tp::test
