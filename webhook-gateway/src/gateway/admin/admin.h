#pragma once

#include <functional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/context.h"
#include "base/random.h"
#include "gateway/admin/auth.h"
#include "gateway/inbox/controls.h"
#include "gateway/inbox/search.h"
#include "http/server.h"
#include "log/log.h"
#include "postgres/pool.h"

namespace tp::gateway {

// The admin API's part for operators: events and controls.
//
//   GET  /api/v1/admin/events              admin:events:read    id, org_id, team_node_id, source, kind, state
//   (several,
//                                                               by commas), from, to (RFC 3339), limit,
//                                                               cursor
//   GET  /api/v1/admin/events/{id}         admin:events:read    the event and its attempts
//   POST /api/v1/admin/events/{id}/replay  admin:events:replay  {"force": true} for one that is done
//   GET  /api/v1/admin/controls            admin:controls
//   PUT  /api/v1/admin/controls            admin:controls       {source, org_id, team_node_id, paused,
//   runs_per_hour}
//
// A principal with an org sees and changes what is of this org; to it the rest does not exist. What was asked
// for is written to admin_audit with its result, reading apart. Errors are {"detail": "…"}. Thread-safe.
class Admin {
 public:
  // All must outlive it. The handlers of its routes block for as long as the database and the Config Service
  // do, at most 20 s.
  Admin(AdminAuth& auth, postgres::Pool& pool, const Clock& clock, Rng& rng, log::Logger log);

  // The Admin must outlive the server that has them.
  [[nodiscard]] http::Routes routes();

 private:
  struct Call;  // one request, admitted
  using Action = Result<http::Response> (Admin::*)(const Call&) const;

  [[nodiscard]] http::Response serve(const http::ServerRequest& request,
                                     std::string_view permission,
                                     std::string_view action,
                                     Action handle);
  [[nodiscard]] Result<http::Response> events(const Call& call) const;
  [[nodiscard]] Result<http::Response> event(const Call& call) const;
  [[nodiscard]] Result<http::Response> replay(const Call& call) const;
  [[nodiscard]] Result<http::Response> controls(const Call& call) const;
  [[nodiscard]] Result<http::Response> put_control(const Call& call) const;

  AdminAuth& auth_;
  postgres::Pool& pool_;
  const EventSearch search_;
  const Controls controls_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
};

}  // namespace tp::gateway
