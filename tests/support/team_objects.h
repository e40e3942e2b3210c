#pragma once

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

// TeamProvisionings as the API server sends them.
namespace tp::test {

struct TeamObject {
  std::string name = "team-acme-checkout";
  std::string uid = "uid-1";
  std::string version = "10";
  std::string org = "acme";
  std::string node = "checkout";
  std::string created = "2026-01-01T00:00:00Z";
  nlohmann::json spec = nlohmann::json::object();  // besides the ids
  nlohmann::json status = nlohmann::json::object();
  nlohmann::json metadata = nlohmann::json::object();  // besides the above

  [[nodiscard]] nlohmann::json json() const {
    nlohmann::json object{{"apiVersion", "incidentfox.io/v1alpha1"},
                          {"kind", "TeamProvisioning"},
                          {"metadata",
                           {{"name", name},
                            {"namespace", "incidentfox"},
                            {"uid", uid},
                            {"resourceVersion", version},
                            {"generation", 1},
                            {"creationTimestamp", created}}},
                          {"spec", {{"orgId", org}, {"teamNodeId", node}}},
                          {"status", status}};
    object["spec"].update(spec);
    object["metadata"].update(metadata);
    return object;
  }
  [[nodiscard]] std::string text() const { return json().dump(); }
};

}  // namespace tp::test
