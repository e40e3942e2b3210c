#pragma once

#include <compare>
#include <string>

namespace tp::gateway {

// A team, as the Config Service names it.
struct TeamRef {
  std::string org_id;
  std::string team_node_id;

  // NOLINTNEXTLINE(modernize-use-nullptr): it takes the 0 behind "= default" for a pointer
  friend auto operator<=>(const TeamRef&, const TeamRef&) = default;
};

}  // namespace tp::gateway
