#include "kube/core/status_error.h"

#include <chrono>
#include <string>

#include "golden.h"

namespace tp::kube {
namespace {

using namespace std::chrono_literals;
using test::golden;

http::Response recorded(const std::string& name) {
  const auto file = golden("status/" + name);
  const auto& body = file["body"];
  http::Response response{
      file["status"].get<int>(), {}, body.is_string() ? body.get<std::string>() : body.dump()};
  if (file.contains("retryAfter")) response.headers.add("Retry-After", file["retryAfter"].get<std::string>());
  return response;
}

TEST_CASE("status error: what a real server answers", "[kube]") {
  const std::pair<const char*, ErrorCode> cases[]{
      {"field-manager-conflict", ErrorCode::Conflict},
      {"update-conflict", ErrorCode::Conflict},
      {"already-exists", ErrorCode::AlreadyExists},
      {"apply-create-exists", ErrorCode::Conflict},
      {"apply-wrong-uid", ErrorCode::InvalidArgument},
      {"apply-gone", ErrorCode::Conflict},
      {"delete-wrong-uid", ErrorCode::Conflict},
      {"not-found", ErrorCode::NotFound},
      {"no-such-resource", ErrorCode::NotFound},
      {"invalid", ErrorCode::InvalidArgument},
      {"invalid-custom-resource", ErrorCode::InvalidArgument},
      {"unknown-field", ErrorCode::InvalidArgument},
      {"patch-test-failed", ErrorCode::InvalidArgument},
      {"forbidden", ErrorCode::PermissionDenied},
      {"namespace-terminating", ErrorCode::FailedPrecondition},
      {"unauthorized", ErrorCode::Unauthenticated},
      {"version-too-large", ErrorCode::Expired},
      {"expired-continue", ErrorCode::Expired},
  };
  for (const auto& [name, code] : cases) {
    CAPTURE(name);
    CHECK(error_from_response(recorded(name)).code == code);
  }
}

TEST_CASE("status error: messages", "[kube]") {
  CHECK(error_from_response(recorded("not-found")).message ==
        R"(404 NotFound: services "nothing" not found)");
  CHECK(error_from_response(recorded("no-such-resource")).message == "404: 404 page not found");
  CHECK(error_from_response(recorded("forbidden")).message.find("cannot get resource") != std::string::npos);
  CHECK(error_from_response({503, {}, ""}).message == "503");
  // Lines stay lines.
  CHECK(error_from_response({502, {}, "<html>\r\n\x1b[1m"}).message == "502: <html>   [1m");
  const auto conflict = error_from_response(recorded("field-manager-conflict")).message;
  CHECK(conflict.find("team-operator") != std::string::npos);
  CHECK(conflict.find('\n') == std::string::npos);
}

TEST_CASE("status error: messages are bounded", "[kube]") {
  const nlohmann::json status{{"kind", "Status"}, {"reason", "Invalid"}, {"message", std::string(5000, 'x')}};
  const auto error = error_from_response({422, {}, status.dump()});
  CHECK(error.message == "422 Invalid: " + std::string(1024, 'x'));
  CHECK(error_from_response({502, {}, std::string(5000, 'x')}).message == "502: " + std::string(256, 'x'));
}

TEST_CASE("status error: when to come back", "[kube]") {
  CHECK(error_from_response(recorded("version-too-large")).retry_after == 1s);
  CHECK_FALSE(error_from_response(recorded("not-found")).retry_after);

  const std::string throttled =
      R"({"kind":"Status","code":429,"reason":"TooManyRequests","details":{"retryAfterSeconds":7}})";
  const auto in_body = error_from_response({429, {}, throttled});
  CHECK(in_body.code == ErrorCode::ResourceExhausted);
  CHECK(in_body.retry_after == 7s);
  CHECK(error_from_response({429, {{"Retry-After", "3"}}, throttled}).retry_after == 3s);
  const auto plain =
      error_from_response({429, {{"retry-after", "1"}}, "Too many requests, please try again later.\n"});
  CHECK(plain.retry_after == 1s);
  CHECK(plain.message == "429: Too many requests, please try again later.");
  CHECK_FALSE(
      error_from_response({429, {}, R"({"kind":"Status","details":{"retryAfterSeconds":-7}})"}).retry_after);
  CHECK_FALSE(error_from_response(
                  {429, {}, R"({"kind":"Status","details":{"retryAfterSeconds":9223372036854775807}})"})
                  .retry_after);
}

TEST_CASE("status error: codes without a Status", "[kube]") {
  const auto code = [](int status) { return error_from_response({status, {}, ""}).code; };
  for (const int status : {400, 405, 406, 413, 415, 422}) CHECK(code(status) == ErrorCode::InvalidArgument);
  for (const int status : {500, 502, 503, 504}) CHECK(code(status) == ErrorCode::Unavailable);
  for (const int status : {302, 408, 418, 501}) CHECK(code(status) == ErrorCode::Internal);
  CHECK(code(409) == ErrorCode::Conflict);
  CHECK(code(403) == ErrorCode::PermissionDenied);
  CHECK(code(410) == ErrorCode::Expired);
}

TEST_CASE("status error: the fields that others own", "[kube]") {
  CHECK(field_conflicts(recorded("field-manager-conflict")) ==
        std::vector<FieldConflict>{{"spec.replicas", "team-operator"}});
  CHECK(field_conflicts(recorded("update-conflict")).empty());
  CHECK(field_conflicts({502, {}, "<html>"}).empty());
  const http::Response two{409, {}, R"({"kind":"Status","details":{"causes":[
      {"reason":"FieldManagerConflict","field":".spec.pipeline.schedule",
       "message":"conflict with \"argocd\" using incidentfox.io/v1alpha1 at 2026-01-01T00:00:00Z"},
      {"reason":"Other","field":".spec.x","message":"no \"conflict\""},
      {"reason":"FieldManagerConflict","field":".spec.orgId","message":"conflict with \"a \\\"b\\\"\""},
      {"reason":"FieldManagerConflict","message":"cut"}]}})"};
  CHECK(field_conflicts(two) == std::vector<FieldConflict>{{"spec.pipeline.schedule", "argocd"},
                                                           {"spec.orgId", "a \"b\""},
                                                           {"", ""}});
}

TEST_CASE("status error: an ERROR event of a watch", "[kube]") {
  const auto of = [](const std::string& text) {
    json::Document document;
    REQUIRE(document.parse(text));
    return error_from_status(document.root());
  };
  const auto expired = of(golden("status/expired-watch")["body"].dump());
  CHECK(expired.code == ErrorCode::Expired);
  CHECK(expired.message.starts_with("410 Expired: too old resource version"));
  CHECK(of(R"({"kind":"Status","code":410,"reason":"Gone"})").code == ErrorCode::Expired);
  CHECK(of(R"({"kind":"Status","reason":"Expired"})").code == ErrorCode::Expired);
  CHECK(of(R"({"kind":"Status","code":500,"reason":"InternalError"})").code == ErrorCode::Unavailable);
  CHECK(of(R"({"kind":"Status","code":429,"details":{"retryAfterSeconds":2}})").retry_after == 2s);
  CHECK(of("{}").code == ErrorCode::Internal);
}

}  // namespace
}  // namespace tp::kube
