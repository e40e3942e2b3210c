#include "provisioner/commands/crds_command.h"

#include <chrono>
#include <optional>
#include <utility>
#include <vector>

#include "json/parse.h"
#include "provisioner/commands/definitions.h"
#include "provisioner/commands/differences.h"
#include "provisioner/commands/embedded.h"
#include "provisioner/commands/session.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;

// Its own: what it sets and a later version does not, that one's apply takes away.
constexpr std::string_view kManager = "team-operator-crds";
constexpr std::chrono::milliseconds kLookAgain{200};

Result<std::optional<Json>> get(Session& session, const std::string& name) {
  const auto text = session.api().get(session.call(), kDefinitions, {"", name});
  if (text) return json::parse(*text).transform([](Json live) { return std::optional{std::move(live)}; });
  if (text.error().code == ErrorCode::NotFound) return std::optional<Json>{};
  return text.error();
}

Result<Json> apply(Session& session, const Definition& definition, bool dry_run) {
  TP_ASSIGN_OR_RETURN(
      const auto applied,
      session.api().apply(session.call(), kDefinitions, {"", definition.name}, json::dump(definition.object),
                          {.field_manager = kManager, .force = true, .dry_run = dry_run}));
  return json::parse(applied.object);
}

std::string version_of(const Json& live) {
  return live.value("/metadata/resourceVersion"_json_pointer, std::string{});
}

Status wait_until_established(Session& session, const Definition& definition) {
  while (true) {
    TP_ASSIGN_OR_RETURN(const auto live, get(session, definition.name));
    if (!live) return Error{ErrorCode::NotFound, definition.name + " was deleted meanwhile"};
    auto established = is_established(*live);
    if (!established) return std::move(established).error().wrap(definition.name);
    if (*established) return ok();
    if (!session.pause(kLookAgain))
      return Error{ErrorCode::DeadlineExceeded, definition.name + " is not served yet"};
  }
}

// Without what the API server keeps about an object.
Json stated(Json object) {
  object.erase("status");
  for (const char* own : {"creationTimestamp", "generation", "managedFields", "resourceVersion", "uid"})
    object["metadata"].erase(own);
  return object;
}

}  // namespace

Status apply_definitions(const CrdsOptions& options,
                         std::stop_token stop,
                         log::Sink& sink,
                         const std::function<void(std::string_view)>& say) {
  TP_ASSIGN_OR_RETURN(const auto definitions, load_definitions());
  Session session{std::move(stop), options.time_limit, sink};
  TP_TRY(session.connect(options.kubeconfig));
  for (const Definition& definition : definitions) {
    TP_ASSIGN_OR_RETURN(const auto before, get(session, definition.name));
    TP_ASSIGN_OR_RETURN(const Json after, apply(session, definition, false));
    const bool unchanged = before && version_of(*before) == version_of(after);
    say(definition.name + (!before ? " created\n" : unchanged ? " unchanged\n" : " configured\n"));
  }
  for (const Definition& definition : definitions) TP_TRY(wait_until_established(session, definition));
  return ok();
}

Result<std::string> diff_definitions(const CrdsOptions& options, std::stop_token stop, log::Sink& sink) {
  TP_ASSIGN_OR_RETURN(const auto definitions, load_definitions());
  Session session{std::move(stop), options.time_limit, sink};
  TP_TRY(session.connect(options.kubeconfig));
  std::string text;
  for (const Definition& definition : definitions) {
    TP_ASSIGN_OR_RETURN(const auto before, get(session, definition.name));
    TP_ASSIGN_OR_RETURN(Json after, apply(session, definition, true));
    const auto found = differences(before ? stated(*before) : Json::object(), stated(std::move(after)));
    if (found.empty()) continue;
    text += "--- cluster/" + definition.name + "\n+++ team-operator-" TP_VERSION "/" + definition.name +
            "\n" + to_text(found);
  }
  return text;
}

std::string print_definitions() {
  std::string text;
  for (const EmbeddedFile& file : embedded_definitions()) text.append("---\n").append(file.text);
  return text;
}

}  // namespace tp::provisioner
