#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "base/random.h"
#include "http/client.h"

namespace tp::http {

// A client whose requests say what work they belong to: the header `traceparent`, with the trace of the
// request's Context and a span of their own. Without a trace, and for streams, nothing is added: a watch
// belongs to no one piece of work.
class TracedClient final : public HttpClient {
 public:
  // `rng` must outlive this.
  TracedClient(std::unique_ptr<HttpClient> inner, Rng& rng) : inner_(std::move(inner)), rng_(rng) {}

  [[nodiscard]] Result<Response> send(const Context& ctx, const Request& request) override;
  void start(const Context& ctx, Request request, std::function<void(Exchange)> done) override;
  [[nodiscard]] Status stream(const Context& ctx, const Request& request, ResponseSink& sink) override;

 private:
  const std::unique_ptr<HttpClient> inner_;
  Rng& rng_;
};

}  // namespace tp::http
