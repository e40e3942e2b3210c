#include "http_cpprest/resolver.h"

#include <algorithm>
#include <memory>
#include <utility>

#include <boost/asio/ip/tcp.hpp>
#include <pplx/threadpool.h>

namespace tp::http {
namespace {

using boost::asio::ip::tcp;

// CoreDNS serves cluster names with a TTL of 30 s (its kubernetes plugin's setting in kubeadm's default
// Corefile).
constexpr std::chrono::seconds kRememberFor{30};

// Shared with the resolver's thread, which may answer after the caller has left.
struct Lookup {
  Lookup() : resolver(crossplat::threadpool::shared_instance().service()) {}

  tcp::resolver resolver;
  Mutex m;
  CondVar answered;
  bool done TP_GUARDED_BY(m) = false;
  std::string failure TP_GUARDED_BY(m);
  std::vector<std::string> v4 TP_GUARDED_BY(m);
  bool has_v6 TP_GUARDED_BY(m) = false;
};

}  // namespace

Result<std::vector<std::string>> Resolver::addresses(const Context& ctx) {
  if (is_ipv4(endpoint_.host)) return std::vector<std::string>{endpoint_.host};
  {
    const MutexLock lock{m_};
    if (clock_.now() < known_until_) return known_;
  }
  TP_ASSIGN_OR_RETURN(std::vector<std::string> found, look_up(ctx));
  const MutexLock lock{m_};
  std::stable_partition(found.begin(), found.end(),
                        [&](const std::string& a) TP_REQUIRES(m_) { return a != last_failed_; });
  known_ = found;
  known_until_ = clock_.now() + kRememberFor;
  return found;
}

void Resolver::failed(const std::string& address) {
  const MutexLock lock{m_};
  last_failed_ = address;
  known_until_ = {};
}

Result<std::vector<std::string>> Resolver::look_up(const Context& ctx) const {
  const auto lookup = std::make_shared<Lookup>();
  lookup->resolver.async_resolve(
      endpoint_.host, std::to_string(endpoint_.port), tcp::resolver::numeric_service,
      [lookup](const boost::system::error_code& failure, const tcp::resolver::results_type& results) {
        const MutexLock lock{lookup->m};
        lookup->done = true;
        if (failure) lookup->failure = failure.message();
        for (const auto& entry : results) {
          const auto address = entry.endpoint().address();
          if (address.is_v4()) lookup->v4.push_back(address.to_string());
          if (address.is_v6()) lookup->has_v6 = true;
        }
        lookup->answered.notify_all();
      });

  const auto done = [&]() TP_REQUIRES(lookup->m) { return lookup->done; };
  const MutexLock lock{lookup->m};
  const bool answered = ctx.deadline == SteadyTime::max()
                            ? lookup->answered.wait(lookup->m, ctx.stop, done)
                            : lookup->answered.wait_until(lookup->m, ctx.stop, ctx.deadline, done);
  if (!answered) {
    if (ctx.stop.stop_requested())
      return Error{ErrorCode::Cancelled, "name lookup of " + endpoint_.host + " stopped"};
    return Error{ErrorCode::DeadlineExceeded, "name lookup of " + endpoint_.host + " took too long"};
  }
  if (!lookup->failure.empty()) {
    return Error{ErrorCode::Unavailable, "name lookup of " + endpoint_.host + ": " + lookup->failure};
  }
  if (!lookup->v4.empty()) return lookup->v4;
  if (lookup->has_v6) return std::vector<std::string>{endpoint_.host};
  return Error{ErrorCode::Unavailable, "name lookup of " + endpoint_.host + ": no address"};
}

}  // namespace tp::http
