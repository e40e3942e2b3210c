#include "http/traced_client.h"

#include <string_view>
#include <utility>

#include "base/trace.h"

namespace tp::http {
namespace {

constexpr std::string_view kHeader = "traceparent";

}  // namespace

Result<Response> TracedClient::send(const Context& ctx, const Request& request) {
  if (!ctx.trace) return inner_->send(ctx, request);
  Request traced = request;
  traced.headers.set(kHeader, make_traceparent(ctx.trace, rng_));
  return inner_->send(ctx, traced);
}

void TracedClient::start(const Context& ctx, Request request, std::function<void(Exchange)> done) {
  if (ctx.trace) request.headers.set(kHeader, make_traceparent(ctx.trace, rng_));
  inner_->start(ctx, std::move(request), std::move(done));
}

Status TracedClient::stream(const Context& ctx, const Request& request, ResponseSink& sink) {
  return inner_->stream(ctx, request, sink);
}

}  // namespace tp::http
