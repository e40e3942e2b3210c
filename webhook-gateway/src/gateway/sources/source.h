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
  const Policy* policy = nullptr;      // of now; null: the defaults
};

// What is to be stored, and how it is answered then. Without events nothing is stored and the answer is given
// at once; it may be a refusal (415).
struct Admission {
  std::vector<NewEvent> events;  // without id, scope, source and endpoint: the ingest's part
  http::Response answer;
};

struct Source {
  SourceKind kind = SourceKind::Slack;
  std::string_view path{};        // a http::Route's
  std::string_view short_path{};  // one more, for the endpoint named "default" (generic); else empty
  std::size_t body_bytes = std::size_t{1} << 20U;
  const Scheme* scheme = nullptr;  // how deliveries are signed; null: each endpoint says it (generic)

  // Ingest: takes the ids out of a verified request. An Error is InvalidArgument: its message becomes the
  // text of a 400 and is for the sender. It does not look at what only the worker needs, and takes
  // microseconds: it runs on the edge's I/O thread.
  std::function<Result<Admission>(const Delivery&)> admit;

  // Worker: what the event asks for, under the policy of now (a replay sees today's policy). An Error is
  // InvalidArgument: the event can never be understood and is dead. The reasons of an Ignore:
  //   event_type   no event of this kind starts anything, or the policy does not list it
  //   bot          written by a bot, the agent among them
  //   subtype      an edit, a deletion or a notice, not something that a person says
  //   no_mention   does not speak to the bot
  //   policy       the policy has switched it off
  //   author       of a person whose association with the repository the policy does not list
  //   conclusion   a check or workflow that did not fail
  //   branch       a check or workflow of another branch than the repository's default one
  //   app          a check suite of GitHub Actions, which also comes as workflow_run
  //   action       a click on something that is not ours
  //   bad_value    a click on a button of ours whose value is not what we put there
  //   stored_only  kept for the record
  //   provisioning for the admin role
  std::function<Result<Interpretation>(const StoredEvent&, const Policy&)> interpret;

  // The answers that the ingest itself gives (gateway-wide statuses in the shape that this sender knows): 401
  // for a wrong signature, 400, 503 with Retry-After. `reason` is a word such as "bad_signature".
  std::function<http::Response(int status, std::string_view reason)> refuse;
};

}  // namespace tp::gateway
