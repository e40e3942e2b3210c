#include "provisioner/commands/preflight_command.h"

#include <charconv>
#include <chrono>
#include <string>
#include <utility>

#include <nlohmann/json.hpp>

#include "json/parse.h"
#include "kube/runtime/work_queue.h"
#include "provisioner/app/services.h"
#include "provisioner/commands/crd_check.h"
#include "provisioner/commands/definitions.h"
#include "provisioner/commands/permissions.h"
#include "provisioner/commands/session.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

constexpr std::chrono::minutes kTimeLimit{2};
constexpr int kOldestMinor = 34;  // of Kubernetes 1: the oldest that is tested

constexpr std::string_view kReleases = "agentreleases.incidentfox.io";
constexpr kube::ResourceType kAccessReviews{"authorization.k8s.io", "v1", "selfsubjectaccessreviews",
                                            "SelfSubjectAccessReview", false};

// Asks, and writes down what it hears.
class Preflight {
 public:
  Preflight(const RunOptions& options, std::stop_token stop, log::Sink& sink)
      : options_(options), session_(std::move(stop), kTimeLimit, sink) {}

  std::vector<Check> run() && {
    if (ask_version()) {
      ask_definitions();
      ask_permissions();
    }
    if (options_.build.platform) ask_services();
    return std::move(checks_);
  }

 private:
  void note(Verdict verdict, const char* about, std::string message) {
    checks_.push_back({verdict, about, std::move(message)});
  }

  // Whether there is any sense in asking more.
  bool ask_version() {
    constexpr const char* kAbout = "API server";
    const auto version = read_version();
    if (!version) {
      note(Verdict::Missing, kAbout, version.error().message);
      return false;
    }
    const std::string is = "Kubernetes " + version->value("gitVersion", "?") + " at " + session_.server();
    const std::string minor = version->value("minor", "");  // "34", or "34+"
    int number = 0;
    std::from_chars(minor.data(), minor.data() + minor.size(), number);
    const bool is_known = version->value("major", "") == "1" && number >= kOldestMinor;
    note(is_known ? Verdict::Ok : Verdict::Warning, kAbout,
         is_known ? is : is + "; it is tested with 1." + std::to_string(kOldestMinor) + " and newer");
    return true;
  }

  Result<Json> read_version() {
    TP_TRY(session_.connect(options_.kubeconfig));
    return read("/version");
  }

  Result<Json> read(const std::string& path) {
    TP_ASSIGN_OR_RETURN(const std::string text, session_.api().get_path(session_.call(), path));
    return json::parse(text);
  }

  void ask_definitions() {
    const auto definitions = load_definitions();
    if (!definitions) return note(Verdict::Missing, "definitions", definitions.error().message);
    for (const Definition& definition : *definitions) {
      if (definition.name == kReleases && !options_.build.releases) continue;
      for (const Json& version : definition.object["spec"]["versions"])
        checks_.push_back(check_schema(definition, version, read(schema_path(definition, version))));
    }
  }

  void ask_permissions() {
    const auto answers = ask_for_all();
    if (!answers) return note(Verdict::Missing, "permissions", answers.error().message);
    for (Check& check : judge(*answers)) checks_.push_back(std::move(check));
  }

  Result<std::vector<Answer>> ask_for_all() {
    TP_ASSIGN_OR_RETURN(const auto permissions, needed_permissions(options_, session_.ns()));
    std::vector<Answer> answers;
    for (const Permission& permission : permissions) {
      TP_ASSIGN_OR_RETURN(const bool allowed, is_allowed(permission));
      answers.push_back({permission, allowed});
    }
    return answers;
  }

  Result<bool> is_allowed(const Permission& permission) {
    const Json review{{"apiVersion", kAccessReviews.api_version()},
                      {"kind", kAccessReviews.kind},
                      {"spec",
                       {{"resourceAttributes",
                         {{"namespace", permission.ns},
                          {"verb", permission.verb},
                          {"group", permission.group},
                          {"resource", permission.resource},
                          {"subresource", permission.subresource},
                          {"name", permission.name}}}}}};
    TP_ASSIGN_OR_RETURN(const std::string answer,
                        session_.api().create(session_.call(), kAccessReviews, "", json::dump(review)));
    TP_ASSIGN_OR_RETURN(const Json reviewed, json::parse(answer));
    return reviewed.value("/status/allowed"_json_pointer, false);
  }

  void ask_services() {
    kube::WorkQueue nobody{session_.clock()};
    Services services{session_.clock(), session_.log(), nobody, 1};
    if (const Status connected = services.connect(options_); !connected)
      return note(Verdict::Missing, "services", connected.error().message);
    const Platform platform = services.platform();
    ask_config_service(platform.config);
    if (platform.pipeline != nullptr) ask_pipeline(*platform.pipeline);
  }

  void ask_config_service(ConfigService& service) {
    constexpr const char* kAbout = "Config Service";
    const auto who = service.identity(session_.call());
    if (!who) return note(Verdict::Missing, kAbout, who.error().message);
    if (who->role != "admin") {
      return note(Verdict::Missing, kAbout,
                  "the operator's principal is no administrator there, but of role \"" + who->role + "\"");
    }
    std::string permissions;
    for (const std::string& permission : who->permissions)
      permissions.append(permissions.empty() ? "" : ", ").append(permission);
    if (who->is_shared) {
      return note(Verdict::Warning, kAbout,
                  "the principal is an administrator token, whose tokens cannot be told from other people's: "
                  "none is revoked after a crash; permissions " +
                      permissions);
    }
    note(Verdict::Ok, kAbout, "principal " + who->name + ", permissions " + permissions);
  }

  void ask_pipeline(const platform::PipelineClient& pipeline) {
    constexpr const char* kAbout = "AI pipeline";
    const Status reached = pipeline.reach(session_.call());
    if (!reached) return note(Verdict::Missing, kAbout, reached.error().message);
    note(Verdict::Ok, kAbout, "answers; whether it takes the token, only a bootstrap shows");
  }

  const RunOptions& options_;
  Session session_;
  std::vector<Check> checks_{};
};

}  // namespace

Result<std::vector<Check>> preflight(const RunOptions& options, std::stop_token stop, log::Sink& sink) {
  TP_ASSIGN_OR_RETURN(const RunOptions whole, completed(options));
  return Preflight{whole, std::move(stop), sink}.run();
}

}  // namespace tp::provisioner
