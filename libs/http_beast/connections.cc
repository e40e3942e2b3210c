#include "http_beast/connections.h"

namespace tp::http {
namespace {

// Connections above a limit that may be told so at the same time.
constexpr std::size_t kTurnedAway = 64;

}  // namespace

Connections::Welcome Connections::enter(const std::string& peer) {
  const MutexLock lock{m_};
  if (closed_ || turned_away_ >= kTurnedAway) return Welcome::Dropped;
  const auto found = of_peer_.find(peer);
  if (served_ >= limit_ || (found != of_peer_.end() && found->second >= per_peer_)) {
    ++turned_away_;
    return Welcome::TurnedAway;
  }
  ++served_;
  if (per_peer_ > 0) ++of_peer_[peer];
  return Welcome::Served;
}

void Connections::leave(const std::string& peer, Welcome was) {
  {
    const MutexLock lock{m_};
    if (was == Welcome::TurnedAway) {
      --turned_away_;
    } else {
      --served_;
      const auto found = of_peer_.find(peer);
      if (found != of_peer_.end() && --found->second == 0) of_peer_.erase(found);
    }
    if (!closed_ || served_ + turned_away_ > 0) return;
  }
  none_left_.notify_all();
}

void Connections::close() {
  {
    const MutexLock lock{m_};
    closed_ = true;
  }
  none_left_.notify_all();
}

Status Connections::await_none(const Context& ctx) {
  const MutexLock lock{m_};
  const auto none_left = [this]() TP_REQUIRES(m_) { return closed_ && served_ + turned_away_ == 0; };
  if (none_left_.wait_until(m_, ctx.stop, ctx.deadline, none_left)) return ok();
  if (ctx.stop.stop_requested()) return Error{ErrorCode::Cancelled, "drain of the HTTP server was stopped"};
  return Error{ErrorCode::DeadlineExceeded, "HTTP requests were still in flight at the drain's deadline"};
}

}  // namespace tp::http
