#include "http_beast/session.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>
#include <boost/beast/http/read.hpp>

namespace tp::http {
namespace {

namespace net = boost::asio;
namespace beast_http = boost::beast::http;
using boost::beast::string_view;

// How long a peer may take to receive an answer that ends its connection early, and then to close. Enough for
// a round trip around the world and a lost packet; short, because peers that misbehave are who waits here.
constexpr std::chrono::seconds kLastWords{2};

// What Beast reads at once (64 KiB) beside an unfinished header.
constexpr std::size_t kReadAhead = std::size_t{64} << 10U;

std::string to_std(string_view text) { return {text.data(), text.size()}; }

int status_for(const boost::system::error_code& error) {
  if (error == beast_http::error::header_limit || error == beast_http::error::buffer_overflow) return 431;
  if (error == beast_http::error::body_limit) return 413;
  if (error == beast_http::error::bad_version) return 505;
  return 400;
}

// Neither start line and field names, nor the blanks around them, are given by Beast: this is a lower bound
// that is a few bytes short.
std::size_t header_size(const ServerRequest& request) {
  constexpr std::size_t kPerField = 4;  // ": " and CRLF
  std::size_t size = request.target.size();
  for (const auto& [name, value] : request.headers) size += name.size() + value.size() + kPerField;
  return size;
}

Response run(const Handler& handler, const ServerRequest& request, const log::Logger& log) {
  std::string why = "not an exception of the standard library";
  try {
    Response response = handler(request);
    if (response.status >= 200 && response.status <= 599 && well_formed(response.headers)) return response;
    why = "an answer that is not HTTP";
  } catch (const std::exception& e) {
    why = e.what();
  } catch (...) {  // NOLINT(bugprone-empty-catch): `why` says it
  }
  log.error("handler failed",
            {{"method", to_string(request.method)}, {"target", request.target}, {"error", why}});
  return plain_answer(500, "internal error");
}

}  // namespace

Session::Session(SessionContext& context, net::ip::tcp::socket socket, std::string peer)
    : context_(context),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      timer_(context.io),
      buffer_(context.limits.header_bytes + kReadAhead) {}

void Session::serve() {
  header_end_ = context_.clock.now() + context_.limits.header_deadline;
  await_request();
}

void Session::turn_away() {
  turned_away_ = true;
  request_end_ = context_.clock.now() + kLastWords;
  answer(plain_answer(503, "too many connections"), true);
}

void Session::close_if_idle() {
  ErrorCode error;
  if (state_ == State::Idle && buffer_.size() == 0 && socket_.available(error) == 0) close();
}

void Session::await_request() {
  state_ = State::Idle;
  parser_.reset();
  request_ = {};
  if (buffer_.size() > 0) return read_header();  // pipelined
  buffer_.shrink_to_fit();
  set_deadline(first_request_ ? header_end_ : context_.clock.now() + context_.limits.idle_timeout);
  socket_.async_wait(net::ip::tcp::socket::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    if (self->closed()) return;
    error ? self->close() : self->read_header();
  });
  context_.on_change(*this);
}

void Session::read_header() {
  state_ = State::Header;
  const SteadyTime now = context_.clock.now();
  if (!std::exchange(first_request_, false)) header_end_ = now + context_.limits.header_deadline;
  request_end_ = now + context_.limits.request_deadline;
  set_deadline(std::min(header_end_, request_end_));

  parser_.emplace();
  parser_->header_limit(static_cast<std::uint32_t>(context_.limits.header_bytes));
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());  // known only with the route: read_body()
  beast_http::async_read_header(socket_, buffer_, *parser_,
                                [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                                  if (!self->closed()) self->on_header(error);
                                });
}

void Session::on_header(const ErrorCode& error) {
  if (error) return on_read_error(error);
  const auto& message = parser_->get();
  // Copied before the body is read: Beast would add the fields of a trailer.
  request_ = {};
  request_.peer = peer_;
  request_.target = to_std(message.target());
  for (const auto& field : message) request_.headers.add(to_std(field.name_string()), to_std(field.value()));
  if (header_size(request_) > context_.limits.header_bytes) return refuse({431, "the header is too large"});

  const std::string method = to_std(message.method_string());
  auto verdict = judge({method, request_.target, request_.headers, message.version() == 11}, context_.routes);
  if (auto* const refusal = std::get_if<Refusal>(&verdict)) return refuse(std::move(*refusal));
  route_ = std::get<const Route*>(verdict);
  request_.method = parse_method(method).value_or(route_->method);  // a route's method, or HEAD
  read_body(context_.limits.body_bytes);
}

void Session::read_body(std::uint64_t limit) {
  if (parser_->content_length().value_or(0) > limit) return refuse({413, "the body is too large"});
  parser_->body_limit(limit);  // for chunks
  state_ = State::Body;
  set_deadline(request_end_);
  if (parser_->is_done()) return handle();

  const auto read = [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
    if (self->closed()) return;
    if (error) return self->on_read_error(error);
    beast_http::async_read(self->socket_, self->buffer_, *self->parser_,
                           [self](const ErrorCode& failed, std::size_t /*bytes*/) {
                             if (!self->closed()) self->on_body(failed);
                           });
  };
  if (!request_.headers.find("Expect")) return read({}, 0);
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  net::async_write(socket_, net::buffer(kContinue.data(), kContinue.size()), read);
}

void Session::on_body(const ErrorCode& error) {
  if (error) return on_read_error(error);
  request_.body = std::move(parser_->get().body());
  handle();
}

void Session::on_read_error(const ErrorCode& error) {
  if (timed_out_)
    return refuse({408, state_ == State::Header ? "the header took too long" : "the body took too long"});
  const bool malformed =
      error.category() == beast_http::make_error_code(beast_http::error::bad_value).category() &&
      error != beast_http::error::end_of_stream && error != beast_http::error::partial_message;
  if (!malformed) return close();  // the peer went away
  refuse({status_for(error), error.message()});
}

void Session::handle() {
  state_ = State::Handling;
  // A std::function must be copyable, so the request travels behind a pointer.
  auto request = std::make_shared<ServerRequest>(std::exchange(request_, {}));
  request_.method = request->method;  // whether the answer has a body
  context_.handlers.submit([self = shared_from_this(), request, handler = &route_->handler]() mutable {
    SessionContext& context = self->context_;
    auto response = std::make_shared<Response>(run(*handler, *request, context.log));
    // Moved, so that a session always ends on the I/O thread.
    net::post(context.io, [self = std::move(self), response] { self->on_handled(*response); });
  });
}

void Session::on_handled(const Response& response) {
  if (!closed()) answer(response, false);
}

void Session::refuse(Refusal refusal) {
  context_.log.debug("request refused",
                     {{"status", refusal.status}, {"reason", refusal.reason}, {"peer", peer_}});
  Response response = plain_answer(refusal.status, refusal.reason);
  if (!refusal.allow.empty()) response.headers.add("Allow", std::move(refusal.allow));
  const auto& message = parser_->get();
  request_.method = message.method() == beast_http::verb::head ? Method::Head : Method::Get;
  // is_done: whatever follows is the next request.
  answer(response, !refusal.framing_is_certain || !parser_->is_done());
}

void Session::answer(const Response& response, bool close) {
  close = close || context_.draining || !parser_->keep_alive();
  const Framing framing{request_.method == Method::Head, close, !parser_ || parser_->get().version() == 11};
  out_ = to_wire(response, framing, context_.clock.wall_now());
  state_ = State::Writing;
  set_deadline(timed_out_ ? context_.clock.now() + kLastWords : request_end_);
  net::async_write(socket_, net::buffer(out_),
                   [self = shared_from_this(), close](const ErrorCode& error, std::size_t /*bytes*/) {
                     if (self->closed()) return;
                     self->out_ = {};
                     if (error) return self->close();
                     close ? self->finish() : self->await_request();
                   });
}

void Session::finish() {
  ErrorCode error;
  const bool all_read = parser_ && parser_->is_done() && buffer_.size() == 0 && socket_.available(error) == 0;
  if (all_read) return close();
  // Closing a socket with unread bytes resets the connection, and the reset would destroy an answer on its
  // way.
  state_ = State::Lingering;
  socket_.shutdown(net::ip::tcp::socket::shutdown_send, error);
  if (error) return close();
  set_deadline(context_.clock.now() + kLastWords);
  discard();
}

void Session::discard() {
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(kReadAhead),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                            if (self->closed()) return;
                            error ? self->close() : self->discard();
                          });
}

void Session::close() {
  if (closed()) return;
  state_ = State::Closed;
  timer_.cancel();
  ErrorCode ignored;  // the descriptor is gone either way
  socket_.close(ignored);
  context_.on_change(*this);
}

void Session::set_deadline(SteadyTime deadline) {
  timer_.expires_at(deadline);
  timer_.async_wait([self = shared_from_this(), round = ++timer_round_](const ErrorCode& error) {
    if (!error && round == self->timer_round_) self->on_deadline();
  });
}

void Session::on_deadline() {
  const bool reading = state_ == State::Header || state_ == State::Body;
  if (closed()) return;
  if (!reading || timed_out_) {
    if (state_ == State::Handling) context_.log.warn("handler too slow, connection cut", {{"peer", peer_}});
    return close();
  }
  timed_out_ = true;
  // Ends the pending read, whose completion answers 408. It may have completed just now, though, and begin
  // another: hence a second deadline.
  set_deadline(context_.clock.now() + kLastWords);
  ErrorCode ignored;
  socket_.cancel(ignored);
}

}  // namespace tp::http
