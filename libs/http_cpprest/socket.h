#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <utility>

namespace tp::http {

// An owned file descriptor, closed with its owner.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) noexcept : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  UniqueFd(const UniqueFd&) = delete;
  UniqueFd& operator=(const UniqueFd&) = delete;
  ~UniqueFd();

  [[nodiscard]] int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }

 private:
  int fd_ = -1;
};

// SO_KEEPALIVE with probes that fit into `user_timeout`, TCP_USER_TIMEOUT and close-on-exec. Before or after
// connect. False when the system refuses.
[[nodiscard]] bool harden_socket(int fd, std::chrono::milliseconds user_timeout) noexcept;

// A second descriptor of the same socket, so that it can be looked at whatever its first owner does;
// close-on-exec. Empty when there are no descriptors left.
[[nodiscard]] UniqueFd duplicate(int fd) noexcept;

// Makes the socket's last close tell the peer by RST that nothing more is wanted.
void reset_on_close(int fd) noexcept;

// Ends whatever a socket's first owner does with it, at once and in both directions: pending operations come
// back, and a connection that is being made fails.
void end_connection(int fd) noexcept;

// Whether an idle HTTP connection can no longer be used: the peer has closed it, or has sent what nobody
// asked for.
[[nodiscard]] bool is_stale(int fd) noexcept;

// Bytes that this process has read from a TCP socket since it was connected; nothing when it is not
// connected.
[[nodiscard]] std::optional<std::uint64_t> bytes_read(int fd) noexcept;

// Bytes that this process has given a TCP socket to send, since it was connected and whether or not they have
// left yet (repeated ones count again); nothing when that cannot be told.
[[nodiscard]] std::optional<std::uint64_t> bytes_written(int fd) noexcept;

}  // namespace tp::http
