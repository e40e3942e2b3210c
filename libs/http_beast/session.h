#pragma once

#include <chrono>
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
#include <boost/beast/http/string_body.hpp>

#include "base/clock.h"
#include "http/server.h"
#include "http_beast/handler_pool.h"
#include "http_beast/wire.h"
#include "log/log.h"

namespace tp::http {

class Session;

// What the sessions of one server share. Everything but `handlers` and `log` belongs to the I/O thread.
struct SessionContext {
  boost::asio::io_context& io;
  const Routes& routes;
  const ServerLimits& limits;
  const Clock& clock;
  const log::Logger& log;
  HandlerPool& handlers;
  std::function<void(Session&)> on_change;  // it became idle or closed
  bool draining = false;
};

// One connection: reads a request, has it handled, writes the answer, again. Lives as long as an operation of
// it is pending. Only on the I/O thread, but for the handler itself.
class Session : public std::enable_shared_from_this<Session> {
 public:
  Session(SessionContext& context, boost::asio::ip::tcp::socket socket, std::string peer);

  void serve();
  // Answers 503 whatever the peer sends, and closes.
  void turn_away();
  // Closes unless a request is on its way.
  void close_if_idle();

  // From a request's first byte to its answer's last, and while it lingers.
  [[nodiscard]] bool busy() const noexcept { return state_ != State::Idle && state_ != State::Closed; }
  [[nodiscard]] bool turned_away() const noexcept { return turned_away_; }
  [[nodiscard]] bool closed() const noexcept { return state_ == State::Closed; }

 private:
  using Parser = boost::beast::http::request_parser<boost::beast::http::string_body>;
  using ErrorCode = boost::system::error_code;

  enum class State : std::uint8_t {
    Idle,      // no byte of a request yet
    Header,    // reading
    Body,      // reading
    Handling,  // queued for, or on, a handler thread
    Writing,
    Lingering,  // answered; waits for the peer to close, so that our close does not destroy an answer it has
                // not read
    Closed,
  };

  void await_request();
  void read_header();
  void on_header(const ErrorCode& error);
  void read_body(std::uint64_t limit);
  void on_body(const ErrorCode& error);
  void on_read_error(const ErrorCode& error);
  void handle();
  void on_handled(const Response& response);
  void refuse(Refusal refusal);
  void answer(const Response& response, bool close);
  void finish();
  void discard();
  void close();

  // One timer: each state has one deadline. Setting it replaces the last.
  void set_deadline(SteadyTime deadline);
  void on_deadline();

  SessionContext& context_;
  boost::asio::ip::tcp::socket socket_;
  const std::string peer_;
  boost::asio::steady_timer timer_;
  std::uint64_t timer_round_ = 0;  // tells an expiry that was already queued when the deadline was replaced

  State state_ = State::Idle;
  bool first_request_ = true;
  bool turned_away_ = false;
  bool timed_out_ = false;
  SteadyTime header_end_{};  // deadlines of the current request
  SteadyTime request_end_{};
  boost::beast::flat_buffer buffer_;  // may already hold the start of the next request
  std::optional<Parser> parser_;      // of the current request
  ServerRequest request_;
  const Route* route_ = nullptr;
  std::string out_;
};

}  // namespace tp::http
