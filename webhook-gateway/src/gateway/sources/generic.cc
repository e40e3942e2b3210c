#include "gateway/sources/generic.h"

#include <charconv>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "gateway/sources/answers.h"
#include "gateway/sources/body.h"
#include "gateway/sources/standard_webhooks.h"

namespace tp::gateway {
namespace {

using json::Type;
using json::View;

// "~1" is "/", "~0" is "~".
std::string unescape(std::string_view token) {
  std::string out;
  for (std::size_t i = 0; i < token.size(); ++i) {
    const std::string_view pair = token.substr(i, 2);
    const bool escaped = pair == "~0" || pair == "~1";
    out.push_back(!escaped ? token[i] : pair == "~1" ? '/' : '~');
    if (escaped) ++i;
  }
  return out;
}

View element(View array, std::string_view token) {
  std::size_t index = 0;
  const auto [end, failed] = std::from_chars(token.data(), token.data() + token.size(), index);
  const bool plain = failed == std::errc{} && end == token.data() + token.size();
  if (!plain || (token.size() > 1 && token.front() == '0') || index >= array.size()) return {};
  View found = array.first();
  while (index-- > 0) found = found.next();
  return found;
}

Result<Admission> admit(const Delivery& delivery) {
  if (delivery.endpoint == nullptr)
    return Error{ErrorCode::Internal, "a generic delivery without its endpoint"};
  const Endpoint& endpoint = *delivery.endpoint;
  TP_ASSIGN_OR_RETURN(const json::Document document, read_object(delivery.body));
  const View root = document.root();

  NewEvent stored;
  stored.kind = "event";
  if (endpoint.kind == EndpointKind::Provisioning) stored.lane = Lane::Provisioning;
  if (!endpoint.event_type.empty()) {
    TP_ASSIGN_OR_RETURN(const View type, at_pointer(root, endpoint.event_type));
    stored.kind = kind_of(type.text());
  }
  if (!endpoint.dedupe_id.empty()) {
    TP_ASSIGN_OR_RETURN(const View id, at_pointer(root, endpoint.dedupe_id));
    stored.provider_id = id_text(id);
  }
  stored.digest = digest_of(delivery.body);
  if (endpoint.standard_webhooks) {
    const std::string_view id = webhook_id(delivery.headers);
    stored.digest = standard_webhooks_digest(id, delivery.body);
    if (stored.provider_id.empty()) stored.provider_id = id_text(id);
  }
  // Without an id two equal bodies may be two events, but hardly on one day.
  if (stored.provider_id.empty()) stored.dedupe_for = std::chrono::hours{24};
  stored.body = delivery.body;
  return store(std::move(stored), ok_answer(202));
}

Result<Interpretation> interpret(const StoredEvent& stored, const Policy& policy) {
  const Endpoint* const endpoint = policy.endpoint(stored.endpoint);
  if (endpoint == nullptr)
    return invalid("the endpoint " + stored.endpoint + " is not in the config file any more");
  if (endpoint->kind == EndpointKind::Provisioning) return ignore("provisioning");
  TP_ASSIGN_OR_RETURN(const json::Document document, read_object(stored.body));
  const View root = document.root();

  RunRequest run{.trigger_source = "generic", .agent_name = endpoint->agent_name};
  for (const auto& [type, pointer] : endpoint->identifiers) {
    TP_ASSIGN_OR_RETURN(const View value, at_pointer(root, pointer));
    if (std::string id = id_text(value); !id.empty()) run.identifiers.push_back({type, std::move(id)});
  }
  TP_ASSIGN_OR_RETURN(const View message, at_pointer(root, endpoint->message));
  run.message = message.text();
  if (run.message.empty()) return invalid("no text at the message pointer " + endpoint->message);
  if (!endpoint->context.empty()) {
    TP_ASSIGN_OR_RETURN(const View context, at_pointer(root, endpoint->context));
    if (context.is(Type::Object)) run.context = context.to_json();
  }
  return Interpretation{std::move(run)};
}

}  // namespace

Result<json::View> at_pointer(json::View root, std::string_view pointer) {
  View value = root;
  while (!pointer.empty() && value) {
    pointer.remove_prefix(1);  // the '/' before each token
    const std::string_view raw = pointer.substr(0, pointer.find('/'));
    pointer.remove_prefix(raw.size());
    const std::string token = unescape(raw);
    if (value.is(Type::Array)) {
      value = element(value, token);
      continue;
    }
    TP_ASSIGN_OR_RETURN(value, unique_member(value, token));
  }
  return value;
}

Source generic_source() {
  return {.kind = SourceKind::Generic,
          .path = "/webhooks/generic/{endpoint}",
          .short_path = "/webhooks/generic",
          .scheme = nullptr,
          .admit = admit,
          .interpret = interpret,
          .refuse = refuse_with_detail};
}

}  // namespace tp::gateway
