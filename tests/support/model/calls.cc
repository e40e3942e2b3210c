#include "support/model/calls.h"

#include <algorithm>
#include <string_view>

namespace tp::test {
namespace {

// Long enough for any deadline of a single call.
constexpr std::chrono::milliseconds kLongestSilence{60'000};

std::string decode(std::string_view text) {
  std::string result;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      result.push_back(static_cast<char>(std::stoi(std::string{text.substr(i + 1, 2)}, nullptr, 16)));
      i += 2;
    } else {
      result.push_back(text[i]);
    }
  }
  return result;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find(separator), text.size());
    if (end > 0) parts.push_back(text.substr(0, end));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  return parts;
}

}  // namespace

std::string Call::str() const {
  return service + " " + std::string{to_string(method)} + " " + target + " " + std::to_string(status);
}

std::optional<Fault> Calls::begin(Call call) {
  if (dead_) return std::nullopt;
  clock_.advance(kDuration);
  const std::size_t index = log_.size();
  if (index == meanwhile_.first) meanwhile_.second();
  Fault fault;
  for (const auto& [applies, what] : faults_) {
    if (!applies(index, call)) continue;
    fault = what;
    break;
  }
  log_.push_back(std::move(call));
  if (index == crash_ && !after_) {
    dead_ = true;
    return std::nullopt;
  }
  return fault;
}

void Calls::end(int status) {
  log_.back().status = status;
  if (look_) look_();
  if (log_.size() - 1 == crash_ && after_) dead_ = true;
}

Result<http::Response> ModelService::send(const Context& ctx, const http::Request& request) {
  const Error killed{ErrorCode::Cancelled, "the operator is dead"};
  const auto fault = calls_.begin({name_, request.method, request.target, request.body});
  if (!fault) return killed;
  http::Response response{.status = 0};
  if (fault->acts) response = answer(request, *fault);
  calls_.end(response.status);
  if (calls_.dead()) return killed;
  switch (fault->answer) {
    case Fault::Answer::Own: return response;
    case Fault::Answer::Status: {
      http::Response refused{fault->status, {}, "out of order"};
      if (fault->retry_after) refused.headers.add("Retry-After", std::to_string(*fault->retry_after));
      return refused;
    }
    case Fault::Answer::Garbage: return http::Response{200, {}, "<html>welcome</html>"};
    case Fault::Answer::Silence:
      calls_.clock().advance(std::min(ctx.remaining(calls_.clock()), kLongestSilence));
      return Error{ErrorCode::DeadlineExceeded, "no answer"};
    case Fault::Answer::Cut: break;
  }
  return Error{ErrorCode::Unavailable, "connection reset"};
}

void ModelService::start(const Context& ctx,
                         http::Request request,
                         std::function<void(http::Exchange)> done) {
  done({send(ctx, request), true});
}

Status ModelService::stream(const Context& /*ctx*/,
                            const http::Request& /*request*/,
                            http::ResponseSink& /*sink*/) {
  return Error{ErrorCode::Internal, "watches are fed by WatchFeed"};
}

std::vector<std::string> path_of(const http::Request& request) {
  std::vector<std::string> segments;
  const std::string_view path = std::string_view{request.target}.substr(0, request.target.find('?'));
  for (const std::string_view segment : split(path, '/')) segments.push_back(decode(segment));
  return segments;
}

std::string query_of(const http::Request& request, const std::string& name) {
  const std::size_t begin = request.target.find('?');
  if (begin == std::string::npos) return {};
  for (const std::string_view field : split(std::string_view{request.target}.substr(begin + 1), '&')) {
    if (field.starts_with(name + "=")) return decode(field.substr(name.size() + 1));
  }
  return {};
}

}  // namespace tp::test
