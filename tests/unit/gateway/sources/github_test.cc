#include "given.h"

namespace tp::gateway {
namespace {

using nlohmann::json;

constexpr const char* kGuid = "72d3162e-cc78-11e3-81ab-4c9367dc0958";

Given github(const std::string& event) {
  return {source_of(SourceKind::GitHub),
          {{"Content-Type", "application/json"},
           {"X-GitHub-Event", event},
           {"X-GitHub-Delivery", kGuid},
           {"X-GitHub-Hook-Installation-Target-ID", "701234567"},
           {"X-Hub-Signature-256", "sha256=00"}}};
}
std::string comment(const json& patch) {
  return changed("github/issue_comment_created", {{"comment", patch}});
}
std::string said(const std::string& text) { return comment({{"body", text}}); }

TEST_CASE("a GitHub delivery is stored under its GUID and the digest of its body", "[sources][github]") {
  const std::string body = fixture("github/issue_comment_created");
  const auto admission = github("issue_comment").admit(body);
  REQUIRE(admission.has_value());
  CHECK(admission->answer.status == 202);
  CHECK(json::parse(admission->answer.body) == json{{"ok", true}});
  const NewEvent event = github("issue_comment").event(body);
  CHECK(event.kind == "issue_comment");
  CHECK(event.provider_id == kGuid);
  CHECK(event.body == body);
  CHECK(event.headers == std::vector<std::pair<std::string, std::string>>{
                             {"x-github-event", "issue_comment"},
                             {"x-github-delivery", kGuid},
                             {"x-github-hook-installation-target-id", "701234567"}});
  // The event's name is not signed: under another one it is the same delivery.
  CHECK(github("push").event(body).digest == event.digest);
}

TEST_CASE("GitHub's headers are judged", "[sources][github]") {
  const std::string body = fixture("github/ping");
  const auto with = [&](const char* name, const char* value) {
    Given given = github("ping");
    given.headers.set(name, value);
    return given;
  };
  for (const char* const event : {"", "a b", "Ev\xC3\xA9nement", "x/y",
                                  "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"})
    CHECK_FALSE(with("X-GitHub-Event", event).refusal(body).empty());
  for (const char* const guid :
       {"", "1", "72d3162e-cc78-11e3-81ab-4c9367dc095", "72d3162ecc7811e381ab4c9367dc0958",
        "72d3162e-cc78-11e3-81ab-4c9367dc095g", "72d3162e-cc78-11e3-81ab-4c9367dc09588"})
    CHECK_FALSE(with("X-GitHub-Delivery", guid).refusal(body).empty());
  for (const char* const name : {"X-GitHub-Event", "X-GitHub-Delivery", "Content-Type"}) {
    Given twice = github("ping");
    twice.headers.add(name, std::string{*twice.headers.find(name)});
    CHECK(twice.refusal(body).find(name) != std::string::npos);
  }
  CHECK(with("X-GitHub-Hook-Installation-Target-ID", "\xFF").event(body).headers.back().second.empty());

  CHECK(with("Content-Type", "Application/JSON ; charset=utf-8").admit(body)->events.size() == 1);
  for (const char* const type : {"application/x-www-form-urlencoded", "", "application/jsonx", "text/json"}) {
    const auto admission = with("Content-Type", type).admit(body);
    REQUIRE(admission.has_value());
    CHECK(admission->events.empty());
    CHECK(admission->answer.status == 415);
    CHECK(admission->answer.body.find("application/json") != std::string::npos);
  }
}

TEST_CASE("GitHub bodies are JSON objects", "[sources][github]") {
  CHECK(github("push").refusal("[]").starts_with("invalid_json"));
  CHECK(github("push").refusal(std::string(400'000, '[')).starts_with("invalid_json"));
  CHECK(github("push").refusal("{\"a\":\"\xFF\"}").starts_with("invalid_json"));
  CHECK(github("push").refusal(R"({"a":"\u0000"})").starts_with("invalid_json"));
  CHECK(github("push").refusal("payload=%7B%7D").starts_with("invalid_json"));
}

TEST_CASE("a comment that mentions the bot asks for a run", "[sources][github]") {
  const RunRequest run = github("issue_comment").run(fixture("github/issue_comment_created"));
  CHECK(run.identifiers == std::vector<Identifier>{{"github_repo", "acme/checkout"}});
  CHECK(run.trigger_source == "github");
  CHECK(run.message ==
        "GitHub comment on #7 in acme/checkout by alice-ops: @IncidentFox what changed at 08:00?");
  CHECK(run.context == json::parse(R"({"metadata": {"trigger": "github", "github": {
    "event_type": "issue_comment", "repo": "acme/checkout", "pr_number": null, "issue_number": 7,
    "delivery_id": "72d3162e-cc78-11e3-81ab-4c9367dc0958"}}})"));
  REQUIRE(run.github.has_value());
  CHECK(run.github->repo == "acme/checkout");
  CHECK(run.github->issue_number == 7);
  CHECK_FALSE(run.github->pr_number.has_value());

  const RunRequest on_pull = github("issue_comment").run(fixture("github/issue_comment_created_on_pr"));
  CHECK(on_pull.github->pr_number == 12);
  CHECK(on_pull.context["metadata"]["github"]["pr_number"] == 12);

  const RunRequest review =
      github("pull_request_review_comment").run(fixture("github/pull_request_review_comment_created"));
  CHECK(review.github->pr_number == 12);
  CHECK(review.message ==
        "GitHub comment on #12 in acme/checkout by alice-ops: @incidentfox does the database allow 50?");
}

TEST_CASE("opened issues and pull requests that mention the bot ask for a run", "[sources][github]") {
  const RunRequest issue = github("issues").run(fixture("github/issues_opened"));
  CHECK(issue.message ==
        "GitHub issue #8 opened in acme/checkout by alice-ops: Refunds fail\n\n"
        "All refunds fail with 403. @incidentfox, why?");
  CHECK(issue.github->issue_number == 8);
  const RunRequest pull = github("pull_request").run(fixture("github/pull_request_opened"));
  CHECK(pull.message.starts_with(
      "GitHub PR #12 opened in acme/checkout by alice-ops: Raise the pool's size\n\n"));
  CHECK(pull.github->pr_number == 12);
  CHECK(github("issues").ignored(changed("github/issues_opened", {{"issue", {{"body", nullptr}}}})) ==
        "no_mention");
  CHECK(github("issues")
            .run(changed("github/issues_opened",
                         {{"issue", {{"body", nullptr}, {"title", "@incidentfox help"}}}}))
            .message == "GitHub issue #8 opened in acme/checkout by alice-ops: @incidentfox help");
}

TEST_CASE("a mention is the handle as a whole word", "[sources][github]") {
  for (const char* const text : {"@incidentfox", "hey @INCIDENTFOX!", "(@incidentfox)", "ask @incidentfox.",
                                 "\n@incidentfox:", "a@b.c @incidentfox", "请@incidentfox看",
                                 "@incidentfox[bot]", "@@x @incidentfox"}) {
    INFO(text);
    CHECK(github("issue_comment").run(said(text)).message.ends_with(text));
  }
  for (const char* const text :
       {"", "@", "incidentfox", "@incidentfoxes", "@incidentfox-dev", "@incidentfox_", "@incidentfo",
        "foo@incidentfox.io", "foo@incidentfox", "@incidentfox.io", "@incidentfox/team", "x/@incidentfox",
        "@@incidentfox", "@ incidentfox"}) {
    INFO(text);
    CHECK(github("issue_comment").ignored(said(text)) == "no_mention");
  }
  Given renamed = github("issue_comment");
  renamed.policy.github.bot_handle = "sre-fox";
  CHECK(renamed.ignored(said("@incidentfox")) == "no_mention");
  CHECK_FALSE(renamed.run(said("@SRE-Fox")).message.empty());
}

TEST_CASE("long comments are cut between characters", "[sources][github]") {
  std::string text = "@incidentfox ";
  while (text.size() < 10'000) text += "é";
  const std::string message = github("issue_comment").run(said(text)).message;
  CHECK(message.size() < 4200);
  CHECK(message.ends_with("é"));
}

TEST_CASE("bots start nothing at GitHub", "[sources][github]") {
  CHECK(github("issue_comment").ignored(fixture("github/issue_comment_created_by_bot")) == "bot");
  CHECK(github("issue_comment").ignored(comment({{"user", {{"type", "Bot"}}}})) == "bot");
  CHECK(github("issue_comment")
            .ignored(changed("github/issue_comment_created", {{"sender", {{"type", "Bot"}}}})) == "bot");
  // The agent may write with a person's token: it signs its comments.
  CHECK(github("issue_comment").ignored(said("> @incidentfox why?\n<!-- incidentfox:run_id=1 -->")) == "bot");
}

TEST_CASE("strangers start nothing at GitHub", "[sources][github]") {
  for (const char* const association :
       {"NONE", "CONTRIBUTOR", "FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR", "MANNEQUIN", "", "owner"})
    CHECK(github("issue_comment").ignored(comment({{"author_association", association}})) == "author");
  CHECK(github("issue_comment").ignored(comment({{"author_association", nullptr}})) == "author");
  for (const char* const association : {"OWNER", "MEMBER", "COLLABORATOR"})
    CHECK_FALSE(github("issue_comment").run(comment({{"author_association", association}})).message.empty());
  Given open = github("issue_comment");
  open.policy.github.authors.insert("CONTRIBUTOR");
  CHECK_FALSE(open.run(comment({{"author_association", "CONTRIBUTOR"}})).message.empty());
}

TEST_CASE("GitHub events that the policy does not list start nothing", "[sources][github]") {
  CHECK(github("ping").ignored(fixture("github/ping")) == "event_type");
  CHECK(github("push").ignored(fixture("github/push")) == "event_type");
  for (const char* const action : {"edited", "deleted", ""})
    CHECK(github("issue_comment").ignored(changed("github/issue_comment_created", {{"action", action}})) ==
          "event_type");
  Given none = github("issue_comment");
  none.policy.github.events.clear();
  CHECK(none.ignored(fixture("github/issue_comment_created")) == "event_type");
}

TEST_CASE("an event's name that does not fit its body is not believed", "[sources][github]") {
  // A captured issues.opened, sent again as something else that may start a run.
  for (const char* const other : {"pull_request"}) {
    const Given given = github(other);
    const auto asks = given.interpret(given.event(fixture("github/issues_opened")));
    REQUIRE_FALSE(asks.has_value());
    CHECK(asks.error().code == ErrorCode::InvalidArgument);
  }
  const Given suite = github("check_suite");
  CHECK_FALSE(suite.interpret(suite.event(fixture("github/workflow_run_completed"))).has_value());
  const Given comments = github("issue_comment");
  CHECK_FALSE(
      comments.interpret(comments.event(fixture("github/pull_request_review_comment_created"))).has_value());
  CHECK_FALSE(
      comments.interpret(comments.event(changed("github/issue_comment_created", {{"repository", nullptr}})))
          .has_value());
  CHECK_FALSE(comments
                  .interpret(comments.event(R"({"action":"created","repository":{"full_name":"a/b"},)"
                                            R"("repository":{"full_name":"c/d"}})"))
                  .has_value());
}

TEST_CASE("a workflow that failed on the default branch asks for a run", "[sources][github]") {
  const Given given = github("workflow_run");
  const auto workflow = [](const json& patch) {
    return changed("github/workflow_run_completed", {{"workflow_run", patch}});
  };
  const RunRequest run = given.run(fixture("github/workflow_run_completed"));
  CHECK(run.message ==
        "GitHub workflow_run event in acme/checkout (action: completed): deploy concluded failure on main at "
        "c3d0be41ecbe669545ee3e94d31ed9a4bc91ee3c, https://github.com/acme/checkout/actions/runs/9100000001");
  CHECK_FALSE(run.github->pr_number.has_value());
  CHECK_FALSE(run.github->issue_number.has_value());
  CHECK_FALSE(given.run(workflow({{"conclusion", "timed_out"}})).message.empty());
  for (const char* const conclusion : {"success", "cancelled", "skipped", "neutral", "action_required"})
    CHECK(given.ignored(workflow({{"conclusion", conclusion}})) == "conclusion");
  CHECK(given.ignored(workflow({{"conclusion", nullptr}})) == "conclusion");
  CHECK(given.ignored(workflow({{"head_branch", "bigger-pool"}})) == "branch");
  CHECK(given.ignored(workflow({{"head_branch", nullptr}})) == "branch");
  // A fork's branch of that name is another branch.
  CHECK(given.ignored(workflow({{"head_repository", {{"full_name", "mallory/checkout"}}}})) == "branch");
  CHECK(given.ignored(workflow({{"head_repository", nullptr}})) == "branch");
}

TEST_CASE("a check suite of another app that failed asks for a run", "[sources][github]") {
  const Given given = github("check_suite");
  const auto suite = [](const json& patch) {
    return changed("github/check_suite_completed", {{"check_suite", patch}});
  };
  CHECK(given.run(fixture("github/check_suite_completed"))
            .message.find("CircleCI Checks concluded timed_out on main") != std::string::npos);
  CHECK(given.ignored(suite({{"app", {{"slug", "github-actions"}}}})) == "app");
  CHECK(given.ignored(suite({{"app", nullptr}})) == "app");
  CHECK_FALSE(given.run(suite({{"app", {{"slug", nullptr}}}})).message.empty());
  CHECK(given.ignored(suite({{"conclusion", "success"}})) == "conclusion");
  CHECK(given.ignored(suite({{"head_branch", "bigger-pool"}})) == "branch");
  CHECK(given.ignored(suite({{"head_branch", nullptr}})) == "branch");  // a push to a fork
  const auto pull_from = [](json repo) {
    return json::array(
        {{{"number", 3}, {"head", {{"ref", "main"}, {"sha", "c3d0be4"}, {"repo", std::move(repo)}}}}});
  };
  CHECK(given.ignored(suite({{"pull_requests", pull_from({{"id", 666}})}})) == "branch");
  CHECK(given.ignored(suite({{"pull_requests", pull_from(nullptr)}})) == "branch");
  CHECK_FALSE(given.run(suite({{"pull_requests", pull_from({{"id", 701234567}})}})).message.empty());
}

}  // namespace
}  // namespace tp::gateway
