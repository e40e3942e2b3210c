#include "kube/core/object_meta.h"

#include "base/time.h"

namespace tp::kube {
namespace {

std::string controller_uid(json::View owners) {
  for (json::View owner = owners.first(); owner.exists(); owner = owner.next()) {
    if (owner["controller"].boolean().value_or(false)) return std::string{owner["uid"].text()};
  }
  return {};
}

}  // namespace

Result<ObjectMeta> read_meta(json::View object) {
  const json::View metadata = object["metadata"];
  ObjectMeta meta;
  meta.key = ObjectKey{std::string{metadata["namespace"].text()}, std::string{metadata["name"].text()}};
  meta.uid = metadata["uid"].text();
  meta.resource_version = metadata["resourceVersion"].text();
  if (meta.key.name.empty()) return Error{ErrorCode::DataLoss, "object without metadata.name"};
  if (meta.uid.empty()) return Error{ErrorCode::DataLoss, meta.key.str() + ": no metadata.uid"};
  if (meta.resource_version.empty()) {
    return Error{ErrorCode::DataLoss, meta.key.str() + ": no metadata.resourceVersion"};
  }
  meta.generation = metadata["generation"].integer().value_or(0);
  meta.controller_uid = controller_uid(metadata["ownerReferences"]);
  meta.created = parse_rfc3339(metadata["creationTimestamp"].text()).value_or(WallTime{});
  meta.deleting = metadata["deletionTimestamp"].is(json::Type::String);
  return meta;
}

}  // namespace tp::kube
