#include "http_beast/session.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <string_view>
#include <utility>

#include <boost/asio/buffer.hpp>
#include <boost/asio/error.hpp>
#include <boost/asio/write.hpp>
#include <boost/beast/http/error.hpp>

namespace tp::http {
namespace {

namespace net = boost::asio;
namespace beast_http = boost::beast::http;
using boost::beast::string_view;

// How long a peer may take to receive an answer that ends its connection early, and then to close. Enough for
// a round trip around the world and a lost packet; short, because peers that misbehave are who waits here.
constexpr std::chrono::seconds kLastWords{2};

// A connection that was idle for so long does not count as one that is about to send: longer than an answer
// and the next request are on their way around the world; short beside any drain's deadline.
constexpr std::chrono::seconds kQuiet{1};

// What is read at once: most requests whole; and of a long body so much that system calls cost little.
// A connection that waits holds neither, so this is not multiplied by the slow ones.
constexpr std::size_t kRead = std::size_t{4} << 10U;
constexpr std::size_t kReadBody = std::size_t{16} << 10U;

// Larger bodies are not handled on an I/O thread: hashing and parsing them would hold up other connections.
constexpr std::size_t kInline = std::size_t{64} << 10U;

// Assignment of an empty string would keep the memory.
void free_memory(std::string& text) { std::string{}.swap(text); }

std::string to_std(string_view text) { return {text.data(), text.size()}; }

int status_for(const boost::system::error_code& error) {
  if (error == beast_http::error::body_limit) return 413;
  if (error == beast_http::error::bad_version) return 505;
  return 400;
}

bool is_http(const Response& response) {
  return response.status >= 200 && response.status <= 599 && well_formed(response.headers);
}

// The Responder answers 500 when it goes unused.
void run(const Route& route, ServerRequest request, Responder respond, const log::Logger& log) {
  std::string why = "not an exception of the standard library";
  try {
    if (route.async_handler) return route.async_handler(std::move(request), std::move(respond));
    return respond(route.handler(request));
  } catch (const std::exception& e) {
    why = e.what();
  } catch (...) {  // NOLINT(bugprone-empty-catch): `why` says it
  }
  log.error("handler failed", {{"method", to_string(route.method)}, {"route", route.path}, {"error", why}});
}

}  // namespace

Session::Session(SessionContext& context,
                 net::ip::tcp::socket socket,
                 std::string peer,
                 Connections::Welcome welcome)
    : context_(context),
      socket_(std::move(socket)),
      peer_(std::move(peer)),
      welcome_(welcome),
      timer_(context.io),
      buffer_(context.limits.header_bytes + kReadBody),
      charge_(context.budget) {}

void Session::start() {
  const SteadyTime now = context_.clock.now();
  if (welcome_ == Connections::Welcome::TurnedAway) {
    request_end_ = now + kLastWords;
    Response response = plain_answer(503, "too many connections");
    response.headers.add("Retry-After", "1");
    context_.on_refusal(response.status);
    return answer(response, true);
  }
  header_end_ = now + context_.limits.header_deadline;
  await_request();
}

void Session::become(State state) {
  const bool was = busy();
  state_ = state;
  if (was != busy()) was ? --context_.busy : ++context_.busy;
}

void Session::close_when_quiet() {
  if (state_ == State::Idle) set_deadline(std::min(deadline_, idle_since_ + kQuiet));
}

void Session::await_request() {
  become(State::Idle);
  parser_.reset();
  request_ = {};
  route_ = nullptr;
  if (buffer_.size() > 0) return begin_request();  // pipelined
  idle_since_ = context_.clock.now();
  set_deadline(first_request_ ? header_end_ : idle_since_ + context_.limits.idle_timeout);
  if (context_.drain == Drain::ClosingIdle) close_when_quiet();
  await_input();
  context_.on_change(*this);
}

// Waits before it reads, so that thousands of idle or slow connections hold no buffers.
void Session::await_input() {
  if (buffer_.size() == 0) buffer_.shrink_to_fit();
  socket_.async_wait(net::ip::tcp::socket::wait_read, [self = shared_from_this()](const ErrorCode& error) {
    if (!self->reading()) return;  // too late: the deadline came first
    error ? self->close() : self->receive();
  });
}

void Session::receive() {
  ErrorCode error;
  const std::size_t size =
      socket_.read_some(buffer_.prepare(state_ == State::Body ? kReadBody : kRead), error);
  if (error == net::error::would_block) return await_input();
  if (error) return close();  // the peer went away
  buffer_.commit(size);
  switch (state_) {
    case State::Idle: return begin_request();
    case State::Header: return read_header();
    default: return read_body();
  }
}

void Session::begin_request() {
  become(State::Header);
  const SteadyTime now = context_.clock.now();
  if (!std::exchange(first_request_, false)) header_end_ = now + context_.limits.header_deadline;
  request_end_ = now + context_.limits.request_deadline;
  set_deadline(std::min(header_end_, request_end_));
  parser_.emplace();
  parser_->eager(true);
  parser_->header_limit(std::numeric_limits<std::uint32_t>::max());  // scan_header() has ours
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());    // known only with the route: on_header()
  read_header();
}

void Session::read_header() {
  const auto bytes = buffer_.cdata();
  HeaderScan scan =
      scan_header({static_cast<const char*>(bytes.data()), bytes.size()}, context_.limits.header_bytes);
  if (scan.refusal) return refuse(std::move(*scan.refusal));
  if (scan.end == 0) return await_input();
  ErrorCode error;
  parser_->put(net::buffer(bytes, scan.end), error);
  buffer_.consume(scan.end);
  if (error) return refuse({status_for(error), error.message()});
  on_header();
}

void Session::on_header() {
  const auto& message = parser_->get();
  // Copied before the body is read: Beast would add the fields of a trailer.
  request_.peer = peer_;
  request_.target = to_std(message.target());
  for (const auto& field : message) request_.headers.add(to_std(field.name_string()), to_std(field.value()));

  const std::string method = to_std(message.method_string());
  Verdict verdict =
      judge({method, request_.target, request_.headers, message.version() == 11}, context_.routes);
  route_ = verdict.route;
  if (verdict.refusal) return refuse(std::move(*verdict.refusal));
  request_.method = parse_method(method).value_or(route_->method);  // a route's method, or HEAD

  const std::size_t limit = route_->body_bytes > 0 ? route_->body_bytes : context_.limits.body_bytes;
  const std::uint64_t announced = parser_->content_length().value_or(0);
  if (announced > limit) return refuse({413, "the body is too large"});
  if (!charge_.fits(announced)) return refuse(overloaded());
  parser_->body_limit(limit);  // for chunks
  parser_->get().body().charge = &charge_;
  set_deadline(request_end_);
  if (!parser_->is_done() && request_.headers.find("Expect")) return invite_body();
  become(State::Body);
  read_body();
}

void Session::invite_body() {
  become(State::Inviting);
  static constexpr std::string_view kContinue = "HTTP/1.1 100 Continue\r\n\r\n";
  net::async_write(socket_, net::buffer(kContinue.data(), kContinue.size()),
                   [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                     if (self->closed()) return;
                     if (error) return self->close();
                     self->become(State::Body);
                     self->read_body();
                   });
}

void Session::read_body() {
  if (buffer_.size() > 0 && !parser_->is_done()) {
    ErrorCode error;
    buffer_.consume(parser_->put(buffer_.cdata(), error));
    if (parser_->get().body().refused) return refuse(overloaded());
    if (error && error != beast_http::error::need_more) return refuse({status_for(error), error.message()});
  }
  if (parser_->is_done()) return handle();
  // Nothing but the size line or the trailer of chunks can be left.
  if (buffer_.size() > context_.limits.header_bytes) return refuse({400, "a chunk's header is too large"});
  await_input();
}

void Session::handle() {
  become(State::Handling);
  if (route_->answer_deadline.count() > 0)
    set_deadline(request_end_ = context_.clock.now() + route_->answer_deadline);
  const Method method = request_.method;  // whether the answer has a body
  ServerRequest request = std::exchange(request_, {});
  request_.method = method;
  request.body = std::move(parser_->get().body().bytes);
  Responder respond{[to = weak_from_this(), mailbox = context_.mailbox](Response response) mutable {
    mailbox->put(std::move(to), std::move(response));
  }};
  if (route_->async_handler && !route_->blocks && request.body.size() <= kInline)
    return run(*route_, std::move(request), std::move(respond), context_.log);

  // A std::function must be copyable, so they travel behind a pointer.
  struct Job {
    ServerRequest request;
    Responder respond;
  };
  context_.handlers.submit(
      [job = std::make_shared<Job>(Job{std::move(request), std::move(respond)}), &route = *route_,
       &log = context_.log] { run(route, std::move(job->request), std::move(job->respond), log); });
}

void Session::on_answer(const Response& response) {
  if (state_ != State::Handling) return;
  if (is_http(response)) return answer(response, false);
  context_.log.error("handler failed", {{"method", to_string(route_->method)},
                                        {"route", route_->path},
                                        {"error", "an answer that is not HTTP"}});
  answer(plain_answer(500, "internal error"), false);
}

void Session::refuse(Refusal refusal) {
  context_.log.debug("request refused",
                     {{"status", refusal.status}, {"reason", refusal.reason}, {"peer", peer_}});
  context_.on_refusal(refusal.status);
  Response response = plain_answer(refusal.status, refusal.reason);
  for (const auto& [name, value] : refusal.headers) response.headers.add(name, value);
  if (route_ != nullptr && refusal.status < 500) {
    for (const auto& [name, value] : route_->refusal_headers) response.headers.add(name, value);
  }
  auto& message = parser_->get();
  free_memory(message.body().bytes);
  charge_.release();
  request_.method = message.method() == beast_http::verb::head ? Method::Head : Method::Get;
  // is_done: whatever follows is the next request.
  answer(response, !refusal.framing_is_certain || !parser_->is_done());
}

void Session::answer(const Response& response, bool close) {
  become(State::Writing);
  close = close || context_.drain != Drain::No || !parser_->keep_alive();
  const Framing framing{request_.method == Method::Head, close, !parser_ || parser_->get().version() == 11};
  out_ = to_wire(response, framing, context_.clock.wall_now());
  set_deadline(request_end_);
  net::async_write(socket_, net::buffer(out_),
                   [self = shared_from_this(), close](const ErrorCode& error, std::size_t /*bytes*/) {
                     if (self->closed()) return;
                     free_memory(self->out_);
                     self->charge_.release();
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
  become(State::Lingering);
  socket_.shutdown(net::ip::tcp::socket::shutdown_send, error);
  if (error) return close();
  set_deadline(context_.clock.now() + kLastWords);
  discard();
}

void Session::discard() {
  buffer_.clear();
  socket_.async_read_some(buffer_.prepare(kReadBody),
                          [self = shared_from_this()](const ErrorCode& error, std::size_t /*bytes*/) {
                            if (self->closed()) return;
                            error ? self->close() : self->discard();
                          });
}

void Session::close() {
  if (closed()) return;
  become(State::Closed);
  timer_.cancel();
  charge_.release();
  ErrorCode ignored;  // the descriptor is gone either way
  socket_.close(ignored);
  context_.on_change(*this);
}

// Nearly every request ends long before its deadline: the timer is left alone unless it would fire too late.
void Session::set_deadline(SteadyTime deadline) {
  deadline_ = deadline;
  if (deadline_ < timer_set_to_) arm_timer();
}

void Session::arm_timer() {
  timer_set_to_ = deadline_;
  timer_.expires_at(deadline_);
  timer_.async_wait([self = shared_from_this()](const ErrorCode& error) {
    if (error || self->closed()) return;
    if (self->context_.clock.now() >= self->deadline_) return self->on_deadline();
    self->arm_timer();
  });
}

void Session::on_deadline() {
  timer_set_to_ = SteadyTime::max();
  ErrorCode error;
  if (state_ == State::Idle && socket_.available(error) > 0) return;  // receive() comes next
  if (state_ != State::Header && state_ != State::Body) {
    if (state_ == State::Handling) context_.log.warn("handler too slow, connection cut", {{"peer", peer_}});
    return close();
  }
  request_end_ = context_.clock.now() + kLastWords;
  refuse({408, state_ == State::Header ? "the header took too long" : "the body took too long"});
}

}  // namespace tp::http
