#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include "base/result.h"

namespace tp::http {

// Where to listen, in the form that Go programs use: "[host]:port".
struct Address {
  std::string host;        // an IP address; empty for all of this machine, IPv6 and IPv4
  std::uint16_t port = 0;  // 0: the system picks one

  friend bool operator==(const Address&, const Address&) = default;
};

// ":8080", "127.0.0.1:0", "[::1]:8080". InvalidArgument for anything else; host names are not looked up.
[[nodiscard]] Result<Address> parse_address(std::string_view text);

}  // namespace tp::http
