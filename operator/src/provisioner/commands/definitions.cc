#include "provisioner/commands/definitions.h"

#include <utility>

#include "domain/manifest.h"
#include "provisioner/commands/embedded.h"

namespace tp::provisioner {

using Json = nlohmann::json;

Result<std::vector<Definition>> load_definitions() {
  std::vector<Definition> definitions;
  for (const EmbeddedFile& file : embedded_definitions()) {
    auto manifests = domain::parse_manifests(file.text);
    if (!manifests) return std::move(manifests).error().wrap(file.name);
    for (domain::Manifest& manifest : *manifests) {
      std::string name = manifest.value.at("metadata").at("name").get<std::string>();
      definitions.push_back({std::move(name), std::move(manifest.value)});
    }
  }
  return definitions;
}

Result<bool> is_established(const Json& live) {
  bool established = false;
  for (const Json& condition : live.value("/status/conditions"_json_pointer, Json::array())) {
    const std::string type = condition.value("type", "");
    const bool holds = condition.value("status", "") == "True";
    if (type == "NamesAccepted" && !holds)
      return Error{ErrorCode::InvalidArgument, condition.value("message", "its names are taken")};
    if (type == "Established") established = holds;
  }
  return established;
}

}  // namespace tp::provisioner
