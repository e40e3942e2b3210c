#pragma once

#include <cstddef>
#include <string>
#include <string_view>
#include <variant>

#include "base/clock.h"
#include "http/server.h"

// The decisions of the server that need no socket. Private to libs/http_beast. Pure.
namespace tp::http {

// A request whose header is complete. Its method may be none that we know.
struct Head {
  std::string_view method;
  std::string_view target;
  const Headers& headers;
  bool http_1_1 = true;
};

// Why a request is not served.
struct Refusal {
  int status = 400;
  std::string reason;               // for the body of the answer and the log; for people
  std::string allow{};              // of a 405
  bool framing_is_certain = false;  // then the connection may be kept, if the request has no body
};

// The route that serves a request, or why none does. Looks at framing first: what it refuses there must not
// be followed by another request on the same connection.
[[nodiscard]] std::variant<const Route*, Refusal> judge(const Head& head, const Routes& routes);

// Whether names are tokens and values have no control characters (RFC 9110, 5.1 and 5.5): else a value taken
// from a request could split our answer in two.
[[nodiscard]] bool well_formed(const Headers& headers) noexcept;

struct Framing {
  bool head = false;  // the body is announced and not sent
  bool close = false;
  bool http_1_1 = true;
};

// The bytes of an answer. Header fields that frame it are written here and dropped from `response`.
[[nodiscard]] std::string to_wire(const Response& response, const Framing& framing, WallTime now);

[[nodiscard]] Response plain_answer(int status, std::string_view text);

// RFC 9110, 5.6.7: Sun, 22 Nov 2026 16:14:44 GMT
[[nodiscard]] std::string to_http_date(WallTime time);

}  // namespace tp::http
