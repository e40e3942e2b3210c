#pragma once

#include <string>

#include <nlohmann/json.hpp>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "http/client.h"
#include "http/token_source.h"
#include "platform/remote.h"

namespace tp::platform {

// The AI pipeline, which fills teams' knowledge bases. Each call is one request, never repeated here, with an
// Idempotency-Key: to repeat one with the same key is safe. It bears the pipeline's own token, never another
// service's or a caller's. Errors as those of Remote; PermissionDenied when the token is refused.
// Thread-safe.
class PipelineClient {
 public:
  // `client`: for the pipeline's base URL, with no token source of its own. All must outlive this object.
  PipelineClient(http::HttpClient& client,
                 http::TokenSource& token,
                 const Clock& clock,
                 CallObserver observer = {});

  // Whether it answers, whatever its answer is: nothing that can be asked without effect needs our token.
  [[nodiscard]] Status reach(const Context& ctx) const;

  struct Bootstrap {
    std::string run_id;
    std::string knowledge_namespace{};  // empty: the answer names none
  };
  // Makes a team's knowledge base, at most 10 s. `body` says from what; null: none.
  [[nodiscard]] Result<Bootstrap> bootstrap(const Context& ctx,
                                            const std::string& team,
                                            const std::string& key,
                                            const nlohmann::json& body) const;

  // Starts the team's pipeline now, at most 30 s; answers the name of the job.
  [[nodiscard]] Result<std::string> trigger(const Context& ctx,
                                            const std::string& org,
                                            const std::string& team,
                                            const std::string& key) const;

 private:
  [[nodiscard]] Result<nlohmann::json> call(const Context& ctx,
                                            const Remote& remote,
                                            http::Request request,
                                            const std::string& key) const;

  const Remote quick_;
  const Remote patient_;
  http::TokenSource& token_;
};

}  // namespace tp::platform
