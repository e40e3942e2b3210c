#pragma once

#include <functional>
#include <memory>
#include <utility>

#include "http/client.h"
#include "http/write_gate.h"

namespace tp::http {

// An HttpClient that begins no write while a gate is shut: any request but GET and HEAD is then answered
// Cancelled, and no byte of it has left. Looked at when a request begins; one that is on the wire already
// goes on. `done` of a refused start() is called on the thread of its caller.
class GatedClient final : public HttpClient {
 public:
  // `gate` must outlive this.
  GatedClient(std::unique_ptr<HttpClient> inner, const WriteGate& gate)
      : inner_(std::move(inner)), gate_(gate) {}

  [[nodiscard]] Result<Response> send(const Context& ctx, const Request& request) override;
  void start(const Context& ctx, Request request, std::function<void(Exchange)> done) override;
  [[nodiscard]] Status stream(const Context& ctx, const Request& request, ResponseSink& sink) override;

 private:
  [[nodiscard]] Status admit(const Request& request) const;

  const std::unique_ptr<HttpClient> inner_;
  const WriteGate& gate_;
};

}  // namespace tp::http
