#include "support/model/api_server.h"

#include <algorithm>
#include <optional>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "base/time.h"
#include "support/model/managed_fields.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;

// Of these the server counts changes of the spec.
const std::set<std::string_view> kWithoutGeneration{"services", "serviceaccounts", "secrets", "configmaps",
                                                    "events.events.k8s.io"};

http::Response in_json(int status, const Json& body) {
  return {status, {{"Content-Type", "application/json"}}, body.dump()};
}

http::Response failure(int code, const std::string& reason, const std::string& message, Json details = {}) {
  Json status{{"kind", "Status"}, {"apiVersion", "v1"}, {"metadata", Json::object()}, {"status", "Failure"},
              {"code", code},     {"reason", reason},   {"message", message}};
  if (!details.is_null()) status["details"] = std::move(details);
  return in_json(code, status);
}

std::string text_at(const Json& object, const char* member) {
  return object.at("metadata").value(member, std::string{});
}

bool is_deleting(const Json& object) { return object.at("metadata").contains("deletionTimestamp"); }

bool has_finalizers(const Json& object) {
  return !object.at("metadata").value("finalizers", Json::array()).empty();
}

// What counts for the generation.
Json spec_of(Json object) {
  object.erase("metadata");
  object.erase("status");
  return object;
}

Json without_times_of_managers(Json object) {
  object["metadata"].erase("resourceVersion");
  if (object["metadata"].contains("managedFields")) {
    for (Json& entry : object["metadata"]["managedFields"]) entry.erase("time");
  }
  return object;
}

// Everything that differs between two histories with the same end.
void scrub(Json& value) {
  static const std::set<std::string_view> kTimes{
      "resourceVersion", "creationTimestamp", "deletionTimestamp", "time",     "lastTransitionTime",
      "lastUpdateTime",  "startedAt",         "completedAt",       "issuedAt", "revokeAt",
      "since",           "attempted"};
  static const std::set<std::string_view> kInAnyOrder{"managedFields", "conditions"};
  if (value.is_object()) {
    for (auto it = value.begin(); it != value.end();) {
      if (kTimes.contains(it.key())) {
        it = value.erase(it);
      } else {
        scrub(*it);
        if (kInAnyOrder.contains(it.key())) std::sort(it->begin(), it->end());
        ++it;
      }
    }
  } else if (value.is_array()) {
    for (Json& element : value) scrub(element);
  }
}

bool matches_labels(const std::string& selector, const Json& object) {
  if (selector.empty()) return true;
  const Json labels = object.at("metadata").value("labels", Json::object());
  std::string_view rest = selector;
  while (!rest.empty()) {
    const std::size_t end = std::min(rest.find(','), rest.size());
    const std::string_view term = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    const std::size_t equals = term.find('=');
    const std::string key{term.substr(0, equals)};
    if (!labels.contains(key)) return false;
    if (equals != std::string_view::npos && labels.at(key) != term.substr(equals + 1)) return false;
  }
  return true;
}

bool matches_fields(const std::string& selector, const Json& object) {
  if (selector.empty()) return true;
  const std::size_t equals = selector.find('=');
  std::string path = "/" + selector.substr(0, equals);
  std::replace(path.begin(), path.end(), '.', '/');
  const Json::json_pointer pointer{path};
  return object.contains(pointer) && object.at(pointer) == selector.substr(equals + 1);
}

Json metadata_only(const Json& object) {
  return Json{{"kind", "PartialObjectMetadata"},
              {"apiVersion", "meta.k8s.io/v1"},
              {"metadata", object.at("metadata")}};
}

}  // namespace

std::string resource_of(const kube::ResourceType& type) {
  return std::string{type.plural} + (type.group.empty() ? "" : "." + std::string{type.group});
}

struct ModelApiServer::Target {
  std::string resource{}, group{}, plural{}, ns{}, name{}, subresource{};

  [[nodiscard]] Id id() const { return {resource, ns, name}; }
  [[nodiscard]] std::string described() const { return resource + " \"" + name + "\""; }

  static Target of(const kube::ResourceType& type, const kube::ObjectKey& key) {
    return {resource_of(type), std::string{type.group}, std::string{type.plural}, key.ns, key.name};
  }

  // /api/v1/namespaces/NS/services/NAME/status, /apis/apps/v1/…; nothing for another path.
  static std::optional<Target> parse(const http::Request& request) {
    std::vector<std::string> path = path_of(request);
    Target target;
    std::size_t at = 2;
    if (path.size() > 3 && path[0] == "apis") {
      target.group = path[1];
      at = 3;
    }
    const auto next = [&] { return at < path.size() ? path[at++] : std::string{}; };
    if (at + 1 < path.size() && path[at] == "namespaces") {
      ++at;
      target.ns = next();
    }
    target.plural = next();
    target.name = next();
    target.subresource = next();
    if (target.plural.empty()) return std::nullopt;
    target.resource = target.plural + (target.group.empty() ? "" : "." + target.group);
    return target;
  }
};

std::string ModelApiServer::now() const { return to_rfc3339(clock().wall_now()); }

const Json* ModelApiServer::stored(const Id& id) const {
  const auto found = objects_.find(id);
  return found == objects_.end() ? nullptr : &found->second;
}

void ModelApiServer::initialise(const Id& id, Json& object) {
  const auto& [resource, ns, name] = id;
  Json& metadata = object["metadata"];
  metadata["name"] = name;
  if (!ns.empty()) metadata["namespace"] = ns;
  metadata["uid"] = resource + "/" + ns + "/" + name + "#" + std::to_string(++incarnations_[id]);
  metadata["creationTimestamp"] = now();
  if (!kWithoutGeneration.contains(resource)) metadata["generation"] = 1;
}

const Json& ModelApiServer::store(const Id& id, Json object) {
  const Json* const before = stored(id);
  for (const auto* const member : {"finalizers", "ownerReferences", "labels", "annotations"}) {
    const auto found = object["metadata"].find(member);
    if (found != object["metadata"].end() && found->empty()) object["metadata"].erase(found);
  }
  if (before != nullptr && without_times_of_managers(*before) == without_times_of_managers(object)) {
    return *before;  // neither a version nor an event
  }
  Json& metadata = object["metadata"];
  if (before != nullptr && metadata.contains("generation") && spec_of(*before) != spec_of(object)) {
    metadata["generation"] = metadata["generation"].get<std::int64_t>() + 1;
  }
  metadata["resourceVersion"] = std::to_string(++version_);
  history_.push_back({version_, std::get<0>(id), before == nullptr ? Json{} : *before, object});
  Json& place = objects_[id] = std::move(object);
  if (!is_deleting(place) || has_finalizers(place)) return place;
  last_ = place;
  erase(id);
  return last_;
}

void ModelApiServer::erase(const Id& id) {
  const auto found = objects_.find(id);
  history_.push_back({++version_, std::get<0>(id), std::move(found->second), Json{}});
  objects_.erase(found);
}

http::Response ModelApiServer::answer(const http::Request& request, const Fault& /*fault*/) {
  const auto target = Target::parse(request);
  if (!target) return failure(404, "NotFound", "the server could not find the requested resource");
  switch (request.method) {
    case http::Method::Get: return target->name.empty() ? list(*target) : get(*target, request);
    case http::Method::Post: return create(*target, Json::parse(request.body));
    case http::Method::Patch: return patch(*target, request);
    case http::Method::Delete:
      return remove(*target, request.body.empty() ? Json::object() : Json::parse(request.body));
    case http::Method::Head:
    case http::Method::Put: break;
  }
  return failure(405, "MethodNotAllowed", "the model does not serve this");
}

http::Response ModelApiServer::get(const Target& target, const http::Request& request) const {
  const Json* const object = stored(target.id());
  if (object == nullptr) return failure(404, "NotFound", target.described() + " not found");
  const bool partial =
      request.headers.find("Accept").value_or("").find("PartialObjectMetadata") != std::string_view::npos;
  return in_json(200, partial ? metadata_only(*object) : *object);
}

http::Response ModelApiServer::list(const Target& target) const {
  Json items = Json::array();
  for (const auto& [id, object] : objects_) {
    if (std::get<0>(id) == target.resource && (target.ns.empty() || std::get<1>(id) == target.ns)) {
      items.push_back(object);
    }
  }
  return in_json(200, {{"kind", "List"},
                       {"apiVersion", "v1"},
                       {"metadata", {{"resourceVersion", std::to_string(version_)}}},
                       {"items", std::move(items)}});
}

http::Response ModelApiServer::create(const Target& target, Json body) {
  Target named = target;
  named.name = text_at(body, "name");
  if (named.name.empty()) {
    named.name = text_at(body, "generateName") + std::to_string(version_ + 1);
    body["metadata"].erase("generateName");
  }
  if (stored(named.id()) != nullptr) {
    return failure(409, "AlreadyExists", named.described() + " already exists");
  }
  initialise(named.id(), body);
  return in_json(201, store(named.id(), std::move(body)));
}

http::Response ModelApiServer::patch(const Target& target, const http::Request& request) {
  const std::string_view type = request.headers.find("Content-Type").value_or("");
  if (type == "application/apply-patch+yaml") return apply(target, request);
  const Json* const live = stored(target.id());
  if (live == nullptr) return failure(404, "NotFound", target.described() + " not found");
  const Json changes = Json::parse(request.body);
  Json patched;
  if (type == "application/json-patch+json") {
    try {
      patched = live->patch(changes);
    } catch (const Json::exception&) {  // a failed test, or no such path
      return failure(422, "Invalid", "the server rejected our request due to an error in our request",
                     Json::object());
    }
  } else {
    patched = *live;
    patched.merge_patch(changes);
  }
  if (patched.at("metadata").value("managedFields", Json::array()) ==
      live->at("metadata").value("managedFields", Json::array())) {
    note_update(
        *live, patched,
        {.manager = query_of(request, "fieldManager"), .subresource = target.subresource, .time = now()});
  }
  return in_json(200, store(target.id(), std::move(patched)));
}

http::Response ModelApiServer::apply(const Target& target, const http::Request& request) {
  Json body = Json::parse(request.body);
  const Json* const live = stored(target.id());
  const std::string uid = text_at(body, "uid");
  const std::string expected = text_at(body, "resourceVersion");
  const std::string refused = "Operation cannot be fulfilled on " + target.described() + ": ";
  if (live == nullptr) {
    if (!target.subresource.empty()) return failure(404, "NotFound", target.described() + " not found");
    if (!uid.empty()) {
      return failure(409, "Conflict",
                     refused + "uid mismatch: the provided object specified uid " + uid +
                         ", and no existing object was found");
    }
    if (terminating_.contains(target.ns)) {
      return failure(403, "Forbidden", "unable to create new content: the namespace is being terminated",
                     {{"causes", Json::array({{{"reason", "NamespaceTerminating"}}})}});
    }
  } else {
    if (!expected.empty() && expected != text_at(*live, "resourceVersion")) {
      return failure(409, "Conflict", refused + "the object has been modified");
    }
    if (!uid.empty() && uid != text_at(*live, "uid")) {
      return failure(422, "Invalid", target.described() + " is invalid: metadata.uid: field is immutable");
    }
  }
  if (target.subresource == "status") {
    body = Json{{"apiVersion", body.at("apiVersion")},
                {"kind", body.at("kind")},
                {"metadata", Json::object()},
                {"status", body.at("status")}};
  } else if (target.resource != "secrets") {
    body.erase("status");
  }
  auto result = apply_fields(live == nullptr ? Json{} : *live, body,
                             {.manager = query_of(request, "fieldManager"),
                              .subresource = target.subresource,
                              .force = query_of(request, "force") == "true",
                              .time = now()});
  if (!result) return failure(409, "Conflict", "Apply failed with 1 conflict: " + result.error().message);
  if (live != nullptr && is_deleting(*live) && !has_finalizers(*live) && has_finalizers(*result)) {
    return failure(422, "Invalid", "no new finalizers can be added if the object is being deleted");
  }
  const bool created = live == nullptr;
  if (created) initialise(target.id(), *result);
  return in_json(created ? 201 : 200, store(target.id(), *std::move(result)));
}

http::Response ModelApiServer::remove(const Target& target, const Json& options) {
  const Json* const live = stored(target.id());
  if (live == nullptr) return failure(404, "NotFound", target.described() + " not found");
  const std::string uid = options.value(Json::json_pointer{"/preconditions/uid"}, std::string{});
  if (!uid.empty() && uid != text_at(*live, "uid")) {
    return failure(409, "Conflict", "the UID in the precondition does not match the UID in record");
  }
  if (!has_finalizers(*live)) {
    erase(target.id());
    return in_json(200, {{"kind", "Status"}, {"apiVersion", "v1"}, {"status", "Success"}});
  }
  Json marked = *live;
  if (!is_deleting(marked)) {
    marked["metadata"]["deletionTimestamp"] = now();
    if (marked["metadata"].contains("generation")) {
      marked["metadata"]["generation"] = marked["metadata"]["generation"].get<std::int64_t>() + 1;
    }
  }
  return in_json(200, store(target.id(), std::move(marked)));
}

// ---- people and controllers

void ModelApiServer::apply(const kube::ResourceType& type, const Json& manifest, const std::string& manager) {
  const Target target = Target::of(type, {text_at(manifest, "namespace"), text_at(manifest, "name")});
  http::Request request =
      kube::apply_request(type, {target.ns, target.name}, manifest.dump(), {.field_manager = manager});
  const http::Response response = apply(target, request);
  if (response.status >= 300) throw std::runtime_error{response.body};
}

void ModelApiServer::edit(const kube::ResourceType& type, const kube::ObjectKey& key, const Json& patch) {
  const Target target = Target::of(type, key);
  Json edited = objects_.at(target.id());
  edited.merge_patch(patch);
  note_update(objects_.at(target.id()), edited, {.manager = "kubectl-edit", .time = now()});
  store(target.id(), std::move(edited));
}

void ModelApiServer::remove(const kube::ResourceType& type, const kube::ObjectKey& key) {
  (void)remove(Target::of(type, key), Json::object());
}

bool ModelApiServer::collect_garbage() {
  std::set<std::string> uids;
  for (const auto& [id, object] : objects_) uids.insert(text_at(object, "uid"));
  std::vector<Id> orphans;
  for (const auto& [id, object] : objects_) {
    const Json owners = object.at("metadata").value("ownerReferences", Json::array());
    const bool abandoned =
        !owners.empty() && std::none_of(owners.begin(), owners.end(), [&](const Json& owner) {
          return uids.contains(owner.at("uid").get<std::string>());
        });
    if (abandoned && !is_deleting(object)) orphans.push_back(id);
  }
  for (const Id& id : orphans) {
    const auto& [resource, ns, name] = id;
    Target target;
    target.resource = resource;
    target.ns = ns;
    target.name = name;
    (void)remove(target, Json::object());
  }
  return !orphans.empty();
}

bool ModelApiServer::settle() {
  const std::uint64_t before = version_;
  std::vector<std::pair<Id, Json>> settled;
  for (const auto& [id, object] : objects_) {
    if (std::get<0>(id) != "deployments.apps") continue;
    Json after = object;
    const std::int64_t replicas = object.at("spec").value("replicas", std::int64_t{1});
    if (object.at("spec").dump().find("broken") != std::string::npos) {
      // What ran before goes on; nothing of the new revision ever does.
      const std::int64_t before_it =
          object.contains("status") ? object.at("status").value("availableReplicas", std::int64_t{0}) : 0;
      after["status"] = {
          {"observedGeneration", object.at("metadata").at("generation")},
          {"replicas", before_it + 1},
          {"availableReplicas", before_it},
          {"conditions",
           Json::array(
               {{{"type", "Progressing"}, {"status", "False"}, {"reason", "ProgressDeadlineExceeded"}}})}};
    } else {
      after["status"] = {{"observedGeneration", object.at("metadata").at("generation")},
                         {"replicas", replicas},
                         {"updatedReplicas", replicas},
                         {"readyReplicas", replicas},
                         {"availableReplicas", replicas}};
    }
    if (after == object) continue;
    note_update(object, after,
                {.manager = "kube-controller-manager", .subresource = "status", .time = now()});
    settled.emplace_back(id, std::move(after));
  }
  for (auto& [id, object] : settled) store(id, std::move(object));
  return version_ != before;
}

// ---- what is there

Json ModelApiServer::find(const kube::ResourceType& type, const kube::ObjectKey& key) const {
  const Json* const object = stored(Target::of(type, key).id());
  return object == nullptr ? Json{} : *object;
}

std::vector<Json> ModelApiServer::list(const kube::ResourceType& type) const {
  return select({.type = type});
}

Json ModelApiServer::canonical() const {
  Json result = Json::object();
  for (const auto& [id, object] : objects_) {
    const auto& [resource, ns, name] = id;
    if (resource.starts_with("events")) continue;
    Json& copy = result[resource + " " + ns + "/" + name] = object;
    scrub(copy);
  }
  return result;
}

// ---- what watches see

std::vector<Json> ModelApiServer::select(const kube::Selection& selection) const {
  std::vector<Json> found;
  for (const auto& [id, object] : objects_) {
    if (std::get<0>(id) == resource_of(selection.type) && matches(selection, object)) {
      found.push_back(represent(selection, object));
    }
  }
  return found;
}

bool ModelApiServer::matches(const kube::Selection& selection, const Json& object) {
  return (selection.ns.empty() || text_at(object, "namespace") == selection.ns) &&
         matches_labels(selection.label_selector, object) && matches_fields(selection.field_selector, object);
}

Json ModelApiServer::represent(const kube::Selection& selection, const Json& object) {
  return selection.representation == kube::Representation::Full ? object : metadata_only(object);
}

}  // namespace tp::test
