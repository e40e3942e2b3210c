#include "kube/core/request.h"

#include <cassert>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/parse.h"

namespace tp::kube {
namespace {

constexpr std::string_view kJson = "application/json";
// Without a fallback to plain JSON: who asks for metadata only must never receive the rest (Secrets).
constexpr std::string_view kMetadata = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1";
constexpr std::string_view kMetadataList = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1";

// "." and ".." are encoded although they are unreserved: anything on the way may resolve them, and the
// request would be about another object.
std::string segment(std::string_view text) {
  if (text == ".") return "%2E";
  if (text == "..") return "%2E%2E";
  return http::escape(text);
}

class Target {
 public:
  Target(const ResourceType& type, std::string_view ns) : text_(type.group.empty() ? "/api" : "/apis") {
    if (!type.group.empty()) add(type.group);
    add(type.version);
    if (type.namespaced && !ns.empty()) {
      add("namespaces");
      add(ns);
    }
    add(type.plural);
  }

  void add(std::string_view name) { text_.append("/").append(segment(name)); }

  void query(std::string_view name, std::string_view value) {
    text_.push_back(std::exchange(separator_, '&'));
    text_.append(name).append("=").append(http::escape(value));
  }

  void query_if_set(std::string_view name, std::string_view value) {
    if (!value.empty()) query(name, value);
  }

  [[nodiscard]] std::string take() && { return std::move(text_); }

 private:
  std::string text_;
  char separator_ = '?';
};

Target object_target(const ResourceType& type, const ObjectKey& key) {
  // Without a name, a DELETE or a PATCH would be about the whole collection.
  assert(!key.name.empty() && "request for an object without a name");
  assert((!type.namespaced || !key.ns.empty()) && "request for a namespaced object without a namespace");
  Target target{type, key.ns};
  target.add(key.name);
  return target;
}

http::Request make(http::Method method, Target target, std::string_view accept) {
  return http::Request{method, std::move(target).take(), {{"Accept", std::string{accept}}}, {}};
}

http::Request make(http::Method method, Target target, std::string_view content_type, std::string body) {
  http::Request request = make(method, std::move(target), kJson);
  request.headers.add("Content-Type", std::string{content_type});
  request.body = std::move(body);
  return request;
}

std::string_view to_string(Propagation propagation) noexcept {
  switch (propagation) {
    case Propagation::Foreground: return "Foreground";
    case Propagation::Orphan: return "Orphan";
    case Propagation::Background: break;
  }
  return "Background";
}

}  // namespace

http::Request list_request(const Selection& selection, const ListQuery& query) {
  Target target{selection.type, selection.ns};
  if (query.limit != 0) target.query("limit", std::to_string(query.limit));
  target.query_if_set("continue", query.continue_token);
  target.query_if_set("resourceVersion", query.resource_version);
  if (!query.resource_version.empty()) {
    target.query_if_set("resourceVersionMatch", query.resource_version_match);
  }
  target.query_if_set("labelSelector", selection.label_selector);
  target.query_if_set("fieldSelector", selection.field_selector);
  const bool full = selection.representation == Representation::Full;
  return make(http::Method::Get, std::move(target), full ? kJson : kMetadataList);
}

http::Request watch_request(const Selection& selection, const WatchQuery& query) {
  Target target{selection.type, selection.ns};
  target.query("watch", "1");
  target.query("allowWatchBookmarks", "true");
  target.query_if_set("resourceVersion", query.resource_version);
  if (query.send_initial_events) {
    target.query("sendInitialEvents", "true");
    target.query("resourceVersionMatch", "NotOlderThan");  // the server insists on it
  }
  if (query.timeout.count() > 0) target.query("timeoutSeconds", std::to_string(query.timeout.count()));
  target.query_if_set("labelSelector", selection.label_selector);
  target.query_if_set("fieldSelector", selection.field_selector);
  const bool full = selection.representation == Representation::Full;
  return make(http::Method::Get, std::move(target), full ? kJson : kMetadata);
}

http::Request get_request(const ResourceType& type, const ObjectKey& key, Representation representation) {
  const bool full = representation == Representation::Full;
  return make(http::Method::Get, object_target(type, key), full ? kJson : kMetadata);
}

http::Request create_request(const ResourceType& type, const std::string& ns, std::string body) {
  return make(http::Method::Post, Target{type, ns}, kJson, std::move(body));
}

http::Request apply_request(const ResourceType& type,
                            const ObjectKey& key,
                            std::string body,
                            const ApplyQuery& query) {
  Target target = object_target(type, key);
  if (!query.subresource.empty()) target.add(query.subresource);
  target.query("fieldManager", query.field_manager);
  target.query("force", query.force ? "true" : "false");
  target.query("fieldValidation", "Strict");
  if (query.dry_run) target.query("dryRun", "All");
  return make(http::Method::Patch, std::move(target), "application/apply-patch+yaml", std::move(body));
}

http::Request json_patch_request(const ResourceType& type,
                                 const ObjectKey& key,
                                 std::string body,
                                 std::string_view field_manager) {
  Target target = object_target(type, key);
  target.query("fieldManager", field_manager);
  return make(http::Method::Patch, std::move(target), "application/json-patch+json", std::move(body));
}

http::Request delete_request(const ResourceType& type,
                             const ObjectKey& key,
                             std::string_view uid,
                             Propagation propagation) {
  assert(!uid.empty() && "delete without a uid precondition");
  const nlohmann::json options{{"apiVersion", "v1"},
                               {"kind", "DeleteOptions"},
                               {"propagationPolicy", to_string(propagation)},
                               {"preconditions", {{"uid", uid}}}};
  return make(http::Method::Delete, object_target(type, key), kJson, json::dump(options));
}

}  // namespace tp::kube
