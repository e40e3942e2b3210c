#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>

#include "base/clock.h"
#include "http/server.h"
#include "http_beast/body.h"
#include "http_beast/budget.h"
#include "http_beast/connections.h"
#include "http_beast/handler_pool.h"
#include "http_beast/mailbox.h"
#include "http_beast/wire.h"
#include "log/log.h"

namespace tp::http {

class Session;

enum class Drain : std::uint8_t {
  No,
  Answering,    // each answer is the connection's last
  ClosingIdle,  // and nothing was in flight any more: idle connections go
};

// What the sessions of one I/O thread know. The references lead to what all threads share and is thread-safe
// or constant; the rest is the thread's own.
struct SessionContext {
  boost::asio::io_context& io;
  const Routes& routes;
  const ServerLimits& limits;
  const Clock& clock;
  const log::Logger& log;
  HandlerPool& handlers;
  ByteBudget& budget;
  std::atomic<std::size_t>& busy;  // sessions of which busy() is true
  std::shared_ptr<Mailbox> mailbox;
  std::function<void(Session&)> on_change;  // it became idle or closed
  const std::function<void(int status)>& on_refusal;
  Drain drain = Drain::No;
};

// One connection: reads a request, has it handled, writes the answer, again. Belongs to one I/O thread, as
// everything here but the handler does.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(SessionContext& context,
          boost::asio::ip::tcp::socket socket,
          std::string peer,
          Connections::Welcome welcome);

  // Serves it, or answers 503 whatever the peer sends and closes it.
  void start();
  // The answer to the request that is being handled; of no effect when there is none.
  void on_answer(const Response& response);
  // Closes an idle connection, unless it was busy a moment ago: its peer may be about to send the next
  // request, and should learn from an answer that it is the last.
  void close_when_quiet();

  // From a request's first byte to its answer's last, and while it lingers.
  [[nodiscard]] bool busy() const noexcept { return state_ != State::Idle && state_ != State::Closed; }
  [[nodiscard]] bool closed() const noexcept { return state_ == State::Closed; }
  [[nodiscard]] const std::string& peer() const noexcept { return peer_; }
  [[nodiscard]] Connections::Welcome welcome() const noexcept { return welcome_; }

 private:
  using Parser = boost::beast::http::request_parser<ChargedBody>;
  using ErrorCode = boost::system::error_code;

  enum class State : std::uint8_t {
    Idle,       // no byte of a request yet
    Header,     // reading
    Inviting,   // writes 100 Continue
    Body,       // reading
    Handling,   // a Responder has it
    Writing,    // the answer
    Lingering,  // answered; waits for the peer to close, so that our close does not destroy an answer it has
                // not read
    Closed,
  };
  [[nodiscard]] bool reading() const noexcept {
    return state_ == State::Idle || state_ == State::Header || state_ == State::Body;
  }
  void become(State state);

  void await_request();
  void await_input();
  void receive();
  void begin_request();
  void read_header();
  void on_header();
  void invite_body();
  void read_body();
  void handle();
  void refuse(Refusal refusal);
  void answer(const Response& response, bool close);
  void finish();
  void discard();
  void close();

  // Each state has one deadline.
  void set_deadline(SteadyTime deadline);
  void arm_timer();
  void on_deadline();

  SessionContext& context_;
  boost::asio::ip::tcp::socket socket_;
  const std::string peer_;
  const Connections::Welcome welcome_;
  boost::asio::steady_timer timer_;
  SteadyTime deadline_ = SteadyTime::max();
  SteadyTime timer_set_to_ = SteadyTime::max();

  State state_ = State::Idle;
  bool first_request_ = true;
  SteadyTime idle_since_{};
  SteadyTime header_end_{};  // deadlines of the current request
  SteadyTime request_end_{};
  boost::beast::flat_buffer buffer_;  // may already hold the start of the next request
  Charge charge_;                     // for the body of the current request
  std::optional<Parser> parser_;      // of the current request
  ServerRequest request_;
  const Route* route_ = nullptr;
  std::string out_;
};

}  // namespace tp::http
