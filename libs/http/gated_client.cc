#include "http/gated_client.h"

#include <utility>

namespace tp::http {

Result<Response> GatedClient::send(const Context& ctx, const Request& request) {
  TP_TRY(admit(request));
  return inner_->send(ctx, request);
}

void GatedClient::start(const Context& ctx, Request request, std::function<void(Exchange)> done) {
  if (auto admitted = admit(request); !admitted) return done({std::move(admitted).error(), false});
  inner_->start(ctx, std::move(request), std::move(done));
}

Status GatedClient::stream(const Context& ctx, const Request& request, ResponseSink& sink) {
  TP_TRY(admit(request));
  return inner_->stream(ctx, request, sink);
}

Status GatedClient::admit(const Request& request) const {
  const bool reads = request.method == Method::Get || request.method == Method::Head;
  if (reads || gate_.is_open()) return ok();
  return Error{ErrorCode::Cancelled, "not sent: this process is not the leader (any more)"};
}

}  // namespace tp::http
