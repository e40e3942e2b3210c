#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <string_view>

// The texts that the TeamProvisioning schema restricts by regular expressions, by hand: one pass, no
// allocation.
namespace tp::domain::format {

// Characters of UTF-8 text, as the API server counts them.
[[nodiscard]] std::size_t code_points(std::string_view text);

[[nodiscard]] bool is_platform_id(std::string_view text);      // [A-Za-z0-9._-]+: ids of the Config Service
[[nodiscard]] bool is_secret_key(std::string_view text);       // the same characters
[[nodiscard]] bool is_env_name(std::string_view text);         // C identifier
[[nodiscard]] bool is_dns_label(std::string_view text);        // RFC 1123, of any length; names of namespaces
[[nodiscard]] bool is_dns_subdomain(std::string_view text);    // labels with dots between
[[nodiscard]] bool is_label_value(std::string_view text);      // of any length; empty is one
[[nodiscard]] bool is_label_key(std::string_view text);        // [prefix/]name
[[nodiscard]] bool is_resource_name(std::string_view text);    // cpu, hugepages-2Mi, nvidia.com/gpu
[[nodiscard]] bool is_percentage(std::string_view text);       // 0% to 100%
[[nodiscard]] bool is_whole_number(std::string_view text);     // -?[0-9]{1,18}
[[nodiscard]] bool is_image_reference(std::string_view text);  // [host[:port]/]path[:tag][@sha256:digest]
// Has the form of an IANA name (the API server decides whether there is such a zone).
[[nodiscard]] bool is_time_zone_name(std::string_view text);
// No control characters, no blank at either end; not empty.
[[nodiscard]] bool is_line(std::string_view text);
[[nodiscard]] bool is_repository(std::string_view text);  // owner/name
[[nodiscard]] bool is_http_url(std::string_view text);    // http[s]://host[:port][/path…], printable ASCII
// A range of IPv4 or IPv6 addresses with no bits set after its prefix.
[[nodiscard]] bool is_cidr(std::string_view text);
// [Nh][Nm][Ns] in this order, up to five digits each, six for seconds; part of what Go reads. The empty text
// is one, as it is for the expression.
[[nodiscard]] bool is_duration(std::string_view text);
[[nodiscard]] std::optional<std::chrono::seconds> parse_duration(std::string_view text);

}  // namespace tp::domain::format
