#include "http_cpprest/transfer.h"

#include <algorithm>
#include <exception>
#include <limits>
#include <stdexcept>
#include <utility>

namespace tp::http {
namespace {

using ByteBuffer = concurrency::streams::details::streambuf_state_manager<std::uint8_t>;

// cpprestsdk reads a chunk's size as a signed int and does not look at the sign: a peer that says "-5" makes
// it offer a piece of almost 2^64 bytes. What is larger than an int is such a lie.
constexpr std::size_t kMaxPiece = std::numeric_limits<int>::max();

constexpr int kFirstFinalStatus = 200;

// For how long a transfer may wait before the receive guard watches it. At 10 Gbit/s a peer can send 25 MB
// meanwhile.
constexpr std::chrono::milliseconds kUnwatched{20};

}  // namespace

// The stream that cpprestsdk writes the body into: passes each piece to the transfer, stores nothing. Its
// destruction is the sign that cpprestsdk has finished with the transfer, its connection put back included.
class Transfer::Buffer final : public ByteBuffer {
 public:
  Buffer(std::shared_ptr<Transfer> transfer, std::shared_ptr<void> lease)
      : ByteBuffer(std::ios_base::out), transfer_(std::move(transfer)), lease_(std::move(lease)) {}

  [[nodiscard]] bool can_seek() const override { return false; }
  [[nodiscard]] bool has_size() const override { return false; }
  [[nodiscard]] std::size_t buffer_size(std::ios_base::openmode /*direction*/) const override { return 0; }
  void set_buffer_size(std::size_t /*size*/, std::ios_base::openmode /*direction*/) override {}
  [[nodiscard]] std::size_t in_avail() const override { return 0; }
  [[nodiscard]] pos_type getpos(std::ios_base::openmode /*direction*/) const override { return kNowhere; }
  pos_type seekpos(pos_type /*position*/, std::ios_base::openmode /*direction*/) override { return kNowhere; }
  pos_type seekoff(off_type /*offset*/,
                   std::ios_base::seekdir /*way*/,
                   std::ios_base::openmode /*mode*/) override {
    return kNowhere;
  }
  bool acquire(std::uint8_t*& /*data*/, std::size_t& /*size*/) override { return false; }
  void release(std::uint8_t* /*data*/, std::size_t /*size*/) override {}

 protected:
  pplx::task<std::size_t> _putn(const std::uint8_t* data, std::size_t size) override {
    return transfer_->on_bytes(data, size);
  }
  // cpprestsdk writes bodies by _putn alone; a byte by itself would have no back-pressure, so it is refused.
  pplx::task<int_type> _putc(std::uint8_t /*byte*/) override {
    return pplx::task_from_result<int_type>(kEof);
  }
  pplx::task<bool> _sync() override { return pplx::task_from_result(true); }
  // Offers no memory to write into: cpprestsdk then uses _putn.
  std::uint8_t* _alloc(std::size_t /*size*/) override { return nullptr; }
  void _commit(std::size_t /*size*/) override {}

  // Write-only.
  pplx::task<int_type> _bumpc() override { return pplx::task_from_result<int_type>(kEof); }
  int_type _sbumpc() override { return kEof; }
  pplx::task<int_type> _getc() override { return pplx::task_from_result<int_type>(kEof); }
  int_type _sgetc() override { return kEof; }
  pplx::task<int_type> _nextc() override { return pplx::task_from_result<int_type>(kEof); }
  pplx::task<int_type> _ungetc() override { return pplx::task_from_result<int_type>(kEof); }
  pplx::task<std::size_t> _getn(std::uint8_t* /*data*/, std::size_t /*size*/) override {
    return pplx::task_from_result<std::size_t>(0);
  }
  std::size_t _scopy(std::uint8_t* /*data*/, std::size_t /*size*/) override { return 0; }

 private:
  static constexpr int_type kEof = -1;
  static constexpr off_type kNowhere = -1;

  std::shared_ptr<Transfer> transfer_;
  std::shared_ptr<void> lease_;
};

void Transfer::start(web::http::client::http_client& client,
                     web::http::http_request request,
                     std::shared_ptr<void> lease) {
  auto self = shared_from_this();
  const std::shared_ptr<concurrency::streams::details::basic_streambuf<std::uint8_t>> buffer =
      std::make_shared<Buffer>(self, std::move(lease));
  request.set_response_stream(
      concurrency::streams::ostream{concurrency::streams::streambuf<std::uint8_t>{buffer}});
  // The first report of upload progress comes when the header has been written, and not before.
  request.set_progress_handler(
      [self](web::http::message_direction::direction direction, utility::size64_t /*bytes*/) {
        if (direction == web::http::message_direction::upload) self->on_sent();
      });
  // Both continuations take the task itself, so they run on failure too and its exception is always observed.
  client.request(request, cancel_.get_token()).then([self](const pplx::task<web::http::http_response>& head) {
    try {
      const web::http::http_response response = head.get();
      self->on_head(response);
      response.content_ready().then([self](const pplx::task<web::http::http_response>& body) {
        try {
          body.wait();
          self->on_complete();
        } catch (const std::exception& e) {
          self->on_failure(e.what());
        }
      });
    } catch (const std::exception& e) {
      self->on_failure(e.what());
    }
  });
}

Transfer::Ending Transfer::drive(const Context& ctx, const Terms& terms, ResponseSink& sink) {
  Ending ending = drive_events(ctx, terms, sink);
  if (ending.end != End::Complete) abandon();
  return ending;
}

Transfer::Ending Transfer::drive_events(const Context& ctx, const Terms& terms, ResponseSink& sink) {
  std::unique_ptr<ReceiveGuard::Watch> watched;
  for (;;) {
    std::uint64_t seen = 0;
    {
      const MutexLock lock{m_};
      seen = version_;
    }
    if (auto ending = advance(ctx, terms, sink)) return *std::move(ending);

    bool woken = false;
    {
      const MutexLock lock{m_};
      const SteadyTime last = next_limit(ctx, terms);
      // Watching costs two system calls and a thread's wake-up, which answers that come at once need not pay.
      const SteadyTime until = watched == nullptr ? std::min(last, terms.clock.now() + kUnwatched) : last;
      const auto news = [this, seen]() TP_REQUIRES(m_) { return version_ != seen; };
      woken = until == SteadyTime::max() ? events_.wait(m_, ctx.stop, news)
                                         : events_.wait_until(m_, ctx.stop, until, news);
    }
    if (!woken && watched == nullptr) watched = watch(terms.guard);
  }
}

// What has arrived goes to the sink before a failure that came after it; a limit or a stop request goes
// before all.
std::optional<Transfer::Ending> Transfer::advance(const Context& ctx,
                                                  const Terms& terms,
                                                  ResponseSink& sink) {
  for (;;) {
    std::optional<Head> head;
    std::string_view piece;
    {
      const MutexLock lock{m_};
      if (auto ended = ended_by_us(ctx, terms.clock.now(), next_limit(ctx, terms))) return ended;
      if (!has_news_for_sink()) return ended_by_peer();
      head = std::exchange(head_, std::nullopt);
      if (!head) piece = piece_;
    }

    Status handled = head ? sink.on_head(head->status, head->headers) : sink.on_bytes(piece);
    if (!handled) return Ending{End::Refused, std::move(handled).error()};

    std::optional<pplx::task_completion_event<std::size_t>> written;
    {
      const MutexLock lock{m_};
      headed_ = true;
      if (!head) {
        piece_ = {};
        written = std::exchange(written_, std::nullopt);
      }
    }
    if (written) written->set(piece.size());
  }
}

SteadyTime Transfer::limit(const Context& ctx, const Terms& terms) const {
  const MutexLock lock{m_};
  return next_limit(ctx, terms);
}

SteadyTime Transfer::next_limit(const Context& ctx, const Terms& terms) const {
  return sent_ ? ctx.deadline : std::min(ctx.deadline, terms.connect_deadline);
}

std::unique_ptr<ReceiveGuard::Watch> Transfer::watch(ReceiveGuard& guard) {
  const MutexLock lock{m_};
  if (!socket_) return nullptr;
  auto watched = guard.watch(weak_from_this(), socket_.get());
  look_at_arrivals();
  return watched;
}

std::optional<Transfer::Ending> Transfer::ended_by_us(const Context& ctx,
                                                      SteadyTime now,
                                                      SteadyTime limit) const {
  if (ctx.stop.stop_requested()) return Ending{End::Stopped};
  if (overflow_) return Ending{End::Oversized};
  // Checked by the clock too, not by the wait alone: a peer that always has one more byte never lets it time
  // out.
  if (now >= limit) return Ending{limit == ctx.deadline ? End::DeadlinePassed : End::ConnectTimeout};
  return std::nullopt;
}

bool Transfer::has_news_for_sink() const { return head_.has_value() || (headed_ && !piece_.empty()); }

std::optional<Transfer::Ending> Transfer::ended_by_peer() const {
  if (failure_) return Ending{End::Broken, {}, *failure_};
  if (complete_) return Ending{End::Complete};
  return std::nullopt;
}

void Transfer::abandon() {
  std::optional<pplx::task_completion_event<std::size_t>> written;
  std::size_t dropped = 0;
  bool failed = false;
  bool connected = false;
  {
    const MutexLock lock{m_};
    abandoned_ = true;
    connected = static_cast<bool>(socket_);
    // A peer that is sending would otherwise wait on our closed window for a minute (Linux's FIN_WAIT2).
    reset_on_close(socket_.get());
    if (connected) end_connection(socket_.get());
    dropped = std::exchange(piece_, {}).size();
    written = std::exchange(written_, std::nullopt);
    failed = failure_.has_value();
  }
  // As if it had been written, see on_bytes().
  if (written) written->set(dropped);
  // cpprestsdk's cancellation closes its socket on this thread, while a pool thread may be starting the next
  // step of a read on it, which then crashes. So it is only for a request that has no socket yet; any other
  // ends by itself when its socket does.
  if (!connected) cancel_.cancel();
  const MutexLock lock{m_};
  // Only now, when nothing more can be written. cpprestsdk's own report of a failure is exact without it.
  if (!failed && may_have_left()) sent_ = true;
  socket_ = {};
}

// on_sent() is told by a pool thread a moment after the system has taken the request; this asks the system. A
// TLS connection carries no request before the peer's side of the handshake has come, and its farewell (FIN,
// which counts as one byte) is none.
bool Transfer::may_have_left() const {
  if (!socket_) return false;
  const auto written = bytes_written(socket_.get());
  if (written && *written <= written_before_) return false;
  constexpr std::uint64_t kFarewell = 1;
  return !tls_ || bytes_read(socket_.get()).value_or(kFarewell + 1) > kFarewell;
}

void Transfer::use_socket(int fd, bool reused, bool tls) {
  const MutexLock lock{m_};
  // Here, before anything is written, is the last place to keep a request from being sent after its caller
  // has left.
  if (abandoned_) throw std::runtime_error("the caller has gone");
  // cpprestsdk sends a request again by itself when its reused connection dies before the answer. Not with
  // us.
  if (socket_) throw std::runtime_error("the connection was closed before an answer came");
  if (reused && is_stale(fd)) {
    stale_ = true;
    throw std::runtime_error("the idle connection was closed by the peer");
  }
  socket_ = duplicate(fd);
  if (!socket_) throw std::runtime_error("no file descriptor left");
  // A new socket is not connected yet: nothing.
  accounted_ = bytes_read(fd).value_or(0);
  written_before_ = bytes_written(fd).value_or(0);
  tls_ = tls;
}

void Transfer::check_arrivals() {
  const MutexLock lock{m_};
  look_at_arrivals();
}

void Transfer::look_at_arrivals() {
  const auto read = bytes_read(socket_.get());
  if (!read || *read <= accounted_ + buffer_limit_) return;
  overflow_ = true;
  changed();
}

bool Transfer::sent() const {
  const MutexLock lock{m_};
  return sent_;
}

bool Transfer::stale() const {
  const MutexLock lock{m_};
  return stale_;
}

bool Transfer::reusable() const {
  const MutexLock lock{m_};
  return complete_ && !abandoned_ && !last_use_;
}

void Transfer::on_sent() {
  const MutexLock lock{m_};
  if (sent_) return;
  sent_ = true;
  changed();
}

void Transfer::on_head(const web::http::http_response& response) {
  Head head;
  head.status = response.status_code();
  for (const auto& [name, value] : response.headers()) head.headers.add(name, value);
  const MutexLock lock{m_};
  // cpprestsdk takes a 1xx for the answer, and leaves trailers unread: either way the connection is then out
  // of step.
  last_use_ = head.status < kFirstFinalStatus || head.headers.find("Trailer").has_value();
  head_ = std::move(head);
  changed();
}

pplx::task<std::size_t> Transfer::on_bytes(const std::uint8_t* data, std::size_t size) {
  const MutexLock lock{m_};
  if (size > kMaxPiece)
    return pplx::task_from_exception<std::size_t>(std::runtime_error("invalid chunk size"));
  // What the system had received before its end was asked for goes nowhere. It must not be refused:
  // cpprestsdk answers a refusal by waiting, on a thread of its pool, for a task of that pool; when as many
  // connections end at once as there are threads, they wait for ever (create_exception_checked_task in
  // cpprest/astreambuf.h).
  if (abandoned_) return pplx::task_from_result(size);
  // What was read and is not in this piece (framing, or the start of the next piece) is small.
  accounted_ = bytes_read(socket_.get()).value_or(0);
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): bytes as characters
  piece_ = std::string_view{reinterpret_cast<const char*>(data), size};
  written_.emplace();
  changed();
  return pplx::create_task(*written_);
}

void Transfer::on_complete() {
  const MutexLock lock{m_};
  complete_ = true;
  changed();
}

void Transfer::on_failure(std::string detail) {
  const MutexLock lock{m_};
  failure_ = std::move(detail);
  changed();
}

void Transfer::changed() {
  ++version_;
  events_.notify_all();
  if (wake_) wake_();
}

}  // namespace tp::http
