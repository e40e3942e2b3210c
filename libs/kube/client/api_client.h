#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/context.h"
#include "base/result.h"
#include "http/client.h"
#include "kube/core/request.h"
#include "kube/core/status_error.h"

namespace tp::kube {

// Talks to one API server over two HttpClients: one for unary calls, one for lists and watches, so that a
// slow stream never holds up a write. Thread-safe. Sends the requests of kube/core as they are and judges the
// answers with error_from_response; its errors begin with verb, resource and object: "patch deployments
// team-a/agent: 409 …".
//
// Nothing is retried here but one thing: a request that was answered 401 is sent once more, because the HTTP
// client has by then told its token source, which may have a newer token. When to try again otherwise is for
// the work queue and the reflectors.
class ApiClient {
 public:
  // One request, as its answer came or did not come.
  struct Call {
    std::string_view verb;  // as RBAC names it
    const ResourceType& type;
    http::Method method;
    int status = 0;                    // 0: no answer
    std::chrono::nanoseconds took{0};  // of a watch until its answer began: it goes on for minutes
    bool again = false;                // the one after a 401
  };
  // Called once for each request, on its thread; for metrics.
  using Observer = std::function<void(const Call&)>;

  // Clients and clock must outlive this.
  ApiClient(http::HttpClient& unary, http::HttpClient& streaming, const Clock& clock, Observer observer = {});

  struct Applied {
    std::string object;    // the server's answer, JSON
    bool created = false;  // 201
  };

  [[nodiscard]] Result<std::string> get(const Context& ctx,
                                        const ResourceType& type,
                                        const ObjectKey& key,
                                        Representation representation = Representation::Full);
  // By POST, for what is never written again: Events, and reviews, whose answer is what was asked for.
  [[nodiscard]] Result<std::string> create(const Context& ctx,
                                           const ResourceType& type,
                                           const std::string& ns,
                                           std::string body);
  // What is served beside the resources: "/version", "/openapi/v3/…". `path` is encoded already.
  [[nodiscard]] Result<std::string> get_path(const Context& ctx, const std::string& path);
  // `conflicts`, if it is given: the fields for which it was refused, because others own them.
  [[nodiscard]] Result<Applied> apply(const Context& ctx,
                                      const ResourceType& type,
                                      const ObjectKey& key,
                                      std::string body,
                                      const ApplyQuery& query,
                                      std::vector<FieldConflict>* conflicts = nullptr);
  [[nodiscard]] Result<std::string> patch_json(const Context& ctx,
                                               const ResourceType& type,
                                               const ObjectKey& key,
                                               std::string body,
                                               std::string_view field_manager);
  // NotFound when it is gone already.
  [[nodiscard]] Status remove(const Context& ctx,
                              const ResourceType& type,
                              const ObjectKey& key,
                              std::string_view uid,
                              Propagation propagation = Propagation::Background);

  // A list page or a watch, streamed. A status other than 200 becomes an Error (the body is read for it,
  // bounded) and on_bytes is never called. `on_bytes` may end the stream with an Error, which is then the
  // result as it is.
  using OnBytes = std::function<Status(std::string_view bytes)>;
  [[nodiscard]] Status stream(const Context& ctx,
                              std::string_view verb,
                              const Selection& selection,
                              const http::Request& request,
                              const OnBytes& on_bytes);

 private:
  struct Impl;
  std::shared_ptr<Impl> impl_;
};

}  // namespace tp::kube
