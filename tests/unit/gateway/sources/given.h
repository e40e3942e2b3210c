#pragma once

#include <fstream>
#include <sstream>
#include <string>
#include <string_view>
#include <utility>
#include <variant>

#include <nlohmann/json.hpp>

#include "gateway/sources/registry.h"
#include "support/catch.h"

// A webhook on its way through a source, as the ingest and the worker take it.
namespace tp::gateway {

// tests/fixtures/webhooks/NAME.json, in the form that its sender documents.
inline std::string fixture(const std::string& name) {
  std::ifstream file{TP_SOURCE_DIR "/tests/fixtures/webhooks/" + name + ".json", std::ios::binary};
  std::ostringstream text;
  text << file.rdbuf();
  INFO(name);
  REQUIRE(!text.str().empty());
  return text.str();
}

// The fixture changed by a JSON merge patch.
inline std::string changed(const std::string& name, const nlohmann::json& patch) {
  auto body = nlohmann::json::parse(fixture(name));
  body.merge_patch(patch);
  return body.dump();
}

struct Given {
  const Source& source;
  http::Headers headers{};
  Policy policy{};
  const Endpoint* endpoint = nullptr;

  [[nodiscard]] Result<Admission> admit(std::string_view body) const {
    return source.admit(Delivery{.headers = headers, .body = body, .endpoint = endpoint, .policy = &policy});
  }
  // The one event of a request that is stored.
  [[nodiscard]] NewEvent event(std::string_view body) const {
    auto admission = admit(body);
    INFO((admission ? "" : admission.error().message));
    REQUIRE(admission.has_value());
    REQUIRE(admission->events.size() == 1);
    return admission->events.front();
  }
  [[nodiscard]] std::string refusal(std::string_view body) const {
    const auto admission = admit(body);
    REQUIRE_FALSE(admission.has_value());
    CHECK(admission.error().code == ErrorCode::InvalidArgument);
    return admission.error().message;
  }
  [[nodiscard]] Result<Interpretation> interpret(const NewEvent& event) const {
    StoredEvent stored{.id = event.id,
                       .source = source.kind,
                       .kind = event.kind,
                       .provider_id = event.provider_id,
                       .headers = event.headers,
                       .body = event.body};
    if (endpoint != nullptr) stored.endpoint = endpoint->name;
    return source.interpret(stored, policy);
  }
  template <class T>
  [[nodiscard]] T becomes(std::string_view body) const {
    const auto asks = interpret(event(body));
    INFO((asks ? "" : asks.error().message));
    REQUIRE(asks.has_value());
    if (const auto* const ignore = std::get_if<Ignore>(&*asks)) UNSCOPED_INFO("ignored: " + ignore->reason);
    REQUIRE(std::holds_alternative<T>(*asks));
    return std::get<T>(*asks);
  }
  [[nodiscard]] RunRequest run(std::string_view body) const { return becomes<RunRequest>(body); }
  [[nodiscard]] std::string ignored(std::string_view body) const { return becomes<Ignore>(body).reason; }
};

}  // namespace tp::gateway
