#include "domain/resource_head.h"

#include <string>
#include <string_view>

#include "base/time.h"
#include "domain/schema.h"
#include "kube/core/text.h"

namespace tp::domain {
namespace {

using json::View;

Status check_kind(View object, const kube::ResourceType& type, bool manifest) {
  const std::string api_version = type.api_version();
  const auto is = [&](std::string_view field, std::string_view wanted) {
    const View value = member(object, field);
    return value ? value.text() == wanted : !manifest;
  };
  if (is("apiVersion", api_version) && is("kind", type.kind)) return ok();
  const auto shown = [&](std::string_view field) {
    const std::string_view text = object[field].text();
    return text.empty() ? std::string{"nothing"} : std::string{kube::cut(text, 64)};
  };
  return Error{ErrorCode::InvalidArgument, "must be a " + std::string{type.kind} + " of " + api_version +
                                               "; kind is " + shown("kind") + ", apiVersion is " +
                                               shown("apiVersion")};
}

Result<kube::ObjectMeta> read_manifest_meta(View object) {
  const View metadata = object["metadata"];
  kube::ObjectMeta meta;
  meta.key = {std::string{metadata["namespace"].text()}, std::string{metadata["name"].text()}};
  if (meta.key.name.empty()) return Error{ErrorCode::InvalidArgument, "metadata.name is missing"};
  meta.uid = std::string{metadata["uid"].text()};
  meta.resource_version = std::string{metadata["resourceVersion"].text()};
  meta.generation = metadata["generation"].integer().value_or(0);
  meta.created = parse_rfc3339(metadata["creationTimestamp"].text()).value_or(WallTime{});
  return meta;
}

}  // namespace

Result<kube::ObjectMeta> read_head(View object, const kube::ResourceType& type, bool manifest) {
  if (!object.is(json::Type::Object)) return Error{ErrorCode::InvalidArgument, "not an object"};
  TP_TRY(check_kind(object, type, manifest));
  return manifest ? read_manifest_meta(object) : kube::read_meta(object);
}

}  // namespace tp::domain
