#include "http_cpprest/socket.h"

#include <algorithm>
#include <cerrno>
#include <cstddef>

#include <fcntl.h>
#include <linux/tcp.h>  // not netinet/tcp.h, whose tcp_info ends before tcpi_bytes_received
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tp::http {
namespace {

bool set_option(int fd, int level, int name, int value) noexcept {
  return ::setsockopt(fd, level, name, &value, sizeof value) == 0;
}

// Nothing when the kernel does not know the field that ends at `end` (it is older, or this is no TCP socket).
std::optional<tcp_info> info_of(int fd, std::size_t end) noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(fd, IPPROTO_TCP, TCP_INFO, &info, &size) != 0 || size < end) return std::nullopt;
  return info;
}

}  // namespace

UniqueFd& UniqueFd::operator=(UniqueFd&& other) noexcept {
  std::swap(fd_, other.fd_);
  return *this;
}

UniqueFd::~UniqueFd() {
  if (fd_ >= 0) ::close(fd_);
}

bool harden_socket(int fd, std::chrono::milliseconds user_timeout) noexcept {
  // With TCP_USER_TIMEOUT set, the kernel gives up on unanswered probes after that time, not after a count;
  // so first probe after half of it, then several until its end.
  constexpr int kProbes = 5;
  const int timeout_ms =
      static_cast<int>(std::clamp<std::chrono::milliseconds::rep>(user_timeout.count(), 1000, 3'600'000));
  const int idle_s = std::max(1, timeout_ms / 2000);
  const int interval_s = std::max(1, idle_s / kProbes);
  return ::fcntl(fd, F_SETFD, FD_CLOEXEC) == 0 && set_option(fd, SOL_SOCKET, SO_KEEPALIVE, 1) &&
         set_option(fd, IPPROTO_TCP, TCP_KEEPIDLE, idle_s) &&
         set_option(fd, IPPROTO_TCP, TCP_KEEPINTVL, interval_s) &&
         set_option(fd, IPPROTO_TCP, TCP_KEEPCNT, kProbes) &&
         set_option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, timeout_ms);
}

UniqueFd duplicate(int fd) noexcept { return UniqueFd{::fcntl(fd, F_DUPFD_CLOEXEC, 0)}; }

void reset_on_close(int fd) noexcept {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now,
               sizeof now);  // fails only where there is no connection to reset
}

void end_connection(int fd) noexcept { ::shutdown(fd, SHUT_RDWR); }  // fails only where there is none

bool is_stale(int fd) noexcept {
  char byte = 0;
  // Nothing to read, and not the end either (EAGAIN), is the one answer of a healthy idle connection.
  return ::recv(fd, &byte, 1, MSG_PEEK | MSG_DONTWAIT) >= 0 || errno != EAGAIN;
}

std::optional<std::uint64_t> bytes_read(int fd) noexcept {
  // In this order: bytes that arrive in between make the result too small for a moment, never too large.
  const auto info =
      info_of(fd, offsetof(tcp_info, tcpi_bytes_received) + sizeof(tcp_info::tcpi_bytes_received));
  int unread = 0;
  if (!info || ::ioctl(fd, FIONREAD, &unread) != 0) return std::nullopt;
  const auto waiting = static_cast<std::uint64_t>(unread);
  return info->tcpi_bytes_received > waiting ? info->tcpi_bytes_received - waiting : 0;
}

std::optional<std::uint64_t> bytes_written(int fd) noexcept {
  const auto info = info_of(fd, offsetof(tcp_info, tcpi_bytes_sent) + sizeof(tcp_info::tcpi_bytes_sent));
  if (!info) return std::nullopt;
  return info->tcpi_bytes_sent + info->tcpi_notsent_bytes;
}

}  // namespace tp::http
