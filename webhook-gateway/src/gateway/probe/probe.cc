#include "gateway/probe/probe.h"

#include <algorithm>
#include <chrono>
#include <optional>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/mutex.h"
#include "base/time.h"
#include "gateway/signatures/scheme.h"
#include "json/parse.h"
#include "platform/remote.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;
using std::chrono::milliseconds;

constexpr milliseconds kPause{200};
// Signatures of other clocks than ours are good for as long.
constexpr std::chrono::minutes kSkew{5};
constexpr std::size_t kMostQuoted = 200;

// What the gateway says of a refusal, if it is a text of ours.
std::string detail_of(const http::Response& answer) {
  const auto body = json::parse(answer.body);
  if (!body || !body->is_object() || !body->value("detail", Json{}).is_string()) return "";
  const std::string detail = (*body)["detail"];
  const bool printable =
      std::all_of(detail.begin(), detail.end(), [](char c) { return c >= ' ' && c < '\x7f'; });
  return printable && detail.size() <= kMostQuoted ? ": " + detail : "";
}

class Prober {
 public:
  Prober(const Context& ctx, const ProbeTarget& target, std::string id, const Clock& clock)
      : ctx_(ctx), target_(target), clock_(clock), began_(clock.now()), sent_at_(clock.wall_now()) {
    report_.webhook_id = std::move(id);
  }

  ProbeReport run() && {
    if (send() && target_.admin != nullptr) follow();
    report_.took = since_begin();
    return std::move(report_);
  }

 private:
  [[nodiscard]] milliseconds since_begin() const {
    return std::chrono::duration_cast<milliseconds>(clock_.now() - began_);
  }

  // Whether it was accepted.
  bool send() {
    http::Request request =
        platform::json_request(http::Method::Post, "/webhooks/probe", {{"probe", report_.webhook_id}});
    const Status is_signed = sign_standard_webhook(target_.secret, report_.webhook_id, sent_at_, request);
    if (!is_signed) return fail("the signing secret " + is_signed.error().message);
    const auto answer = target_.webhooks.send(ctx_, request);
    if (!answer) return fail("the webhook got no answer: " + answer.error().message);
    if (answer->status / 100 != 2)
      return fail("the webhook was answered " + std::to_string(answer->status) + detail_of(*answer));
    report_.accepted = since_begin();
    return true;
  }

  void follow() {
    const platform::Remote admin{"admin API", *target_.admin, clock_, std::chrono::seconds{10}};
    std::optional<Error> trouble;
    do {
      const auto ended = look(admin);
      if (ended && *ended) return;
      trouble = ended ? std::nullopt : std::optional{ended.error()};
      if (trouble && is_for_good(trouble->code)) break;
    } while (pause());
    if (trouble) {
      fail("what became of it is not known: " + trouble->message);
    } else {
      fail(report_.event_id.empty() ? "the admin API does not know it" : "it has not come to its end");
    }
  }

  // Whether the event has come to its end.
  Result<bool> look(const platform::Remote& admin) {
    if (report_.event_id.empty()) {
      TP_ASSIGN_OR_RETURN(report_.event_id, find(admin));
      if (report_.event_id.empty()) return false;
    }
    TP_ASSIGN_OR_RETURN(const Json event, get(admin, "/" + http::escape(report_.event_id)));
    return take_event(event, report_);
  }

  // Its id; empty when it is not there.
  Result<std::string> find(const platform::Remote& admin) {
    TP_ASSIGN_OR_RETURN(const Json page, get(admin, "?source=probe&limit=200&from=" +
                                                        http::escape(to_rfc3339(sent_at_ - kSkew))));
    if (!page.is_object() || !page.value("events", Json{}).is_array())
      return Error{ErrorCode::DataLoss, "the admin API's answer is no list of events"};
    for (const Json& event : page["events"]) {
      if (!event.is_object() || event.value("provider_id", Json{}) != report_.webhook_id) continue;
      if (const Json id = event.value("id", Json{}); id.is_string()) return id.get<std::string>();
    }
    return std::string{};
  }

  Result<Json> get(const platform::Remote& admin, const std::string& what) {
    return admin.call(ctx_, {http::Method::Get,
                             "/api/v1/admin/events" + what,
                             {{"Authorization", "Bearer " + std::string{target_.admin_token.reveal()}}},
                             ""});
  }

  [[nodiscard]] static bool is_for_good(ErrorCode code) noexcept {
    return code == ErrorCode::Unauthenticated || code == ErrorCode::PermissionDenied ||
           code == ErrorCode::InvalidArgument || code == ErrorCode::DataLoss;
  }

  // False when time is up.
  [[nodiscard]] bool pause() const {
    Mutex m;
    CondVar never;
    const MutexLock lock{m};
    never.wait_for(m, ctx_.stop, std::min(kPause, ctx_.remaining(clock_)), [] { return false; });
    return !ctx_.stop.stop_requested() && ctx_.remaining(clock_).count() > 0;
  }

  bool fail(std::string problem) {
    report_.problem = std::move(problem);
    return false;
  }

  const Context& ctx_;
  const ProbeTarget& target_;
  const Clock& clock_;
  const SteadyTime began_;
  const WallTime sent_at_;
  ProbeReport report_{};
};

}  // namespace

ProbeReport probe(const Context& ctx, const ProbeTarget& target, std::string id, const Clock& clock) {
  return Prober{ctx, target, std::move(id), clock}.run();
}

}  // namespace tp::gateway
