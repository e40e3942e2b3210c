#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

namespace tp::gateway {

// A route's entry in the OpenAPI document. What every route answers besides (401, 403, 502, 503) is added
// there.
struct Operation {
  struct Parameter {
    std::string name;
    std::string description;
    nlohmann::json schema;
  };
  struct Answer {
    int status = 200;
    std::string description;
    nlohmann::json schema;
  };

  std::string summary;
  std::vector<Parameter> path{};  // the names in its path, in their order
  std::vector<Parameter> query{};
  nlohmann::json body{};  // its schema; null: it has none
  bool body_required = true;
  std::vector<Answer> answers;
};

// JSON Schema 2020-12, as OpenAPI 3.1 takes it.
namespace schema {

[[nodiscard]] nlohmann::json text(std::size_t min = 0, std::size_t max = 0);  // 0: no limit
[[nodiscard]] nlohmann::json one_of(std::vector<std::string> values);
[[nodiscard]] nlohmann::json integer(std::int64_t min, std::int64_t max);
[[nodiscard]] nlohmann::json integer();
[[nodiscard]] nlohmann::json boolean();
[[nodiscard]] nlohmann::json time();
[[nodiscard]] nlohmann::json uuid();
[[nodiscard]] nlohmann::json any_object();
[[nodiscard]] nlohmann::json list(nlohmann::json element);
[[nodiscard]] nlohmann::json or_null(nlohmann::json schema);
// All of `required` are there; others may be, too.
[[nodiscard]] nlohmann::json object(nlohmann::json required,
                                    const nlohmann::json& optional = nlohmann::json::object());
// These may be there, and no others.
[[nodiscard]] nlohmann::json closed_object(nlohmann::json optional);
// {"detail": text}, and that of a body that is not valid.
[[nodiscard]] nlohmann::json refusal();
[[nodiscard]] nlohmann::json invalid();

}  // namespace schema

}  // namespace tp::gateway
