#pragma once

#include <compare>
#include <string>

namespace tp::gateway {

// A team, as the Config Service names it.
struct TeamRef {
  std::string org_id;
  std::string team_node_id;

  friend auto operator<=>(const TeamRef&, const TeamRef&) = default;
};

}  // namespace tp::gateway
