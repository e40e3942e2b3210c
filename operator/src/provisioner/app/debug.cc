#include "provisioner/app/debug.h"

#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/parse.h"

namespace tp::provisioner {
namespace {

http::Response text(int status, std::string body) {
  return {status, {{"Content-Type", "text/plain; charset=utf-8"}}, std::move(body)};
}

http::Response level_of(const log::Sink& sink) {
  return text(200, std::string{to_string(sink.level())} + "\n");
}

std::string_view trimmed(std::string_view text) {
  while (!text.empty() && (text.back() == '\n' || text.back() == ' ')) text.remove_suffix(1);
  return text;
}

}  // namespace

Result<std::unique_ptr<http::Server>> serve_debug(const std::string& address,
                                                  std::function<nlohmann::json()> state,
                                                  log::Sink& sink,
                                                  const log::Logger& log) {
  http::Routes routes{
      {http::Method::Get, "/debug/state",
       [state = std::move(state)](const http::ServerRequest& /*request*/) {
         return http::Response{200, {{"Content-Type", "application/json"}}, json::dump(state()) + "\n"};
       }},
      {http::Method::Get, "/debug/loglevel",
       [&sink](const http::ServerRequest& /*request*/) { return level_of(sink); }},
      {http::Method::Put, "/debug/loglevel", [&sink, log](const http::ServerRequest& request) {
         const auto level = log::parse_level(trimmed(request.body));
         if (!level) return text(400, "the body must be debug, info, warn or error\n");
         log.warn("the log level is changed", {{"from", to_string(sink.level())}, {"to", to_string(*level)}});
         sink.set_level(*level);
         return level_of(sink);
       }}};
  return http::Server::start(address, std::move(routes), {}, log);
}

}  // namespace tp::provisioner
