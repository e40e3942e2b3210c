#pragma once

#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tp::gateway {

// One change to an apply configuration: what is to be at a path of member names. Null: nothing, so that the
// field is ours no longer, and is gone unless another owns it.
struct Edit {
  std::vector<std::string> path;
  nlohmann::json value;

  friend bool operator==(const Edit&, const Edit&) = default;
};

// The configuration with these changes, in their order. Objects that a removal leaves empty go too, as an
// empty one would take ownership of what others have in it. PURE.
[[nodiscard]] nlohmann::json edited(nlohmann::json configuration, const std::vector<Edit>& edits);

// "spec.pipeline.schedule"
[[nodiscard]] std::string dotted(const std::vector<std::string>& path);

}  // namespace tp::gateway
