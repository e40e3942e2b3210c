#include "http_cpprest/resolver.h"

#include <algorithm>
#include <chrono>
#include <exception>
#include <optional>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <pplx/threadpool.h>

#include "base/mutex.h"

namespace tp::http {
namespace {

using boost::asio::ip::tcp;

// CoreDNS serves cluster names with a TTL of 30 s (its kubernetes plugin's setting in kubeadm's default
// Corefile).
constexpr std::chrono::seconds kRememberFor{30};

Resolver::Addresses addresses_of(const std::string& host,
                                 const boost::system::error_code& failure,
                                 const tcp::resolver::results_type& results) {
  const auto unavailable = [&](const std::string& why) {
    return Error{ErrorCode::Unavailable, "name lookup of " + host + ": " + why};
  };
  if (failure) return unavailable(failure.message());
  std::vector<std::string> v4;
  for (const auto& entry : results) {
    if (entry.endpoint().address().is_v4()) v4.push_back(entry.endpoint().address().to_string());
  }
  if (!v4.empty()) return v4;
  if (!results.empty()) return std::vector<std::string>{host};
  return unavailable("no address");
}

// Filled in by a pool thread, perhaps after the one who waits for it has left.
struct Answer {
  Mutex m;
  CondVar come;
  std::optional<Resolver::Addresses> addresses TP_GUARDED_BY(m);
};

}  // namespace

// What is known of the name, and who waits for its look-up. Thread-safe.
class Resolver::Memory : public std::enable_shared_from_this<Memory> {
 public:
  using Done = std::function<void(const Addresses&)>;

  void ask(const Endpoint& endpoint, SteadyTime now, Done done) TP_EXCLUDES(m_) {
    std::optional<Addresses> known;
    {
      const MutexLock lock{m_};
      if (now < known_until_) {
        known = known_;
      } else {
        waiting_.push_back(std::move(done));
        if (waiting_.size() > 1) return;
      }
    }
    // NOLINTNEXTLINE(bugprone-use-after-move): it was moved only where nothing is known
    if (known) return done(*known);
    try {
      look_up(endpoint, now + kRememberFor);
    } catch (const std::exception& e) {  // asio could not start its thread
      learn(Error{ErrorCode::Unavailable, "name lookup of " + endpoint.host + ": " + e.what()}, {});
    }
  }

  void failed(const std::string& address) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    last_failed_ = address;
    known_until_ = {};
  }

 private:
  void look_up(const Endpoint& endpoint, SteadyTime known_until) {
    const auto resolver = std::make_shared<tcp::resolver>(crossplat::threadpool::shared_instance().service());
    resolver->async_resolve(
        endpoint.host, std::to_string(endpoint.port), tcp::resolver::numeric_service,
        [self = shared_from_this(), resolver, host = endpoint.host, known_until](
            const boost::system::error_code& failure, const tcp::resolver::results_type& results) {
          self->learn(addresses_of(host, failure, results), known_until);
        });
  }

  void learn(Addresses found, SteadyTime known_until) TP_EXCLUDES(m_) {
    std::vector<Done> waiting;
    {
      const MutexLock lock{m_};
      if (found) {
        std::stable_partition(found->begin(), found->end(),
                              [&](const std::string& a) TP_REQUIRES(m_) { return a != last_failed_; });
        known_ = *found;
        known_until_ = known_until;
      }
      waiting.swap(waiting_);
    }
    for (const Done& done : waiting) done(found);
  }

  Mutex m_;
  std::vector<std::string> known_ TP_GUARDED_BY(m_);
  SteadyTime known_until_ TP_GUARDED_BY(m_){};
  std::string last_failed_ TP_GUARDED_BY(m_);
  std::vector<Done> waiting_ TP_GUARDED_BY(m_);
};

Resolver::Resolver(Endpoint endpoint, const Clock& clock)
    : endpoint_(std::move(endpoint)), clock_(clock), memory_(std::make_shared<Memory>()) {}

void Resolver::ask(std::function<void(const Addresses&)> done) const {
  if (is_ipv4(endpoint_.host)) return done(std::vector<std::string>{endpoint_.host});
  memory_->ask(endpoint_, clock_.now(), std::move(done));
}

void Resolver::failed(const std::string& address) { memory_->failed(address); }

Resolver::Addresses Resolver::addresses(const Context& ctx) const {
  const auto answer = std::make_shared<Answer>();
  ask([answer](const Addresses& addresses) {
    const MutexLock lock{answer->m};
    answer->addresses = addresses;
    answer->come.notify_all();
  });

  const auto come = [&]() TP_REQUIRES(answer->m) { return answer->addresses.has_value(); };
  const MutexLock lock{answer->m};
  const bool answered = ctx.deadline == SteadyTime::max()
                            ? answer->come.wait(answer->m, ctx.stop, come)
                            : answer->come.wait_until(answer->m, ctx.stop, ctx.deadline, come);
  if (answered) return *answer->addresses;
  if (ctx.stop.stop_requested())
    return Error{ErrorCode::Cancelled, "name lookup of " + endpoint_.host + " stopped"};
  return Error{ErrorCode::DeadlineExceeded, "name lookup of " + endpoint_.host + " took too long"};
}

}  // namespace tp::http
