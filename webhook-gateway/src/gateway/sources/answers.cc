#include "gateway/sources/answers.h"

#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/parse.h"

namespace tp::gateway {

http::Response json_answer(int status, const nlohmann::json& body) {
  return {status, {{"Content-Type", "application/json; charset=utf-8"}}, json::dump(body)};
}

http::Response ok_answer(int status) { return json_answer(status, {{"ok", true}}); }

Admission store(NewEvent event, http::Response answer) {
  Admission admission{{}, std::move(answer)};
  admission.events.push_back(std::move(event));
  return admission;
}

void add_retry_after(http::Response& answer) {
  // Long enough for a database's failover to be noticed, short beside every sender's own backoff.
  constexpr const char* kSeconds = "5";
  if (answer.status == 429 || answer.status >= 500) answer.headers.set("Retry-After", kSeconds);
}

http::Response refuse_with_detail(int status, std::string_view reason) {
  std::string detail{reason};
  if (status == 401) detail.insert(0, "signature_verification_failed: ");
  http::Response answer = json_answer(status, {{"detail", detail}});
  add_retry_after(answer);
  return answer;
}

}  // namespace tp::gateway
