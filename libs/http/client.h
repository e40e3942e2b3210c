#pragma once

#include <functional>
#include <string_view>

#include "base/context.h"
#include "base/result.h"
#include "http/types.h"

namespace tp::http {

// Receives a response as it arrives. Called on one thread, in order, never after HttpClient::stream has
// returned.
class ResponseSink {
 public:
  ResponseSink() = default;
  ResponseSink(const ResponseSink&) = delete;
  ResponseSink& operator=(const ResponseSink&) = delete;
  virtual ~ResponseSink() = default;

  // Once, before any byte. An Error ends the exchange with that Error.
  [[nodiscard]] virtual Status on_head(int status, const Headers& headers) = 0;
  // Some bytes of the body. While it runs nothing more is read (back-pressure). An Error ends the exchange.
  [[nodiscard]] virtual Status on_bytes(std::string_view bytes) = 0;
};

// How an exchange that was begun with HttpClient::start ended.
struct Exchange {
  Result<Response> result;
  // False: certainly no byte of the request has left, so nobody can have acted on it. True: the peer may
  // have.
  bool sent = false;
};

// One origin (scheme, host, port) that requests are sent to. Thread-safe.
//
// Failures: Cancelled when ctx.stop was requested; DeadlineExceeded when ctx.deadline passed; Unavailable
// when no connection could be made or it broke; Unauthenticated when the peer's certificate was refused;
// ResourceExhausted when the response was larger than the adapter's limit. An answer of any HTTP status is a
// success here: judging it is the caller's business. Nothing is retried by an implementation, and redirects
// are not followed.
class HttpClient {
 public:
  HttpClient() = default;
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;
  virtual ~HttpClient() = default;

  // Sends and waits for the whole response, its body bounded.
  [[nodiscard]] virtual Result<Response> send(const Context& ctx, const Request& request) = 0;

  // Sends and returns at once; `done` is called exactly once, on a thread of the implementation, also when
  // `ctx` was cancelled or its deadline passed. Destroying the client ends what is in flight (Cancelled) and
  // waits for every `done`, so `done` must not destroy it. For answers that take minutes, by the thousand: no
  // thread waits for one. `done` must be quick and must not throw; it may start the next exchange. Not
  // counted against limits on concurrency: the caller knows how many it starts.
  virtual void start(const Context& ctx, Request request, std::function<void(Exchange)> done) = 0;

  // Sends and hands the body to `sink` as it arrives; returns when the peer ended it, or why it ended early.
  // For watches: ctx.deadline is the hard limit on the whole stream.
  [[nodiscard]] virtual Status stream(const Context& ctx, const Request& request, ResponseSink& sink) = 0;
};

}  // namespace tp::http
