// Answers that come later, from any thread, or never.

#include <array>
#include <atomic>
#include <cstddef>
#include <deque>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <pthread.h>

#include "base/mutex.h"
#include "server_fixture.h"

namespace tp::http::test {
namespace {

Response text(std::string body) { return {200, {}, std::move(body)}; }

Route async(std::string path, AsyncHandler handler) {
  return {.method = Method::Post, .path = std::move(path), .async_handler = std::move(handler)};
}

std::string thread_name() {
  std::array<char, 16> name{};
  ::pthread_getname_np(::pthread_self(), name.data(), name.size());
  return name.data();
}

TEST_CASE("an answer may come at once or later, from any thread; the connection is kept") {
  Fixture f{{}, {async("/hooks/{name}", [](ServerRequest request, Responder respond) {
              respond(text(request.target + " " + request.body));
            })}};
  RawClient c = f.client();
  c.send(request_to("/hooks/a%2fb?c", "one"));
  CHECK(c.read_response().ends_with("/hooks/a%2fb?c one"));
  c.send(request_to("/desk", "two"));
  {
    Responder respond = f.desk.take();
    CHECK_FALSE(c.readable());
    std::jthread{[&] { respond(text("later")); }}.join();
  }
  CHECK(c.read_response().ends_with("later"));
  c.send(request_to("/hooks/three", "three"));
  CHECK(c.read_response().ends_with("three"));
}

TEST_CASE("small bodies are handled where they are read, large ones on a handler thread") {
  Fixture f{{}, {async("/where", [](ServerRequest, Responder respond) { respond(text(thread_name())); })}};
  RawClient c = f.client();
  constexpr std::size_t kInline = std::size_t{64} << 10U;
  c.send(request_to("/where", ""));
  CHECK(c.read_response().ends_with("http-io"));
  c.send(request_to("/where", std::string(kInline, 'a')));
  CHECK(c.read_response().ends_with("http-io"));
  c.send(request_to("/where", std::string(kInline + 1, 'a')));
  CHECK(c.read_response().ends_with("http-handler"));
}

TEST_CASE("a route that blocks has a handler thread for any body, and may have a deadline of its own") {
  std::optional<Responder> waiting;
  Mutex m;
  CondVar changed;
  Route where = async("/blocks", [](ServerRequest, Responder respond) { respond(text(thread_name())); });
  where.blocks = true;
  Route late = async("/long", [&](ServerRequest, Responder respond) {
    const MutexLock lock{m};
    waiting.emplace(std::move(respond));
    changed.notify_all();
  });
  late.answer_deadline = 60s;
  Fixture f{{.request_deadline = 300ms}, {where, late}};
  RawClient c = f.client();
  c.send(request_to("/blocks", "a"));
  CHECK(c.read_response().ends_with("http-handler"));

  c.send(request_to("/long", "a"));
  RawClient cut = f.client();
  cut.send(request_to("/desk", "b"));
  CHECK(cut.read_all().empty());  // so the listener's deadline is over for the other one, too
  {
    const MutexLock lock{m};
    REQUIRE(changed.wait_for(m, {}, 10s, [&] { return waiting.has_value(); }));
  }
  (*waiting)(text("late"));
  CHECK(c.read_response().ends_with("late"));
}

TEST_CASE("HEAD of an asynchronous route has no body") {
  Fixture f{
      {},
      {{.path = "/slow", .async_handler = [](ServerRequest, Responder respond) { respond(text("12345")); }}}};
  RawClient c = f.client();
  c.send("HEAD /slow HTTP/1.1\r\nHost: x\r\n\r\n");
  CHECK(c.read_response(true).ends_with("Content-Length: 5\r\n\r\n"));
  c.send(kGetHello);
  CHECK(c.read_response().ends_with("hello"));
}

TEST_CASE("no answer, a bad one or an exception is a 500; an answer before the exception stands") {
  Fixture f{
      {},
      {async("/drop", [](ServerRequest, Responder) {}),
       async("/throw", [](ServerRequest, const Responder&) { throw std::runtime_error("secret trouble"); }),
       async("/odd", [](ServerRequest, Responder) { throw 1; }),  // NOLINT(*-exception-baseclass)
       async("/split",
             [](ServerRequest, Responder respond) {
               respond({200, {{"X", "a\r\nY: b"}}, ""});
             }),
       async("/late", [](ServerRequest, Responder respond) {
         respond(text("answered"));
         throw std::runtime_error("too late");
       })}};
  RawClient c = f.client();
  for (const std::string_view path : {"/drop", "/throw", "/odd", "/split"}) {
    for (const std::size_t size : {std::size_t{0}, std::size_t{100'000}}) {  // on either kind of thread
      CAPTURE(path, size);
      c.send(request_to(path, std::string(size, 'a')));
      const std::string response = c.read_response();
      CHECK(response.starts_with("HTTP/1.1 500 "));
      CHECK_FALSE(has(response, "trouble"));
    }
  }
  c.send(request_to("/late", ""));
  CHECK(c.read_response().ends_with("answered"));
  c.send(kGetHello);
  CHECK(c.read_response().ends_with("hello"));
}

TEST_CASE("an answer after the connection has gone does nothing") {
  Fixture f{{.request_deadline = 300ms}};
  std::optional<Responder> of_gone;
  {
    RawClient gone = f.client();
    gone.send(request_to("/desk", "a"));
    of_gone.emplace(f.desk.take());
  }
  RawClient cut = f.client();
  cut.send(request_to("/desk", "b"));
  Responder of_cut = f.desk.take();
  CHECK(cut.read_all().empty());  // at the deadline
  (*of_gone)(text("nobody reads this"));
  of_cut(text("nor this"));
  RawClient next = f.client();
  next.send(kGetHello);
  CHECK(next.read_response().ends_with("hello"));
}

TEST_CASE(
    "answers after the server has gone do nothing: given, dropped, or dropped with the server's last job") {
  auto f = std::make_unique<Fixture>();
  std::vector<RawClient> clients;
  for (int i = 0; i < 4; ++i) {
    clients.push_back(f->client());
    clients.back().send(request_to("/desk", "a"));
  }
  std::optional<Responder> given{f->desk.take()};
  std::optional<Responder> dropped{f->desk.take()};
  std::optional<Responder> just_before{f->desk.take()};  // the fourth goes with the desk, after the server
  (*just_before)(text("perhaps"));
  f.reset();
  (*given)(text("nobody"));
  dropped.reset();
  for (auto& c : clients) static_cast<void>(c.read_all());  // each has ended
}

// Answers what lies on the desk, from several threads, until it goes.
class Clerks {
 public:
  Clerks(Desk& desk, int n) {
    for (int i = 0; i < n; ++i) {
      threads_.emplace_back([&desk](const std::stop_token& stop) {
        while (auto respond = desk.take(stop)) (*respond)(text("done"));
      });
    }
  }

 private:
  std::vector<std::jthread> threads_;
};

TEST_CASE("answers from many threads each reach the connection that they are for") {
  constexpr std::size_t kClients = 24;
  constexpr int kRequests = 200;
  Mutex m;
  CondVar changed;
  struct Waiting {
    std::string body;
    Responder respond;
  };
  std::deque<Waiting> waiting;
  std::vector<std::jthread> clerks;
  std::atomic<int> wrong = 0;
  {
    Fixture f{{.io_threads = 3}, {async("/id", [&](ServerRequest request, Responder respond) {
                const MutexLock lock{m};
                waiting.push_back({std::move(request.body), std::move(respond)});
                changed.notify_one();
              })}};
    for (int i = 0; i < 4; ++i) {
      clerks.emplace_back([&](const std::stop_token& stop) {
        while (true) {
          const MutexLock lock{m};
          if (!changed.wait(m, stop, [&] { return !waiting.empty(); })) return;
          // The last first, so that the order of answers is not that of requests.
          waiting.back().respond(text("for " + waiting.back().body));
          waiting.pop_back();
        }
      });
    }
    std::vector<std::jthread> clients;
    for (std::size_t n = 0; n < kClients; ++n) {
      clients.emplace_back([&f, &wrong, n] {
        RawClient c{f.server->port()};
        for (int i = 0; i < kRequests; ++i) {
          const std::string id = std::to_string(n) + "/" + std::to_string(i);
          c.send(request_to("/id", id));
          if (!c.read_response().ends_with("\r\n\r\nfor " + id)) ++wrong;
        }
      });
    }
    clients.clear();
  }
  CHECK(wrong == 0);
}

TEST_CASE("a server may go while answers come from many threads") {
  for (int round = 0; round < 20; ++round) {
    auto desk = std::make_unique<Desk>();
    const Clerks clerks{*desk, 3};
    auto f = std::make_unique<Fixture>(
        ServerLimits{.io_threads = 2},
        Routes{async("/clerks", [&](ServerRequest, Responder respond) { desk->put(std::move(respond)); })});
    std::vector<RawClient> clients;
    for (int i = 0; i < 20; ++i) {
      clients.push_back(f->client());
      for (int n = 0; n < 20; ++n) clients.back().send(request_to("/clerks", "a"));
    }
    CHECK(clients.front().read_response().ends_with("done"));
    f.reset();
    for (auto& c : clients) static_cast<void>(c.read_all());  // each has ended
  }
}

}  // namespace
}  // namespace tp::http::test
