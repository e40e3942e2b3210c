#pragma once

#include "gateway/admin/frame.h"
#include "gateway/inbox/search.h"
#include "postgres/pool.h"

namespace tp::gateway {

// The admin API's routes for events: to search them, to see one with its attempts, and to have one worked on
// again. A principal with an org sees and replays what is of this org; to it the rest does not exist.
class EventsApi {
 public:
  // `pool` must outlive it, and it its routes.
  explicit EventsApi(postgres::Pool& pool) : pool_(pool), search_(pool) {}

  [[nodiscard]] AdminRoutes routes() const;

 private:
  [[nodiscard]] Result<http::Response> list(AdminCall& call) const;
  [[nodiscard]] Result<http::Response> show(AdminCall& call) const;
  [[nodiscard]] Result<http::Response> replay(AdminCall& call) const;
  // The event that the path names, if there is one for this principal.
  [[nodiscard]] Result<std::optional<EventSummary>> find(AdminCall& call) const;

  postgres::Pool& pool_;
  const EventSearch search_;
};

}  // namespace tp::gateway
