#include "domain/formats.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstddef>
#include <cstdint>
#include <string>

#include <arpa/inet.h>

namespace tp::domain::format {
namespace {

constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_lower(char c) noexcept { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr bool is_lower_alnum(char c) noexcept { return is_lower(c) || is_digit(c); }
constexpr bool is_alnum(char c) noexcept { return is_lower_alnum(c) || is_upper(c); }
constexpr bool is_hex(char c) noexcept {
  return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
}

template <class Allowed>
bool all(std::string_view text, Allowed allowed) {
  return std::all_of(text.begin(), text.end(), allowed);
}

bool all_digits(std::string_view text, std::size_t max) {
  return !text.empty() && text.size() <= max && all(text, is_digit);
}

// Not empty, `ends` at both ends, `inner` in between.
template <class Ends, class Inner>
bool is_word(std::string_view text, Ends ends, Inner inner) {
  return !text.empty() && ends(text.front()) && ends(text.back()) && all(text, inner);
}

// Calls f for each part between separators until it answers false; whether it never did.
template <class F>
bool every_part(std::string_view text, char separator, F f) {
  for (;;) {
    const std::size_t end = text.find(separator);
    if (!f(text.substr(0, end))) return false;
    if (end == std::string_view::npos) return true;
    text.remove_prefix(end + 1);
  }
}

bool is_dotted_prefix(std::string_view text) {
  return is_word(text, is_lower_alnum, [](char c) { return is_lower_alnum(c) || c == '-' || c == '.'; });
}

// [a-z0-9]+ runs with one of ".", "_", "__" or dashes between.
bool is_image_path_part(std::string_view text) {
  if (text.empty() || !is_lower_alnum(text.front()) || !is_lower_alnum(text.back())) return false;
  while (!text.empty()) {
    const auto* const run = std::find_if_not(text.begin(), text.end(), is_lower_alnum);
    const auto* const next = std::find_if(run, text.end(), is_lower_alnum);
    const std::string_view separator{run, static_cast<std::size_t>(next - run)};
    const bool dashes = all(separator, [](char c) { return c == '-'; });
    if (!dashes && separator != "." && separator != "_" && separator != "__") return false;
    text.remove_prefix(static_cast<std::size_t>(next - text.begin()));
  }
  return true;
}

bool is_host(std::string_view text) {
  if (text.substr(0, 1) == "[") {  // IPv6
    const std::size_t end = text.find(']');
    if (end == std::string_view::npos || end == 1 ||
        !all(text.substr(1, end - 1), [](char c) { return is_hex(c) || c == ':'; })) {
      return false;
    }
    text.remove_prefix(end + 1);
    return text.empty() || (text.front() == ':' && all_digits(text.substr(1), 5));
  }
  const std::size_t colon = text.find(':');
  const std::string_view host = text.substr(0, colon);
  return !host.empty() && all(host, [](char c) { return is_alnum(c) || c == '.' || c == '-'; }) &&
         (colon == std::string_view::npos || all_digits(text.substr(colon + 1), 5));
}

bool is_image_tag(std::string_view text) {
  return !text.empty() && text.size() <= 128 && (is_alnum(text.front()) || text.front() == '_') &&
         all(text, [](char c) { return is_alnum(c) || c == '_' || c == '.' || c == '-'; });
}

bool is_digest(std::string_view text) {
  constexpr std::string_view kAlgorithm = "sha256:";
  return text.substr(0, kAlgorithm.size()) == kAlgorithm && text.size() == kAlgorithm.size() + 64 &&
         all(text.substr(kAlgorithm.size()), [](char c) { return is_hex(c) && !is_upper(c); });
}

}  // namespace

std::size_t code_points(std::string_view text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(), [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool is_platform_id(std::string_view text) {
  return !text.empty() && all(text, [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}

bool is_secret_key(std::string_view text) { return is_platform_id(text); }

bool is_env_name(std::string_view text) {
  return !text.empty() && !is_digit(text.front()) &&
         all(text, [](char c) { return is_alnum(c) || c == '_'; });
}

bool is_dns_label(std::string_view text) {
  return is_word(text, is_lower_alnum, [](char c) { return is_lower_alnum(c) || c == '-'; });
}

bool is_dns_subdomain(std::string_view text) { return every_part(text, '.', is_dns_label); }

bool is_label_value(std::string_view text) {
  return text.empty() ||
         is_word(text, is_alnum, [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

bool is_label_key(std::string_view text) {
  if (const std::size_t slash = text.find('/'); slash != std::string_view::npos) {
    if (!is_dotted_prefix(text.substr(0, slash))) return false;
    text.remove_prefix(slash + 1);
  }
  return !text.empty() && text.size() <= 63 && is_label_value(text);
}

bool is_resource_name(std::string_view text) {
  if (text == "cpu" || text == "memory" || text == "ephemeral-storage") return true;
  constexpr std::string_view kHugePages = "hugepages-";
  if (text.substr(0, kHugePages.size()) == kHugePages) {
    const std::string_view size = text.substr(kHugePages.size());
    if (size.size() >= 3) {
      const std::string_view unit = size.substr(size.size() - 2);
      if ((unit == "Ki" || unit == "Mi" || unit == "Gi") && all(size.substr(0, size.size() - 2), is_digit))
        return true;
    }
  }
  const std::size_t slash = text.find('/');
  if (slash == 0 || slash == std::string_view::npos) return false;
  return all(text.substr(0, slash), [](char c) { return is_lower_alnum(c) || c == '.' || c == '-'; }) &&
         is_platform_id(text.substr(slash + 1));
}

bool is_percentage(std::string_view text) {
  if (text.empty() || text.back() != '%') return false;
  text.remove_suffix(1);
  return text == "100" || (all_digits(text, 2) && (text.size() == 1 || text.front() != '0'));
}

bool is_whole_number(std::string_view text) {
  if (text.substr(0, 1) == "-") text.remove_prefix(1);
  return all_digits(text, 18);
}

bool is_image_reference(std::string_view text) {
  if (const std::size_t at = text.find('@'); at != std::string_view::npos) {
    if (!is_digest(text.substr(at + 1))) return false;
    text = text.substr(0, at);
  }
  const std::size_t last = text.rfind('/') + 1;  // 0 without a slash
  if (const std::size_t colon = text.find(':', last); colon != std::string_view::npos) {
    if (!is_image_tag(text.substr(colon + 1))) return false;
    text = text.substr(0, colon);
  }
  const std::size_t slash = text.find('/');
  if (slash != std::string_view::npos && is_host(text.substr(0, slash))) text.remove_prefix(slash + 1);
  return every_part(text, '/', is_image_path_part);
}

bool is_time_zone_name(std::string_view text) {
  return std::count(text.begin(), text.end(), '/') <= 2 && every_part(text, '/', [](std::string_view part) {
           return !part.empty() && part.size() <= 14 && (is_lower(part.front()) || is_upper(part.front())) &&
                  all(part, [](char c) { return is_alnum(c) || c == '_' || c == '+' || c == '-'; });
         });
}

bool is_line(std::string_view text) {
  const auto is_visible = [](char c) { return static_cast<unsigned char>(c) > ' ' && c != '\x7f'; };
  return is_word(text, is_visible, [&](char c) { return is_visible(c) || c == ' '; });
}

bool is_repository(std::string_view text) {
  const std::size_t slash = text.find('/');
  return slash != 0 && slash != std::string_view::npos &&
         all(text.substr(0, slash), [](char c) { return is_alnum(c) || c == '_' || c == '-'; }) &&
         is_platform_id(text.substr(slash + 1));
}

bool is_http_url(std::string_view text) {
  const std::size_t scheme = text.find("://");
  if (scheme == std::string_view::npos) return false;
  if (text.substr(0, scheme) != "http" && text.substr(0, scheme) != "https") return false;
  text.remove_prefix(scheme + 3);
  const std::size_t slash = text.find('/');
  return is_host(text.substr(0, slash)) &&
         (slash == std::string_view::npos ||
          all(text.substr(slash), [](char c) { return c >= '!' && c <= '~'; }));
}

bool is_cidr(std::string_view text) {
  const std::size_t slash = text.find('/');
  if (slash == std::string_view::npos) return false;
  const std::string_view length = text.substr(slash + 1);
  const std::string host{text.substr(0, slash)};
  const bool v6 = host.find(':') != std::string::npos;
  if (!all_digits(length, 3) || (length.size() > 1 && length.front() == '0')) return false;
  std::size_t bits = 0;
  std::from_chars(length.data(), length.data() + length.size(), bits);

  std::array<std::uint8_t, 16> address{};
  if (inet_pton(v6 ? AF_INET6 : AF_INET, host.c_str(), address.data()) != 1) return false;
  const std::size_t size = v6 ? 16 : 4;
  if (bits > size * 8) return false;
  constexpr std::array<std::uint8_t, 12> kMapped{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};  // ::ffff:1.2.3.4
  if (v6 && std::equal(kMapped.begin(), kMapped.end(), address.begin())) return false;
  for (std::size_t bit = bits; bit < size * 8; ++bit) {
    const unsigned byte = address.at(bit / 8);
    if ((byte >> (7 - bit % 8) & 1U) != 0) return false;
  }
  return true;
}

std::optional<std::chrono::seconds> parse_duration(std::string_view text) {
  struct Unit {
    char name;
    std::size_t digits;
    std::int64_t seconds;
  };
  std::int64_t total = 0;
  for (const Unit unit : {Unit{'h', 5, 3600}, Unit{'m', 5, 60}, Unit{'s', 6, 1}}) {
    const std::size_t end = text.find(unit.name);
    if (end == std::string_view::npos) continue;
    if (!all_digits(text.substr(0, end), unit.digits)) return std::nullopt;
    std::int64_t number = 0;
    std::from_chars(text.data(), text.data() + end, number);
    total += number * unit.seconds;
    text.remove_prefix(end + 1);
  }
  if (!text.empty()) return std::nullopt;
  return std::chrono::seconds{total};
}

bool is_duration(std::string_view text) { return parse_duration(text).has_value(); }

}  // namespace tp::domain::format
