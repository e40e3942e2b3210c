#include "gateway/platform/github_comments.h"

#include <chrono>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

namespace tp::gateway {
namespace {

using nlohmann::json;

constexpr std::chrono::seconds kTimeout{10};
constexpr std::size_t kMaxContext = 16'000;  // bytes; the agent takes messages of 20,000 characters

std::string text(const json& object, const char* key) {
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : std::string{};
}

std::string author(const json& comment) {
  const auto it = comment.find("user");
  return it == comment.end() ? std::string{} : text(*it, "login");
}

// Anybody's words: they must not be able to close the element that holds them.
std::string harmless(std::string words) {
  for (std::size_t at = 0; (at = words.find('<', at)) != std::string::npos; at += 4)
    words.replace(at, 1, "&lt;");
  return words;
}

// "owner/name" as two segments of a path.
Result<std::string> repo_path(const std::string& repo) {
  const auto slash = repo.find('/');
  if (slash == std::string::npos) return Error{ErrorCode::InvalidArgument, "not owner/name"};
  TP_ASSIGN_OR_RETURN(const std::string owner, platform::path_segment(repo.substr(0, slash)));
  TP_ASSIGN_OR_RETURN(const std::string name, platform::path_segment(repo.substr(slash + 1)));
  return "/repos/" + owner + "/" + name;
}

}  // namespace

GitHubComments::GitHubComments(http::HttpClient& client, std::string bot_login, const Clock& clock)
    : remote_("GitHub", client, clock, kTimeout), bot_login_(std::move(bot_login)) {}

std::string GitHubComments::with_context(const Context& ctx,
                                         const crypto::Secret& token,
                                         const std::string& repo,
                                         std::int64_t pr_number,
                                         const std::string& message) const {
  const auto path = repo_path(repo);
  if (token.empty() || !path) return message;
  const auto comments =
      remote_.call(ctx, {http::Method::Get,
                         *path + "/issues/" + std::to_string(pr_number) + "/comments?per_page=30",
                         {{"Authorization", "Bearer " + std::string{token.reveal()}},
                          {"Accept", "application/vnd.github+json"}},
                         ""});
  if (!comments || !comments->is_array()) return message;

  std::vector<std::string> lines;
  for (const json& comment : *comments) {
    if (!comment.is_object()) continue;
    if (author(comment) == bot_login_ || author(comment) == bot_login_ + "[bot]") {
      lines.clear();
    } else {
      lines.push_back(author(comment) + ": " + harmless(text(comment, "body")) + "\n");
    }
  }
  // The newest, as many as fit.
  std::string context;
  for (auto line = lines.rbegin(); line != lines.rend() && context.size() + line->size() <= kMaxContext;
       ++line) {
    context.insert(0, *line);
  }
  if (context.empty()) return message;
  return "<pr_context>\n" + context + "</pr_context>\n<current_message>\n" + message + "\n</current_message>";
}

}  // namespace tp::gateway
