// What a slow, endless or lying peer can do to us, and how long it can hold a caller.

#include <atomic>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "fixture.h"
#include "http_cpprest/connection.h"

namespace tp::http::test {
namespace {

constexpr std::size_t kMiB = std::size_t{1} << 20U;

// A limit small enough to be far from what the peers below send, and what may lie in both kernels' socket
// buffers.
constexpr std::size_t kLimit = 4 * kMiB;
constexpr std::size_t kSlack = 40 * kMiB;
constexpr std::size_t kFlood = 1024 * kMiB;

// Writes `head`, then `unit` again and again up to kFlood bytes; notes how much went out before the client
// stopped it.
class Flood {
 public:
  Flood(std::string head, std::string unit) : head_(std::move(head)), unit_(std::move(unit)) {}

  void operator()(RawServer::Peer& peer) {
    if (!peer.read_request()) return;
    peer.write(head_);
    while (written_ < kFlood && peer.write(unit_)) written_ += unit_.size();
    ended_.set();
  }

  [[nodiscard]] std::size_t written() const noexcept { return written_; }
  [[nodiscard]] bool ended() { return ended_.wait(); }

 private:
  std::string head_;
  std::string unit_;
  std::atomic<std::size_t> written_ = 0;
  Signal ended_;
};

ClientOptions limited(const std::string& url) {
  ClientOptions options = options_for(url);
  options.max_response_bytes = kLimit;
  return options;
}

struct FloodCase {
  std::string name;
  std::string head;
  std::string unit;
};

TEST_CASE("limits: a peer that sends a gigabyte is cut off, whatever it says about it") {
  const std::string block(64 * 1024, 'x');
  const auto kind = GENERATE_COPY(
      FloodCase{"announced", "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n", block},
      FloodCase{"unannounced", "HTTP/1.1 200 OK\r\n\r\n", block},
      FloodCase{"chunks", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", http_chunk(block)},
      FloodCase{"one chunk", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n", block},
      FloodCase{"chunk of negative size", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n",
                block},
      FloodCase{"chunk size without end", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", block},
      FloodCase{"one header", "HTTP/1.1 200 OK\r\nX: ", block},
      FloodCase{"headers", "HTTP/1.1 200 OK\r\n", "X-Header: some value that fills a line of text\r\n"});
  INFO(kind.name);
  Flood flood{kind.head, kind.unit};
  RawServer server{[&flood](RawServer::Peer& peer) { flood(peer); }};

  const auto answer = make_client(limited(server.url()))->send(patient(), Request{});

  REQUIRE_FALSE(answer);
  INFO(answer.error());
  CHECK(answer.error().code == ErrorCode::ResourceExhausted);
  REQUIRE(flood.ended());
  CHECK(flood.written() < kLimit + kSlack);
}

TEST_CASE("limits: chunk sizes that lie are an error") {
  const std::string size =
      GENERATE(as<std::string>{}, "-1", "-2", "-7fffffff", "80000000", "ffffffffffffffff");
  RawServer server{[size](RawServer::Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + size + "\r\nabcdef\r\n");
  }};
  const auto answer = make_client(server.url())->send(patient(), Request{});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ErrorCode::Unavailable);
}

TEST_CASE("limits: an answer just as large as allowed is taken, one byte more is not") {
  RawServer server{[](RawServer::Peer& peer) {
    while (const auto request = peer.read_request()) {
      const std::size_t size = request->starts_with("GET /more ") ? kLimit + 1 : kLimit;
      if (!peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" +
                      http_chunk(std::string(size, 'x')) + http_chunk(""))) {
        return;
      }
    }
  }};
  const auto client = make_client(limited(server.url()));
  const auto fits = client->send(patient(), Request{});
  if (!fits) FAIL(fits.error());
  CHECK(fits->body.size() == kLimit);
  const auto larger = client->send(patient(), Request{Method::Get, "/more", {}, ""});
  REQUIRE_FALSE(larger);
  CHECK(larger.error().code == ErrorCode::ResourceExhausted);
}

TEST_CASE("limits: a stream may be larger than the limit as long as its sink takes it") {
  constexpr std::size_t kChunks = 1000;
  const std::string block(64 * 1024, 'x');
  RawServer server{[&block](RawServer::Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    for (std::size_t i = 0; i < kChunks; ++i) peer.write(http_chunk(block));
    peer.write(http_chunk(""));
  }};
  std::size_t seen = 0;
  FunctionSink sink{[&seen](std::string_view bytes) {
    seen += bytes.size();
    return ok();
  }};
  const Status ended = make_client(limited(server.url()))->stream(patient(), Request{}, sink);
  if (!ended) FAIL(ended.error());
  CHECK(seen == kChunks * block.size());
}

TEST_CASE("limits: a sink that does not return holds the peer back") {
  const std::string block(64 * 1024, 'x');
  const bool chunked = GENERATE(true, false);
  Flood flood{chunked ? "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" : "HTTP/1.1 200 OK\r\n\r\n",
              chunked ? http_chunk(block) : block};
  RawServer server{[&flood](RawServer::Peer& peer) { flood(peer); }};
  FunctionSink sink{[&flood](std::string_view) -> Status {
    // Until nothing more goes out for a while. Looking too early can only see less.
    std::size_t before = 0;
    Signal never;
    do {
      before = flood.written();
      static_cast<void>(never.wait(std::chrono::milliseconds{200}));
    } while (flood.written() != before);
    return Error{ErrorCode::Cancelled, "seen enough"};
  }};
  const Status ended = make_client(limited(server.url()))->stream(patient(), Request{}, sink);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::Cancelled);
  CHECK(flood.written() < kSlack);
}

// --- time ---

// Never answers, or answers so slowly that each single wait is short. Ends with its connection.
RawServer::Script stalling(std::string slowly) {
  return [slowly = std::move(slowly)](RawServer::Peer& peer) {
    if (!peer.read_request()) return;
    Signal never;
    for (const char c : slowly) {
      if (!peer.write(std::string_view{&c, 1})) return;
      static_cast<void>(never.wait(std::chrono::milliseconds{10}));
    }
    peer.wait_closed();
  };
}

const std::string& dribble() {
  static const std::string kText = "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + [] {
    std::string chunks;
    for (int i = 0; i < 2000; ++i) chunks += http_chunk("x");
    return chunks;
  }();
  return kText;
}

TEST_CASE("deadline: it is for the whole exchange, in whatever way the peer is slow") {
  const std::string slowly = GENERATE(as<std::string>{}, "", "HTTP/1.1 200 OK\r\n", dribble());
  RawServer server{stalling(slowly)};
  const auto client = make_client(server.url());
  const SteadyTime start = real_clock().now();
  const auto answer = client->send(within(std::chrono::milliseconds{300}), Request{});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ErrorCode::DeadlineExceeded);
  CHECK(real_clock().now() - start < kPatience);

  FunctionSink sink{[](std::string_view) { return ok(); }};
  const Status ended = client->stream(within(std::chrono::milliseconds{300}), Request{}, sink);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::DeadlineExceeded);
}

TEST_CASE("deadline: one that has passed already sends nothing") {
  RawServer server{always(http_answer(200, ""))};
  const auto answer = make_client(server.url())->send(within(std::chrono::milliseconds{0}), Request{});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ErrorCode::DeadlineExceeded);
  CHECK(server.connections() == 0);
}

TEST_CASE("connect timeout: a peer that accepts and never shakes hands is unavailable") {
  RawServer server{[](RawServer::Peer& peer) { peer.wait_closed(); }};
  ClientOptions options = options_for("https://127.0.0.1:" + std::to_string(server.port()));
  options.tls.ca_pem = tp::test::TestCa{}.cert();
  options.connect_timeout = std::chrono::milliseconds{200};
  const auto answer = make_client(std::move(options))->send(patient(), Request{});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ErrorCode::Unavailable);
  CHECK(answer.error().message.find("not connected: no connection within 200 ms") != std::string::npos);
}

TEST_CASE("stop: ends a blocked call, unary or stream") {
  const bool streaming = GENERATE(false, true);
  Signal asked;
  Signal cut;
  RawServer server{[&](RawServer::Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + http_chunk("x"));
    asked.set();
    peer.wait_closed();
    cut.set();
  }};
  const auto client = make_client(server.url());
  std::stop_source stop;
  const std::jthread stopper{[&] {
    static_cast<void>(asked.wait());
    stop.request_stop();
  }};
  FunctionSink sink{[](std::string_view) { return ok(); }};
  const Context ctx{stop.get_token(), SteadyTime::max(), ""};
  const Status ended = streaming ? client->stream(ctx, Request{}, sink)
                                 : client->send(ctx, Request{}).transform([](Response&&) { return Unit{}; });
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::Cancelled);
  CHECK(cut.wait());  // the connection does not linger
}

TEST_CASE("stop: requested before, nothing is sent") {
  RawServer server{always(http_answer(200, ""))};
  std::stop_source stop;
  stop.request_stop();
  const auto answer = make_client(server.url())->send(patient(stop.get_token()), Request{});
  REQUIRE_FALSE(answer);
  CHECK(answer.error().code == ErrorCode::Cancelled);
  CHECK(server.connections() == 0);
}

TEST_CASE("cpprestsdk's own idle timeout is out of the way of quiet streams") {
  REQUIRE(client_threads_ready());
  Connection connection{Destination{"http://127.0.0.1:1", false, nullptr}, std::chrono::seconds{30}};
  CHECK(connection.client().client_config().timeout<std::chrono::hours>() > std::chrono::hours{24});
}

// --- concurrency ---

TEST_CASE("concurrency: at most so many requests are in flight; the rest wait under their own deadline") {
  std::atomic<int> in_flight = 0;
  std::atomic<int> most = 0;
  Signal both_in;
  Signal release;
  RawServer server{[&](RawServer::Peer& peer) {
    while (peer.read_request()) {
      const int now = ++in_flight;
      most = std::max(most.load(), now);
      if (now == 2) both_in.set();
      if (!release.wait()) return;
      --in_flight;
      peer.write(http_answer(200, "ok"));
    }
  }};
  ClientOptions options = options_for(server.url());
  options.max_concurrent = 2;
  const auto client = make_client(std::move(options));

  std::atomic<int> answered = 0;
  constexpr int kCallers = 6;
  std::vector<std::jthread> callers;
  callers.reserve(kCallers);
  for (int i = 0; i < kCallers; ++i) {
    callers.emplace_back([&] {
      if (client->send(patient(), Request{})) ++answered;
    });
  }
  REQUIRE(both_in.wait());
  const auto impatient = client->send(within(std::chrono::milliseconds{100}), Request{});
  REQUIRE_FALSE(impatient);
  CHECK(impatient.error().code == ErrorCode::DeadlineExceeded);
  std::stop_source stop;
  stop.request_stop();
  const auto stopped = client->send(patient(stop.get_token()), Request{});
  REQUIRE_FALSE(stopped);
  CHECK(stopped.error().code == ErrorCode::Cancelled);
  release.set();
  callers.clear();
  CHECK(answered == kCallers);
  CHECK(most == 2);
}

TEST_CASE("concurrency: many callers share a client, and no answer goes astray") {
  RawServer server{[](RawServer::Peer& peer) {
    while (const auto request = peer.read_request()) {
      const std::size_t start = request->find('/');
      if (!peer.write(http_answer(200, request->substr(start, request->find(' ', start) - start)))) return;
    }
  }};
  const auto client = make_client(server.url());
  std::atomic<int> wrong = 0;
  {
    constexpr int kCallers = 8;
    std::vector<std::jthread> callers;
    callers.reserve(kCallers);
    for (int caller = 0; caller < kCallers; ++caller) {
      callers.emplace_back([&, caller] {
        for (int i = 0; i < 50; ++i) {
          const std::string path = "/" + std::to_string(caller) + "/" + std::to_string(i);
          const auto answer = client->send(patient(), Request{Method::Get, path, {}, ""});
          if (!answer || answer->body != path) ++wrong;
        }
      });
    }
  }
  CHECK(wrong == 0);
}

// --- the process ---

TEST_CASE("the pool has the size that it was given, once") {
  REQUIRE(client_threads_ready());
  const Status again = init_client_threads(50);
  REQUIRE_FALSE(again);
  CHECK(again.error().code == ErrorCode::FailedPrecondition);

  const auto threads = [] {
    std::size_t count = 0;
    DIR* const tasks = ::opendir("/proc/self/task");
    REQUIRE(tasks != nullptr);
    while (const dirent* entry = ::readdir(tasks)) count += entry->d_name[0] == '.' ? 0 : 1;
    ::closedir(tasks);
    return count;
  };
  RawServer server{always(http_answer(200, "ok"))};
  const auto client = make_client(server.url());
  REQUIRE(client->send(patient(), Request{}));
  // Beside the pool: this thread, the server's acceptor and script, the client's receive guard, asio's
  // resolver (when an earlier test looked up a name), a sanitizer's own.
  CHECK(threads() <= kPoolThreads + 6);
}

// The client's ends of connections to `port` in this process.
std::vector<int> sockets_to(std::uint16_t port) {
  std::vector<int> found;
  DIR* const fds = ::opendir("/proc/self/fd");
  REQUIRE(fds != nullptr);
  while (const dirent* entry = ::readdir(fds)) {
    const int fd = std::atoi(entry->d_name);  // NOLINT(cert-err34-c): the kernel writes numbers, and "." is 0
    sockaddr_in peer{};
    socklen_t size = sizeof peer;
    // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): C interface
    if (::getpeername(fd, reinterpret_cast<sockaddr*>(&peer), &size) != 0) continue;
    if (peer.sin_family == AF_INET && ntohs(peer.sin_port) == port) found.push_back(fd);
  }
  ::closedir(fds);
  return found;
}

int option(int fd, int level, int name) {
  int value = -1;
  socklen_t size = sizeof value;
  ::getsockopt(fd, level, name, &value, &size);
  return value;
}

TEST_CASE("sockets: keep-alive, user timeout and close-on-exec") {
  RawServer server{[](RawServer::Peer& peer) {
    peer.read_request();
    peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n" + http_chunk("x"));
    peer.wait_closed();
  }};
  ClientOptions options = options_for(server.url());
  options.tcp_user_timeout = std::chrono::milliseconds{12'000};
  std::vector<int> fds;
  FunctionSink sink{[&](std::string_view) -> Status {
    fds = sockets_to(server.port());
    for (const int fd : fds) {
      CHECK(option(fd, SOL_SOCKET, SO_KEEPALIVE) == 1);
      CHECK(option(fd, IPPROTO_TCP, TCP_KEEPIDLE) == 6);
      CHECK(option(fd, IPPROTO_TCP, TCP_USER_TIMEOUT) == 12'000);
      CHECK((::fcntl(fd, F_GETFD) & FD_CLOEXEC) != 0);
    }
    return Error{ErrorCode::Cancelled, "seen"};
  }};
  const Status ended = make_client(std::move(options))->stream(patient(), Request{}, sink);
  REQUIRE_FALSE(ended);
  CHECK(ended.error().code == ErrorCode::Cancelled);
  CHECK_FALSE(fds.empty());
}

TEST_CASE("sockets: none is left when the client has gone") {
  RawServer server{always(http_answer(200, "ok"))};
  {
    const auto client = make_client(server.url());
    REQUIRE(client->send(patient(), Request{}));
  }
  CHECK(eventually([&] { return sockets_to(server.port()).empty(); }));
}

}  // namespace
}  // namespace tp::http::test
