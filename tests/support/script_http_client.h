#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <functional>
#include <stop_token>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "http/client.h"

namespace tp::test {

// A server that answers from a script: each request takes the next step, which says what its target must
// contain and what comes back. What does not fit is noted in problems(). A request beyond the script's end
// waits until it is stopped. Thread-safe; the test thread may add steps while requests are held.
class ScriptHttpClient final : public http::HttpClient {
 public:
  enum class End {
    Close,    // in good order
    Cut,      // the connection breaks after the chunks
    Refuse,   // no connection: nothing is delivered
    Silence,  // nothing more until the caller's deadline, which passes at once
    Hold,     // open until let_go() or stop
  };

  struct Reply {
    int status = 200;
    std::vector<std::string> chunks{};
    End end = End::Close;
    http::Headers headers{};
  };

  struct Step {
    std::vector<std::string> target_has;
    Reply reply;
  };

  void add(std::vector<std::string> target_has, Reply reply) {
    {
      const MutexLock lock{m_};
      steps_.push_back({std::move(target_has), std::move(reply)});
    }
    changed_.notify_all();
  }

  // Waits until the whole script has been played and its last answer is held. False after half a minute.
  [[nodiscard]] bool wait_held() {
    const MutexLock lock{m_};
    return changed_.wait_for(m_, {}, kPatience, [this]() TP_REQUIRES(m_) { return held_ && steps_.empty(); });
  }

  // Hands `bytes` to the stream that is held; returns when they have been taken.
  [[nodiscard]] bool push(std::string bytes) {
    const MutexLock lock{m_};
    pushed_ = std::move(bytes);
    has_pushed_ = true;
    changed_.notify_all();
    return changed_.wait_for(m_, {}, kPatience, [this]() TP_REQUIRES(m_) { return !has_pushed_; });
  }

  // Ends the stream that is held.
  void let_go(End end) {
    {
      const MutexLock lock{m_};
      if (held_) let_go_ = true;
      how_ = end;
    }
    changed_.notify_all();
  }

  [[nodiscard]] std::vector<std::string> targets() {
    const MutexLock lock{m_};
    return targets_;
  }

  // Whole, in the order of their arrival.
  [[nodiscard]] std::vector<http::Request> requests() {
    const MutexLock lock{m_};
    return requests_;
  }

  [[nodiscard]] std::vector<std::string> problems() {
    const MutexLock lock{m_};
    return problems_;
  }

  // Of the last request.
  [[nodiscard]] SteadyTime deadline() {
    const MutexLock lock{m_};
    return deadline_;
  }

  [[nodiscard]] Result<http::Response> send(const Context& ctx, const http::Request& request) override {
    return run(ctx, request).result;
  }

  // A thread each: the tests start few.
  void start(const Context& ctx, http::Request request, std::function<void(http::Exchange)> done) override {
    const MutexLock lock{m_};
    started_.emplace_back(
        [this, ctx, request = std::move(request), done = std::move(done)](const std::stop_token& ended) {
          std::stop_source either;
          const auto stop = [&either] { either.request_stop(); };
          const std::stop_callback by_caller{ctx.stop, stop};
          const std::stop_callback by_end{ended, stop};
          done(run(Context{either.get_token(), ctx.deadline, ctx.id}, request));
        });
  }

  [[nodiscard]] Status stream(const Context& ctx,
                              const http::Request& request,
                              http::ResponseSink& sink) override {
    return serve(ctx, next(ctx, request), sink);
  }

 private:
  // Only a test that is about to fail waits this long.
  static constexpr std::chrono::seconds kPatience{30};

  struct Collect final : http::ResponseSink {
    http::Response response;

    Status on_head(int status, const http::Headers& headers) override {
      response.status = status;
      response.headers = headers;
      return ok();
    }

    Status on_bytes(std::string_view bytes) override {
      response.body.append(bytes);
      return ok();
    }
  };

  http::Exchange run(const Context& ctx, const http::Request& request) {
    const Reply reply = next(ctx, request);
    const bool sent = reply.end != End::Refuse && !ctx.stop.stop_requested();
    Collect collect;
    if (Status ended = serve(ctx, reply, collect); !ended) return {std::move(ended).error(), sent};
    return {std::move(collect.response), sent};
  }

  Status serve(const Context& ctx, Reply reply, http::ResponseSink& sink) {
    if (reply.end == End::Refuse) return Error{ErrorCode::Unavailable, "connection refused"};
    if (ctx.stop.stop_requested()) return Error{ErrorCode::Cancelled, "stopped"};
    TP_TRY(sink.on_head(reply.status, reply.headers));
    for (const std::string& chunk : reply.chunks) TP_TRY(sink.on_bytes(chunk));
    if (reply.end == End::Hold) {
      TP_ASSIGN_OR_RETURN(reply.end, hold(ctx, sink));
    }
    if (reply.end == End::Cut) return Error{ErrorCode::Unavailable, "connection reset by peer"};
    if (reply.end == End::Silence) return Error{ErrorCode::DeadlineExceeded, "deadline passed"};
    return ok();
  }

  Reply next(const Context& ctx, const http::Request& request) {
    const MutexLock lock{m_};
    targets_.push_back(request.target);
    requests_.push_back(request);
    deadline_ = ctx.deadline;
    changed_.wait(m_, ctx.stop, [this]() TP_REQUIRES(m_) { return !steps_.empty(); });
    if (steps_.empty()) return {};
    const Step step = std::move(steps_.front());
    steps_.pop_front();
    for (const std::string& part : step.target_has) {
      if (request.target.find(part) == std::string::npos)
        problems_.push_back(request.target + " lacks " + part);
    }
    changed_.notify_all();
    return step.reply;
  }

  Result<End> hold(const Context& ctx, http::ResponseSink& sink) {
    {
      const MutexLock lock{m_};
      held_ = true;
    }
    changed_.notify_all();
    Result<End> end = serve_held(ctx, sink);
    {
      const MutexLock lock{m_};
      held_ = false;
      let_go_ = false;
      has_pushed_ = false;
    }
    changed_.notify_all();
    return end;
  }

  Result<End> serve_held(const Context& ctx, http::ResponseSink& sink) {
    while (true) {
      std::string bytes;
      {
        const MutexLock lock{m_};
        changed_.wait(m_, ctx.stop, [this]() TP_REQUIRES(m_) { return has_pushed_ || let_go_; });
        if (ctx.stop.stop_requested()) return Error{ErrorCode::Cancelled, "stopped"};
        if (!has_pushed_) return how_;
        bytes = pushed_;
      }
      TP_TRY(sink.on_bytes(bytes));
      {
        const MutexLock lock{m_};
        has_pushed_ = false;
      }
      changed_.notify_all();
    }
  }

  Mutex m_;
  CondVar changed_;
  std::deque<Step> steps_ TP_GUARDED_BY(m_);
  std::vector<std::string> targets_ TP_GUARDED_BY(m_);
  std::vector<http::Request> requests_ TP_GUARDED_BY(m_);
  std::vector<std::string> problems_ TP_GUARDED_BY(m_);
  SteadyTime deadline_ TP_GUARDED_BY(m_){};
  std::string pushed_ TP_GUARDED_BY(m_);
  bool has_pushed_ TP_GUARDED_BY(m_) = false;
  bool held_ TP_GUARDED_BY(m_) = false;
  bool let_go_ TP_GUARDED_BY(m_) = false;
  End how_ TP_GUARDED_BY(m_) = End::Close;
  std::vector<std::jthread> started_ TP_GUARDED_BY(m_);  // last: stopped and joined first
};

}  // namespace tp::test
