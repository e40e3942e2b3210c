#include "kube/client/api_client.h"

#include <cstddef>
#include <utility>

namespace tp::kube {
namespace {

constexpr int kUnauthorized = 401;

// Of an answer that is an error: more than any Status that matters, and no way to fill our memory.
constexpr std::size_t kMaxErrorBody = std::size_t{64} << 10U;

bool is_success(int status) noexcept { return status >= 200 && status < 300; }

// Hands on the body of a 200 and keeps that of any other answer.
class Judge final : public http::ResponseSink {
 public:
  // `begun` is called with the status when there is a head.
  Judge(const ApiClient::OnBytes& on_bytes, std::function<void(int)> begun)
      : on_bytes_(on_bytes), begun_(std::move(begun)) {}

  Status on_head(int status, const http::Headers& headers) override {
    answer_.status = status;
    answer_.headers = headers;
    begun_(status);
    return ok();
  }

  Status on_bytes(std::string_view bytes) override {
    if (answer_.status == 200) return on_bytes_(bytes);
    answer_.body.append(bytes.substr(0, kMaxErrorBody - answer_.body.size()));
    if (answer_.body.size() < kMaxErrorBody) return ok();
    return Error{ErrorCode::ResourceExhausted,
                 "error body too long"};  // never seen: the status is what counts
  }

  // 0 until there is a head.
  [[nodiscard]] const http::Response& answer() const noexcept { return answer_; }

 private:
  const ApiClient::OnBytes& on_bytes_;
  const std::function<void(int)> begun_;
  http::Response answer_{.status = 0};
};

std::string describe(std::string_view verb, const ResourceType& type, const std::string& object) {
  std::string text{verb};
  text.append(" ").append(type.plural);
  if (!object.empty()) text.append(" ").append(object);
  return text;
}

}  // namespace

struct ApiClient::Impl {
  http::HttpClient& unary;
  http::HttpClient& streaming;
  const Clock& clock;
  const Observer observer;

  void note(const Call& call) const {
    if (observer) observer(call);
  }

  Result<http::Response> send_once(const Context& ctx,
                                   std::string_view verb,
                                   const ResourceType& type,
                                   const http::Request& request,
                                   bool again) {
    const SteadyTime since = clock.now();
    Result<http::Response> response = unary.send(ctx, request);
    note({verb, type, request.method, response ? response->status : 0, clock.now() - since, again});
    return response;
  }

  Result<http::Response> send(const Context& ctx,
                              std::string_view verb,
                              const ResourceType& type,
                              const ObjectKey& key,
                              const http::Request& request,
                              std::vector<FieldConflict>* conflicts = nullptr) {
    Result<http::Response> response = send_once(ctx, verb, type, request, false);
    if (response && response->status == kUnauthorized) response = send_once(ctx, verb, type, request, true);
    if (!response) return std::move(response).error().wrap(describe(verb, type, key.str()));
    if (!is_success(response->status)) {
      if (conflicts != nullptr) *conflicts = field_conflicts(*response);
      return error_from_response(*response).wrap(describe(verb, type, key.str()));
    }
    return response;
  }

  struct Streamed {
    Status status;
    http::Response answer;  // its body unless that went to on_bytes; status 0: there was none
  };

  Streamed stream_once(const Context& ctx,
                       std::string_view verb,
                       const ResourceType& type,
                       const http::Request& request,
                       const OnBytes& on_bytes,
                       bool again) {
    const SteadyTime since = clock.now();
    const bool is_watch = verb == "watch";
    const auto note_now = [&](int status) {
      note({verb, type, request.method, status, clock.now() - since, again});
    };
    Judge judge{on_bytes, [&](int status) {
                  if (is_watch) note_now(status);
                }};
    Status status = streaming.stream(ctx, request, judge);
    const http::Response& answer = judge.answer();
    if (!is_watch || answer.status == 0) note_now(answer.status);
    return {std::move(status), answer};
  }
};

ApiClient::ApiClient(http::HttpClient& unary,
                     http::HttpClient& streaming,
                     const Clock& clock,
                     Observer observer)
    : impl_(new Impl{unary, streaming, clock, std::move(observer)}) {}

Result<std::string> ApiClient::get(const Context& ctx,
                                   const ResourceType& type,
                                   const ObjectKey& key,
                                   Representation representation) {
  const http::Request request = get_request(type, key, representation);
  TP_ASSIGN_OR_RETURN(http::Response response, impl_->send(ctx, "get", type, key, request));
  return std::move(response.body);
}

Result<std::string> ApiClient::create(const Context& ctx,
                                      const ResourceType& type,
                                      const std::string& ns,
                                      std::string body) {
  const http::Request request = create_request(type, ns, std::move(body));
  TP_ASSIGN_OR_RETURN(http::Response response, impl_->send(ctx, "create", type, {ns, ""}, request));
  return std::move(response.body);
}

Result<std::string> ApiClient::get_path(const Context& ctx, const std::string& path) {
  const http::Request request{http::Method::Get, path, {{"Accept", "application/json"}}, {}};
  TP_ASSIGN_OR_RETURN(http::Response response,
                      impl_->send(ctx, "get", {"", "", path, "", false}, {}, request));
  return std::move(response.body);
}

Result<ApiClient::Applied> ApiClient::apply(const Context& ctx,
                                            const ResourceType& type,
                                            const ObjectKey& key,
                                            std::string body,
                                            const ApplyQuery& query,
                                            std::vector<FieldConflict>* conflicts) {
  const http::Request request = apply_request(type, key, std::move(body), query);
  TP_ASSIGN_OR_RETURN(http::Response response, impl_->send(ctx, "patch", type, key, request, conflicts));
  return Applied{std::move(response.body), response.status == 201};
}

Result<std::string> ApiClient::patch_json(const Context& ctx,
                                          const ResourceType& type,
                                          const ObjectKey& key,
                                          std::string body,
                                          std::string_view field_manager) {
  const http::Request request = json_patch_request(type, key, std::move(body), field_manager);
  TP_ASSIGN_OR_RETURN(http::Response response, impl_->send(ctx, "patch", type, key, request));
  return std::move(response.body);
}

Status ApiClient::remove(const Context& ctx,
                         const ResourceType& type,
                         const ObjectKey& key,
                         std::string_view uid,
                         Propagation propagation) {
  TP_TRY(impl_->send(ctx, "delete", type, key, delete_request(type, key, uid, propagation)));
  return ok();
}

Status ApiClient::stream(const Context& ctx,
                         std::string_view verb,
                         const Selection& selection,
                         const http::Request& request,
                         const OnBytes& on_bytes) {
  // An error of on_bytes is its caller's own and comes back unchanged; one of the exchange says what was
  // asked.
  bool ended_by_caller = false;
  const OnBytes remember = [&](std::string_view bytes) {
    Status status = on_bytes(bytes);
    ended_by_caller = !status;
    return status;
  };
  for (int attempt = 0;; ++attempt) {
    auto [status, answer] = impl_->stream_once(ctx, verb, selection.type, request, remember, attempt > 0);
    if (answer.status == kUnauthorized && attempt == 0) continue;
    if (answer.status == 200 && (status || ended_by_caller)) return status;
    const std::string what = describe(verb, selection.type, selection.ns);
    if (answer.status != 0 && answer.status != 200) return error_from_response(answer).wrap(what);
    if (status) return Error{ErrorCode::Unavailable, what + ": no answer"};
    return std::move(status).error().wrap(what);
  }
}

}  // namespace tp::kube
