#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>

#include "base/context.h"
#include "base/mutex.h"
#include "base/result.h"

namespace tp::http {

// Counts the connections of all I/O threads and decides who may have one more. Thread-safe. Private to
// libs/http_beast.
class Connections {
 public:
  enum class Welcome : std::uint8_t {
    Served,
    TurnedAway,  // a limit is reached; to be told so
    Dropped,     // so many are being told already that this one is closed without a word; not counted
  };

  // Both as in ServerLimits.
  Connections(std::size_t limit, std::size_t limit_per_peer) : limit_(limit), per_peer_(limit_per_peer) {}

  [[nodiscard]] Welcome enter(const std::string& peer);
  // Once for each that was not dropped, with what enter() said.
  void leave(const std::string& peer, Welcome was);

  // No one enters from now on.
  void close();
  // Returns when it is closed and all have left.
  [[nodiscard]] Status await_none(const Context& ctx);

 private:
  const std::size_t limit_;
  const std::size_t per_peer_;

  Mutex m_;
  CondVar none_left_;
  bool closed_ TP_GUARDED_BY(m_) = false;
  std::size_t served_ TP_GUARDED_BY(m_) = 0;
  std::size_t turned_away_ TP_GUARDED_BY(m_) = 0;
  // Of those served; without a limit for it, empty. Never more entries than connections.
  std::unordered_map<std::string, std::size_t> of_peer_ TP_GUARDED_BY(m_);
};

}  // namespace tp::http
