#pragma once

#include <cstddef>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "gateway/event/event.h"
#include "gateway/event/interpretation.h"
#include "gateway/policy/policy.h"
#include "gateway/signatures/scheme.h"
#include "http/types.h"

// What a sender of webhooks is to the gateway: one table of pure functions. Each source has a file pair that
// makes its table; registry.h lists them. Adding a source touches its own files, SourceKind and the registry.
namespace tp::gateway {

// A request whose signature is right.
struct Delivery {
  const http::Headers& headers;
  std::string_view body;
  WallTime now{};
  const Endpoint* endpoint = nullptr;  // of a generic source; else null
};

// What is to be stored, and how it is answered then.
struct Admission {
  // Without id, scope, source, endpoint and received_at, which the ingest fills in. Empty: nothing is stored.
  std::vector<NewEvent> events;
  http::Response answer;
};

struct Source {
  SourceKind kind = SourceKind::Slack;
  std::string_view path;  // a http::Route's
  std::size_t body_bytes = std::size_t{1} << 20U;
  const Scheme* scheme = nullptr;  // how deliveries are signed; null: each endpoint says it (generic)

  // Ingest: takes the ids out of a verified request. An Error is InvalidArgument: its message becomes the
  // text of a 400 and is for the sender. It must not look at what only the worker needs.
  std::function<Result<Admission>(const Delivery&)> admit;

  // Worker: what the event asks for, under the policy of now (a replay sees today's policy). An Error is
  // InvalidArgument: the event can never be understood and is dead.
  std::function<Result<Interpretation>(const StoredEvent&, const Policy&)> interpret;

  // The answers that the ingest itself gives (gateway-wide statuses in the shape that this sender knows): 401
  // for a wrong signature, 400, 503 with Retry-After. `reason` is a word such as "bad_signature".
  std::function<http::Response(int status, std::string_view reason)> refuse;
};

}  // namespace tp::gateway
