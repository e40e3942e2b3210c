#pragma once

#include <optional>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tp::provisioner {

// A place where two documents differ.
struct Difference {
  std::string path;                      // "spec.versions[v1alpha1].served"
  std::optional<nlohmann::json> before;  // absent: is not there
  std::optional<nlohmann::json> after;

  friend bool operator==(const Difference&, const Difference&) = default;
};

// PURE. Where `after` differs from `before`, in the order of the keys. Elements of a list are told by `name`
// if all have one, else each as a whole: what only one list has, or, when only the order differs, both lists.
[[nodiscard]] std::vector<Difference> differences(const nlohmann::json& before, const nlohmann::json& after);

// PURE. As `diff` prints it: a line "@@ path", then what was there behind "-" and what is behind "+".
[[nodiscard]] std::string to_text(const std::vector<Difference>& found);

}  // namespace tp::provisioner
