#include "gateway/sources/github.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "gateway/sources/answers.h"
#include "gateway/sources/body.h"

namespace tp::gateway {
namespace {

using json::Type;
using json::View;

constexpr char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }
constexpr bool alphanumeric(char c) { return (lower(c) >= 'a' && lower(c) <= 'z') || (c >= '0' && c <= '9'); }
constexpr bool hexadecimal(char c) { return (lower(c) >= 'a' && lower(c) <= 'f') || (c >= '0' && c <= '9'); }

bool equal_without_case(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

// --- admit

bool is_json(std::string_view content_type) {
  std::string_view type = content_type.substr(0, content_type.find(';'));
  while (type.ends_with(' ')) type.remove_suffix(1);
  return equal_without_case(type, "application/json");
}

bool is_guid(std::string_view text) {
  constexpr std::string_view kForm = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
  return std::equal(text.begin(), text.end(), kForm.begin(), kForm.end(),
                    [](char c, char form) { return form == 'x' ? hexadecimal(c) : c == form; });
}

bool is_event_name(std::string_view text) {
  constexpr std::size_t kMost = 64;
  return !text.empty() && text.size() <= kMost && std::all_of(text.begin(), text.end(), [](char c) {
    return alphanumeric(c) || c == '_' || c == '-';
  });
}

Result<Admission> admit(const Delivery& delivery) {
  const http::Headers& headers = delivery.headers;
  for (const char* const name : {"Content-Type", "X-GitHub-Event", "X-GitHub-Delivery"}) {
    if (headers.count(name) > 1) return invalid(std::string{"two headers named "} + name);
  }
  if (!is_json(headers.find("Content-Type").value_or(""))) {
    constexpr std::string_view kAdvice =
        "unsupported_media_type: set the webhook's content type to application/json";
    return Admission{{}, refuse_with_detail(415, kAdvice)};
  }
  const std::string_view event = headers.find("X-GitHub-Event").value_or("");
  if (!is_event_name(event)) return invalid("X-GitHub-Event is missing or not the name of an event");
  const std::string_view guid = headers.find("X-GitHub-Delivery").value_or("");
  if (!is_guid(guid)) return invalid("X-GitHub-Delivery is missing or not a GUID");
  TP_TRY(check_object(delivery.body));

  NewEvent stored;
  stored.kind = kind_of(event);
  stored.provider_id = id_text(guid);
  // Only the body is signed: the same one under another GUID or event name is a replay.
  stored.digest = digest_of(delivery.body);
  for (const char* const name :
       {"x-github-event", "x-github-delivery", "x-github-hook-installation-target-id"}) {
    if (const auto value = headers.find(name)) stored.headers.emplace_back(name, id_text(*value));
  }
  stored.body = delivery.body;
  return store(std::move(stored), ok_answer(202));
}

// --- interpret

// Whether `text` has "@" and the handle as a whole word. Neither "@handles" nor "x@handle.io" is one, nor
// "@handle.io", but "@handle." is.
bool mentions(std::string_view text, std::string_view handle) {
  for (auto at = text.find('@'); at != std::string_view::npos; at = text.find('@', at + 1)) {
    if (!equal_without_case(text.substr(at + 1, handle.size()), handle)) continue;
    const auto word = [&](std::size_t i, std::string_view more) {
      return i < text.size() && (alphanumeric(text[i]) || more.find(text[i]) != std::string_view::npos);
    };
    const std::size_t end = at + 1 + handle.size();
    const bool host = end < text.size() && text[end] == '.' && word(end + 1, "");
    if (!(at > 0 && word(at - 1, "_.-+/@")) && !word(end, "_-/@") && !host) return true;
  }
  return false;
}

// What the six kinds of event say, in one form.
struct Facts {
  std::string event;   // its name
  std::string action;  // of the body
  std::string repo;    // owner/name
  View subject{};      // comment, issue or pull request; workflow_run or check_suite
  std::optional<std::int64_t> pr_number{};
  std::optional<std::int64_t> issue_number{};
};

constexpr std::string_view kUnique =
    "action repository repository/full_name repository/default_branch sender sender/type issue "
    "issue/number issue/pull_request issue/body issue/user issue/author_association pull_request "
    "pull_request/number pull_request/body pull_request/user pull_request/author_association comment "
    "comment/body comment/user comment/author_association workflow_run check_suite";

// The events that can start a run, and the objects that show that the body is of such an event.
struct Shape {
  std::string_view event;
  std::string_view context;  // what the subject belongs to; may be empty
  std::string_view subject;  // what has happened
  bool people;               // it is words of a person, else the end of a check or workflow
};
constexpr std::array<Shape, 6> kShapes{{{"issue_comment", "issue", "comment", true},
                                        {"pull_request_review_comment", "pull_request", "comment", true},
                                        {"issues", "", "issue", true},
                                        {"pull_request", "", "pull_request", true},
                                        {"workflow_run", "", "workflow_run", false},
                                        {"check_suite", "", "check_suite", false}}};

Result<Facts> read_facts(View root, const Shape& shape) {
  Facts facts{.event = std::string{shape.event},
              .action = std::string{root["action"].text()},
              .repo = id_text(root["repository"]["full_name"]),
              .subject = root[shape.subject],
              .pr_number = root["pull_request"]["number"].integer(),
              .issue_number = root["issue"]["number"].integer()};
  // GitHub counts pull requests among the issues: a comment on their conversation is an issue_comment.
  if (root["issue"]["pull_request"].is(Type::Object)) facts.pr_number = facts.issue_number;
  const bool fits = facts.subject.is(Type::Object) &&
                    (shape.context.empty() || root[shape.context].is(Type::Object)) &&
                    (!shape.people || facts.pr_number || facts.issue_number);
  if (!fits || facts.repo.empty()) return invalid("the body is not that of the event " + facts.event);
  return facts;
}

// Why words of people start no run; "" when they do.
std::string_view why_not_words(const Facts& facts, View root, const GitHubPolicy& policy) {
  constexpr std::string_view kBot = "Bot";
  // The agent signs its comments with this, and may write them in a person's name.
  constexpr std::string_view kOwnComment = "<!-- incidentfox:";
  const std::string_view text = facts.subject["body"].text();
  if (root["sender"]["type"].text() == kBot || facts.subject["user"]["type"].text() == kBot ||
      text.find(kOwnComment) != std::string_view::npos)
    return "bot";
  if (!mentions(text, policy.bot_handle) && !mentions(facts.subject["title"].text(), policy.bot_handle))
    return "no_mention";
  const std::string association{facts.subject["author_association"].text()};
  return policy.authors.contains(association) ? "" : "author";
}

// Why the end of a check suite or workflow starts no run; "" when it does.
std::string_view why_not_check(const Facts& facts, View root, const GitHubPolicy& policy) {
  // GitHub Actions reports each run twice, as a workflow_run and as a check_suite. Payloads from before there
  // was Actions name apps without a slug.
  const bool suite = facts.event == "check_suite";
  const View app = facts.subject["app"];
  if (suite && (!app.is(Type::Object) || app["slug"].text() == "github-actions")) return "app";
  if (!policy.conclusions.contains(std::string{facts.subject["conclusion"].text()})) return "conclusion";
  const std::string_view branch = facts.subject["head_branch"].text();
  if (branch.empty() || branch != root["repository"]["default_branch"].text()) return "branch";
  // A fork's branch may have the same name. A workflow_run names the repository of its head; of a suite
  // GitHub leaves out head_branch when the push went to a fork, and its pull requests name theirs.
  if (!suite) {
    return facts.subject["head_repository"]["full_name"].text() == facts.repo ? "" : "branch";
  }
  std::string_view reason;
  const auto own = root["repository"]["id"].integer();
  facts.subject["pull_requests"].each([&](View pull) {
    const View head = pull["head"];
    if (head["ref"].text() == branch && head["repo"]["id"].integer() != own) reason = "branch";
  });
  return reason;
}

std::string message_of_words(const Facts& facts) {
  // As much as an agent is given to read at first; it finds the rest at GitHub.
  constexpr std::size_t kTextBytes = 4000;
  const std::string number = "#" + std::to_string(*(facts.pr_number ? facts.pr_number : facts.issue_number));
  const std::string where = " in " + facts.repo + " by " + id_text(facts.subject["user"]["login"]) + ": ";
  const std::string title{clip(facts.subject["title"].text(), kTextBytes)};
  const std::string body{clip(facts.subject["body"].text(), kTextBytes)};
  if (title.empty()) return "GitHub comment on " + number + where + body;
  std::string text = facts.event == "issues" ? "GitHub issue " : "GitHub PR ";
  text += number + " " + facts.action + where + title;
  return body.empty() ? text : text + "\n\n" + body;
}

std::string message_of_check(const Facts& facts) {
  const View check = facts.subject;
  std::string text =
      "GitHub " + facts.event + " event in " + facts.repo + " (action: " + facts.action + "): ";
  text += id_text(check["name"] ? check["name"] : check["app"]["name"]);
  text += " concluded " + id_text(check["conclusion"]) + " on " + id_text(check["head_branch"]);
  text += " at " + id_text(check["head_sha"]);
  const std::string url = id_text(check["html_url"]);
  return url.empty() ? text : text + ", " + url;
}

Result<Interpretation> interpret(const StoredEvent& stored, const Policy& policy) {
  const auto* const shape = std::find_if(kShapes.begin(), kShapes.end(),
                                         [&](const Shape& its) { return its.event == stored.kind; });
  if (shape == kShapes.end()) return ignore("event_type");
  TP_ASSIGN_OR_RETURN(const json::Document document, read_object(stored.body, kUnique));
  const View root = document.root();
  if (!policy.github.events.contains(stored.kind + "." + std::string{root["action"].text()}))
    return ignore("event_type");
  TP_ASSIGN_OR_RETURN(const Facts facts, read_facts(root, *shape));
  const std::string_view reason =
      shape->people ? why_not_words(facts, root, policy.github) : why_not_check(facts, root, policy.github);
  if (!reason.empty()) return ignore(reason);

  const auto or_null = [](const std::optional<std::int64_t>& number) {
    return number ? nlohmann::json(*number) : nlohmann::json{};
  };
  RunRequest run{.identifiers = {{"github_repo", facts.repo}}, .trigger_source = "github"};
  run.message = shape->people ? message_of_words(facts) : message_of_check(facts);
  run.context = {{"metadata",
                  {{"github",
                    {{"event_type", facts.event},
                     {"repo", facts.repo},
                     {"delivery_id", stored.provider_id},
                     {"pr_number", or_null(facts.pr_number)},
                     {"issue_number", or_null(facts.issue_number)}}},
                   {"trigger", "github"}}}};
  run.github = GitHubTarget{facts.repo, facts.pr_number, facts.issue_number};
  return Interpretation{std::move(run)};
}

}  // namespace

Source github_source() {
  return {.kind = SourceKind::GitHub,
          .path = "/webhooks/github",
          .body_bytes = std::size_t{25} << 20U,  // GitHub's own limit
          .scheme = &github_sha256(),
          .admit = admit,
          .interpret = interpret,
          .refuse = refuse_with_detail};
}

}  // namespace tp::gateway
