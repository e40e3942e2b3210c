#include "provisioner/commands/import_report.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "domain/yaml_text.h"
#include "json/parse.h"
#include "provisioner/desired/metadata.h"

namespace tp::provisioner {
namespace {

using Json = nlohmann::json;
using State = TeamReport::State;

constexpr std::string_view kMetadata = "metadata.";
constexpr std::string_view kPodTemplate = "spec.template";
// Counted by the Deployment controller.
constexpr std::string_view kRevision = "metadata.annotations.deployment.kubernetes.io/revision";

std::string_view word(Severity severity) {
  switch (severity) {
    case Severity::Note: return "note";
    case Severity::Warning: return "warning";
    case Severity::Problem: return "problem";
  }
  return "";
}

std::string line(std::string_view what, std::string_view text) {
  constexpr std::size_t kColumn = 9;
  std::string padded{what};
  padded.resize(kColumn, ' ');
  return "  " + padded + std::string{text} + "\n";
}

std::string indented(std::string_view text) {
  std::string result;
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    result.append("    ").append(text.substr(begin, end - begin)).append("\n");
    begin = end + 1;
  }
  return result;
}

std::string headline(const TeamReport& team) {
  const std::string name = team.ids.first + "/" + team.ids.second;
  const std::string resource = "TeamProvisioning " + team.key.str();
  switch (team.state) {
    case State::New: return name + ": " + resource + "\n";
    case State::Created: return name + ": " + resource + " created\n";
    case State::Exists: return name + ": " + resource + " exists; it is left as it is\n";
    case State::Refused: return name + ": left out\n";
  }
  return name + "\n";
}

bool rolls_out(const Takeover& takeover) {
  return takeover.object.starts_with(kube::kDeployments.kind) &&
         std::any_of(takeover.changes.begin(), takeover.changes.end(), [](const Difference& change) {
           return std::string_view{change.path}.starts_with(kPodTemplate);
         });
}

// The labels by which the operator knows what is a team's: they change of everything that is taken over.
bool is_bookkeeping(const Difference& change) {
  const std::size_t labels = change.path.find(".labels.");
  if (labels == std::string::npos) return false;
  const std::string_view key =
      std::string_view{change.path}.substr(labels + std::string_view{".labels."}.size());
  return key == kManagedByLabel || key == kOrgKey || key == kTeamKey;
}

class Text {
 public:
  void add(const TeamReport& team) {
    text_ += headline(team);
    for (const Takeover& takeover : team.takeovers) add(takeover);
    for (const std::string& action : team.actions) text_ += line("then", action);
    add(team.findings);
  }

  void add(const std::vector<Finding>& findings) {
    for (const Finding& finding : findings) text_ += line(word(finding.severity), finding.message);
  }

  void end(const std::vector<TeamReport>& teams) {
    const auto count = [&](State state) {
      return std::to_string(std::count_if(teams.begin(), teams.end(),
                                          [&](const TeamReport& team) { return team.state == state; }));
    };
    text_ += std::to_string(teams.size()) + " teams: " + count(State::New) + " to import, " +
             count(State::Created) + " created, " + count(State::Exists) + " exist already, " +
             count(State::Refused) + " left out\n";
  }

  [[nodiscard]] std::string str() && { return std::move(text_); }

 private:
  void add(const Takeover& takeover) {
    const std::string roll_out = rolls_out(takeover) ? ", with one roll-out" : "";
    std::vector<Difference> told = takeover.changes;
    std::erase_if(told, is_bookkeeping);
    if (told.empty()) {
      text_ += line("adopts", takeover.object + roll_out + ", and changes nothing but its labels");
      return;
    }
    const std::string changes = to_text(told);
    const auto [first, is_new] = shown_.emplace(changes, takeover.object);
    if (is_new) {
      text_ += line("adopts", takeover.object + roll_out) + indented(changes);
    } else {
      text_ += line("adopts", takeover.object + roll_out + ", with the changes of " + first->second);
    }
  }

  std::string text_{};
  std::map<std::string, std::string> shown_{};  // changes, of the object that had them first
};

void collect(const Json& live,
             const Json& patch,
             const std::string& prefix,
             std::vector<std::string>& lines) {
  const auto shown = [](const Json& value) { return value.is_null() ? "(nothing)" : json::dump(value); };
  for (const auto& [key, value] : patch.items()) {
    const Json before = live.is_object() && live.contains(key) ? live.at(key) : Json{};
    if (value.is_object() && !value.empty()) {
      collect(before, value, prefix + key + ".", lines);
    } else {
      lines.push_back(prefix + key + ": " + shown(before) + " -> " + shown(value));
    }
  }
}

// What it is that people have to care for.
Json stated(const kube::ResourceType& type, Json object) {
  constexpr std::array<const char*, 2> kKept{"labels", "annotations"};
  Json metadata = Json::object();
  for (const char* part : kKept) {
    if (object["metadata"].contains(part)) metadata[part] = object["metadata"][part];
  }
  object["metadata"] = std::move(metadata);
  for (const char* part : {"apiVersion", "kind", "status"}) object.erase(part);
  if (type == kube::kServices) {
    for (const char* allotted : {"clusterIP", "clusterIPs"}) object["spec"].erase(allotted);
  }
  return object;
}

}  // namespace

std::string to_text(const ImportReport& report) {
  Text text;
  for (const TeamReport& team : report.teams) text.add(team);
  text.add(report.findings);
  text.end(report.teams);
  return std::move(text).str();
}

std::string to_yaml_documents(const ImportReport& report) {
  std::string text;
  for (const TeamReport& team : report.teams) {
    if (!team.resource.is_null()) text += "---\n" + domain::to_yaml(team.resource);
  }
  return text;
}

std::string to_json_list(const ImportReport& report) {
  Json items = Json::array();
  for (const TeamReport& team : report.teams) {
    if (!team.resource.is_null()) items.push_back(team.resource);
  }
  return json::dump({{"apiVersion", "v1"}, {"kind", "List"}, {"items", std::move(items)}}) + "\n";
}

std::vector<Difference> takeover_changes(const kube::ResourceType& type, Json live, Json after) {
  std::vector<Difference> found = differences(stated(type, std::move(live)), stated(type, std::move(after)));
  std::erase_if(found, [](const Difference& difference) {
    const std::string_view path = difference.path;
    return path.starts_with(kMetadata) && (difference.after.has_value() || path == kRevision);
  });
  return found;
}

std::vector<std::string> config_changes(const Json& live, const Json& patch) {
  std::vector<std::string> lines;
  collect(live, patch, "", lines);
  return lines;
}

}  // namespace tp::provisioner
