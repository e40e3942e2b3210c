#include "http_beast/wire.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>
#include <utility>

#include <boost/beast/core/string.hpp>
#include <boost/beast/http/status.hpp>

namespace tp::http {
namespace {

bool same(std::string_view a, std::string_view b) {
  return boost::beast::iequals({a.data(), a.size()}, {b.data(), b.size()});
}

bool is_digits(std::string_view text) {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

// RFC 9110, 5.6.2.
bool is_token_char(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";
  return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         kMarks.find(c) != std::string_view::npos;
}

// RFC 9112, 6.3 gives rules for messages that are framed in several ways; proxies disagree on them, so we
// take none.
std::optional<Refusal> judge_framing(const Head& head) {
  const Headers& h = head.headers;
  const std::size_t hosts = h.count("Host");
  if (hosts > 1 || (hosts == 0 && head.http_1_1)) return Refusal{400, "exactly one Host is needed"};
  const std::size_t lengths = h.count("Content-Length");
  if (lengths > 1 || (lengths == 1 && !is_digits(*h.find("Content-Length")))) {
    return Refusal{400, "Content-Length must be one number"};
  }
  const std::size_t codings = h.count("Transfer-Encoding");
  if (codings == 0) return std::nullopt;
  if (codings > 1 || lengths > 0 || !head.http_1_1) {
    return Refusal{400, "Transfer-Encoding must stand alone, in HTTP/1.1"};
  }
  if (!same(*h.find("Transfer-Encoding"), "chunked"))
    return Refusal{501, "only the transfer coding chunked is served"};
  return std::nullopt;
}

// RFC 9110, 15.5.16. We decode nothing, so that a small body cannot become a large one.
bool is_encoded(const Headers& headers) {
  return std::any_of(headers.begin(), headers.end(), [](const Headers::Field& field) {
    return same(field.first, "Content-Encoding") && !same(field.second, "identity");
  });
}

bool serves(const Route& route, std::string_view method) {
  return to_string(route.method) == method || (route.method == Method::Get && method == "HEAD");
}

// Cuts the first segment, with the slash before it, off `path`.
std::string_view take_segment(std::string_view& path) {
  const std::string_view segment = path.substr(0, path.find('/', 1));
  path.remove_prefix(segment.size());
  return segment;
}

bool has_parameter(std::string_view pattern) { return pattern.find("/{") != std::string_view::npos; }

bool matches(std::string_view pattern, std::string_view path) {
  while (!pattern.empty() && !path.empty()) {
    const std::string_view expected = take_segment(pattern);
    const std::string_view segment = take_segment(path);
    const bool any = expected.starts_with("/{") && expected.ends_with('}');
    if (any ? segment.size() <= 1 : segment != expected) return false;
  }
  return pattern.empty() && path.empty();
}

bool leads_to(std::string_view path, const Route& route, bool exact) {
  return exact ? route.path == path : has_parameter(route.path) && matches(route.path, path);
}

// A route, or why there is none.
Verdict find_route(const Head& head, const Routes& routes) {
  const std::string_view path = head.target.substr(0, head.target.find('?'));
  std::string allow;
  // Once for exact paths; then, unless one of them matched, for those with a parameter.
  for (const bool exact : {true, false}) {
    for (const Route& route : routes) {
      if (!leads_to(path, route, exact)) continue;
      if (serves(route, head.method)) return {&route};
      allow.append(allow.empty() ? "" : ", ").append(to_string(route.method));
      if (route.method == Method::Get) allow += ", HEAD";
    }
    if (!allow.empty()) return {nullptr, Refusal{405, "method not allowed", {{"Allow", allow}}, true}};
  }
  return {nullptr, Refusal{404, "not found", {}, true}};
}

}  // namespace

Verdict judge(const Head& head, const Routes& routes) {
  Verdict verdict = find_route(head, routes);
  if (auto refusal = judge_framing(head)) {
    verdict.refusal = std::move(refusal);
  } else if (!head.target.starts_with('/')) {
    verdict.refusal = Refusal{400, "the target must be a path"};
  } else if (const auto expect = head.headers.find("Expect"); expect && !same(*expect, "100-continue")) {
    verdict.refusal = Refusal{417, "only 100-continue can be expected"};
  } else if (!verdict.refusal && is_encoded(head.headers)) {
    verdict.refusal = Refusal{415, "the body must not be encoded", {{"Accept-Encoding", "identity"}}, true};
  }
  return verdict;
}

HeaderScan scan_header(std::string_view bytes, std::size_t limit) {
  constexpr std::size_t kMaxLines = 1 + 100;  // the request line and the fields
  // No method begins like this; a handshake of TLS does, which would leave us waiting for a line.
  if (!bytes.empty() && !is_token_char(bytes.front())) return {0, Refusal{400, "this is not HTTP"}};
  const std::string_view allowed = bytes.substr(0, limit);
  std::size_t start = 0;
  for (std::size_t line = 0; line <= kMaxLines; ++line) {
    const std::size_t end = allowed.find('\n', start);
    if (end == std::string_view::npos) {
      if (bytes.size() > limit) return {0, Refusal{431, "the header is too large"}};
      return {};
    }
    if (end == start || allowed[end - 1] != '\r') return {0, Refusal{400, "a line must end with CR LF"}};
    if (end == start + 1) return {end + 1};
    if (line > 0 && (allowed[start] == ' ' || allowed[start] == '\t'))
      return {0, Refusal{400, "a header field must be one line"}};
    start = end + 1;
  }
  return {0, Refusal{431, "too many header fields"}};
}

bool well_formed(const Headers& headers) noexcept {
  const auto visible = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7F);
  };
  return std::all_of(headers.begin(), headers.end(), [&visible](const Headers::Field& field) {
    return !field.first.empty() && std::all_of(field.first.begin(), field.first.end(), is_token_char) &&
           std::all_of(field.second.begin(), field.second.end(), visible);
  });
}

std::string to_wire(const Response& response, const Framing& framing, WallTime now) {
  static constexpr std::array<std::string_view, 4> kOurs{"Connection", "Content-Length", "Transfer-Encoding",
                                                         "Date"};
  const auto reason =
      boost::beast::http::obsolete_reason(static_cast<boost::beast::http::status>(response.status));
  const bool bodiless = response.status == 204 || response.status == 304;

  std::string wire = "HTTP/1.1 " + std::to_string(response.status) + " ";
  wire.append(reason.data(), reason.size()).append("\r\n");
  for (const Headers::Field& field : response.headers) {
    const auto is_name = [&](std::string_view ours) { return same(ours, field.first); };
    if (std::any_of(kOurs.begin(), kOurs.end(), is_name)) continue;
    wire.append(field.first).append(": ").append(field.second).append("\r\n");
  }
  wire.append("Date: ").append(to_http_date(now)).append("\r\n");
  if (!bodiless) wire.append("Content-Length: ").append(std::to_string(response.body.size())).append("\r\n");
  if (framing.close) {
    wire += "Connection: close\r\n";
  } else if (!framing.http_1_1) {
    wire += "Connection: keep-alive\r\n";
  }
  wire += "\r\n";
  if (!bodiless && !framing.head) wire += response.body;
  return wire;
}

Response plain_answer(int status, std::string_view text) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::string{text} + "\n"};
}

Refusal overloaded() { return {503, "too much in flight", {{"Retry-After", "1"}}}; }

std::string to_http_date(WallTime time) {
  static constexpr std::array<const char*, 7> kDays{"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
  static constexpr std::array<const char*, 12> kMonths{"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                                       "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date{day};
  const std::chrono::hh_mm_ss clock{std::chrono::floor<std::chrono::seconds>(time - day)};
  std::array<char, 64> buffer{};
  const int n =
      std::snprintf(buffer.data(), buffer.size(), "%s, %02u %s %04d %02d:%02d:%02d GMT",
                    kDays.at(std::chrono::weekday{day}.c_encoding()), static_cast<unsigned>(date.day()),
                    kMonths.at(static_cast<unsigned>(date.month()) - 1), static_cast<int>(date.year()),
                    static_cast<int>(clock.hours().count()), static_cast<int>(clock.minutes().count()),
                    static_cast<int>(clock.seconds().count()));
  return {buffer.data(), static_cast<std::size_t>(n)};
}

}  // namespace tp::http
