#include "http_beast/listen.h"

#include <array>
#include <cerrno>
#include <cstring>
#include <string_view>
#include <system_error>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tp::http {
namespace {

// Either family in the form that system calls take.
struct SocketAddress {
  sockaddr_storage storage{};
  socklen_t size = sizeof(sockaddr_storage);

  // The C interface of sockets is built on this cast.
  sockaddr* get() { return reinterpret_cast<sockaddr*>(&storage); }  // NOLINT(*-reinterpret-cast)
};

template <class T>
SocketAddress pack(const T& specific) {
  SocketAddress address;
  std::memcpy(&address.storage, &specific, sizeof specific);
  address.size = sizeof specific;
  return address;
}

SocketAddress v4(const Address& address) {
  sockaddr_in in{};
  in.sin_family = AF_INET;
  in.sin_port = htons(address.port);
  if (!address.host.empty())
    inet_pton(AF_INET, address.host.c_str(), &in.sin_addr);  // checked by parse_address
  return pack(in);
}

SocketAddress v6(const Address& address) {
  sockaddr_in6 in{};
  in.sin6_family = AF_INET6;
  in.sin6_port = htons(address.port);
  if (!address.host.empty()) inet_pton(AF_INET6, address.host.c_str(), &in.sin6_addr);
  return pack(in);
}

// The listening socket, or none with errno set.
Descriptor try_listen(SocketAddress address) {
  Descriptor socket{::socket(address.storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0)};
  const int fd = socket.get();
  if (fd < 0) return socket;
  const int on = 1;
  const int off = 0;
  const bool v6 = address.storage.ss_family == AF_INET6;
  // REUSEADDR: a restart need not wait for the last process's connections to leave TIME_WAIT.
  if (::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
      (!v6 || ::setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &off, sizeof off) == 0) &&
      ::bind(fd, address.get(), address.size) == 0 && ::listen(fd, SOMAXCONN) == 0) {
    return socket;
  }
  const int error = errno;
  socket = Descriptor{};
  errno = error;
  return socket;
}

std::string host_of(const SocketAddress& address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const char* shown = nullptr;
  if (address.storage.ss_family == AF_INET) {
    sockaddr_in in{};
    std::memcpy(&in, &address.storage, sizeof in);
    shown = inet_ntop(AF_INET, &in.sin_addr, text.data(), text.size());
  } else {
    sockaddr_in6 in{};
    std::memcpy(&in, &address.storage, sizeof in);
    shown = inet_ntop(AF_INET6, &in.sin6_addr, text.data(), text.size());
  }
  std::string_view host = shown == nullptr ? "unknown" : shown;
  constexpr std::string_view kMapped = "::ffff:";
  if (host.starts_with(kMapped) && host.find('.') != std::string_view::npos)
    host.remove_prefix(kMapped.size());
  return std::string{host};
}

}  // namespace

Descriptor& Descriptor::operator=(Descriptor&& other) noexcept {
  if (this != &other) {
    if (fd_ >= 0) ::close(fd_);
    fd_ = other.release();
  }
  return *this;
}

Descriptor::~Descriptor() {
  if (fd_ >= 0) ::close(fd_);
}

Result<Descriptor> listen_on(const Address& address) {
  const bool only_v4 = address.host.find('.') != std::string::npos;
  Descriptor socket = try_listen(only_v4 ? v4(address) : v6(address));
  const bool no_v6 = socket.get() < 0 && (errno == EAFNOSUPPORT || errno == EADDRNOTAVAIL);
  if (no_v6 && address.host.empty()) socket = try_listen(v4(address));
  if (socket.get() < 0) return Error{ErrorCode::Unavailable, std::generic_category().message(errno)};
  return socket;
}

Accepted accept_from(int listener) {
  SocketAddress peer;
  const int fd = ::accept4(listener, peer.get(), &peer.size, SOCK_NONBLOCK | SOCK_CLOEXEC);
  if (fd >= 0) {
    const int on = 1;  // answers are written whole: nothing is gained by waiting for more
    static_cast<void>(::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on));
    return {Descriptor{fd}, 0, host_of(peer)};
  }
  // Of accept(2)'s errors only these last; the others are a connection's own, gone with it.
  const bool lasting = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
  return {Descriptor{}, lasting ? errno : 0, {}};
}

}  // namespace tp::http
