#include "http_beast/wire.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <optional>

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

bool serves(const Route& route, std::string_view method) {
  return to_string(route.method) == method || (route.method == Method::Get && method == "HEAD");
}

}  // namespace

std::variant<const Route*, Refusal> judge(const Head& head, const Routes& routes) {
  if (auto refusal = judge_framing(head)) return *std::move(refusal);
  if (!head.target.starts_with('/')) return Refusal{400, "the target must be a path"};
  if (const auto expect = head.headers.find("Expect"); expect && !same(*expect, "100-continue")) {
    return Refusal{417, "only 100-continue can be expected"};
  }

  const std::string_view path = head.target.substr(0, head.target.find('?'));
  std::string allow;
  for (const Route& route : routes) {
    if (route.path != path) continue;
    if (serves(route, head.method)) return &route;
    allow.append(allow.empty() ? "" : ", ").append(to_string(route.method));
    if (route.method == Method::Get) allow += ", HEAD";
  }
  if (allow.empty()) return Refusal{404, "not found", {}, true};
  return Refusal{405, "method not allowed", allow, true};
}

bool well_formed(const Headers& headers) noexcept {
  constexpr std::string_view kTokenMarks = "!#$%&'*+-.^_`|~";
  const auto token = [&](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
           kTokenMarks.find(c) != std::string_view::npos;
  };
  const auto visible = [](char c) {
    const auto byte = static_cast<unsigned char>(c);
    return c == '\t' || (byte >= 0x20 && byte != 0x7F);
  };
  return std::all_of(headers.begin(), headers.end(), [&](const Headers::Field& field) {
    return !field.first.empty() && std::all_of(field.first.begin(), field.first.end(), token) &&
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
