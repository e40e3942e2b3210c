#include "http_beast/server.h"

#include <chrono>
#include <exception>
#include <system_error>
#include <unordered_set>
#include <utility>
#include <vector>

#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <pthread.h>

#include "base/clock.h"
#include "base/mutex.h"
#include "http_beast/handler_pool.h"
#include "http_beast/listen.h"
#include "http_beast/session.h"

namespace tp::http {
namespace {

namespace net = boost::asio;
using net::ip::tcp;

// Connections above the limit that may be told so at the same time; beyond, they are closed without a word.
constexpr std::size_t kTurnedAway = 64;

// Connections accepted before other events get their turn.
constexpr int kAcceptBatch = 64;

// Out of descriptors or memory: trying again at once would spin, and connections wait in the backlog
// meanwhile.
constexpr std::chrono::milliseconds kAcceptPause{100};

}  // namespace

class Server::Impl {
 public:
  Impl(Descriptor listener, Routes routes, const ServerLimits& limits, log::Logger log)
      : routes_(std::move(routes)),
        limits_(limits),
        log_(std::move(log)),
        acceptor_(io_),
        accept_pause_(io_),
        context_{
            io_, routes_, limits_, clock_, log_, handlers_, [this](Session& session) { on_change(session); }},
        handlers_(limits_.handlers) {
    acceptor_.assign(tcp::v6(), listener.get());  // the family matters only to calls that we do not make
    static_cast<void>(listener.release());
    port_ = acceptor_.local_endpoint().port();
    await_connections();
    thread_ = std::jthread{[this] { run(); }};
  }

  ~Impl() {
    io_.stop();
    thread_.join();
  }

  Impl(const Impl&) = delete;
  Impl& operator=(const Impl&) = delete;

  [[nodiscard]] std::uint16_t port() const noexcept { return port_; }

  [[nodiscard]] Status drain(const Context& ctx) {
    net::post(io_, [this] { begin_drain(); });
    const MutexLock lock{m_};
    if (drained_.wait_until(m_, ctx.stop, ctx.deadline, [this]() TP_REQUIRES(m_) { return is_drained_; }))
      return ok();
    if (ctx.stop.stop_requested()) return Error{ErrorCode::Cancelled, "drain of the HTTP server was stopped"};
    return Error{ErrorCode::DeadlineExceeded, "HTTP requests were still in flight at the drain's deadline"};
  }

 private:
  void run() {
    ::pthread_setname_np(::pthread_self(), "http-io");
    try {
      const auto work = net::make_work_guard(io_);  // lives on after a drain, until the destructor
      io_.run();
    } catch (const std::exception& e) {
      // Everything here uses error codes, so this is a lack of memory or our bug: a server that no longer
      // answers is worse than a restart.
      log_.error("HTTP server failed", {{"error", e.what()}});
      throw;
    }
  }

  void await_connections() {
    acceptor_.async_wait(tcp::acceptor::wait_read, [this](const boost::system::error_code& error) {
      if (!error) accept();
    });
  }

  void accept() {
    for (int i = 0; i < kAcceptBatch && acceptor_.is_open(); ++i) {
      Accepted accepted = accept_from(acceptor_.native_handle());
      if (accepted.error != 0) return pause_accepting(accepted.error);
      if (accepted.socket.get() < 0) break;
      welcome(std::move(accepted));
    }
    await_connections();
  }

  void pause_accepting(int error) {
    log_.warn("cannot accept connections", {{"error", std::generic_category().message(error)}});
    accept_pause_.expires_after(kAcceptPause);
    accept_pause_.async_wait([this](const boost::system::error_code& cancelled) {
      if (!cancelled && acceptor_.is_open()) await_connections();
    });
  }

  void welcome(Accepted accepted) {
    if (sessions_.size() - served_ >= kTurnedAway) return;
    tcp::socket socket{io_};
    boost::system::error_code error;
    socket.assign(tcp::v6(), accepted.socket.get(), error);
    if (error) return pause_accepting(error.value());
    static_cast<void>(accepted.socket.release());
    const bool full = served_ >= limits_.connections;
    auto session = std::make_shared<Session>(context_, std::move(socket), std::move(accepted.peer));
    sessions_.insert(session);
    if (full) return session->turn_away();
    ++served_;
    session->serve();
  }

  void begin_drain() {
    if (context_.draining) return;
    context_.draining = true;
    boost::system::error_code ignored;  // a listener cannot fail to close in a way that leaves it open
    acceptor_.close(ignored);
    accept_pause_.cancel();
    continue_drain();
  }

  void on_change(Session& session) {
    if (session.closed() && sessions_.erase(session.shared_from_this()) > 0 && !session.turned_away())
      --served_;
    if (context_.draining) continue_drain();
  }

  // Idle connections are closed last, once nothing is in flight: until then a request may still arrive on
  // them, and is answered.
  void continue_drain() {
    if (closing_idle_) return;  // called back by the loop below
    const std::vector<std::shared_ptr<Session>> sessions{sessions_.begin(),
                                                         sessions_.end()};  // closing changes the set
    for (const auto& session : sessions) {
      if (session->busy()) return;
    }
    closing_idle_ = true;
    for (const auto& session : sessions) session->close_if_idle();
    closing_idle_ = false;
    if (!sessions_.empty()) return;
    {
      const MutexLock lock{m_};
      is_drained_ = true;
    }
    drained_.notify_all();
  }

  // Constant after construction; the port after it too.
  const SystemClock clock_;
  const Routes routes_;
  const ServerLimits limits_;
  const log::Logger log_;
  std::uint16_t port_ = 0;

  Mutex m_;
  CondVar drained_;
  bool is_drained_ TP_GUARDED_BY(m_) = false;

  // Of the I/O thread.
  net::io_context io_{1};
  tcp::acceptor acceptor_;
  net::steady_timer accept_pause_;
  SessionContext context_;
  std::unordered_set<std::shared_ptr<Session>> sessions_;
  std::size_t served_ = 0;  // of sessions_, those that were not turned away
  bool closing_idle_ = false;

  // Threads. Both use what stands above.
  HandlerPool handlers_;
  std::jthread thread_;
};

Server::Server(std::unique_ptr<Impl> impl) : impl_(std::move(impl)) {}
Server::~Server() = default;

Result<std::unique_ptr<Server>> Server::start(const std::string& bind_address,
                                              Routes routes,
                                              const ServerLimits& limits,
                                              log::Logger log) {
  TP_ASSIGN_OR_RETURN(const Address address, parse_address(bind_address));
  auto listener = listen_on(address);
  if (!listener) return std::move(listener).error().wrap("listen on " + bind_address);
  try {
    return std::unique_ptr<Server>{
        new Server{std::make_unique<Impl>(*std::move(listener), std::move(routes), limits, std::move(log))}};
  } catch (const std::system_error& e) {  // no descriptor for the reactor, no thread
    return Error{ErrorCode::Unavailable, "listen on " + bind_address + ": " + e.what()};
  }
}

std::uint16_t Server::port() const noexcept { return impl_->port(); }

Status Server::drain(const Context& ctx) { return impl_->drain(ctx); }

}  // namespace tp::http
