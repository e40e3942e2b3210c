#pragma once

#include <string>
#include <utility>

#include "base/result.h"
#include "http/address.h"

// Sockets made with system calls: Boost.Asio 1.74 cannot make them close-on-exec from the start. Private to
// libs/http_beast.
namespace tp::http {

// Owns a file descriptor, or none (-1).
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int fd) noexcept : fd_(fd) {}
  Descriptor(Descriptor&& other) noexcept : fd_(other.release()) {}
  Descriptor& operator=(Descriptor&& other) noexcept;
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  ~Descriptor();

  [[nodiscard]] int get() const noexcept { return fd_; }
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }

 private:
  int fd_ = -1;
};

// A non-blocking, listening TCP socket. An empty host listens on IPv6 and IPv4, or on IPv4 alone where the
// machine has no IPv6. Unavailable with the system's reason.
[[nodiscard]] Result<Descriptor> listen_on(const Address& address);

struct Accepted {
  Descriptor socket;   // none when there was nothing to accept, or an error
  int error = 0;       // errno of an error that needs a pause, such as too many open files
  std::string peer{};  // IP address; an IPv4 one in its own form also on an IPv6 socket
};

// Takes one waiting connection without blocking.
[[nodiscard]] Accepted accept_from(int listener);

}  // namespace tp::http
