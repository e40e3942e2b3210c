#include "gateway/admin/answers.h"

#include <nlohmann/json.hpp>

#include "json/parse.h"

namespace tp::gateway {

http::Response admin_answer(int status, const nlohmann::json& body) {
  return {status, {{"Content-Type", "application/json"}, {"Cache-Control", "no-store"}}, json::dump(body)};
}

http::Response admin_refusal(int status, const std::string& detail) {
  http::Response response = admin_answer(status, {{"detail", detail}});
  if (status == 401) response.headers.add("WWW-Authenticate", "Bearer");
  return response;
}

}  // namespace tp::gateway
