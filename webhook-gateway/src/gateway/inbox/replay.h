#pragma once

#include <cstdint>
#include <initializer_list>
#include <string_view>

#include "base/context.h"
#include "base/result.h"
#include "gateway/inbox/inbox.h"
#include "postgres/connection.h"
#include "postgres/pool.h"

namespace tp::gateway {

// Makes an event that has ended in one of `states` new again: the same id, and a fence that goes on, so that
// no claim of its former life holds. `reason` is a short word. Answers whether it did; an event without a
// payload stays where it is. Inside the caller's transaction, if there is one.
[[nodiscard]] Result<bool> reopen(const Context& ctx,
                                  postgres::Connection& database,
                                  const EventId& id,
                                  std::string_view reason,
                                  std::initializer_list<State> states);

// What became of a person's wish to have an event worked on again.
enum class Replayed : std::uint8_t { Started, StillOpen, IsDone, PayloadGone, NoSuchEvent };

// Reopens an event that is dead, unrouted or ignored; with `force` also one that is done.
[[nodiscard]] Result<Replayed> replay(const Context& ctx,
                                      postgres::Pool& pool,
                                      const EventId& id,
                                      bool force);

}  // namespace tp::gateway
