#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>

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
  Headers headers{};                // of the answer, such as Allow
  bool framing_is_certain = false;  // then the connection may be kept, if the request has no body
};

struct Verdict {
  const Route* route = nullptr;  // that the request means, also when it is refused; none: unknown
  std::optional<Refusal> refusal{};
};

// Looks at framing first: what is refused there must not be followed by another request on the same
// connection.
[[nodiscard]] Verdict judge(const Head& head, const Routes& routes);

struct HeaderScan {
  std::size_t end = 0;  // just past the empty line; 0: that has not come yet
  std::optional<Refusal> refusal{};
};

// Looks for the end of the header that `bytes` begin with, of at most `limit` bytes and 100 fields. Refuses
// what Beast's parser takes, or would wait for, and others read differently: a line that ends without CR, and
// one that continues the line before it (RFC 9112, 2.2 and 5.2). The rest of the syntax is left to the
// parser.
[[nodiscard]] HeaderScan scan_header(std::string_view bytes, std::size_t limit);

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

// What does not fit ServerLimits::bytes_in_flight.
[[nodiscard]] Refusal overloaded();

// RFC 9110, 5.6.7: Sun, 22 Nov 2026 16:14:44 GMT
[[nodiscard]] std::string to_http_date(WallTime time);

}  // namespace tp::http
