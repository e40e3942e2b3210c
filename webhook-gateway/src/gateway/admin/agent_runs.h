#pragma once

#include <atomic>
#include <cstddef>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/random.h"
#include "gateway/admin/frame.h"
#include "gateway/inbox/controls.h"
#include "gateway/platform/agent_clients.h"
#include "gateway/platform/agent_request.h"
#include "gateway/platform/base_url.h"
#include "gateway/platform/chores.h"
#include "gateway/platform/config_service.h"
#include "gateway/platform/directory.h"
#include "log/log.h"
#include "postgres/pool.h"

namespace tp::gateway {

// The admin API's route to run an agent for a team and to wait for what it says. The run goes where the
// team's webhooks go (choose_base_url), is sent once, takes no thread, and is recorded at the Config Service.
class AgentRunsApi {
 public:
  struct Settings {
    AgentSettings agent{};
    AgentUrls urls{};
    std::size_t in_flight = 200;  // of this process; one more is answered 503
  };

  // All must outlive it, and it its routes. Its end cuts the runs in flight.
  AgentRunsApi(Settings settings,
               AgentClients::Make make_client,
               Directory& directory,
               const ConfigService& service,
               postgres::Pool& pool,
               const Clock& clock,
               Rng& rng,
               log::Logger log);

  [[nodiscard]] AdminRoutes routes();

 private:
  struct Run;

  void run(const std::shared_ptr<AdminCall>& call, const AdminReply& reply);
  void finish(const Run& run, const http::Exchange& exchange);
  void record_end(const Run& run, RunEnd end);

  const Settings settings_;
  Directory& directory_;
  const ConfigService& service_;
  const TeamRuntimes runtimes_;
  const Clock& clock_;
  Rng& rng_;
  const log::Logger log_;
  std::atomic<std::size_t> in_flight_{0};
  Chores records_;
  AgentClients clients_;  // last: the ends of their exchanges come here
};

}  // namespace tp::gateway
