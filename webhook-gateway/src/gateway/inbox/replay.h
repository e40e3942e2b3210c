#pragma once

#include <initializer_list>
#include <string_view>

#include "base/context.h"
#include "base/result.h"
#include "gateway/inbox/inbox.h"
#include "postgres/connection.h"

namespace tp::gateway {

// Makes an event that has ended in one of `states` new again: the same id, and a fence that goes on, so that
// no claim of its former life holds. `reason` is a short word. Answers whether it did; an event without a
// payload stays where it is. Inside the caller's transaction, if there is one.
[[nodiscard]] Result<bool> reopen(const Context& ctx,
                                  postgres::Connection& database,
                                  const EventId& id,
                                  std::string_view reason,
                                  std::initializer_list<State> states);

}  // namespace tp::gateway
