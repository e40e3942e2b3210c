#include "kube/core/resource.h"

namespace tp::kube {

std::string ResourceType::api_version() const {
  std::string text;
  text.reserve(group.size() + 1 + version.size());
  if (!group.empty()) text.append(group).push_back('/');
  text.append(version);
  return text;
}

std::strong_ordering compare_resource_versions(std::string_view a, std::string_view b) noexcept {
  if (a.size() != b.size()) return a.size() <=> b.size();
  return a.compare(b) <=> 0;
}

}  // namespace tp::kube
