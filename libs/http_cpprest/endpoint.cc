#include "http_cpprest/endpoint.h"

#include <algorithm>
#include <charconv>
#include <optional>
#include <utility>

#include <arpa/inet.h>

namespace tp::http {
namespace {

constexpr std::uint16_t kHttpPort = 80;
constexpr std::uint16_t kHttpsPort = 443;
constexpr std::size_t kMaxHostName = 253;  // RFC 1035, without the final dot

Error invalid(std::string message) { return Error{ErrorCode::InvalidArgument, std::move(message)}; }

std::string quoted(std::string_view text) { return "\"" + std::string{text} + "\""; }

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool is_host_char(char c) {
  return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
}

std::optional<std::uint16_t> parse_port(std::string_view text) {
  std::uint16_t port = 0;
  const char* end = text.data() + text.size();
  const auto [rest, failure] = std::from_chars(text.data(), end, port);
  if (failure != std::errc{} || rest != end || port == 0) return std::nullopt;
  return port;
}

Result<std::string> parse_host(std::string_view text) {
  std::string host{text};
  std::transform(host.begin(), host.end(), host.begin(), lower);
  if (host.empty()) return invalid("the host is empty");
  if (host.size() > kMaxHostName || !std::all_of(host.begin(), host.end(), is_host_char)) {
    return invalid(quoted(text) + " is not a host name");
  }
  return host;
}

// HOST:PORT, or HOST alone when there is a default port.
Result<Endpoint> parse_endpoint(std::string_view text, std::uint16_t default_port) {
  if (text.starts_with('[') || std::count(text.begin(), text.end(), ':') > 1) {
    return invalid("IPv6 literal " + quoted(text) + " is not supported: use a DNS name or an IPv4 address");
  }
  const std::size_t colon = text.find(':');
  const bool has_port = colon != std::string_view::npos;
  if (!has_port && default_port == 0) return invalid(quoted(text) + " has no port");
  TP_ASSIGN_OR_RETURN(std::string host, parse_host(has_port ? text.substr(0, colon) : text));
  std::uint16_t port = default_port;
  if (has_port) {
    const auto parsed = parse_port(text.substr(colon + 1));
    if (!parsed) return invalid("the port of " + quoted(text) + " is not a number from 1 to 65535");
    port = *parsed;
  }
  return Endpoint{std::move(host), port};
}

}  // namespace

bool is_ipv4(const std::string& host) noexcept {
  in_addr address{};
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

std::string Origin::authority() const {
  if (endpoint.port == (tls ? kHttpsPort : kHttpPort)) return endpoint.host;
  return endpoint.host + ":" + std::to_string(endpoint.port);
}

Result<Origin> parse_origin(std::string_view base_url) {
  constexpr std::string_view kHttp = "http://";
  constexpr std::string_view kHttps = "https://";
  Origin origin;
  std::string_view rest;
  if (base_url.starts_with(kHttps)) {
    origin.tls = true;
    rest = base_url.substr(kHttps.size());
  } else if (base_url.starts_with(kHttp)) {
    rest = base_url.substr(kHttp.size());
  } else {
    return invalid("the URL must begin with http:// or https://");
  }
  // None of these messages repeats the URL: a URL with user info would carry a password into a log.
  if (rest.find_first_of("@?# \t\r\n") != std::string_view::npos) {
    return invalid("the URL must be scheme, host, port and path: no user info, query, fragment or space");
  }
  const std::size_t slash = std::min(rest.find('/'), rest.size());
  auto endpoint = parse_endpoint(rest.substr(0, slash), origin.tls ? kHttpsPort : kHttpPort);
  if (!endpoint) return std::move(endpoint).error();
  origin.endpoint = *std::move(endpoint);
  origin.is_ip = is_ipv4(origin.endpoint.host);
  origin.prefix = rest.substr(slash);
  while (origin.prefix.ends_with('/')) origin.prefix.pop_back();
  return origin;
}

bool ConnectTo::matches(const Endpoint& endpoint) const {
  if (port != endpoint.port) return false;
  if (host.starts_with('.')) return endpoint.host.size() > host.size() && endpoint.host.ends_with(host);
  return endpoint.host == host;
}

Result<ConnectTo> parse_connect_to(std::string_view text) {
  const std::size_t equals = text.find('=');
  if (equals == std::string_view::npos) {
    return invalid(quoted(text) + " is not HOST:PORT=ADDRESS:PORT");
  }
  auto from = parse_endpoint(text.substr(0, equals), 0);
  if (!from) return std::move(from).error().wrap("left of '=' in " + quoted(text));
  auto target = parse_endpoint(text.substr(equals + 1), 0);
  if (!target) return std::move(target).error().wrap("right of '=' in " + quoted(text));
  if (target->host.starts_with('.'))
    return invalid("right of '=' in " + quoted(text) + ": a suffix is no address");
  return ConnectTo{std::move(from->host), from->port, *std::move(target)};
}

Result<std::vector<ConnectTo>> parse_connect_to(const std::vector<std::string>& flags) {
  std::vector<ConnectTo> rules;
  for (const std::string& flag : flags) {
    auto rule = parse_connect_to(std::string_view{flag});
    if (!rule) return std::move(rule).error().wrap("--connect-to");
    rules.push_back(*std::move(rule));
  }
  return rules;
}

Endpoint route(const Endpoint& endpoint, const std::vector<ConnectTo>& rules) {
  const auto rule =
      std::find_if(rules.begin(), rules.end(), [&](const ConnectTo& r) { return r.matches(endpoint); });
  return rule == rules.end() ? endpoint : rule->target;
}

}  // namespace tp::http
