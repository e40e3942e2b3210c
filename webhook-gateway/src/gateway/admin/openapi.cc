#include "gateway/admin/openapi.h"

#include <algorithm>
#include <array>
#include <cctype>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "gateway/admin/operation.h"
#include "json/parse.h"

namespace tp::gateway {
namespace {

using Json = nlohmann::json;

Json content(Json schema) { return {{"application/json", {{"schema", std::move(schema)}}}}; }

Json parameter(const Operation::Parameter& parameter, const char* in) {
  return {{"name", parameter.name},
          {"in", in},
          {"required", std::string_view{in} == "path"},
          {"description", parameter.description},
          {"schema", parameter.schema}};
}

// What any route may answer.
Json common_answers() {
  constexpr std::array<std::pair<const char*, const char*>, 5> kCommon{{
      {"400", "The path, the query or what is asked for is not valid."},
      {"401", "The token is missing or nobody's."},
      {"403", "The principal lacks the permission, or belongs to another org."},
      {"502", "A service of the platform did not answer."},
      {"503", "The database, or something else that is needed, is away."},
  }};
  Json answers = Json::object();
  for (const auto& [status, description] : kCommon)
    answers[status] = {{"description", description}, {"content", content(schema::refusal())}};
  return answers;
}

Json operation_of(const AdminRoute& route) {
  const Operation& operation = route.operation;
  Json out{{"operationId", route.action}, {"summary", operation.summary}, {"responses", common_answers()}};
  if (route.access) {
    out["description"] = "Permission: " + std::string{rule_of(*route.access).name};
    out["security"] = Json::array({{{"bearer", Json::array()}}, {{"adminToken", Json::array()}}});
  } else {
    out["description"] = "With a team's own token that can write.";
    out["security"] = Json::array({{{"bearer", Json::array()}}, {{"teamToken", Json::array()}}});
  }
  for (const auto& one : operation.path) out["parameters"].push_back(parameter(one, "path"));
  for (const auto& one : operation.query) out["parameters"].push_back(parameter(one, "query"));
  if (!operation.body.is_null())
    out["requestBody"] = {{"required", operation.body_required}, {"content", content(operation.body)}};
  for (const auto& answer : operation.answers) {
    out["responses"][std::to_string(answer.status)] = {{"description", answer.description},
                                                       {"content", content(answer.schema)}};
  }
  return out;
}

}  // namespace

namespace schema {

Json text(std::size_t min, std::size_t max) {
  Json out{{"type", "string"}};
  if (min > 0) out["minLength"] = min;
  if (max > 0) out["maxLength"] = max;
  return out;
}

Json one_of(std::vector<std::string> values) { return {{"type", "string"}, {"enum", std::move(values)}}; }

Json integer(std::int64_t min, std::int64_t max) {
  return {{"type", "integer"}, {"minimum", min}, {"maximum", max}};
}

Json integer() { return {{"type", "integer"}}; }

Json boolean() { return {{"type", "boolean"}}; }

Json time() { return {{"type", "string"}, {"format", "date-time"}}; }

Json uuid() { return {{"type", "string"}, {"format", "uuid"}}; }

Json any_object() { return {{"type", "object"}}; }

Json list(Json element) { return {{"type", "array"}, {"items", std::move(element)}}; }

Json or_null(Json schema) { return {{"anyOf", Json::array({std::move(schema), {{"type", "null"}}})}}; }

Json object(Json required, const Json& optional) {
  Json names = Json::array();
  for (const auto& [name, schema] : required.items()) names.push_back(name);
  required.update(optional);
  return {{"type", "object"}, {"properties", std::move(required)}, {"required", std::move(names)}};
}

Json closed_object(Json optional) {
  return {{"type", "object"}, {"properties", std::move(optional)}, {"additionalProperties", false}};
}

Json refusal() { return object({{"detail", text()}}); }

Json invalid() {
  const Json place{{"anyOf", Json::array({text(), integer()})}};
  const Json problem =
      object({{"type", text()}, {"loc", list(place)}, {"msg", text()}, {"input", Json::object()}},
             {{"ctx", any_object()}});
  return object({{"detail", list(problem)}});
}

}  // namespace schema

Json openapi_document(const AdminRoutes& routes) {
  Json paths = Json::object();
  for (const AdminRoute& route : routes) {
    std::string method{http::to_string(route.method)};
    std::transform(method.begin(), method.end(), method.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    paths[route.path][method] = operation_of(route);
  }
  const auto header = [](const char* name) {
    return Json{{"type", "apiKey"}, {"in", "header"}, {"name", name}};
  };
  return {{"openapi", "3.1.0"},
          {"info",
           {{"title", "webhook-gateway, admin API"},
            {"version", "1"},
            {"description",
             "Provisions teams, starts runs, and shows events. An administrator of an org reaches only this "
             "org. Every answer has an X-Request-Id."}}},
          {"paths", std::move(paths)},
          {"components",
           {{"securitySchemes",
             {{"bearer", {{"type", "http"}, {"scheme", "bearer"}}},
              {"adminToken", header("X-Admin-Token")},
              {"teamToken", header("X-IncidentFox-Team-Token")}}}}}};
}

http::Route openapi_route(const AdminRoutes& routes) {
  return {.method = http::Method::Get,
          .path = "/openapi.json",
          .handler = [text = json::dump(openapi_document(routes))](const http::ServerRequest& /*request*/) {
            return http::Response{200, {{"Content-Type", "application/json"}}, text};
          }};
}

}  // namespace tp::gateway
