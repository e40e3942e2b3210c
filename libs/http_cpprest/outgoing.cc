#include "http_cpprest/outgoing.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include <cpprest/containerstream.h>

namespace tp::http {
namespace {

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool is_token_char(char c) {
  constexpr std::string_view kMarks = "!#$%&'*+-.^_`|~";  // RFC 9110, 5.6.2
  const char l = lower(c);
  return (l >= 'a' && l <= 'z') || (l >= '0' && l <= '9') || kMarks.find(c) != std::string_view::npos;
}

bool is_control(char c) { return static_cast<unsigned char>(c) < 0x20 || c == 0x7f; }

Status check_header(const Headers::Field& field) {
  constexpr std::array<std::string_view, 5> kOurs{"Host", "Connection", "Content-Length", "Transfer-Encoding",
                                                  "Expect"};
  const auto& [name, value] = field;
  if (name.empty() || !std::all_of(name.begin(), name.end(), is_token_char)) {
    return Error{ErrorCode::InvalidArgument, "a header's name is not a token"};
  }
  if (std::any_of(value.begin(), value.end(), [](char c) { return is_control(c) && c != '\t'; })) {
    return Error{ErrorCode::InvalidArgument, "header " + name + " has a control character in its value"};
  }
  const auto is_this = [n = std::string_view{name}](std::string_view ours) { return same_name(n, ours); };
  if (std::any_of(kOurs.begin(), kOurs.end(), is_this)) {
    return Error{ErrorCode::InvalidArgument, "header " + name + " is the client's to set"};
  }
  return ok();
}

}  // namespace

Status check_request(const Request& request) {
  const std::string& target = request.target;
  if (!target.starts_with('/') || target.starts_with("//")) {
    return Error{ErrorCode::InvalidArgument, "the target is not a path that begins with one '/'"};
  }
  if (std::any_of(target.begin(), target.end(),
                  [](char c) { return is_control(c) || c == ' ' || c == '#'; })) {
    return Error{ErrorCode::InvalidArgument, "the target has a character that must be percent-encoded"};
  }
  if (!web::uri::validate(target)) return Error{ErrorCode::InvalidArgument, "the target is not a valid URI"};
  for (const auto& field : request.headers) TP_TRY(check_header(field));
  return ok();
}

web::http::http_request to_cpprest(const Request& request, const Outgoing& common) {
  web::http::http_request out{std::string{to_string(request.method)}};
  out.set_request_uri(web::uri{common.prefix + request.target});
  // First, because it sets a Content-Type of its own.
  if (!request.body.empty()) {
    // A copy: the caller may leave before cpprestsdk has read it.
    std::vector<std::uint8_t> body{request.body.begin(), request.body.end()};
    out.set_body(concurrency::streams::bytestream::open_istream(std::move(body)), request.body.size());
    out.headers().remove("Content-Type");
  }
  for (const auto& [name, value] : request.headers) out.headers().add(name, value);
  if (!common.host.empty()) out.headers().add("Host", common.host);
  if (!out.headers().has("User-Agent")) out.headers().add("User-Agent", common.user_agent);
  if (!common.bearer.empty() && !out.headers().has("Authorization")) {
    out.headers().add("Authorization", "Bearer " + std::string{common.bearer.reveal()});
  }
  return out;
}

}  // namespace tp::http
