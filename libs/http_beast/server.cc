#include "http_beast/server.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <deque>
#include <exception>
#include <limits>
#include <optional>
#include <stop_token>
#include <system_error>
#include <thread>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/asio/dispatch.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <pthread.h>

#include "base/clock.h"
#include "http_beast/budget.h"
#include "http_beast/connections.h"
#include "http_beast/handler_pool.h"
#include "http_beast/listen.h"
#include "http_beast/mailbox.h"
#include "http_beast/session.h"

namespace tp::http {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

// Connections accepted before other events get their turn.
constexpr int kAcceptBatch = 64;

// Out of descriptors or memory: trying again at once would spin, and connections wait in the backlog
// meanwhile.
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class Server::Impl {
 public:
  Impl(Descriptor listener, Routes routes, const ServerLimits& limits, log::Logger log, OnRefusal on_refusal)
      : routes_(std::move(routes)),
        limits_(limits),
        log_(std::move(log)),
        on_refusal_(on_refusal ? std::move(on_refusal) : [](int /*status*/) {}),
        connections_(limits_.connections, limits_.connections_per_peer),
        budget_(limits_.bytes_in_flight),
        loops_(std::max<std::size_t>(limits_.io_threads, 1)),
        acceptor_(loops_.front().io),
        accept_pause_(loops_.front().io),
        handlers_(limits_.handlers) {
    acceptor_.assign(tcp::v6(), listener.get());  // the family matters only to calls that we do not make
    static_cast<void>(listener.release());
    port_ = acceptor_.local_endpoint().port();
    for (Loop& loop : loops_) {
      loop.context.emplace(
          SessionContext{loop.io, routes_, limits_, clock_, log_, handlers_, budget_, busy_, loop.mailbox,
                         [this, &loop](Session& session) { on_change(loop, session); }, on_refusal_});
    }
    await_connections();
    threads_.reserve(loops_.size());
    for (Loop& loop : loops_)
      threads_.emplace_back([this, &loop](const std::stop_token& stop) { run(loop, stop); });
  }

  ~Impl() {
    for (Loop& loop : loops_) loop.mailbox->close();
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  [[nodiscard]] Status drain(const Context& ctx) {
    net::post(loops_.front().io, [this] { stop_accepting(); });
    for (Loop& loop : loops_) net::post(loop.io, [this, &loop] { begin_drain(loop); });
    return connections_.await_none(ctx);
  }

 private:
  // An I/O thread's own. The first one accepts for all.
  struct Loop {
    net::io_context io{1};
    std::shared_ptr<Mailbox> mailbox = std::make_shared<Mailbox>(io);
    std::optional<SessionContext> context;  // set before the threads start
    std::unordered_set<std::shared_ptr<Session>> sessions;
  };

  void run(Loop& loop, const std::stop_token& stop) {
    ::pthread_setname_np(::pthread_self(), "http-io");
    const std::stop_callback stopper{stop, [&loop] { loop.io.stop(); }};
    try {
      const auto work = net::make_work_guard(loop.io);  // lives on after a drain, until the destructor
      loop.io.run();
    } catch (const std::exception& e) {
      // Everything here uses error codes, so this is a lack of memory or our bug: a server that no longer
      // answers is worse than a restart.
      log_.error("HTTP server failed", {{"error", e.what()}});
      throw;
    }
  }

  void await_connections() {
    acceptor_.async_wait(tcp::acceptor::wait_read, [this](const boost::system::error_code& error) {
      if (error || !acceptor_.is_open()) return;
      if (const int lasting = accept(kAcceptBatch); lasting != 0) return pause_accepting(lasting);
      await_connections();
    });
  }

  // Takes at most so many of the connections that wait. The errno of an error that will last, or 0.
  [[nodiscard]] int accept(int most) {
    for (int i = 0; i < most; ++i) {
      Accepted accepted = accept_from(acceptor_.native_handle());
      if (accepted.error != 0) return accepted.error;
      if (accepted.socket.get() < 0) break;
      const auto welcome = connections_.enter(accepted.peer);
      if (welcome == Connections::Welcome::Dropped) continue;
      // In turn: connections are kept for long, so their number is what balances the threads.
      Loop& loop = loops_[next_loop_++ % loops_.size()];
      net::dispatch(loop.io, [this, &loop, welcome, accepted = std::move(accepted)]() mutable {
        serve(loop, std::move(accepted), welcome);
      });
    }
    return 0;
  }

  void pause_accepting(int error) {
    log_.warn("cannot accept connections", {{"error", std::generic_category().message(error)}});
    accept_pause_.expires_after(kAcceptPause);
    accept_pause_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled && acceptor_.is_open()) await_connections();
    });
  }

  void serve(Loop& loop, Accepted accepted, Connections::Welcome welcome) {
    tcp::socket socket{loop.io};
    boost::system::error_code error;
    socket.assign(tcp::v6(), accepted.socket.get(), error);
    if (!error) {
      static_cast<void>(accepted.socket.release());
      socket.non_blocking(true, error);
    }
    if (error) {
      log_.warn("cannot serve a connection", {{"error", error.message()}});
      return connections_.leave(accepted.peer, welcome);
    }
    const auto session =
        std::make_shared<Session>(*loop.context, std::move(socket), std::move(accepted.peer), welcome);
    loop.sessions.insert(session);
    session->start();
  }

  void on_change(Loop& loop, Session& session) {
    if (session.closed()) {
      connections_.leave(session.peer(), session.welcome());
      loop.sessions.erase(session.shared_from_this());
    }
    if (loop.context->drain == Drain::Answering) continue_drain();
  }

  void stop_accepting() {
    if (!acceptor_.is_open()) return;
    // Closing the listener resets connections that wait in its backlog, whose peers may have sent requests.
    static_cast<void>(accept(std::numeric_limits<int>::max()));
    boost::system::error_code ignored;  // a listener cannot fail to close in a way that leaves it open
    acceptor_.close(ignored);
    accept_pause_.cancel();
    connections_.close();
  }

  void begin_drain(Loop& loop) {
    if (loop.context->drain != Drain::No) return;
    loop.context->drain = Drain::Answering;
    continue_drain();
  }

  // Idle connections are closed last, once nothing is in flight on any thread: until then a request may still
  // arrive on them, and is answered. Whichever thread ends the last request, or begins to drain after it,
  // comes here.
  void continue_drain() {
    if (busy_ > 0) return;
    for (Loop& loop : loops_) {
      net::post(loop.io, [&loop] {
        if (std::exchange(loop.context->drain, Drain::ClosingIdle) == Drain::ClosingIdle) return;
        for (const auto& session : loop.sessions) session->close_when_quiet();
      });
    }
  }

  // Constant after construction; the port after it too.
  const SystemClock clock_;
  const Routes routes_;
  const ServerLimits limits_;
  const log::Logger log_;
  const OnRefusal on_refusal_;
  std::uint16_t port_ = 0;

  // Of all threads.
  Connections connections_;
  ByteBudget budget_;
  std::atomic<std::size_t> busy_{0};

  std::deque<Loop> loops_;  // each of its own thread; that of the first has what stands next, too
  tcp::acceptor acceptor_;
  net::steady_timer accept_pause_;
  std::size_t next_loop_ = 0;

  // Threads. All use what stands above.
  HandlerPool handlers_;
  std::vector<std::jthread> threads_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const std::string& bind_address,
                                              Routes routes,
                                              const ServerLimits& limits,
                                              log::Logger log,
                                              OnRefusal on_refusal) {
  TP_ASSIGN_OR_RETURN(const Address address, parse_address(bind_address));
  auto listener = listen_on(address);
  if (!listener) return std::move(listener).error().wrap("listen on " + bind_address);
  try {
    return std::unique_ptr<Server>{new Server{std::make_unique<Impl>(
        *std::move(listener), std::move(routes), limits, std::move(log), std::move(on_refusal))}};
  } catch (const std::system_error& e) {  // no descriptor for the reactor, no thread
    return Error{ErrorCode::Unavailable, "listen on " + bind_address + ": " + e.what()};
  }
}

std::uint16_t Server::port() const noexcept { return impl_->port(); }

Status Server::drain(const Context& ctx) { return impl_->drain(ctx); }

}  // namespace tp::http
