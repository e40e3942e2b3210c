#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace tp::http {

// Where TCP goes: a DNS name or an IPv4 address, and a port.
struct Endpoint {
  std::string host;
  std::uint16_t port = 0;

  friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Whom a client talks to, as its base URL says: https://host:port/prefix.
struct Origin {
  bool tls = false;
  Endpoint endpoint;   // host in lower case, without brackets
  bool is_ip = false;  // the host is an IPv4 address
  std::string prefix;  // path in front of every target: "" or "/k8s/clusters/c-1"; never ends in '/'

  // What the Host header says: the port only when it is not the scheme's own.
  [[nodiscard]] std::string authority() const;

  friend bool operator==(const Origin&, const Origin&) = default;
};

// http:// or https:// with a DNS name or an IPv4 address. InvalidArgument for anything else, with the reason:
// user info, query and fragment are refused, and so are IPv6 literals, which cpprestsdk cannot connect to (a
// DNS name that has only IPv6 addresses is fine).
[[nodiscard]] Result<Origin> parse_origin(std::string_view base_url);

// curl's --connect-to: requests for `host`:`port` go to `target` instead, while the Host header, the TLS
// server name and the certificate check keep the original host. For development and tests outside the
// cluster.
struct ConnectTo {
  std::string host;  // lower case; a leading dot makes it a suffix: ".svc.cluster.local"
  std::uint16_t port = 0;
  Endpoint target;

  [[nodiscard]] bool matches(const Endpoint& endpoint) const;

  friend bool operator==(const ConnectTo&, const ConnectTo&) = default;
};

// HOST:PORT=ADDRESS:PORT, e.g. ".svc.cluster.local:8080=127.0.0.1:9000". InvalidArgument names the part that
// is wrong.
[[nodiscard]] Result<ConnectTo> parse_connect_to(std::string_view text);
// Of each value of the flag --connect-to, which the error names.
[[nodiscard]] Result<std::vector<ConnectTo>> parse_connect_to(const std::vector<std::string>& flags);

// The target of the first rule that matches, else `endpoint` itself.
[[nodiscard]] Endpoint route(const Endpoint& endpoint, const std::vector<ConnectTo>& rules);

[[nodiscard]] bool is_ipv4(const std::string& host) noexcept;

}  // namespace tp::http
