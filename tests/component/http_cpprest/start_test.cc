// HttpClient::start: exchanges that nobody waits for. Each ends once, whatever happens, and says whether the
// peer may have seen the request.

#include <atomic>
#include <fstream>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include <netinet/in.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "fixture.h"

namespace tp::http::test {
namespace {

// Collects what `done` is given. Thread-safe.
class Ends {
 public:
  [[nodiscard]] std::function<void(Exchange)> done() {
    return [this](Exchange exchange) {
      const MutexLock lock{m_};
      all_.push_back(std::move(exchange));
      changed_.notify_all();
    };
  }
  // Waits until that many have come; what there is when time is up.
  [[nodiscard]] std::vector<Exchange> wait(std::size_t count) {
    const MutexLock lock{m_};
    changed_.wait_for(m_, {}, kPatience, [&]() TP_REQUIRES(m_) { return all_.size() >= count; });
    return all_;
  }
  [[nodiscard]] std::size_t count() {
    const MutexLock lock{m_};
    return all_.size();
  }

 private:
  Mutex m_;
  CondVar changed_;
  std::vector<Exchange> all_ TP_GUARDED_BY(m_);
};

const Request kRun{Method::Post, "/agents/planner/run", {{"X-Correlation-ID", "e-1"}}, R"({"message":"hi"})"};

std::unique_ptr<HttpClient> fresh_client(ClientOptions options) {
  options.fresh_connection = true;
  return make_client(std::move(options));
}

// One exchange from its begin to its end, with the client gone after it.
Exchange only_end(std::unique_ptr<HttpClient> client, const Context& ctx, const Request& request = kRun) {
  Ends ends;
  client->start(ctx, request, ends.done());
  const auto all = ends.wait(1);
  client.reset();  // nothing more comes after that
  REQUIRE(ends.count() == 1);
  return all.front();
}

TEST_CASE("start: the answer comes to `done`, whole, and the request has left as it was written") {
  RawServer server{always(http_answer(503, "later", "Retry-After: 7\r\n"))};
  const Exchange end = only_end(fresh_client(options_for(server.url() + "/base")), patient());
  if (!end.result) FAIL(end.result.error());
  CHECK(end.sent);
  CHECK(end.result->status == 503);
  CHECK(end.result->body == "later");
  CHECK(end.result->headers.find("Retry-After") == "7");
  REQUIRE(server.requests().size() == 1);
  CHECK(server.requests().front().starts_with("POST /base/agents/planner/run HTTP/1.1\r\n"));
  CHECK(server.requests().front().ends_with("\r\n\r\n" + kRun.body));
}

TEST_CASE("start: names are looked up, by all who ask at once together") {
  RawServer server{always(http_answer(200, "ok"))};
  const auto client = fresh_client(options_for("http://localhost:" + std::to_string(server.port())));
  Ends ends;
  constexpr std::size_t kMany = 20;
  for (std::size_t i = 0; i < kMany; ++i) client->start(patient(), kRun, ends.done());
  for (const Exchange& end : ends.wait(kMany)) {
    if (!end.result) FAIL(end.result.error());
  }
  CHECK(server.requests().size() == kMany);
}

TEST_CASE(
    "start: kept-alive connections are used unless they are refused, and idle ones that closed replaced") {
  RawServer server{[](RawServer::Peer& peer) {
    while (peer.read_request()) {
      peer.write(http_answer(200, "ok"));
      if (peer.index() == 0) return;
    }
  }};
  const auto client = make_client(server.url());
  REQUIRE(client->send(patient(), Request{}));
  REQUIRE(eventually([&] { return server.open_connections() == 0; }));
  Ends ends;
  client->start(patient(), kRun, ends.done());
  const auto all = ends.wait(1);
  REQUIRE(all.size() == 1);
  CHECK(all.front().result);
  CHECK(server.requests().size() == 2);
}

TEST_CASE("start: what cannot have reached the peer is told as not sent") {
  std::uint16_t closed_port = 0;
  {
    const RawServer gone{[](RawServer::Peer&) {}};
    closed_port = gone.port();
  }
  SECTION("nobody listens") {
    const Exchange end =
        only_end(fresh_client(options_for("http://127.0.0.1:" + std::to_string(closed_port))), patient());
    REQUIRE_FALSE(end.result);
    CHECK(end.result.error().code == ErrorCode::Unavailable);
    CHECK(end.result.error().message.starts_with("POST 127.0.0.1:"));
    CHECK_FALSE(end.sent);
  }
  SECTION("no such name") {
    const Exchange end = only_end(fresh_client(options_for("http://no-such-host.invalid")), patient());
    REQUIRE_FALSE(end.result);
    CHECK(end.result.error().code == ErrorCode::Unavailable);
    CHECK(end.result.error().message.find("not connected: name lookup of no-such-host.invalid") !=
          std::string::npos);
    CHECK_FALSE(end.sent);
  }
  SECTION("a certificate that nobody vouches for") {
    const tp::test::TestCa ca;
    const tp::test::TestCa other;
    RawServer server{always(http_answer(200, "")),
                     {.identity = other.issue({.common_name = "leaf", .ip = {"127.0.0.1"}})}};
    ClientOptions options = options_for(server.url());
    options.tls.ca_pem = ca.cert();
    const Exchange end = only_end(fresh_client(std::move(options)), patient());
    REQUIRE_FALSE(end.result);
    CHECK(end.result.error().code == ErrorCode::Unauthenticated);
    CHECK_FALSE(end.sent);
    CHECK(server.requests().empty());
  }
  SECTION("a peer that accepts and never shakes hands") {
    RawServer server{[](RawServer::Peer& peer) { peer.wait_closed(); }};
    ClientOptions options = options_for("https://127.0.0.1:" + std::to_string(server.port()));
    options.tls.ca_pem = tp::test::TestCa{}.cert();
    options.connect_timeout = std::chrono::milliseconds{200};
    const Exchange end = only_end(fresh_client(std::move(options)), patient());
    REQUIRE_FALSE(end.result);
    CHECK(end.result.error().code == ErrorCode::Unavailable);
    CHECK_FALSE(end.sent);
  }
  SECTION("a request that the client refuses") {
    Request bad = kRun;
    bad.target = "no-slash";
    const Exchange end = only_end(
        fresh_client(options_for("http://127.0.0.1:" + std::to_string(closed_port))), patient(), bad);
    REQUIRE_FALSE(end.result);
    CHECK(end.result.error().code == ErrorCode::InvalidArgument);
    CHECK_FALSE(end.sent);
  }
  SECTION("a deadline that has passed, or a stop that was requested, before") {
    RawServer server{always(http_answer(200, ""))};
    std::stop_source stop;
    const bool stopped = GENERATE(false, true);
    if (stopped) stop.request_stop();
    const Context ctx = stopped ? patient(stop.get_token()) : within(std::chrono::milliseconds{0});
    const Exchange end = only_end(fresh_client(options_for(server.url())), ctx);
    REQUIRE_FALSE(end.result);
    CHECK(end.result.error().code == (stopped ? ErrorCode::Cancelled : ErrorCode::DeadlineExceeded));
    CHECK_FALSE(end.sent);
    CHECK(server.requests().empty());
  }
}

TEST_CASE("start: a peer that ends the connection may have acted on the request, which is never repeated") {
  const std::string half =
      GENERATE(as<std::string>{}, "", "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nshort");
  const bool hard = GENERATE(false, true);
  RawServer server{[&](RawServer::Peer& peer) {
    if (!peer.read_request()) return;
    peer.write(half);
    if (hard) peer.reset();
  }};
  const Exchange end = only_end(fresh_client(options_for(server.url())), patient());
  REQUIRE_FALSE(end.result);
  CHECK(end.result.error().code == ErrorCode::Unavailable);
  CHECK(end.sent);
  CHECK(server.requests().size() == 1);
  CHECK(server.connections() == 1);
}

TEST_CASE("start: the deadline is for the whole exchange, and tells that the request has left") {
  const bool dribbles = GENERATE(false, true);
  RawServer server{[dribbles](RawServer::Peer& peer) {
    if (!peer.read_request()) return;
    Signal never;
    if (dribbles) peer.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n");
    while (dribbles && peer.write(http_chunk("x")))
      static_cast<void>(never.wait(std::chrono::milliseconds{5}));
    peer.wait_closed();
  }};
  const Exchange end =
      only_end(fresh_client(options_for(server.url())), within(std::chrono::milliseconds{300}));
  REQUIRE_FALSE(end.result);
  CHECK(end.result.error().code == ErrorCode::DeadlineExceeded);
  CHECK(end.sent);
}

TEST_CASE("start: an answer larger than allowed ends the exchange") {
  const std::string head =
      GENERATE(as<std::string>{}, "HTTP/1.1 200 OK\r\nContent-Length: 1073741824\r\n\r\n",
               "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n40000000\r\n", "HTTP/1.1 200 OK\r\nX: ");
  RawServer server{[head](RawServer::Peer& peer) {
    if (!peer.read_request() || !peer.write(head)) return;
    const std::string block(64 * 1024, 'x');
    while (peer.write(block)) continue;
  }};
  ClientOptions options = options_for(server.url());
  options.max_response_bytes = 1 << 20;
  const Exchange end = only_end(fresh_client(std::move(options)), patient());
  REQUIRE_FALSE(end.result);
  CHECK(end.result.error().code == ErrorCode::ResourceExhausted);
  CHECK(end.sent);
}

TEST_CASE("start: a stop request, or the client's end, ends what is in flight") {
  Signal asked;
  Signal cut;
  RawServer server{[&](RawServer::Peer& peer) {
    peer.read_request();
    asked.set();
    peer.wait_closed();
    cut.set();
  }};
  auto client = fresh_client(options_for(server.url()));
  std::stop_source stop;
  Ends ends;
  client->start(Context{stop.get_token(), SteadyTime::max(), ""}, kRun, ends.done());
  REQUIRE(asked.wait());
  if (GENERATE(true, false)) {
    stop.request_stop();
  } else {
    client.reset();
    CHECK(ends.count() == 1);  // the destructor has waited for it
  }
  const auto all = ends.wait(1);
  REQUIRE(all.size() == 1);
  REQUIRE_FALSE(all.front().result);
  CHECK(all.front().result.error().code == ErrorCode::Cancelled);
  CHECK(all.front().sent);
  CHECK(cut.wait());
  client.reset();
  CHECK(ends.count() == 1);
}

TEST_CASE("start: `done` may begin the next exchange") {
  RawServer server{always(http_answer(200, "ok"))};
  const auto client = fresh_client(options_for(server.url()));
  constexpr int kRounds = 20;
  std::atomic<int> rounds = 0;
  Signal over;
  std::function<void(Exchange)> again = [&](const Exchange& end) {
    if (!end.result || ++rounds == kRounds) return over.set();
    client->start(patient(), kRun, again);
  };
  client->start(patient(), kRun, again);
  REQUIRE(over.wait());
  CHECK(rounds == kRounds);
}

// Takes connections and requests on one thread and answers none before it is told to.
class SlowServer {
 public:
  SlowServer() : listener_(::socket(AF_INET, SOCK_STREAM, 0)), epoll_(::epoll_create1(0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof address;
    // NOLINTBEGIN(cppcoreguidelines-pro-type-reinterpret-cast): C interface
    REQUIRE(::bind(listener_, reinterpret_cast<sockaddr*>(&address), size) == 0);
    REQUIRE(::getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size) == 0);
    // NOLINTEND(cppcoreguidelines-pro-type-reinterpret-cast)
    REQUIRE(::listen(listener_, SOMAXCONN) == 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::jthread{[this](const std::stop_token& stop) { run(stop); }};
  }
  SlowServer(const SlowServer&) = delete;
  SlowServer& operator=(const SlowServer&) = delete;
  ~SlowServer() {
    thread_.request_stop();
    thread_.join();
    for (const auto& [fd, text] : peers_) ::close(fd);
    ::close(epoll_);
    ::close(listener_);
  }

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }
  [[nodiscard]] std::size_t asked() const noexcept { return asked_; }
  void answer_all() noexcept { answering_ = true; }

 private:
  void watch(int fd) const {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    ::epoll_ctl(epoll_, EPOLL_CTL_ADD, fd, &event);
  }

  void run(const std::stop_token& stop) {
    watch(listener_);
    bool answered = false;
    while (!stop.stop_requested()) {
      epoll_event event{};
      const int ready = ::epoll_wait(epoll_, &event, 1, 20);
      if (ready == 1) serve(event.data.fd);
      if (!answered && answering_) {
        const std::string answer = http_answer(200, R"({"success":true})");
        for (const auto& [fd, text] : peers_) ::send(fd, answer.data(), answer.size(), MSG_NOSIGNAL);
        answered = true;
      }
    }
  }

  void serve(int fd) {
    if (fd == listener_) {
      const int peer = ::accept(listener_, nullptr, nullptr);
      if (peer < 0) return;
      peers_[peer];
      return watch(peer);
    }
    char buffer[4096];  // NOLINT(modernize-avoid-c-arrays): a buffer for recv
    const auto got = ::recv(fd, buffer, sizeof buffer, MSG_DONTWAIT);
    if (got <= 0) {
      ::close(fd);
      peers_.erase(fd);
      return;
    }
    std::string& text = peers_[fd];
    text.append(buffer, static_cast<std::size_t>(got));
    if (text.ends_with("\r\n\r\n" + kRun.body)) ++asked_;
  }

  int listener_;
  int epoll_;
  std::uint16_t port_ = 0;
  std::map<int, std::string> peers_;
  std::atomic<std::size_t> asked_ = 0;
  std::atomic<bool> answering_ = false;
  std::jthread thread_;
};

int threads_of_this_process() {
  std::ifstream status{"/proc/self/status"};
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("Threads:")) return std::stoi(line.substr(line.find_first_of("0123456789")));
  }
  return 0;
}

// Each exchange has a socket and a second descriptor of it; the server in this process a third.
void allow_descriptors(rlim_t count) {
  rlimit limit{};
  REQUIRE(::getrlimit(RLIMIT_NOFILE, &limit) == 0);
  if (limit.rlim_cur >= count) return;
  REQUIRE(limit.rlim_max >= count);
  limit.rlim_cur = count;
  REQUIRE(::setrlimit(RLIMIT_NOFILE, &limit) == 0);
}

TEST_CASE("start: two thousand wait at once, on a few threads, and each has its own end") {
  constexpr std::size_t kMany = 2'000;
  allow_descriptors(3 * kMany + 200);
  SlowServer server;
  auto client = fresh_client(options_for("http://127.0.0.1:" + std::to_string(server.port())));
  Ends ends;
  for (std::size_t i = 0; i < kMany; ++i) client->start(patient(), kRun, ends.done());
  REQUIRE(eventually([&] { return server.asked() == kMany; }));
  CHECK(threads_of_this_process() <= 16);
  CHECK(ends.count() == 0);

  SECTION("answered") {
    server.answer_all();
    const auto all = ends.wait(kMany);
    REQUIRE(all.size() == kMany);
    for (const Exchange& end : all) {
      if (!end.result) FAIL(end.result.error());
      REQUIRE(end.result->body == R"({"success":true})");
    }
  }
  SECTION("their client goes") {
    client.reset();
    const auto all = ends.wait(0);
    REQUIRE(all.size() == kMany);
    for (const Exchange& end : all) {
      REQUIRE_FALSE(end.result);
      REQUIRE(end.result.error().code == ErrorCode::Cancelled);
      REQUIRE(end.sent);
    }
  }
  client.reset();
  CHECK(ends.count() == kMany);
}

TEST_CASE("start: a thousand deadlines pass") {
  constexpr std::size_t kMany = 1'000;
  allow_descriptors(3 * kMany + 200);
  SlowServer server;
  const auto client = fresh_client(options_for("http://127.0.0.1:" + std::to_string(server.port())));
  Ends ends;
  const SteadyTime deadline = real_clock().now() + std::chrono::seconds{2};
  for (std::size_t i = 0; i < kMany; ++i) client->start(Context{{}, deadline, ""}, kRun, ends.done());
  const auto all = ends.wait(kMany);
  REQUIRE(all.size() == kMany);
  std::size_t sent = 0;
  for (const Exchange& end : all) {
    REQUIRE_FALSE(end.result);
    REQUIRE(end.result.error().code == ErrorCode::DeadlineExceeded);
    sent += end.sent ? 1 : 0;
  }
  CHECK(sent >= server.asked());  // of each that was read it must be known that it was sent
}

}  // namespace
}  // namespace tp::http::test
