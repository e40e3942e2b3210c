#pragma once

#include <chrono>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "base/result.h"
#include "gateway/admin/answers.h"
#include "gateway/admin/auth.h"
#include "gateway/admin/operation.h"
#include "gateway/admin/permissions.h"
#include "gateway/platform/chores.h"
#include "gateway/platform/team.h"
#include "http/server.h"
#include "log/log.h"
#include "postgres/pool.h"

namespace tp::gateway {

// One request to the admin API whose sender was let in.
struct AdminCall {
  http::ServerRequest request;
  Principal principal;
  Context ctx;                              // its id is the request's, its trace the caller's
  std::map<std::string, std::string> path;  // what stands for the {names} of the route's path, decoded

  // For the audit.
  TeamRef subject{};   // whom it is about, see about()
  std::string target;  // what is asked for: the path, unless the handler says more; never a secret

  // Says whom the call is about. The answer, when they are not the principal's to see or change: 403, the
  // same whether they exist or not.
  [[nodiscard]] std::optional<http::Response> about(const std::string& org_id,
                                                    const std::string& team_node_id = {});
  // Who asks, as people know them.
  [[nodiscard]] std::string actor() const;
};

// The answer to a call that is given later: once, on any thread; it does not block. When all copies go
// without a word the answer is 500.
using AdminReply = std::function<void(Result<http::Response>)>;

// A route of the admin API. Its handler may block, for as long as `call.ctx` says; one that waits for
// minutes has `handle_later`, which must return soon all the same.
//
// Of errors InvalidArgument is a 400 with its message; any other is taken to be the database's: it is logged,
// and the answer is 503 `database_unavailable`. What else is to be said is a Response (answers.h, fields.h).
struct AdminRoute {
  http::Method method = http::Method::Get;
  std::string path;
  Access access;
  std::string action;  // its name in the audit and in the OpenAPI document, such as "events.replay"
  Operation operation;
  std::function<Result<http::Response>(AdminCall&)> handle{};
  std::function<void(const std::shared_ptr<AdminCall>&, AdminReply)> handle_later{};
  std::chrono::milliseconds handle_within{std::chrono::seconds{20}};  // the deadline of `call.ctx`
  std::chrono::milliseconds answer_within{std::chrono::seconds{60}};  // the connection is cut then
};

using AdminRoutes = std::vector<AdminRoute>;

// What is the same for all routes of the admin API: who may use it, the request's id (`X-Request-Id`, the
// caller's own if it has one), its trace (`traceparent`, likewise), a log line, and the audit. Everything but
// reading is written to the audit with its result, and so is every 403. Errors are {"detail": …}.
// Thread-safe.
class AdminFrame {
 public:
  // All must outlive it.
  AdminFrame(AdminAuth& auth, postgres::Pool& pool, const Clock& clock, Rng& rng, log::Logger log);

  // For a listener, which the frame must outlive; the handlers and what they refer to likewise.
  [[nodiscard]] http::Routes routes(const AdminRoutes& routes);

 private:
  struct Exchange;

  void serve(const std::shared_ptr<const AdminRoute>& route,
             http::ServerRequest request,
             http::Responder respond);
  [[nodiscard]] std::string request_id(const http::Headers& headers) const;
  [[nodiscard]] TraceId trace(const http::Headers& headers) const;
  // The answer to what a handler gave.
  [[nodiscard]] http::Response judge(const AdminCall& call, Result<http::Response> given) const;
  // Writes the audit and the log, and answers. Without a context the audit is only said to miss it.
  void finish(const std::shared_ptr<Exchange>& exchange, http::Response answer, const Context* ctx) const;

  AdminAuth& auth_;
  postgres::Pool& pool_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
  Chores late_answers_;  // last
};

}  // namespace tp::gateway
