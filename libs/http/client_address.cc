#include "http/client_address.h"

#include <algorithm>
#include <charconv>
#include <optional>

#include <arpa/inet.h>

#include "http/address.h"

namespace tp::http {
namespace {

constexpr std::array<unsigned char, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0xFF};
constexpr std::size_t kMappedBits = 8 * kMapped.size();
constexpr std::size_t kAllBits = 128;

std::string_view trim(std::string_view text) {
  constexpr std::string_view kBlank = " \t";
  const std::size_t first = text.find_first_not_of(kBlank);
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(kBlank) - first + 1);
}

// A single address, with or without port.
std::optional<Network> parse_hop(std::string_view text) {
  text = trim(text);
  if (text.find('/') != std::string_view::npos) return std::nullopt;
  if (auto bare = Network::parse(text)) return *bare;
  if (text.starts_with('[') && text.ends_with(']')) text = text.substr(1, text.size() - 2);
  const auto with_port = parse_address(text);
  auto host = Network::parse(with_port ? with_port->host : text);
  return host ? std::optional{*host} : std::nullopt;
}

bool any_contains(const std::vector<Network>& networks, const Network& address) {
  return std::any_of(networks.begin(), networks.end(),
                     [&](const Network& network) { return network.contains(address); });
}

}  // namespace

Result<Network> Network::parse(std::string_view text) {
  const Error wrong{ErrorCode::InvalidArgument, "\"" + std::string{text} +
                                                    "\" is not an IP address or a range of them, such as "
                                                    "10.0.0.0/8 or fd00::/8"};
  const std::size_t slash = std::min(text.find('/'), text.size());
  const std::string host{text.substr(0, slash)};
  Bytes bytes{};
  std::size_t first_bit = 0;
  if (inet_pton(AF_INET6, host.c_str(), bytes.data()) != 1) {
    first_bit = kMappedBits;
    std::copy(kMapped.begin(), kMapped.end(), bytes.begin());
    if (inet_pton(AF_INET, host.c_str(), &bytes.at(kMapped.size())) != 1) return wrong;
  }

  std::size_t bits = kAllBits;
  if (slash < text.size()) {
    const char* const end = text.data() + text.size();
    const auto [stop, error] = std::from_chars(text.data() + slash + 1, end, bits);
    if (error != std::errc{} || stop != end || bits > kAllBits - first_bit) return wrong;
    bits += first_bit;
  }
  for (std::size_t bit = bits; bit < kAllBits; ++bit) {
    if ((bytes.at(bit / 8) & (0x80U >> bit % 8)) != 0) return wrong;
  }
  return Network{bytes, bits};
}

bool Network::contains(const Network& other) const noexcept {
  if (other.bits_ < bits_) return false;
  const std::size_t whole = bits_ / 8;
  if (!std::equal(bytes_.begin(), bytes_.begin() + whole, other.bytes_.begin())) return false;
  const unsigned mask = 0xFF00U >> bits_ % 8;  // of the byte that the prefix ends in
  return bits_ % 8 == 0 || ((bytes_[whole] ^ other.bytes_[whole]) & mask & 0xFFU) == 0;
}

std::string Network::address() const {
  std::array<char, INET6_ADDRSTRLEN> text{};
  if (std::equal(kMapped.begin(), kMapped.end(), bytes_.begin()))
    return inet_ntop(AF_INET, &bytes_.at(kMapped.size()), text.data(), text.size());
  return inet_ntop(AF_INET6, bytes_.data(), text.data(), text.size());
}

std::string client_address(std::string_view peer,
                           const Headers& headers,
                           const std::vector<Network>& trusted) {
  const auto first = Network::parse(peer);
  if (!first) return std::string{peer};
  Network client = *first;

  std::string hops;  // several fields are one list (RFC 9110, 5.3)
  for (const auto& [name, value] : headers) {
    if (same_name(name, "X-Forwarded-For")) hops.append(",").append(value);
  }
  std::string_view rest = hops;
  while (!rest.empty() && any_contains(trusted, client)) {
    const std::size_t comma = rest.rfind(',');
    const auto hop = parse_hop(rest.substr(comma + 1));
    if (!hop) break;
    client = *hop;
    rest = rest.substr(0, comma);
  }
  return client.address();
}

}  // namespace tp::http
