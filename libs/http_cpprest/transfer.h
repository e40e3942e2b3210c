#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include <cpprest/http_client.h>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/result.h"
#include "http/client.h"
#include "http_cpprest/receive_guard.h"
#include "http_cpprest/socket.h"
#include "http_cpprest/tls.h"

namespace tp::http {

// One request and its answer: the meeting point of cpprestsdk, whose pool threads push events in, and of its
// driver, who hands them to the sink under a deadline and a stop token. The driver is either a thread that
// waits in drive(), or whoever calls advance() each time that the wake function says so.
//
// A pool thread that delivers bytes is told "written" only when the sink has returned, so at most one piece
// is waiting here and cpprestsdk reads no further meanwhile. A driver that gives up leaves at once: the
// transfer is shared, lives until cpprestsdk lets go of it, and from then on refuses whatever comes.
// Thread-safe.
class Transfer : public std::enable_shared_from_this<Transfer> {
 public:
  enum class End : std::uint8_t {
    Complete,        // the whole answer was handed to the sink
    Stopped,         // ctx.stop
    DeadlinePassed,  // ctx.deadline
    ConnectTimeout,  // nothing was sent when connect_deadline came
    Refused,         // by the sink; Ending::error says why
    Oversized,       // more arrived, undelivered, than allowed
    Broken,          // cpprestsdk reported a failure; Ending::detail is its text
  };
  struct Ending {
    End end = End::Broken;
    Error error{};
    std::string detail{};
  };

  // What a transfer is driven with, beside its caller's Context.
  struct Terms {
    const Clock& clock;  // whose times the deadlines are
    ReceiveGuard& guard;
    SteadyTime connect_deadline;
  };

  // `buffer_limit`: how many bytes cpprestsdk may have read from the socket without giving them to the sink.
  // `wake`: called after each event, on any thread and under this object's lock, so it must neither call back
  // nor block; may be empty when drive() is used.
  explicit Transfer(std::size_t buffer_limit, std::function<void()> wake = {})
      : buffer_limit_(buffer_limit), wake_(std::move(wake)) {}

  // Sends `request` by `client`, whose socket hook must lead here (see Connection). `lease` is kept as long
  // as cpprestsdk has any part in the transfer, then dropped, on any thread.
  void start(web::http::client::http_client& client,
             web::http::http_request request,
             std::shared_ptr<void> lease);
  // Waits for the answer and hands it to `sink`, on this thread. Call once, after start().
  [[nodiscard]] Ending drive(const Context& ctx, const Terms& terms, ResponseSink& sink) TP_EXCLUDES(m_);

  // drive() in steps that do not wait: hands to `sink` what has come; nothing when more is to be awaited. By
  // one thread at a time.
  [[nodiscard]] std::optional<Ending> advance(const Context& ctx, const Terms& terms, ResponseSink& sink)
      TP_EXCLUDES(m_);
  // When it must be advanced again even if nothing happens.
  [[nodiscard]] SteadyTime limit(const Context& ctx, const Terms& terms) const TP_EXCLUDES(m_);
  // From now on the guard looks at what arrives. Null while there is no connection. To be dropped before
  // abandon().
  [[nodiscard]] std::unique_ptr<ReceiveGuard::Watch> watch(ReceiveGuard& guard) TP_EXCLUDES(m_);
  // Gives up: closes the connection and takes nothing more. After it, sent() is final.
  void abandon() TP_EXCLUDES(m_);

  // From the socket hook: the connection that the request is about to use. An exception there ends the
  // transfer.
  void use_socket(int fd, bool reused, bool tls) TP_EXCLUDES(m_);
  // From the receive guard: bytes have arrived.
  void check_arrivals() TP_EXCLUDES(m_);

  // Whether the request's header has left completely; after abandon(), whether it may have. While false the
  // peer cannot have acted on the request.
  [[nodiscard]] bool sent() const TP_EXCLUDES(m_);
  // A reused connection turned out to be closed, before anything was sent.
  [[nodiscard]] bool stale() const TP_EXCLUDES(m_);
  // The connection can serve another request.
  [[nodiscard]] bool reusable() const TP_EXCLUDES(m_);
  [[nodiscard]] const std::shared_ptr<CertVerdict>& verdict() const noexcept { return verdict_; }

 private:
  class Buffer;
  struct Head {
    int status = 0;
    Headers headers;
  };

  // From pool threads.
  void on_sent() TP_EXCLUDES(m_);
  void on_head(const web::http::http_response& response) TP_EXCLUDES(m_);
  pplx::task<std::size_t> on_bytes(const std::uint8_t* data, std::size_t size) TP_EXCLUDES(m_);
  void on_complete() TP_EXCLUDES(m_);
  void on_failure(std::string detail) TP_EXCLUDES(m_);

  // For the driver.
  Ending drive_events(const Context& ctx, const Terms& terms, ResponseSink& sink) TP_EXCLUDES(m_);
  void look_at_arrivals() TP_REQUIRES(m_);
  [[nodiscard]] SteadyTime next_limit(const Context& ctx, const Terms& terms) const TP_REQUIRES(m_);
  [[nodiscard]] std::optional<Ending> ended_by_us(const Context& ctx, SteadyTime now, SteadyTime limit) const
      TP_REQUIRES(m_);
  [[nodiscard]] bool has_news_for_sink() const TP_REQUIRES(m_);
  [[nodiscard]] std::optional<Ending> ended_by_peer() const TP_REQUIRES(m_);
  [[nodiscard]] bool may_have_left() const TP_REQUIRES(m_);

  void changed() TP_REQUIRES(m_);

  // Constant after construction.
  const std::size_t buffer_limit_;
  const std::function<void()> wake_;
  const std::shared_ptr<CertVerdict> verdict_ = std::make_shared<CertVerdict>();

  // Own synchronisation.
  pplx::cancellation_token_source cancel_;

  mutable Mutex m_;
  CondVar events_;
  std::uint64_t version_ TP_GUARDED_BY(m_) = 0;  // counts events, so that a waiter sees each
  bool abandoned_ TP_GUARDED_BY(m_) = false;
  UniqueFd socket_ TP_GUARDED_BY(m_);
  std::uint64_t accounted_ TP_GUARDED_BY(m_) =
      0;  // of the socket's bytes: read before this transfer or delivered
  bool tls_ TP_GUARDED_BY(m_) = false;
  std::uint64_t written_before_ TP_GUARDED_BY(m_) = 0;  // bytes of the socket's earlier requests
  bool stale_ TP_GUARDED_BY(m_) = false;
  bool sent_ TP_GUARDED_BY(m_) = false;
  std::optional<Head> head_ TP_GUARDED_BY(m_);  // taken by the driver
  bool headed_ TP_GUARDED_BY(m_) = false;       // the sink has seen the head
  bool last_use_ TP_GUARDED_BY(m_) = false;     // the answer leaves the connection in an unknown state
  std::string_view piece_ TP_GUARDED_BY(m_);    // cpprestsdk's memory, valid until written_ is set
  std::optional<pplx::task_completion_event<std::size_t>> written_ TP_GUARDED_BY(m_);
  bool overflow_ TP_GUARDED_BY(m_) = false;
  bool complete_ TP_GUARDED_BY(m_) = false;
  std::optional<std::string> failure_ TP_GUARDED_BY(m_);
};

}  // namespace tp::http
