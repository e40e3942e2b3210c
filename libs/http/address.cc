#include "http/address.h"

#include <array>
#include <charconv>

#include <arpa/inet.h>

namespace tp::http {
namespace {

bool is_ip(const std::string& host, int family) {
  std::array<unsigned char, sizeof(in6_addr)> binary{};
  return inet_pton(family, host.c_str(), binary.data()) == 1;
}

}  // namespace

Result<Address> parse_address(std::string_view text) {
  const Error wrong{
      ErrorCode::InvalidArgument,
      "\"" + std::string{text} + "\" is not [IP]:PORT, such as :8080, 127.0.0.1:8080 or [::1]:8080"};
  const std::size_t colon = text.rfind(':');
  if (colon == std::string_view::npos) return wrong;

  Address address;
  const std::string_view port = text.substr(colon + 1);
  const char* const end = port.data() + port.size();
  const auto [stop, error] = std::from_chars(port.data(), end, address.port);
  if (error != std::errc{} || stop != end) return wrong;

  std::string_view host = text.substr(0, colon);
  const bool bracketed = host.size() > 2 && host.front() == '[' && host.back() == ']';
  if (bracketed) host = host.substr(1, host.size() - 2);
  address.host = host;
  if (!host.empty() && !is_ip(address.host, bracketed ? AF_INET6 : AF_INET)) return wrong;
  return address;
}

}  // namespace tp::http
