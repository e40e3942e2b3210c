#include "http_cpprest/client.h"

#include <algorithm>
#include <charconv>
#include <cstdint>
#include <exception>
#include <stop_token>
#include <utility>

#include <boost/asio/post.hpp>
#include <boost/asio/steady_timer.hpp>
#include <boost/asio/strand.hpp>
#include <pplx/threadpool.h>
#include <sys/stat.h>

#include "base/mutex.h"
#include "http_cpprest/connection.h"
#include "http_cpprest/outgoing.h"
#include "http_cpprest/receive_guard.h"
#include "http_cpprest/resolver.h"
#include "http_cpprest/tls.h"
#include "http_cpprest/transfer.h"

namespace tp::http {
namespace {

constexpr int kFirstFinalStatus = 200;
constexpr int kUnauthorized = 401;

// For what travels with a body: headers, chunk sizes, and TLS, which needs about 2 % where records are small.
constexpr std::size_t kHeadRoom = std::size_t{1} << 20U;

// --- files that may change under us ---

struct FileStamp {
  ino_t inode = 0;
  off_t size = 0;
  std::int64_t seconds = 0;
  std::int64_t nanoseconds = 0;

  friend bool operator==(const FileStamp&, const FileStamp&) = default;
};

// All zero for a file that is not there: that too is a change to notice.
FileStamp stamp_of(const std::string& path) {
  struct stat status {};
  if (path.empty() || ::stat(path.c_str(), &status) != 0) return {};
  return FileStamp{status.st_ino, status.st_size, status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

std::vector<FileStamp> stamps_of(const TlsOptions& tls) {
  return {stamp_of(tls.ca_file), stamp_of(tls.cert_file), stamp_of(tls.key_file)};
}

// --- what comes back ---

// Collects a whole answer, up to a limit.
class Collector final : public ResponseSink {
 public:
  Collector(Method method, std::size_t limit) : method_(method), limit_(limit) {}

  Status on_head(int status, const Headers& headers) override {
    response_.status = status;
    response_.headers = headers;
    const auto announced = headers.find("Content-Length");
    if (!announced || method_ == Method::Head) return ok();
    std::size_t length = 0;
    const auto [rest, failure] =
        std::from_chars(announced->data(), announced->data() + announced->size(), length);
    if (failure != std::errc{}) return failure == std::errc::result_out_of_range ? too_large() : ok();
    if (length > limit_) return too_large();
    if (rest == announced->data() + announced->size()) response_.body.reserve(length);
    return ok();
  }

  Status on_bytes(std::string_view bytes) override {
    if (bytes.size() > limit_ - response_.body.size()) return too_large();
    response_.body.append(bytes);
    return ok();
  }

  [[nodiscard]] Response take() && { return std::move(response_); }

 private:
  [[nodiscard]] Status too_large() const {
    return Error{ErrorCode::ResourceExhausted,
                 "the answer is larger than " + std::to_string(limit_) + " bytes"};
  }

  Method method_;
  std::size_t limit_;
  Response response_{};
};

// Notes the status on its way to the caller's sink.
class StatusNote final : public ResponseSink {
 public:
  explicit StatusNote(ResponseSink& next) : next_(next) {}

  Status on_head(int status, const Headers& headers) override {
    status_ = status;
    if (status < kFirstFinalStatus) {
      return Error{ErrorCode::DataLoss, "unexpected interim answer " + std::to_string(status)};
    }
    return next_.on_head(status, headers);
  }

  Status on_bytes(std::string_view bytes) override { return next_.on_bytes(bytes); }

  [[nodiscard]] int status() const noexcept { return status_; }

 private:
  ResponseSink& next_;
  int status_ = 0;
};

Error to_error(const Transfer& transfer, Transfer::Ending ending, const ClientOptions& options) {
  const std::string phase = transfer.sent() ? "connection lost: " : "not connected: ";
  switch (ending.end) {
    case Transfer::End::Stopped: return Error{ErrorCode::Cancelled, "stopped"};
    case Transfer::End::DeadlinePassed:
      return Error{ErrorCode::DeadlineExceeded,
                   transfer.sent() ? "no (complete) answer in time" : "not connected in time"};
    case Transfer::End::ConnectTimeout:
      return Error{ErrorCode::Unavailable,
                   phase + "no connection within " + std::to_string(options.connect_timeout.count()) + " ms"};
    case Transfer::End::Refused: return std::move(ending.error);
    case Transfer::End::Oversized:
      return Error{
          ErrorCode::ResourceExhausted,
          "the peer sent more than " + std::to_string(options.max_response_bytes) + " bytes in one piece"};
    case Transfer::End::Broken: {
      const std::string refused = transfer.verdict()->reason();
      if (!refused.empty())
        return Error{ErrorCode::Unauthenticated, "the server's certificate is refused: " + refused};
      return Error{ErrorCode::Unavailable, phase + ending.detail};
    }
    case Transfer::End::Complete: break;
  }
  return Error{ErrorCode::Internal, "an exchange ended well and badly"};
}

// Counts what cpprestsdk still works on, and started exchanges whose end was not told yet. Its thread pool is
// joined when the process exits, and a pool thread that is then closing a stream waits for ever for a task
// which the stopped pool no longer runs. So a client does not go before cpprestsdk has let go of its last
// exchange; what was given up is cancelled, so that takes milliseconds.
class Outstanding {
 public:
  class Token {
   public:
    explicit Token(std::shared_ptr<Outstanding> all) : all_(std::move(all)) { all_->add(1); }
    Token(const Token&) = delete;
    Token& operator=(const Token&) = delete;
    ~Token() { all_->add(-1); }

   private:
    const std::shared_ptr<Outstanding> all_;
  };

  void wait_until_none() TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    changed_.wait(m_, {}, [this]() TP_REQUIRES(m_) { return count_ == 0; });
  }

 private:
  void add(int difference) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    count_ += difference;
    changed_.notify_all();
  }

  Mutex m_;
  CondVar changed_;
  int count_ TP_GUARDED_BY(m_) = 0;
};

// Keeps a connection while cpprestsdk uses it, and puts it back when that is over and it can be used again.
class Lease {
 public:
  Lease(std::shared_ptr<Outstanding> outstanding,
        std::unique_ptr<Connection> connection,
        std::weak_ptr<ConnectionPool> pool,
        std::weak_ptr<Transfer> transfer)
      : token_(std::move(outstanding)),
        connection_(std::move(connection)),
        pool_(std::move(pool)),
        transfer_(std::move(transfer)) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() {
    const auto transfer = transfer_.lock();
    const auto pool = pool_.lock();
    if (pool && transfer && transfer->reusable()) pool->put(std::move(connection_));
  }

  [[nodiscard]] Connection& connection() noexcept { return *connection_; }

 private:
  const Outstanding::Token token_;  // first: given back when all the rest is gone
  std::unique_ptr<Connection> connection_;
  std::weak_ptr<ConnectionPool> pool_;
  std::weak_ptr<Transfer> transfer_;
};

// --- the client ---

class CpprestClient final : public HttpClient {
 public:
  CpprestClient(ClientOptions options,
                const Clock& clock,
                Origin origin,
                std::shared_ptr<const TlsContext> tls,
                std::vector<FileStamp> stamps)
      : options_(std::move(options)),
        clock_(clock),
        origin_(std::move(origin)),
        endpoint_(tp::http::route(origin_.endpoint, options_.connect_to)),
        resolver_(endpoint_, clock),
        unary_(std::make_shared<ConnectionPool>(options_.tcp_user_timeout)),
        streams_(std::make_shared<ConnectionPool>(options_.tcp_user_timeout)),
        tls_(std::move(tls)),
        stamps_(std::move(stamps)),
        next_look_(clock.now() + options_.reload_interval) {}
  CpprestClient(const CpprestClient&) = delete;
  CpprestClient& operator=(const CpprestClient&) = delete;
  ~CpprestClient() override {
    closing_.request_stop();
    outstanding_->wait_until_none();
  }

  Result<Response> send(const Context& ctx, const Request& request) override {
    Collector collector{request.method, options_.max_response_bytes};
    TP_TRY(guarded(request, [&]() -> Status {
      const Slot slot{*this, ctx};
      if (!slot.taken()) return slot.refusal();
      return exchange(ctx, request, collector, unary_);
    }));
    return std::move(collector).take();
  }

  void start(const Context& ctx, Request request, std::function<void(Exchange)> done) override;

  Status stream(const Context& ctx, const Request& request, ResponseSink& sink) override {
    return guarded(request, [&] { return exchange(ctx, request, sink, streams_); });
  }

 private:
  // One of max_concurrent places, given back with its scope.
  class Slot {
   public:
    Slot(CpprestClient& client, const Context& ctx) : client_(client), taken_(client.take_slot(ctx)) {}
    Slot(const Slot&) = delete;
    Slot& operator=(const Slot&) = delete;
    ~Slot() {
      if (taken()) client_.give_slot();
    }
    [[nodiscard]] bool taken() const noexcept { return taken_.has_value(); }
    [[nodiscard]] Error refusal() const { return taken_.error(); }

   private:
    CpprestClient& client_;
    Status taken_;
  };

  class Started;

  // Where exceptions end and every Error gets its context.
  template <class Call>
  Status guarded(const Request& request, Call call) const {
    Status status = ok();
    try {
      status = call();
    } catch (const std::exception& e) {
      status = Error{ErrorCode::Internal, e.what()};
    }
    if (status) return status;
    return with_place(std::move(status).error(), request);
  }

  [[nodiscard]] Error with_place(Error error, const Request& request) const {
    const std::string path = request.target.substr(0, request.target.find('?'));
    return std::move(error).wrap(std::string{to_string(request.method)} + " " + origin_.authority() +
                                 origin_.prefix + path);
  }

  Status exchange(const Context& ctx,
                  const Request& request,
                  ResponseSink& sink,
                  const std::shared_ptr<ConnectionPool>& pool) {
    TP_TRY(check_request(request));
    const Context connecting = ctx.child(clock_, options_.connect_timeout);
    TP_ASSIGN_OR_RETURN(Outgoing common, outgoing(ctx));
    TP_ASSIGN_OR_RETURN(std::vector<std::string> addresses, usable(ctx, resolver_.addresses(connecting)));
    StatusNote note{sink};
    for (;;) {
      TP_TRY(still_wanted(ctx));
      const auto attempt = std::make_shared<Transfer>(options_.max_response_bytes + kHeadRoom);
      send_by(*attempt, request, common, addresses.front(), pool);
      Transfer::Ending ending = attempt->drive(ctx, {clock_, guard_, connecting.deadline}, note);
      if (auto status = conclude(*attempt, std::move(ending), note.status(), addresses)) return *status;
    }
  }

  void send_by(Transfer& attempt,
               const Request& request,
               Outgoing& common,
               const std::string& address,
               const std::shared_ptr<ConnectionPool>& pool) {
    const Destination destination = route_to(address);
    const bool fresh = options_.fresh_connection;
    const auto lease = std::make_shared<Lease>(
        outstanding_, fresh ? pool->make(destination) : pool->take(destination),
        fresh ? std::weak_ptr<ConnectionPool>{} : std::weak_ptr{pool}, attempt.weak_from_this());
    lease->connection().serve(attempt.shared_from_this());
    common.host = destination.by_name ? std::string{} : origin_.authority();
    attempt.start(lease->connection().client(), to_cpprest(request, common), lease);
  }

  // What an attempt's ending means for its exchange; nothing: try the address that is now in front. That
  // repeats no request, since nothing has been sent.
  [[nodiscard]] std::optional<Status> conclude(const Transfer& attempt,
                                               Transfer::Ending ending,
                                               int status,
                                               std::vector<std::string>& addresses) {
    if (status == kUnauthorized && options_.token_source) options_.token_source->rejected();
    if (ending.end == Transfer::End::Complete) return ok();
    if (attempt.stale()) return std::nullopt;
    if (is_unreachable(attempt, ending.end)) resolver_.failed(addresses.front());
    if (may_try_next(attempt, ending.end) && addresses.size() > 1) {
      addresses.erase(addresses.begin());
      return std::nullopt;
    }
    return to_error(attempt, std::move(ending), options_);
  }

  [[nodiscard]] static bool is_unreachable(const Transfer& attempt, Transfer::End end) {
    return !attempt.sent() && (end == Transfer::End::Broken || end == Transfer::End::ConnectTimeout);
  }

  // Another address may do where this one could not be reached in time; not where its certificate was
  // refused.
  [[nodiscard]] static bool may_try_next(const Transfer& attempt, Transfer::End end) {
    return !attempt.sent() && end == Transfer::End::Broken && attempt.verdict()->reason().empty();
  }

  [[nodiscard]] Status still_wanted(const Context& ctx) const {
    if (ctx.stop.stop_requested()) return Error{ErrorCode::Cancelled, "stopped"};
    if (clock_.now() >= ctx.deadline) return Error{ErrorCode::DeadlineExceeded, "not connected in time"};
    return ok();
  }

  [[nodiscard]] Result<Outgoing> outgoing(const Context& ctx) const {
    Outgoing common;
    common.prefix = origin_.prefix;
    common.user_agent = options_.user_agent;
    if (!options_.token_source) return common;
    auto token = options_.token_source->token(ctx);
    if (!token) return std::move(token).error().wrap("token");
    common.bearer = *std::move(token);
    return common;
  }

  [[nodiscard]] Result<std::vector<std::string>> usable(const Context& ctx,
                                                        Resolver::Addresses addresses) const {
    if (!addresses) {
      TP_TRY(still_wanted(ctx));
      return Error{ErrorCode::Unavailable, "not connected: " + addresses.error().message};
    }
    if (endpoint_ != origin_.endpoint && !is_ipv4(addresses->front())) {
      return Error{ErrorCode::Unavailable, "not connected: " + endpoint_.host +
                                               " has only IPv6 addresses, which connect-to does not support"};
    }
    return addresses;
  }

  [[nodiscard]] Destination route_to(const std::string& address) {
    const std::string scheme = origin_.tls ? "https://" : "http://";
    return Destination{scheme + address + ":" + std::to_string(endpoint_.port), !is_ipv4(address),
                       current_tls()};
  }

  // The TLS settings, read again when their files have changed. Requests in flight and their connections keep
  // the old.
  [[nodiscard]] std::shared_ptr<const TlsContext> current_tls() TP_EXCLUDES(tls_m_) {
    if (!origin_.tls) return nullptr;
    const MutexLock lock{tls_m_};
    if (clock_.now() < next_look_) return tls_;
    next_look_ = clock_.now() + options_.reload_interval;
    // Taken before the files are read: a change in between is seen at the next look.
    std::vector<FileStamp> stamps = stamps_of(options_.tls);
    if (stamps == stamps_) return tls_;
    auto fresh = TlsContext::load(options_.tls, origin_.endpoint.host);
    if (!fresh) {
      // Perhaps caught in the middle of a change: the stamps are not taken over, so the next look tries
      // again.
      if (options_.log) {
        options_.log->warn("changed TLS files cannot be used yet; the old ones stay in use",
                           {{"host", origin_.authority()}, {"error", fresh.error()}});
      }
      return tls_;
    }
    tls_ = *std::move(fresh);
    stamps_ = std::move(stamps);
    return tls_;
  }

  [[nodiscard]] Status take_slot(const Context& ctx) TP_EXCLUDES(slots_m_) {
    const MutexLock lock{slots_m_};
    const auto free = [this]() TP_REQUIRES(slots_m_) { return in_flight_ < options_.max_concurrent; };
    const bool got = ctx.deadline == SteadyTime::max()
                         ? slot_free_.wait(slots_m_, ctx.stop, free)
                         : slot_free_.wait_until(slots_m_, ctx.stop, ctx.deadline, free);
    if (got) {
      ++in_flight_;
      return ok();
    }
    if (ctx.stop.stop_requested()) return Error{ErrorCode::Cancelled, "stopped"};
    return Error{ErrorCode::DeadlineExceeded, "not connected: " + std::to_string(options_.max_concurrent) +
                                                  " requests to this host are in flight already"};
  }

  void give_slot() TP_EXCLUDES(slots_m_) {
    const MutexLock lock{slots_m_};
    --in_flight_;
    slot_free_.notify_one();
  }

  // Constant after construction.
  const ClientOptions options_;
  const Clock& clock_;
  const Origin origin_;
  const Endpoint endpoint_;  // where TCP goes

  // Own synchronisation.
  Resolver resolver_;
  ReceiveGuard guard_;
  const std::shared_ptr<Outstanding> outstanding_ = std::make_shared<Outstanding>();
  // Apart, so that a stream that ends badly never leaves its connection to a unary call.
  const std::shared_ptr<ConnectionPool> unary_;
  const std::shared_ptr<ConnectionPool> streams_;
  std::stop_source closing_;

  Mutex tls_m_;
  std::shared_ptr<const TlsContext> tls_ TP_GUARDED_BY(tls_m_);
  std::vector<FileStamp> stamps_ TP_GUARDED_BY(tls_m_);
  SteadyTime next_look_ TP_GUARDED_BY(tls_m_);

  Mutex slots_m_;
  CondVar slot_free_;
  std::size_t in_flight_ TP_GUARDED_BY(slots_m_) = 0;
};

// --- exchanges that nobody waits for ---

// One exchange begun with start(): the work of CpprestClient::exchange() cut into steps that never wait, run
// on cpprestsdk's pool when there is news: an event of the transfer, a limit of time, a stop request. The
// strand lets one step run at a time, so the members need no lock. Lives until `done` has been called.
class CpprestClient::Started final : public std::enable_shared_from_this<Started> {
 public:
  Started(CpprestClient& client, const Context& ctx, Request request, std::function<void(Exchange)> done)
      : token_(client.outstanding_),
        client_(client),
        ctx_{stop_.get_token(), ctx.deadline, ctx.id},
        terms_{client.clock_, client.guard_,
               ctx.child(client.clock_, client.options_.connect_timeout).deadline},
        request_(std::move(request)),
        done_(std::move(done)),
        collector_(request_.method, client.options_.max_response_bytes),
        strand_(boost::asio::make_strand(crossplat::threadpool::shared_instance().service())),
        timer_(strand_) {}
  Started(const Started&) = delete;
  Started& operator=(const Started&) = delete;
  ~Started() = default;

  // On the caller's thread, which the token source may keep for a moment.
  void begin(const Context& ctx) {
    self_ = shared_from_this();
    Status ready = client_.guarded(request_, [&]() -> Status {
      TP_TRY(check_request(request_));
      TP_ASSIGN_OR_RETURN(common_, client_.outgoing(ctx));
      return ok();
    });
    post([this, caller = ctx.stop, ready = std::move(ready)] {
      if (!ready) return finish(ready.error());
      look_up(caller);
    });
  }

 private:
  using StopCallback = std::stop_callback<std::function<void()>>;

  // From any thread: runs `step` when no other runs, unless the end has come by then.
  template <class Step>
  void post(Step step) {
    boost::asio::post(strand_, [self = shared_from_this(), step = std::move(step)] { self->run(step); });
  }

  template <class Step>
  void run(const Step& step) {
    if (!self_) return;
    try {
      step();
    } catch (const std::exception& e) {
      if (transfer_) give_up_transfer();
      fail(Error{ErrorCode::Internal, e.what()});
    }
  }

  void look_up(const std::stop_token& caller) {
    const std::function<void()> stop = [this] {
      stop_.request_stop();
      post([this] { advance(); });
    };
    on_caller_stop_.emplace(caller, stop);
    on_client_end_.emplace(client_.closing_.get_token(), stop);
    arm(std::min(ctx_.deadline, terms_.connect_deadline));
    client_.resolver_.ask([weak = weak_from_this()](const Resolver::Addresses& addresses) {
      if (const auto self = weak.lock()) {
        self->post([started = self.get(), addresses] { started->use(addresses); });
      }
    });
  }

  void use(const Resolver::Addresses& addresses) {
    auto usable = client_.usable(ctx_, addresses);
    if (!usable) return fail(std::move(usable).error());
    addresses_ = *std::move(usable);
    attempt();
  }

  void attempt() {
    if (Status wanted = client_.still_wanted(ctx_); !wanted) return fail(std::move(wanted).error());
    transfer_ = std::make_shared<Transfer>(client_.options_.max_response_bytes + kHeadRoom,
                                           [weak = weak_from_this()] {
                                             if (const auto self = weak.lock())
                                               self->post([started = self.get()] { started->advance(); });
                                           });
    client_.send_by(*transfer_, request_, common_, addresses_.front(), client_.unary_);
    advance();
  }

  void advance() {
    if (!transfer_) {
      const bool late = terms_.clock.now() >= std::min(ctx_.deadline, terms_.connect_deadline);
      if (late || ctx_.stop.stop_requested()) {
        use(Error{ErrorCode::DeadlineExceeded,
                  "name lookup of " + client_.endpoint_.host + " took too long"});
      }
      return;
    }
    if (!watch_ && transfer_->sent()) watch_ = transfer_->watch(client_.guard_);
    auto ending = transfer_->advance(ctx_, terms_, note_);
    if (!ending) return arm(transfer_->limit(ctx_, terms_));
    if (ending->end != Transfer::End::Complete) give_up_transfer();
    watch_.reset();
    sent_ = transfer_->sent();
    auto status = client_.conclude(*transfer_, *std::move(ending), note_.status(), addresses_);
    if (!status) return attempt();
    if (!*status) return fail(std::move(*status).error());
    finish(std::move(collector_).take());
  }

  void give_up_transfer() {
    watch_.reset();
    transfer_->abandon();
    sent_ = transfer_->sent();
  }

  // Has advance() called at `limit`.
  void arm(SteadyTime limit) {
    if (limit == armed_) return;
    armed_ = limit;
    if (limit == SteadyTime::max()) {
      timer_.cancel();
      return;
    }
    timer_.expires_after(limit - terms_.clock.now());
    timer_.async_wait([weak = weak_from_this()](const boost::system::error_code& replaced) {
      const auto self = weak.lock();
      if (replaced || !self) return;
      self->armed_.reset();
      self->run([&self] { self->advance(); });
    });
  }

  void fail(Error error) { finish(client_.with_place(std::move(error), request_)); }

  void finish(Result<Response> result) {
    const std::shared_ptr<Started> self = std::move(self_);
    timer_.cancel();
    on_caller_stop_.reset();
    on_client_end_.reset();
    std::exchange(done_, {})(Exchange{std::move(result), sent_});
  }

  const Outstanding::Token token_;  // first: given back when all the rest is gone
  CpprestClient& client_;
  std::stop_source stop_;
  const Context ctx_;  // its stop is that of the caller and the client's end
  const Transfer::Terms terms_;
  const Request request_;
  std::function<void(Exchange)> done_;
  Outgoing common_;
  Collector collector_;
  StatusNote note_{collector_};
  std::vector<std::string> addresses_;
  std::shared_ptr<Transfer> transfer_;
  std::unique_ptr<ReceiveGuard::Watch> watch_;
  bool sent_ = false;
  std::optional<SteadyTime> armed_;
  const boost::asio::strand<boost::asio::io_context::executor_type> strand_;
  boost::asio::steady_timer timer_;
  std::shared_ptr<Started> self_;  // until the end has been told
  std::optional<StopCallback> on_caller_stop_;
  std::optional<StopCallback> on_client_end_;
};

void CpprestClient::start(const Context& ctx, Request request, std::function<void(Exchange)> done) {
  std::make_shared<Started>(*this, ctx, std::move(request), std::move(done))->begin(ctx);
}

}  // namespace

Status init_client_threads(std::size_t threads) {
  try {
    // Before the pool, so that at exit the pool's threads end first: OpenSSL's own cleanup must not run under
    // them.
    OPENSSL_init_ssl(0, nullptr);
    crossplat::threadpool::initialize_with_threads(threads);
  } catch (const std::exception& e) {
    return Error{ErrorCode::FailedPrecondition, e.what()};
  }
  return ok();
}

Result<std::unique_ptr<HttpClient>> create_client(ClientOptions options, const Clock& clock) {
  TP_ASSIGN_OR_RETURN(Origin origin, parse_origin(options.base_url));
  std::shared_ptr<const TlsContext> tls;
  std::vector<FileStamp> stamps;
  if (origin.tls) {
    stamps = stamps_of(options.tls);
    TP_ASSIGN_OR_RETURN(tls, TlsContext::load(options.tls, origin.endpoint.host));
  }
  if (options.max_concurrent == 0)
    return Error{ErrorCode::InvalidArgument, "max_concurrent must be at least 1"};
  try {
    return std::unique_ptr<HttpClient>{std::make_unique<CpprestClient>(
        std::move(options), clock, std::move(origin), std::move(tls), std::move(stamps))};
  } catch (const std::exception& e) {
    return Error{ErrorCode::ResourceExhausted, std::string{"HTTP client: "} + e.what()};
  }
}

}  // namespace tp::http
