#include "support/raw_server.h"

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <stdexcept>
#include <utility>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <sys/socket.h>
#include <unistd.h>

namespace tp::test {
namespace {

constexpr int kBacklog = 128;

void required(bool done, const char* what) {
  if (!done) throw std::runtime_error(what);
}

std::shared_ptr<SSL_CTX> make_context(const RawServer::Tls& tls) {
  std::shared_ptr<SSL_CTX> context{SSL_CTX_new(TLS_server_method()), SSL_CTX_free};
  const auto bio = [](const std::string& text) {
    return std::shared_ptr<BIO>{BIO_new_mem_buf(text.data(), static_cast<int>(text.size())), BIO_free};
  };
  const std::shared_ptr<X509> cert{PEM_read_bio_X509(bio(tls.identity.cert).get(), nullptr, nullptr, nullptr),
                                   X509_free};
  const std::shared_ptr<EVP_PKEY> key{
      PEM_read_bio_PrivateKey(bio(tls.identity.key).get(), nullptr, nullptr, nullptr), EVP_PKEY_free};
  required(SSL_CTX_use_certificate(context.get(), cert.get()) == 1, "server certificate");
  required(SSL_CTX_use_PrivateKey(context.get(), key.get()) == 1, "server key");
  if (tls.max_version != 0) {
    SSL_CTX_set_security_level(context.get(), 0);  // old versions need signatures that OpenSSL 3 has retired
    SSL_CTX_set_min_proto_version(context.get(), 0);
    SSL_CTX_set_max_proto_version(context.get(), tls.max_version);
  }
  if (!tls.client_ca.empty()) {
    const std::shared_ptr<X509> ca{PEM_read_bio_X509(bio(tls.client_ca).get(), nullptr, nullptr, nullptr),
                                   X509_free};
    required(X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), ca.get()) == 1, "client CA");
    SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, nullptr);
  }
  return context;
}

std::size_t content_length(const std::string& request) {
  const auto value = header_of(request, "content-length");
  return value ? std::stoul(*value) : 0;
}

char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

}  // namespace

RawServer::Peer::~Peer() { SSL_free(ssl_); }

bool RawServer::Peer::handshake() {
  if (!server_.tls_) return true;
  ssl_ = SSL_new(server_.tls_.get());
  SSL_set_fd(ssl_, fd_);
  return SSL_accept(ssl_) == 1;
}

std::ptrdiff_t RawServer::Peer::read_some(char* data, std::size_t size) {
  return ssl_ != nullptr ? SSL_read(ssl_, data, static_cast<int>(size)) : ::recv(fd_, data, size, 0);
}

std::optional<std::string> RawServer::Peer::read_request() {
  std::array<char, 16384> buffer{};
  for (;;) {
    const std::size_t end = unread_.find("\r\n\r\n");
    if (end != std::string::npos) {
      const std::size_t size = end + 4 + content_length(unread_);
      if (unread_.size() >= size) {
        std::string request = unread_.substr(0, size);
        unread_.erase(0, size);
        const MutexLock lock{server_.m_};
        server_.requests_.push_back(request);
        return request;
      }
    }
    const std::ptrdiff_t got = read_some(buffer.data(), buffer.size());
    if (got <= 0) return std::nullopt;
    unread_.append(buffer.data(), static_cast<std::size_t>(got));
  }
}

bool RawServer::Peer::write(std::string_view bytes) {
  while (!bytes.empty()) {
    const std::ptrdiff_t put = ssl_ != nullptr ? SSL_write(ssl_, bytes.data(), static_cast<int>(bytes.size()))
                                               : ::send(fd_, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

void RawServer::Peer::wait_closed() {
  std::array<char, 4096> buffer{};
  while (read_some(buffer.data(), buffer.size()) > 0) {
  }
}

void RawServer::Peer::reset() const {
  const linger hard{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd_, SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
}

std::string RawServer::Peer::client_name() const {
  const std::shared_ptr<X509> cert{ssl_ != nullptr ? SSL_get1_peer_certificate(ssl_) : nullptr, X509_free};
  if (!cert) return {};
  std::array<char, 256> name{};
  X509_NAME_get_text_by_NID(X509_get_subject_name(cert.get()), NID_commonName, name.data(), name.size());
  return name.data();
}

std::string RawServer::Peer::server_name() const {
  const char* name = ssl_ != nullptr ? SSL_get_servername(ssl_, TLSEXT_NAMETYPE_host_name) : nullptr;
  return name != nullptr ? name : "";
}

RawServer::RawServer(Script script) : script_(std::move(script)) {
  listen_on_loopback();
  acceptor_ = std::jthread{[this] { accept_loop(); }};
}

RawServer::RawServer(Script script, const Tls& tls) : script_(std::move(script)), tls_(make_context(tls)) {
  listen_on_loopback();
  acceptor_ = std::jthread{[this] { accept_loop(); }};
}

RawServer::~RawServer() {
  std::vector<std::jthread> scripts;
  {
    const MutexLock lock{m_};
    stopping_ = true;
    ::shutdown(listener_, SHUT_RDWR);
    for (const int fd : open_) ::shutdown(fd, SHUT_RDWR);
    scripts = std::move(scripts_);
  }
  acceptor_.join();
  scripts.clear();
  ::close(listener_);
}

void RawServer::listen_on_loopback() {
  listener_ = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): C interface
  auto* const any = reinterpret_cast<sockaddr*>(&address);
  required(::bind(listener_, any, size) == 0 && ::listen(listener_, kBacklog) == 0, "listen on loopback");
  required(::getsockname(listener_, any, &size) == 0, "getsockname");
  port_ = ntohs(address.sin_port);
}

void RawServer::accept_loop() {
  for (;;) {
    const int fd = ::accept4(listener_, nullptr, nullptr, SOCK_CLOEXEC);
    if (fd < 0) return;
    const MutexLock lock{m_};
    if (stopping_) {
      ::close(fd);
      return;
    }
    open_.push_back(fd);
    scripts_.emplace_back([this, fd, index = accepted_++] { serve(fd, index); });
  }
}

void RawServer::serve(int fd, std::size_t index) {
  // OpenSSL writes without MSG_NOSIGNAL; a client that has left must not end the test.
  sigset_t broken_pipe{};
  sigemptyset(&broken_pipe);
  sigaddset(&broken_pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &broken_pipe, nullptr);
  {
    Peer peer{*this, fd, index};
    if (peer.handshake()) script_(peer);
  }
  const MutexLock lock{m_};
  open_.erase(std::find(open_.begin(), open_.end(), fd));
  ::close(fd);
}

std::string RawServer::url() const {
  return (tls_ ? "https://127.0.0.1:" : "http://127.0.0.1:") + std::to_string(port_);
}

std::size_t RawServer::connections() const {
  const MutexLock lock{m_};
  return accepted_;
}

std::size_t RawServer::open_connections() const {
  const MutexLock lock{m_};
  return open_.size();
}

std::vector<std::string> RawServer::requests() const {
  const MutexLock lock{m_};
  return requests_;
}

std::optional<std::string> header_of(const std::string& request, std::string_view name) {
  const std::size_t end = request.find("\r\n\r\n");
  for (std::size_t line = request.find("\r\n"); line != end; line = request.find("\r\n", line + 2)) {
    const std::string_view rest = std::string_view{request}.substr(line + 2);
    const auto same = [](char a, char b) { return lower(a) == lower(b); };
    if (rest.size() <= name.size() || rest[name.size()] != ':') continue;
    if (!std::equal(name.begin(), name.end(), rest.begin(), same)) continue;
    std::string_view value = rest.substr(name.size() + 1);
    value = value.substr(0, value.find("\r\n"));
    value.remove_prefix(std::min(value.find_first_not_of(' '), value.size()));
    return std::string{value};
  }
  return std::nullopt;
}

std::string http_answer(int status, std::string_view body, std::string_view extra_headers) {
  return "HTTP/1.1 " + std::to_string(status) + " Status\r\nContent-Length: " + std::to_string(body.size()) +
         "\r\n" + std::string{extra_headers} + "\r\n" + std::string{body};
}

std::string http_chunk(std::string_view bytes) {
  std::array<char, 24> size{};
  const int length = std::snprintf(size.data(), size.size(), "%zx\r\n", bytes.size());
  return std::string{size.data(), static_cast<std::size_t>(length)} + std::string{bytes} + "\r\n";
}

}  // namespace tp::test
