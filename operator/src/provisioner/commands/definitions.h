#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "kube/core/resource.h"

namespace tp::provisioner {

inline constexpr kube::ResourceType kDefinitions{"apiextensions.k8s.io", "v1", "customresourcedefinitions",
                                                 "CustomResourceDefinition", false};

// A CustomResourceDefinition that this program carries.
struct Definition {
  std::string name;  // "teamprovisionings.incidentfox.io"
  nlohmann::json object;
};

// All of them. An Error is a mistake of the build.
[[nodiscard]] Result<std::vector<Definition>> load_definitions();

// Whether the API server serves what it defines; InvalidArgument when it will not, because another one has
// its names.
[[nodiscard]] Result<bool> is_established(const nlohmann::json& live);

}  // namespace tp::provisioner
