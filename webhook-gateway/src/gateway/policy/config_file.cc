#include "gateway/policy/config_file.h"

#include <algorithm>
#include <array>
#include <functional>
#include <initializer_list>
#include <span>
#include <sstream>
#include <utility>

#include <yaml-cpp/eventhandler.h>
#include <yaml-cpp/yaml.h>

#include "base/env.h"

namespace tp::gateway {
namespace {

// ---------------------------------------------------------------- what texts may be

constexpr bool is_lower_or_digit(char c) noexcept { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
constexpr bool is_control(char c) noexcept {
  return (static_cast<unsigned char>(c) < ' ' && c != '\t' && c != '\n' && c != '\r') || c == '\x7f';
}
constexpr bool is_alnum(char c) noexcept { return is_lower_or_digit(c) || (c >= 'A' && c <= 'Z'); }

template <class Allowed>
bool all(std::string_view text, std::size_t max, Allowed allowed) {
  return !text.empty() && text.size() <= max && std::all_of(text.begin(), text.end(), allowed);
}

struct Rule {
  bool (*allows)(std::string_view text);
  std::string_view must;  // be …
};

constexpr Rule kAnyText{[](std::string_view text) { return !text.empty() && text.size() <= 256; },
                        "a text of 1 to 256 bytes"};

constexpr Rule kDnsLabel{[](std::string_view text) {
                           return all(text, 63, [](char c) { return is_lower_or_digit(c) || c == '-'; }) &&
                                  text.front() != '-' && text.back() != '-';
                         },
                         R"(a DNS label: at most 63 of a-z, 0-9 and "-", which is neither first nor last)"};

// As the TeamProvisioning resource has them.
bool is_id(std::string_view text, std::size_t max) {
  return all(text, max, [](char c) { return is_alnum(c) || c == '.' || c == '_' || c == '-'; });
}
constexpr Rule kOrg{[](std::string_view text) { return is_id(text, 64); },
                    R"(1 to 64 of A-Z, a-z, 0-9, ".", "_" and "-")"};
constexpr Rule kTeam{[](std::string_view text) { return is_id(text, 128); },
                     R"(1 to 128 of A-Z, a-z, 0-9, ".", "_" and "-")"};
constexpr Rule kAgent = kTeam;

// What GitHub allows in a login.
constexpr Rule kHandle{
    [](std::string_view text) { return all(text, 39, [](char c) { return is_alnum(c) || c == '-'; }); },
    R"(a GitHub login without "@": at most 39 of A-Z, a-z, 0-9 and "-")"};

constexpr Rule kEvent{[](std::string_view text) {
                        return all(text, 100,
                                   [](char c) { return is_lower_or_digit(c) || c == '_' || c == '.'; }) &&
                               text.find('.') != std::string_view::npos && text.front() != '.' &&
                               text.back() != '.' && text.find("..") == std::string_view::npos;
                      },
                      R"(lower-case words with dots between, such as "issues.opened")"};

constexpr Rule kLookup{[](std::string_view text) {
                         return all(text, 64, [](char c) { return is_lower_or_digit(c) || c == '_'; });
                       },
                       R"(a lookup type of the Config Service: a-z, 0-9 and "_")"};

constexpr Rule kPointer{[](std::string_view text) {
                          if (!text.starts_with('/') || text.size() > 256) return false;
                          for (std::size_t i = text.find('~'); i != std::string_view::npos;
                               i = text.find('~', i + 1)) {
                            const std::string_view rest = text.substr(i + 1, 1);
                            if (rest != "0" && rest != "1") return false;
                          }
                          return true;
                        },
                        R"(a JSON pointer (RFC 6901), such as "/alert/title")"};

constexpr Rule kPath{[](std::string_view text) { return text.size() > 1 && text.starts_with('/'); },
                     "an absolute path"};

// GitHub's author_association, and its conclusions of checks.
constexpr std::array<std::string_view, 8> kAssociations{
    "COLLABORATOR", "CONTRIBUTOR", "FIRST_TIMER", "FIRST_TIME_CONTRIBUTOR",
    "MANNEQUIN",    "MEMBER",      "NONE",        "OWNER"};
constexpr std::array<std::string_view, 9> kConclusions{"action_required", "cancelled", "failure",
                                                       "neutral",         "skipped",   "stale",
                                                       "startup_failure", "success",   "timed_out"};
// In the order of EndpointKind, and of standard_webhooks.
constexpr std::array<std::string_view, 2> kKinds{"run", "provisioning"};
constexpr std::array<std::string_view, 2> kSignatures{"hmac", "standard-webhooks"};
// Interactions are signed like Slack's events, by the same secret.
constexpr std::array<std::string_view, 7> kSigning{"slack",      "github",  "pagerduty", "incidentio",
                                                   "circleback", "generic", "probe"};

std::string listed(std::span<const std::string_view> words) {
  std::string text;
  for (const std::string_view word : words) text.append(text.empty() ? "" : ", ").append(word);
  return text;
}

// Foreign text, enough of it to be found in the file.
std::string shown(std::string_view text) {
  constexpr std::size_t kMax = 64;
  std::string quoted = "\"";
  for (const char c : text.substr(0, kMax)) quoted += c >= ' ' && c != '\x7f' ? c : '?';
  return quoted.append(text.size() > kMax ? "…\"" : "\"");
}

// ---------------------------------------------------------------- reading

// Reads values into where they belong and collects what is wrong with them. A value that is wrong leaves its
// target as it was. Throws only YAML::Exception.
class Reader {
 public:
  using Set = std::function<void(const YAML::Node& value, const std::string& path)>;
  struct Key {
    std::string_view name;
    Set set;
    bool required = false;
  };

  explicit Reader(std::string file) : file_(std::move(file)) {}

  // A mapping with these keys. Whether nothing was wrong with it, so that rules between keys can be checked.
  bool mapping(const YAML::Node& node, const std::string& path, std::initializer_list<Key> keys) {
    const std::size_t before = problems_;
    std::set<std::string_view> given;
    each_member(node, path, [&](const YAML::Node& name, const YAML::Node& value, const std::string& at) {
      const auto* const key =
          std::find_if(keys.begin(), keys.end(), [&](const Key& k) { return k.name == name.Scalar(); });
      if (key == keys.end()) {
        std::string known;
        for (const Key& k : keys) known.append(known.empty() ? "" : ", ").append(k.name);
        return problem(name, join(path, shown(name.Scalar())) + " is no known key; there are " + known);
      }
      given.insert(key->name);
      key->set(value, at);
    });
    if (problems_ == before) {
      for (const Key& key : keys) {
        if (key.required && !given.contains(key.name)) problem(node, join(path, key.name) + " is required");
      }
    }
    return problems_ == before;
  }

  void list(const YAML::Node& node, const std::string& path, const Set& each) {
    if (!node.IsSequence()) return problem(node, path + " must be a list");
    std::size_t index = 0;
    for (const YAML::Node& element : node) each(element, path + "[" + std::to_string(index++) + "]");
  }

  [[nodiscard]] Set boolean(bool& target) {
    return [this, &target](const YAML::Node& node, const std::string& path) {
      one_of(node, path, std::array<std::string_view, 2>{"false", "true"}, "true or false",
             [&](std::size_t which) { target = which == 1; });
    };
  }

  [[nodiscard]] Set text(std::string& target, const Rule& rule) {
    return [this, &target, &rule](const YAML::Node& node, const std::string& path) {
      if (const auto* const value = scalar(node, path, rule.must)) {
        if (!rule.allows(*value)) return wrong(node, path, *value, rule.must);
        target = *value;
      }
    };
  }

  template <class F>
  [[nodiscard]] Set choice(std::span<const std::string_view> words, F store) {
    return [this, words, store](const YAML::Node& node, const std::string& path) {
      one_of(node, path, words, "one of " + listed(words), store);
    };
  }

  // A list that takes the place of the default.
  [[nodiscard]] Set set_of(std::set<std::string>& target, const Rule& rule) {
    return [this, &target, &rule](const YAML::Node& node, const std::string& path) {
      target.clear();
      list(node, path, [&](const YAML::Node& element, const std::string& at) {
        std::string word;
        text(word, rule)(element, at);
        target.insert(std::move(word));
      });
    };
  }
  [[nodiscard]] Set set_of(std::set<std::string>& target, std::span<const std::string_view> words) {
    return [this, &target, words](const YAML::Node& node, const std::string& path) {
      target.clear();
      list(node, path, choice(words, [&](std::size_t which) { target.emplace(words[which]); }));
    };
  }

  // Calls f(key, value, path) for the members of a mapping that are not null; `slack:` alone is null.
  template <class F>
  void each_member(const YAML::Node& node, const std::string& path, F f) {
    if (!node || node.IsNull()) return;
    const std::string what = path.empty() ? "the file" : path;
    if (!node.IsMap()) return problem(node, what + " must be a mapping");
    std::set<std::string> seen;
    for (const auto& member : node) {
      if (!member.first.IsScalar()) {
        problem(member.first, what + " has a key that is not a text");
        continue;
      }
      const std::string& name = member.first.Scalar();
      if (!seen.insert(name).second) {
        problem(member.first, join(path, shown(name)) + " is given twice");
      } else if (!member.second.IsNull()) {
        f(member.first, member.second, join(path, name));
      }
    }
  }

  void problem(const YAML::Node& node, const std::string& text) { problem(node.Mark(), text); }
  void problem(const YAML::Mark& mark, const std::string& text) {
    if (++problems_ > kMaxProblems) return;
    if (!text_.empty()) text_ += '\n';
    text_ += file_;
    if (!mark.is_null()) {
      text_ += ":" + std::to_string(mark.line + 1) + ":" + std::to_string(mark.column + 1);
    }
    text_ += ": " + text;
  }

  [[nodiscard]] Status result() const {
    if (problems_ == 0) return ok();
    if (problems_ <= kMaxProblems) return Error{ErrorCode::InvalidArgument, text_};
    return Error{ErrorCode::InvalidArgument,
                 text_ + "\n" + file_ + ": and " + std::to_string(problems_ - kMaxProblems) + " more"};
  }

 private:
  static constexpr std::size_t kMaxProblems = 20;

  static std::string join(const std::string& path, std::string_view name) {
    return (path.empty() ? "" : path + ".").append(name);
  }

  void wrong(const YAML::Node& node, const std::string& path, std::string_view value, std::string_view must) {
    problem(node, path + " is " + shown(value) + "; it must be " + std::string{must});
  }

  const std::string* scalar(const YAML::Node& node, const std::string& path, std::string_view must) {
    if (node.IsScalar()) return &node.Scalar();
    problem(node, path + " must be " + std::string{must});
    return nullptr;
  }

  template <class F>
  void one_of(const YAML::Node& node,
              const std::string& path,
              std::span<const std::string_view> words,
              const std::string& must,
              const F& store) {
    if (const auto* const value = scalar(node, path, must)) {
      const auto found = std::find(words.begin(), words.end(), *value);
      if (found == words.end()) return wrong(node, path, *value, must);
      store(static_cast<std::size_t>(found - words.begin()));
    }
  }

  std::string file_;
  std::string text_;
  std::size_t problems_ = 0;
};

// Hears of a document without building it.
class DocumentStart final : public YAML::EventHandler {
 public:
  YAML::Mark mark{};

  void OnDocumentStart(const YAML::Mark& at) override { mark = at; }
  void OnDocumentEnd() override {}
  void OnNull(const YAML::Mark&, YAML::anchor_t) override {}
  void OnAlias(const YAML::Mark&, YAML::anchor_t) override {}
  void OnScalar(const YAML::Mark&, const std::string&, YAML::anchor_t, const std::string&) override {}
  void OnSequenceStart(const YAML::Mark&,
                       const std::string&,
                       YAML::anchor_t,
                       YAML::EmitterStyle::value) override {}
  void OnSequenceEnd() override {}
  void OnMapStart(const YAML::Mark&, const std::string&, YAML::anchor_t, YAML::EmitterStyle::value) override {
  }
  void OnMapEnd() override {}
};

// Not by YAML::LoadAll: of a text such as "," yaml-cpp 0.7 makes empty documents for ever.
void refuse_second_document(Reader& in, const std::string& text) {
  std::istringstream stream{text};
  YAML::Parser parser{stream};
  DocumentStart document;
  if (parser.HandleNextDocument(document) && parser.HandleNextDocument(document)) {
    in.problem(document.mark, "a second document begins, where there must be one");
  }
}

// ---------------------------------------------------------------- probe, endpoints and secrets

void read_probe(Reader& in, const YAML::Node& node, const std::string& path, ProbePolicy& its) {
  const bool well_formed = in.mapping(node, path,
                                      {{"org", in.text(its.team.org_id, kOrg)},
                                       {"team", in.text(its.team.team_node_id, kTeam)},
                                       {"agent", in.text(its.agent_name, kAgent)}});
  if (!well_formed) return;
  if (its.team.org_id.empty() != its.team.team_node_id.empty())
    in.problem(node, path + " needs both org and team, or neither");
  if (!its.agent_name.empty() && its.team.team_node_id.empty())
    in.problem(node, path + ".agent needs org and team, whose agent it is");
}

void check_endpoint(
    Reader& in, const YAML::Node& node, const std::string& path, const Endpoint& its, const Policy& policy) {
  if (policy.endpoint(its.name) != nullptr) {
    in.problem(node, path + ".name is " + shown(its.name) + ", as that of an earlier endpoint");
  }
  if (its.kind == EndpointKind::Run) {
    if (its.message.empty()) in.problem(node, path + ".message is required for the kind run");
    return;
  }
  const auto refuse = [&](bool given, std::string_view key) {
    if (given) in.problem(node, (path + ".").append(key) + " has no meaning for the kind provisioning");
  };
  refuse(!its.scope.team_node_id.empty(), "team");
  refuse(!its.message.empty(), "message");
  refuse(!its.context.empty(), "context");
  refuse(!its.agent_name.empty(), "agent");
  refuse(!its.identifiers.empty(), "identifiers");
}

void read_endpoint(Reader& in, const YAML::Node& node, const std::string& path, Policy& policy) {
  Endpoint its;
  const bool well_formed = in.mapping(
      node, path,
      {{.name = "name", .set = in.text(its.name, kDnsLabel), .required = true},
       {.name = "kind",
        .set = in.choice(kKinds, [&](std::size_t which) { its.kind = static_cast<EndpointKind>(which); })},
       {.name = "org", .set = in.text(its.scope.org_id, kOrg), .required = true},
       {.name = "team", .set = in.text(its.scope.team_node_id, kTeam)},
       {.name = "signature",
        .set = in.choice(kSignatures, [&](std::size_t which) { its.standard_webhooks = which == 1; })},
       {.name = "message", .set = in.text(its.message, kPointer)},
       {.name = "dedupeId", .set = in.text(its.dedupe_id, kPointer)},
       {.name = "context", .set = in.text(its.context, kPointer)},
       {.name = "eventType", .set = in.text(its.event_type, kPointer)},
       {.name = "agent", .set = in.text(its.agent_name, kAgent)},
       {.name = "identifiers", .set = [&](const YAML::Node& identifiers, const std::string& at) {
          in.each_member(identifiers, at,
                         [&](const YAML::Node& type, const YAML::Node& value, const std::string& here) {
                           its.identifiers.emplace_back();
                           in.text(its.identifiers.back().first, kLookup)(type, "a key of " + at);
                           in.text(its.identifiers.back().second, kPointer)(value, here);
                         });
        }}});
  if (well_formed) check_endpoint(in, node, path, its, policy);
  policy.endpoints.push_back(std::move(its));
}

// What the keys of a secret are to each other. Fills in the scope of a generic one that has none.
void check_secret(
    Reader& in, const YAML::Node& node, const std::string& path, SecretFile& its, const Policy& policy) {
  if (!its.scope.team_node_id.empty() && its.scope.org_id.empty()) {
    in.problem(node, path + ".team needs " + path + ".org");
  }
  if (its.source != SourceKind::Generic) {
    if (!its.endpoint.empty()) in.problem(node, path + ".endpoint has a meaning only for the source generic");
    return;
  }
  const Endpoint* const endpoint = policy.endpoint(its.endpoint);
  if (endpoint == nullptr) {
    in.problem(node, path + ".endpoint is " + shown(its.endpoint) +
                         "; it must be the name of an endpoint of this file");
  } else if (its.scope == Scope{}) {
    its.scope = endpoint->scope;
  } else if (!endpoint->scope.covers(its.scope.org_id, its.scope.team_node_id)) {
    in.problem(node, path + " is for another org or team than its endpoint");
  }
}

void read_secret(Reader& in, const YAML::Node& node, const std::string& path, ConfigFile& config) {
  SecretFile its;
  const bool well_formed =
      in.mapping(node, path,
                 {{.name = "source",
                   .set = in.choice(
                       kSigning, [&](std::size_t which) { its.source = *parse_source(kSigning.at(which)); }),
                   .required = true},
                  {.name = "endpoint", .set = in.text(its.endpoint, kDnsLabel)},
                  {.name = "org", .set = in.text(its.scope.org_id, kOrg)},
                  {.name = "team", .set = in.text(its.scope.team_node_id, kTeam)},
                  {.name = "file", .set = in.text(its.path, kPath), .required = true}});
  if (well_formed) check_secret(in, node, path, its, config.policy);
  config.secrets.push_back(std::move(its));
}

// Without one every request would be refused, and nobody would see why.
void require_secrets(Reader& in, const YAML::Node& endpoints, const ConfigFile& config) {
  for (const Endpoint& endpoint : config.policy.endpoints) {
    const auto is_its = [&](const SecretFile& secret) {
      return secret.source == SourceKind::Generic && secret.endpoint == endpoint.name;
    };
    if (endpoint.name.empty() || std::any_of(config.secrets.begin(), config.secrets.end(), is_its)) continue;
    in.problem(endpoints, "endpoints: " + shown(endpoint.name) +
                              " has no secret; add one with source generic to secrets");
  }
}

}  // namespace

Result<ConfigFile> parse_config(std::string_view text, const std::string& name) {
  Reader in{name};
  ConfigFile config;
  Policy& policy = config.policy;
  // YAML has no such characters, and yaml-cpp takes one of them for the end of the file.
  if (const auto* const at = std::find_if(text.begin(), text.end(), is_control); at != text.end()) {
    const auto lines = std::count(text.begin(), at, '\n');
    return Error{ErrorCode::InvalidArgument, name + ":" + std::to_string(lines + 1) +
                                                 ": a control character; the file must be UTF-8 text"};
  }
  try {
    refuse_second_document(in, std::string{text});
    const YAML::Node root = YAML::Load(std::string{text});
    // Secrets name endpoints, whichever of them comes first in the file.
    YAML::Node endpoints;
    YAML::Node secrets;
    in.mapping(root, "",
               {{"slack",
                 [&](const YAML::Node& node, const std::string& path) {
                   in.mapping(node, path, {{"messages", in.boolean(policy.slack.messages)}});
                 }},
                {"github",
                 [&](const YAML::Node& node, const std::string& path) {
                   in.mapping(node, path,
                              {{"botHandle", in.text(policy.github.bot_handle, kHandle)},
                               {"authors", in.set_of(policy.github.authors, kAssociations)},
                               {"events", in.set_of(policy.github.events, kEvent)},
                               {"conclusions", in.set_of(policy.github.conclusions, kConclusions)}});
                 }},
                {"pagerduty",
                 [&](const YAML::Node& node, const std::string& path) {
                   in.mapping(node, path, {{"events", in.set_of(policy.pagerduty.events, kEvent)}});
                 }},
                {"incidentio",
                 [&](const YAML::Node& node, const std::string& path) {
                   in.mapping(node, path,
                              {{"events", in.set_of(policy.incidentio.events, kEvent)},
                               {"teamAttribute", in.text(policy.incidentio.team_attribute, kAnyText)}});
                 }},
                {"probe", [&](const YAML::Node& node,
                              const std::string& path) { read_probe(in, node, path, policy.probe); }},
                {"endpoints", [&](const YAML::Node& node, const std::string&) { endpoints.reset(node); }},
                {"secrets", [&](const YAML::Node& node, const std::string&) { secrets.reset(node); }}});
    if (!endpoints.IsNull()) {
      in.list(endpoints, "endpoints", [&](const YAML::Node& node, const std::string& path) {
        read_endpoint(in, node, path, policy);
      });
    }
    if (!secrets.IsNull()) {
      in.list(secrets, "secrets",
              [&](const YAML::Node& node, const std::string& path) { read_secret(in, node, path, config); });
    }
    require_secrets(in, endpoints, config);
  } catch (const YAML::Exception& e) {
    in.problem(e.mark, e.msg);
  }
  TP_TRY(in.result());
  return config;
}

Result<ConfigFile> load_config(const std::string& path) {
  TP_ASSIGN_OR_RETURN(const std::string text, read_file(path));
  return parse_config(text, path);
}

}  // namespace tp::gateway
