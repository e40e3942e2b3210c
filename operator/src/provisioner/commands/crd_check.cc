#include "provisioner/commands/crd_check.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "provisioner/commands/differences.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

std::string text(const Json& object, const char* pointer) {
  return object.value(Json::json_pointer{pointer}, std::string{});
}

// As deep as the schema, which is bounded where it is read.
void drop_types_of_int_or_string(Json& schema) {  // NOLINT(misc-no-recursion)
  if (schema.is_object() && schema.value("x-kubernetes-int-or-string", false)) schema.erase("anyOf");
  if (schema.is_structured())
    for (Json& part : schema) drop_types_of_int_or_string(part);
}

// A schema without what an API server adds when it publishes it.
Json comparable(Json schema) {
  schema.erase("x-kubernetes-group-version-kind");
  schema.erase("x-kubernetes-selectable-fields");
  for (const char* common : {"apiVersion", "kind", "metadata"}) schema["properties"].erase(common);
  drop_types_of_int_or_string(schema);
  return schema;
}

// Null when it is not there.
Json find_schema(const Json& published, const Json& wanted) {
  for (const Json& schema : published.value("/components/schemas"_json_pointer, Json::object())) {
    const Json kinds = schema.value("x-kubernetes-group-version-kind", Json::array());
    if (std::find(kinds.begin(), kinds.end(), wanted) != kinds.end()) return schema;
  }
  return nullptr;
}

std::string first_of(const std::vector<Difference>& found) {
  const std::string more =
      found.size() > 1 ? " and in " + std::to_string(found.size() - 1) + " more places" : "";
  return "at " + found.front().path + more + "; see: team-operator crds diff";
}

}  // namespace

std::string schema_path(const Definition& definition, const Json& version) {
  return "/openapi/v3/apis/" + text(definition.object, "/spec/group") + "/" + text(version, "/name");
}

Check check_schema(const Definition& definition, const Json& version, const Result<Json>& published) {
  const std::string name = text(version, "/name");
  Check not_served{Verdict::Missing, definition.name,
                   "is not served as " + name + "; run: team-operator crds apply"};
  if (!published) {
    if (published.error().code == ErrorCode::NotFound) return not_served;
    return {Verdict::Missing, definition.name, published.error().message};
  }
  const Json live = find_schema(*published, {{"group", text(definition.object, "/spec/group")},
                                             {"version", name},
                                             {"kind", text(definition.object, "/spec/names/kind")}});
  if (live.is_null()) return not_served;
  std::vector<Difference> found =
      differences(comparable(live), comparable(version.at("/schema/openAPIV3Schema"_json_pointer)));
  if (found.empty())
    return {Verdict::Ok, definition.name, "is served as " + name + " with the schema of this version"};
  const auto ours = std::stable_partition(
      found.begin(), found.end(), [](const Difference& difference) { return bool{difference.after}; });
  if (ours == found.begin())
    return {Verdict::Warning, definition.name, "knows more than this version, " + first_of(found)};
  return {Verdict::Missing, definition.name, "has another schema than this version, " + first_of(found)};
}

}  // namespace tp::provisioner
