#include "http_cpprest/receive_guard.h"

#include <array>
#include <cerrno>
#include <stdexcept>
#include <string>
#include <system_error>
#include <utility>

#include <sys/epoll.h>
#include <sys/eventfd.h>

#include "http_cpprest/transfer.h"

namespace tp::http {
namespace {

constexpr std::uint64_t kWakeId = 0;

void add(int epoll, int fd, std::uint32_t events, std::uint64_t id) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = id;
  if (::epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) != 0) {
    throw std::system_error(errno, std::generic_category(), "epoll_ctl");
  }
}

int required(int fd, const char* what) {
  if (fd < 0) throw std::system_error(errno, std::generic_category(), what);
  return fd;
}

}  // namespace

ReceiveGuard::ReceiveGuard()
    : epoll_(required(::epoll_create1(EPOLL_CLOEXEC), "epoll_create1")),
      wake_(required(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK), "eventfd")) {
  add(epoll_.get(), wake_.get(), EPOLLIN, kWakeId);
  thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
}

std::unique_ptr<ReceiveGuard::Watch> ReceiveGuard::watch(std::weak_ptr<Transfer> transfer, int socket) {
  const MutexLock lock{m_};
  const std::uint64_t id = ++last_id_;
  add(epoll_.get(), socket, EPOLLIN | EPOLLET, id);
  watched_.emplace(id, std::move(transfer));
  return std::make_unique<Watch>(*this, socket, id);
}

void ReceiveGuard::unwatch(int socket, std::uint64_t id) {
  ::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, socket, nullptr);  // cannot fail: it was added, and is still open
  const MutexLock lock{m_};
  watched_.erase(id);
}

void ReceiveGuard::run(const std::stop_token& stop) {
  const std::stop_callback wake{stop, [this] { ::eventfd_write(wake_.get(), 1); }};
  std::array<epoll_event, 16> events{};
  while (!stop.stop_requested()) {
    // Fails only when a signal interrupts it.
    const int ready = ::epoll_wait(epoll_.get(), events.data(), static_cast<int>(events.size()), -1);
    for (int i = 0; i < ready; ++i) {
      std::shared_ptr<Transfer> transfer;
      {
        const MutexLock lock{m_};
        const auto it = watched_.find(events.at(static_cast<std::size_t>(i)).data.u64);
        if (it != watched_.end()) transfer = it->second.lock();
      }
      if (transfer) transfer->check_arrivals();
    }
  }
}

}  // namespace tp::http
