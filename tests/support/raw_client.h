#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tp::test {

// A TCP connection to 127.0.0.1 that sends exactly what a test says and reads what comes, right or wrong
// HTTP. A read that gets nothing for half a minute throws: a test fails rather than hangs. Not thread-safe.
class RawClient {
 public:
  // `from`: the address that it has itself, such as 0x7F000002 for 127.0.0.2.
  explicit RawClient(std::uint16_t port, std::uint32_t from = INADDR_LOOPBACK)
      : fd_(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    const auto* const generic =
        reinterpret_cast<const sockaddr*>(&address);  // NOLINT(*-reinterpret-cast): socket API
    if (from != INADDR_LOOPBACK) {
      address.sin_addr.s_addr = htonl(from);
      if (::bind(fd_, generic, sizeof address) != 0) return;
    }
    address.sin_port = htons(port);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    connected_ = ::connect(fd_, generic, sizeof address) == 0;
  }
  RawClient(RawClient&& other) noexcept
      : fd_(std::exchange(other.fd_, -1)), connected_(other.connected_), unread_(std::move(other.unread_)) {}
  RawClient(const RawClient&) = delete;
  RawClient& operator=(const RawClient&) = delete;
  RawClient& operator=(RawClient&&) = delete;
  ~RawClient() {
    if (fd_ >= 0) ::close(fd_);
  }

  [[nodiscard]] bool connected() const noexcept { return connected_; }

  // False when the peer has cut the connection.
  bool send(std::string_view bytes) const {
    while (!bytes.empty()) {
      const ssize_t n = ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
      if (n <= 0) return false;
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    return true;
  }

  // No more will be sent.
  void finish() const { ::shutdown(fd_, SHUT_WR); }

  // One response: its head, and as much body as Content-Length says (none when `head_only`). What follows
  // stays for the next call. Empty when the connection ended first.
  [[nodiscard]] std::string read_response(bool head_only = false) {
    std::size_t end = std::string::npos;
    while ((end = unread_.find("\r\n\r\n")) == std::string::npos) {
      if (!fill()) return {};
    }
    end += 4;
    const std::size_t size = end + (head_only ? 0 : content_length(std::string_view{unread_}.substr(0, end)));
    while (unread_.size() < size) {
      if (!fill()) return {};
    }
    std::string response = unread_.substr(0, size);
    unread_.erase(0, size);
    return response;
  }

  // Everything until the peer closes.
  [[nodiscard]] std::string read_all() {
    while (fill()) {
    }
    return std::exchange(unread_, {});
  }

  // Whether the peer has closed, with nothing left to read. Waits for either.
  [[nodiscard]] bool closed() { return unread_.empty() && !fill(); }

  // Whether there is something to read, or an end, within `patience`.
  [[nodiscard]] bool readable(std::chrono::milliseconds patience = {}) const {
    pollfd poll{fd_, POLLIN, 0};
    return !unread_.empty() || ::poll(&poll, 1, static_cast<int>(patience.count())) > 0;
  }

 private:
  static std::size_t content_length(std::string_view head) {
    constexpr std::string_view kName = "\r\nContent-Length: ";
    const std::size_t at = head.find(kName);
    std::size_t size = 0;
    if (at == std::string_view::npos) return size;
    std::from_chars(head.data() + at + kName.size(), head.data() + head.size(), size);
    return size;
  }

  bool fill() {
    constexpr int kPatienceMs = 30'000;
    pollfd poll{fd_, POLLIN, 0};
    if (::poll(&poll, 1, kPatienceMs) == 0)
      throw std::runtime_error("the server sent nothing for half a minute");
    std::array<char, 16384> chunk{};
    const ssize_t n = ::recv(fd_, chunk.data(), chunk.size(), 0);
    if (n <= 0) return false;
    unread_.append(chunk.data(), static_cast<std::size_t>(n));
    return true;
  }

  int fd_;
  bool connected_ = false;
  std::string unread_;
};

}  // namespace tp::test
