#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "http/types.h"

namespace tp::http {

// An IP address, or a range of them. IPv4 is kept as the IPv6 addresses that stand for it (::ffff:0:0/96).
class Network {
 public:
  // "10.0.0.0/8", "fd00::/8"; an address alone is a range of one. InvalidArgument for anything else, and for
  // an address with bits beyond its prefix ("10.1.0.0/8"), which is a mistake in one of the two.
  [[nodiscard]] static Result<Network> parse(std::string_view text);

  [[nodiscard]] bool contains(const Network& other) const noexcept;
  // The first address, in its shortest form (RFC 5952).
  [[nodiscard]] std::string address() const;

  friend bool operator==(const Network&, const Network&) = default;

 private:
  using Bytes = std::array<unsigned char, 16>;
  Network(const Bytes& bytes, std::size_t bits) : bytes_(bytes), bits_(bits) {}

  Bytes bytes_{};
  std::size_t bits_ = 128;  // of the prefix
};

// The address of the client that a request is from. It is `peer`, the other end of the connection, unless
// that is one of `trusted`: then X-Forwarded-For is read from its end, which the last proxy wrote, for as
// long as the addresses are of trusted proxies. The first other one is the client, and so is the last good
// one before something that is no address. What stands further left was written by the client itself and is
// not looked at. An address may have a port (192.0.2.1:8080, [2001:db8::1]:8080); it is dropped. Pure.
[[nodiscard]] std::string client_address(std::string_view peer,
                                         const Headers& headers,
                                         const std::vector<Network>& trusted);

}  // namespace tp::http
