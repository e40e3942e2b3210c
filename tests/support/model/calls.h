#pragma once

#include <chrono>
#include <cstddef>
#include <functional>
#include <limits>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "http/client.h"
#include "support/fake_clock.h"

namespace tp::test {

// What goes wrong with a call. By default nothing: the service acts and says what it did.
struct Fault {
  enum class Answer {
    Own,
    Status,   // `status` instead
    Garbage,  // 200 with something that is no JSON
    Silence,  // none until the caller's deadline
    Cut,      // none: the connection breaks
  };
  enum class Commit { AtOnce, Late, Never };  // of what the Config Service answers before it is stored

  bool acts = true;  // whether the service does what it was asked for
  Answer answer = Answer::Own;
  int status = 0;
  std::optional<int> retry_after{};  // seconds
  Commit commit = Commit::AtOnce;
  std::chrono::milliseconds commit_delay{0};
  bool lose_update =
      false;  // a PUT that is answered with 200 and overwritten by somebody who had read before
};

[[nodiscard]] inline Fault refusal(int status, std::optional<int> retry_after = {}) {
  return {.acts = false, .answer = Fault::Answer::Status, .status = status, .retry_after = retry_after};
}

// One call of the operator.
struct Call {
  std::string service{};
  http::Method method = http::Method::Get;
  std::string target{};
  std::string body{};
  int status = 0;  // that the service gave; 0: it never acted

  [[nodiscard]] bool writes() const { return method != http::Method::Get; }
  [[nodiscard]] std::string str() const;
};

// The calls of all services in their order, and what is to happen to them. Calls are counted from 0 over all
// services and lives of the operator.
class Calls {
 public:
  static constexpr std::size_t kNever = std::numeric_limits<std::size_t>::max();
  // What a call takes.
  static constexpr std::chrono::milliseconds kDuration{5};

  explicit Calls(FakeClock& clock) : clock_(clock) {}

  // The operator dies right before the call with this index has an effect, or right after. From then on
  // nothing that it calls has an effect, until it is revived.
  void crash_at(std::size_t index, bool after) {
    crash_ = index;
    after_ = after;
  }
  [[nodiscard]] bool dead() const { return dead_; }
  void revive() { dead_ = false; }

  // Somebody else does something right before the call with this index.
  void before(std::size_t index, std::function<void()> what) { meanwhile_ = {index, std::move(what)}; }

  // Called after each call, whatever came of it.
  void after_each(std::function<void()> look) { look_ = std::move(look); }

  // `fault` happens to the calls for which `applies` is true; the first one that applies counts.
  using Applies = std::function<bool(std::size_t index, const Call& call)>;
  void inject(Applies applies, Fault fault) { faults_.emplace_back(std::move(applies), fault); }
  void heal() { faults_.clear(); }

  [[nodiscard]] const std::vector<Call>& log() const { return log_; }
  [[nodiscard]] std::size_t count() const { return log_.size(); }
  [[nodiscard]] FakeClock& clock() { return clock_; }

 private:
  friend class ModelService;
  // Nothing: the operator is dead.
  [[nodiscard]] std::optional<Fault> begin(Call call);
  void end(int status);

  FakeClock& clock_;
  std::size_t crash_ = kNever;
  bool after_ = false;
  bool dead_ = false;
  std::function<void()> look_;
  std::pair<std::size_t, std::function<void()>> meanwhile_{kNever, {}};
  std::vector<std::pair<Applies, Fault>> faults_;
  std::vector<Call> log_;
};

// A service of the model, as the operator's clients see it. Everything happens on the caller's thread.
class ModelService : public http::HttpClient {
 public:
  // `calls` must outlive this.
  ModelService(std::string name, Calls& calls) : name_(std::move(name)), calls_(calls) {}

  [[nodiscard]] Result<http::Response> send(const Context& ctx, const http::Request& request) final;
  void start(const Context& ctx, http::Request request, std::function<void(http::Exchange)> done) final;
  [[nodiscard]] Status stream(const Context& ctx,
                              const http::Request& request,
                              http::ResponseSink& sink) final;

 protected:
  [[nodiscard]] virtual http::Response answer(const http::Request& request, const Fault& fault) = 0;
  [[nodiscard]] const FakeClock& clock() const { return calls_.clock(); }

 private:
  const std::string name_;
  Calls& calls_;
};

// The segments of a target's path, percent-decoded.
[[nodiscard]] std::vector<std::string> path_of(const http::Request& request);
// The value of a query parameter, percent-decoded; empty when it is not there.
[[nodiscard]] std::string query_of(const http::Request& request, const std::string& name);

}  // namespace tp::test
