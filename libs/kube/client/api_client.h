#pragma once

#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "base/context.h"
#include "base/result.h"
#include "http/client.h"
#include "kube/core/request.h"

namespace tp::kube {

// Talks to one API server over two HttpClients: one for unary calls, one for lists and watches, so that a slow stream never holds up
// a write. Thread-safe. Adds nothing to the requests of kube/core but context; judges answers with error_from_response.
// Nothing is retried here (a 401 apart, once, after the token source has been told): the work queue and the reflector
// decide when to try again.
class ApiClient {
 public:
  // Called after each request with the HTTP status (0 when there was none) and the verb as RBAC names it; for metrics.
  using Observer = std::function<void(std::string_view verb, const ResourceType& type, int status, std::chrono::nanoseconds took)>;

  // Both clients must outlive this.
  ApiClient(http::HttpClient& unary, http::HttpClient& streaming, const Clock& clock, Observer observer = {});

  struct Applied {
    std::string object;    // the server's answer, JSON
    bool created = false;  // 201
  };

  [[nodiscard]] Result<std::string> get(const Context& ctx, const ResourceType& type, const ObjectKey& key);
  [[nodiscard]] Result<Applied> apply(const Context& ctx, const ResourceType& type, const ObjectKey& key, std::string body,
                                      const ApplyQuery& query);
  [[nodiscard]] Result<std::string> patch_json(const Context& ctx, const ResourceType& type, const ObjectKey& key,
                                               std::string body, std::string_view field_manager);
  [[nodiscard]] Status remove(const Context& ctx, const ResourceType& type, const ObjectKey& key, std::string_view uid,
                              Propagation propagation = Propagation::Background);

  // A list page or a watch, streamed. A status other than 200 becomes an Error (the body is read for it, bounded) and
  // on_bytes is never called. `on_bytes` may end the stream with an Error.
  using OnBytes = std::function<Status(std::string_view bytes)>;
  [[nodiscard]] Status stream(const Context& ctx, std::string_view verb, const Selection& selection,
                              const http::Request& request, const OnBytes& on_bytes);

  // When a call last succeeded in reaching the server (any answer below 500), for whoever waits for its return: reflectors
  // cut their backoff short with it. Returns a counter that grows with each success after a failure.
  [[nodiscard]] std::uint64_t recoveries() const noexcept;

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tp::kube
