#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "gateway/inbox/writer.h"
#include "gateway/ingest/failure_limit.h"
#include "gateway/policy/policy.h"
#include "gateway/policy/secrets.h"
#include "gateway/sources/source.h"
#include "http/client_address.h"
#include "http/server.h"
#include "log/log.h"
#include "metrics/metrics.h"

namespace tp::gateway {

// The webhooks role: verify over the raw bytes, take the ids out, store, and only then answer. It knows
// signing secrets and the way into the inbox, and nothing else. Thread-safe.
class Ingest {
 public:
  struct Settings {
    std::vector<http::Network> proxies{};  // whose X-Forwarded-For is believed
    FailureLimit::Options failures{};
  };

  // All but `settings` must outlive it.
  Ingest(const Policy& policy,
         const Secrets& secrets,
         InboxWriter& writer,
         Settings settings,
         const Clock& clock,
         metrics::Registry& registry,
         log::Logger log);
  ~Ingest();
  Ingest(const Ingest&) = delete;
  Ingest& operator=(const Ingest&) = delete;

  // A route for each source. The Ingest must outlive the server that has them.
  [[nodiscard]] http::Routes routes();

 private:
  struct Desk;  // one for each source: its metrics

  void receive(const Desk& desk, const http::ServerRequest& request, http::Responder respond);
  [[nodiscard]] http::Response turn_down(const Desk& desk,
                                         const http::ServerRequest& request,
                                         Verdict verdict);
  void store(const Desk& desk, Admission admission, http::Responder respond);
  void note_use(const Desk& desk, const std::string& secret_id);

  const Policy& policy_;
  const Secrets& secrets_;
  InboxWriter& writer_;
  const std::vector<http::Network> proxies_;
  FailureLimit failures_;
  const Clock& clock_;
  metrics::Registry& registry_;
  const log::Logger log_;
  std::vector<std::unique_ptr<const Desk>> desks_;
  Mutex m_;
  std::map<std::string, metrics::Gauge*> uses_ TP_GUARDED_BY(m_);  // of each secret, by source and id
};

}  // namespace tp::gateway
