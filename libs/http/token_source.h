#pragma once

#include "base/context.h"
#include "base/result.h"
#include "crypto/secret.h"

namespace tp::http {

// Where a client gets the bearer token of each request: a mounted file that rotates, a token exchange, a
// constant. Implementations are thread-safe.
class TokenSource {
 public:
  TokenSource() = default;
  TokenSource(const TokenSource&) = delete;
  TokenSource& operator=(const TokenSource&) = delete;
  virtual ~TokenSource() = default;

  // The token to send now. Called for every request, so an implementation caches. An empty secret sends none.
  // An Error becomes the request's Error and nothing is sent.
  [[nodiscard]] virtual Result<crypto::Secret> token(const Context& ctx) = 0;

  // The peer answered 401 to a token of this source: whatever is cached is not to be trusted for the next
  // request. Must not block.
  virtual void rejected() noexcept = 0;
};

}  // namespace tp::http
