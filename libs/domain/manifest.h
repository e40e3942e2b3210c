#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"

namespace tp::domain {

// Manifests as people write them: YAML, several documents in a file. They read here as kubectl reads them
// (sigs.k8s.io/yaml, which follows YAML 1.1), so that `team-operator plan` judges what `kubectl apply` would
// send: yes and on are booleans, 0755 is octal, 1e3 is the number 1000, "quoted" stays text, << merges.
// Stricter than kubectl in two things: a key given twice and a tag of one's own are refused.
struct Manifest {
  nlohmann::json value;  // of any type
  std::size_t line = 1;  // where it begins in the file
};

inline constexpr std::size_t kMaxManifestBytes = std::size_t{4} << 20U;
// Values in one file once its aliases are followed; a few lines of aliases to aliases stand for billions.
inline constexpr std::size_t kMaxManifestValues = 200'000;
inline constexpr std::size_t kMaxManifestDepth = 64;

// The documents of `text` that are not empty. InvalidArgument, beginning with "line 3, column 5: ", when it
// is not YAML that has a meaning in JSON; ResourceExhausted beyond the limits above.
[[nodiscard]] Result<std::vector<Manifest>> parse_manifests(std::string_view text);

// The same from a file; errors begin with its path. NotFound when it cannot be read.
[[nodiscard]] Result<std::vector<Manifest>> load_manifests(const std::string& path);

}  // namespace tp::domain
