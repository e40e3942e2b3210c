#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "http_cpprest/endpoint.h"

namespace tp::http {

// The addresses of one endpoint, looked up by the system's resolver and remembered for a while.
//
// cpprestsdk can resolve names itself, but then a connection's second address gets a socket that no hook ever
// sees: no options, no server name, and no way to bound what it receives. Thread-safe.
class Resolver {
 public:
  using Addresses = Result<std::vector<std::string>>;

  Resolver(Endpoint endpoint, const Clock& clock);

  // IPv4 addresses in the order to try them: the resolver's, but one that failed last comes last. When the
  // name has only IPv6 addresses: the name itself. Unavailable when it has none, Cancelled or
  // DeadlineExceeded as ctx says.
  [[nodiscard]] Addresses addresses(const Context& ctx) const;
  // The same without waiting: `done` gets them, on this thread when they are known, else on one of
  // cpprestsdk's pool. It must be quick, and may be called after this object's end. All who ask meanwhile
  // share one look-up.
  void ask(std::function<void(const Addresses&)> done) const;
  // No connection could be made to that address: look the name up again next time, and try this one last.
  void failed(const std::string& address);

 private:
  class Memory;

  const Endpoint endpoint_;
  const Clock& clock_;
  const std::shared_ptr<Memory> memory_;  // shared with a look-up under way
};

}  // namespace tp::http
