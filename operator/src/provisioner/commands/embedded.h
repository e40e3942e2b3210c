#pragma once

#include <span>
#include <string_view>

namespace tp::provisioner {

// Files of the repository that were put into the program when it was built (embed.cmake), by name.
struct EmbeddedFile {
  std::string_view name;
  std::string_view text;
};

// crds/*.yaml
[[nodiscard]] std::span<const EmbeddedFile> embedded_definitions();
// charts/team-provisioning/files/operator-*.yaml
[[nodiscard]] std::span<const EmbeddedFile> embedded_rules();

}  // namespace tp::provisioner
