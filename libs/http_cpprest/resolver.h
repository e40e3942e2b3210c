#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/mutex.h"
#include "base/result.h"
#include "http_cpprest/endpoint.h"

namespace tp::http {

// The addresses of one endpoint, looked up by the system's resolver and remembered for a while.
//
// cpprestsdk can resolve names itself, but then a connection's second address gets a socket that no hook ever
// sees: no options, no server name, and no way to bound what it receives. Thread-safe.
class Resolver {
 public:
  Resolver(Endpoint endpoint, const Clock& clock) : endpoint_(std::move(endpoint)), clock_(clock) {}

  // IPv4 addresses in the order to try them: the resolver's, but one that failed last comes last. When the
  // name has only IPv6 addresses: the name itself. Unavailable when it has none, Cancelled or
  // DeadlineExceeded as ctx says.
  [[nodiscard]] Result<std::vector<std::string>> addresses(const Context& ctx) TP_EXCLUDES(m_);
  // No connection could be made to that address: look the name up again next time, and try this one last.
  void failed(const std::string& address) TP_EXCLUDES(m_);

 private:
  [[nodiscard]] Result<std::vector<std::string>> look_up(const Context& ctx) const;

  const Endpoint endpoint_;
  const Clock& clock_;
  Mutex m_;
  std::vector<std::string> known_ TP_GUARDED_BY(m_);
  SteadyTime known_until_ TP_GUARDED_BY(m_){};
  std::string last_failed_ TP_GUARDED_BY(m_);
};

}  // namespace tp::http
