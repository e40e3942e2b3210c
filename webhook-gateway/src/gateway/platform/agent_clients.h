#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/mutex.h"
#include "base/result.h"
#include "http/client.h"

namespace tp::gateway {

// One HTTP client for each agent that was called. Thread-safe.
class AgentClients {
 public:
  // Makes a client for one agent; its connections must be fresh, so that nothing is sent twice.
  using Make = std::function<Result<std::unique_ptr<http::HttpClient>>(const std::string& base_url)>;

  explicit AgentClients(Make make) : make_(std::move(make)) {}

  // The same for the same URL. Whoever keeps it must not be the last to let it go on one of its own threads:
  // its end waits for its exchanges.
  [[nodiscard]] Result<std::shared_ptr<http::HttpClient>> of(const std::string& base_url) TP_EXCLUDES(m_) {
    const MutexLock lock{m_};
    if (const auto known = clients_.find(base_url); known != clients_.end()) return known->second;
    auto made = make_(base_url);
    if (!made) return std::move(made).error();
    return clients_.emplace(base_url, *std::move(made)).first->second;
  }

 private:
  const Make make_;
  Mutex m_;
  std::map<std::string, std::shared_ptr<http::HttpClient>> clients_ TP_GUARDED_BY(m_);
};

}  // namespace tp::gateway
