#include "gateway/platform/base_url.h"

#include <algorithm>

namespace tp::gateway {
namespace {

constexpr std::string_view kLetters = "abcdefghijklmnopqrstuvwxyz0123456789";

bool consists_of(std::string_view text, std::string_view allowed, std::string_view more = {}) {
  return std::all_of(text.begin(), text.end(), [&](char c) {
    return allowed.find(c) != std::string_view::npos || more.find(c) != std::string_view::npos;
  });
}

std::string_view without_slashes(std::string_view url) {
  while (url.ends_with('/')) url.remove_suffix(1);
  return url;
}

// The host of http(s)://host[:port] and nothing after it, in lower case already; nothing for any other text.
// Strict, so that no other reader of the URL can see another host in it.
std::optional<std::string_view> host_of(std::string_view url) {
  if (url.starts_with("http://")) {
    url.remove_prefix(7);
  } else if (url.starts_with("https://")) {
    url.remove_prefix(8);
  } else {
    return std::nullopt;
  }
  const auto colon = url.find(':');
  const std::string_view host = url.substr(0, colon);
  if (colon != std::string_view::npos) {
    const std::string_view port = url.substr(colon + 1);
    constexpr std::size_t kLongestPort = 5;
    if (port.empty() || port.size() > kLongestPort || !consists_of(port, "0123456789")) return std::nullopt;
  }
  constexpr std::size_t kLongestHost = 253;
  if (host.empty() || host.size() > kLongestHost || !consists_of(host, kLetters, "-.")) return std::nullopt;
  if (host.front() == '.' || host.back() == '.' || host.find("..") != std::string_view::npos) {
    return std::nullopt;
  }
  return host;
}

bool is_trusted(std::string_view host, const std::vector<std::string>& trusted) {
  return std::any_of(trusted.begin(), trusted.end(), [&](const std::string& one) {
    return one.starts_with('.') ? host.size() > one.size() && host.ends_with(one) : host == one;
  });
}

}  // namespace

AgentBase choose_base_url(std::string_view wanted,
                          const std::optional<TeamRuntime>& runtime,
                          const AgentUrls& urls) {
  const std::string_view url = without_slashes(wanted);
  const auto shared = [&](std::string_view reason) { return AgentBase{urls.shared, false, reason}; };
  if (url.empty()) return shared("shared");
  if (runtime && url == without_slashes(runtime->url)) {
    return runtime->ready ? AgentBase{std::string{url}, true, "runtime"} : shared("not_ready");
  }
  const auto host = host_of(url);
  if (!host) return shared("invalid");
  if (!is_trusted(*host, urls.trusted_hosts)) return shared("untrusted");
  return {std::string{url}, true, "trusted_host"};
}

}  // namespace tp::gateway
