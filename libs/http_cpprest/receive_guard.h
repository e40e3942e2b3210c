#pragma once

#include <cstdint>
#include <memory>
#include <stop_token>
#include <thread>
#include <unordered_map>

#include "base/mutex.h"
#include "http_cpprest/socket.h"

namespace tp::http {

class Transfer;

// Looks at transfers whenever bytes arrive for them, so that one whose peer sends more than fits can be
// ended.
//
// Back-pressure cannot do that alone: cpprestsdk collects the whole header of an answer, and each whole chunk
// of a chunked body, before it gives anything away, and has no limit for either. This thread is woken by
// arriving bytes (edge-triggered epoll), never by time. Thread-safe.
class ReceiveGuard {
 public:
  ReceiveGuard();
  ReceiveGuard(const ReceiveGuard&) = delete;
  ReceiveGuard& operator=(const ReceiveGuard&) = delete;
  ~ReceiveGuard() = default;

  // Ends the watch with its scope. The guard and the socket must outlive it.
  class Watch {
   public:
    Watch(ReceiveGuard& guard, int socket, std::uint64_t id) : guard_(guard), socket_(socket), id_(id) {}
    Watch(const Watch&) = delete;
    Watch& operator=(const Watch&) = delete;
    ~Watch() { guard_.unwatch(socket_, id_); }

   private:
    ReceiveGuard& guard_;
    int socket_;
    std::uint64_t id_;
  };

  // From now on calls transfer.check_arrivals() when bytes arrive on `socket`.
  [[nodiscard]] std::unique_ptr<Watch> watch(std::weak_ptr<Transfer> transfer, int socket) TP_EXCLUDES(m_);

 private:
  void unwatch(int socket, std::uint64_t id) TP_EXCLUDES(m_);
  void run(const std::stop_token& stop) TP_EXCLUDES(m_);

  // Constant after construction.
  const UniqueFd epoll_;
  const UniqueFd wake_;  // an eventfd that ends run()

  Mutex m_;
  std::uint64_t last_id_ TP_GUARDED_BY(m_) = 0;  // 0 itself means wake_
  std::unordered_map<std::uint64_t, std::weak_ptr<Transfer>> watched_ TP_GUARDED_BY(m_);

  std::jthread thread_;
};

}  // namespace tp::http
