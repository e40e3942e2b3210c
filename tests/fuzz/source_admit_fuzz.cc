#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string>
#include <string_view>
#include <variant>

#include <nlohmann/json.hpp>

#include "gateway/sources/registry.h"
#include "http/types.h"

namespace {

using namespace tp;           // NOLINT(google-build-using-namespace): a fuzz target is one function
using namespace tp::gateway;  // NOLINT(google-build-using-namespace)

void require(bool condition) {
  if (!condition) std::abort();
}

// Whether PostgreSQL takes it as text.
bool is_text(const std::string& text) {
  if (text.find('\0') != std::string::npos) return false;
  try {
    return !nlohmann::json(text).dump().empty();
  } catch (const nlohmann::json::type_error&) {
    return false;  // not UTF-8
  }
}

const Endpoint& endpoint() {
  static const Endpoint kEndpoint{.name = "any",
                                  .scope = {"acme", ""},
                                  .message = "/m",
                                  .dedupe_id = "/a/0/id",
                                  .context = "/c",
                                  .event_type = "/t",
                                  .identifiers = {{"service", "/a/0/x~1y"}}};
  return kEndpoint;
}

void check_event(const NewEvent& event) {
  require(!event.kind.empty() && event.kind.size() <= 100 && is_text(event.kind));
  require(event.provider_id.size() <= 200 && is_text(event.provider_id));
  require(event.twin_key.size() <= 1000 && is_text(event.twin_key));
  require(event.order_key.size() <= 1000 && is_text(event.order_key));
  require(event.digest.size() == 32);
  for (const auto& [name, value] : event.headers) require(is_text(name) && is_text(value));
}

void check_run(const RunRequest& run) {
  for (const Identifier& id : run.identifiers) require(!id.value.empty() && is_text(id.value));
  require(is_text(run.message) && !run.context.dump().empty());
}

}  // namespace

// The first byte picks the source; up to the first line's end is X-GitHub-Event and webhook-id; the rest is
// the body. Properties: whatever the bytes, a source refuses them with InvalidArgument or makes events that
// the inbox can store and the worker can understand or bury; and what takes a twin's key starts a run.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size == 0) return 0;
  const Source& source = sources()[data[0] % sources().size()];
  std::string_view rest{reinterpret_cast<const char*>(data), size};  // NOLINT(*-reinterpret-cast)
  rest.remove_prefix(1);
  const std::string line{rest.substr(0, rest.find('\n'))};
  rest.remove_prefix(std::min(line.size() + 1, rest.size()));
  static const Policy kPolicy = [] {
    Policy policy;
    policy.endpoints = {endpoint()};
    return policy;
  }();
  const http::Headers headers{{"Content-Type", "application/json"},
                              {"X-GitHub-Event", line},
                              {"X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"},
                              {"X-GitHub-Hook-Installation-Target-ID", line},
                              {"webhook-id", line}};
  const auto admission =
      source.admit(Delivery{.headers = headers, .body = rest, .endpoint = &endpoint(), .policy = &kPolicy});
  if (!admission) {
    require(admission.error().code == ErrorCode::InvalidArgument && is_text(admission.error().message));
    return 0;
  }
  for (const NewEvent& event : admission->events) {
    check_event(event);
    const auto asks = source.interpret({.id = event.id,
                                        .source = source.kind,
                                        .endpoint = endpoint().name,
                                        .kind = event.kind,
                                        .provider_id = event.provider_id,
                                        .headers = event.headers,
                                        .body = event.body},
                                       kPolicy);
    require(asks || asks.error().code == ErrorCode::InvalidArgument);
    const auto* const run = asks ? std::get_if<RunRequest>(&*asks) : nullptr;
    require(event.twin_key.empty() || run != nullptr);
    if (run != nullptr) check_run(*run);
  }
  return 0;
}
