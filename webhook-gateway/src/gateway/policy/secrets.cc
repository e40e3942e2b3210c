#include "gateway/policy/secrets.h"

#include <algorithm>
#include <array>

#include "base/env.h"
#include "crypto/encoding.h"
#include "crypto/sha256.h"

namespace tp::gateway {
namespace {

struct Variable {
  SourceKind source;
  const char* name;
};
constexpr std::array<Variable, 6> kVariables{{
    {SourceKind::Slack, "SLACK_SIGNING_SECRET"},
    {SourceKind::GitHub, "GITHUB_WEBHOOK_SECRET"},
    {SourceKind::PagerDuty, "PAGERDUTY_WEBHOOK_SECRET"},
    {SourceKind::IncidentIo, "INCIDENTIO_WEBHOOK_SECRET"},
    {SourceKind::Circleback, "CIRCLEBACK_SIGNING_SECRET"},
    {SourceKind::Probe, "PROBE_WEBHOOK_SECRET"},
}};

std::string_view trim(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = text.find_first_not_of(kSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kSpace) - begin + 1);
}

std::string id_of(const crypto::Secret& secret) {
  // The prefix makes the digest one that is of use nowhere else.
  constexpr std::string_view kPrefix = "secret-id:";
  constexpr std::size_t kDigits = 8;  // enough to tell a few secrets apart, too little to find a weak one by
  std::string text;
  text.reserve(kPrefix.size() + secret.reveal().size());  // no outgrown buffer with the secret in it
  text.append(kPrefix).append(secret.reveal());
  const crypto::Secret prefixed{std::move(text)};
  return crypto::to_hex(crypto::sha256(prefixed.reveal())).substr(0, kDigits);
}

std::string name_of(const SecretFile& file) {
  std::string name{to_string(file.source)};
  if (!file.endpoint.empty()) name += "/" + file.endpoint;
  return name + (file.path.empty() ? " (environment)" : " (" + file.path + ")");
}

// Whether two entries of Secrets hold the same secrets for the same scopes.
template <class Entry>
bool same(const Entry& a, const Entry& b) {
  return a.first == b.first && a.second->about == b.second->about;
}

}  // namespace

const Scheme& scheme_of(SourceKind source, const Endpoint* endpoint) {
  switch (source) {
    case SourceKind::Slack:
    case SourceKind::SlackInteractions: return slack_v0();
    case SourceKind::GitHub: return github_sha256();
    case SourceKind::PagerDuty: return pagerduty_v1();
    case SourceKind::IncidentIo:
    case SourceKind::Probe: return standard_webhooks();
    case SourceKind::Circleback: return bare_hex();
    case SourceKind::Generic: break;
  }
  return endpoint == nullptr || endpoint->standard_webhooks ? standard_webhooks() : generic_hmac();
}

Result<EnvironmentSecrets> environment_secrets(
    const std::function<std::optional<std::string>(const char* name)>& env) {
  EnvironmentSecrets found;
  for (const auto& [source, name] : kVariables) {
    const std::string file_name = std::string{name} + "_FILE";
    crypto::Secret value{env(name).value_or("")};
    std::string path = env(file_name.c_str()).value_or("");
    if (!value.empty() && !path.empty()) {
      return Error{ErrorCode::InvalidArgument, std::string{name} + " and " + file_name + " are both set"};
    }
    if (!value.empty()) found.values.emplace_back(source, std::move(value));
    if (!path.empty()) found.files.push_back(SecretFile{.source = source, .path = std::move(path)});
  }
  return found;
}

Secrets::Secrets(std::vector<SecretFile> files,
                 const std::vector<std::pair<SourceKind, crypto::Secret>>& values,
                 const Policy& policy) {
  for (const auto& [source, value] : values) {
    origins_.push_back({SecretFile{.source = source}, &scheme_of(source, nullptr), value});
  }
  for (SecretFile& file : files) {
    const Scheme& scheme = scheme_of(file.source, policy.endpoint(file.endpoint));
    origins_.push_back({std::move(file), &scheme, {}});
  }
}

void Secrets::read(Origin& origin, std::vector<std::string>& warnings) {
  if (origin.file.path.empty()) return;
  constexpr std::size_t kMaxBytes = std::size_t{64} << 10U;  // hundreds of secrets
  Result<std::string> text = read_file(origin.file.path, kMaxBytes);
  if (text) {
    origin.text = crypto::Secret{*std::move(text)};
  } else {
    warnings.push_back(name_of(origin.file) + ": " + text.error().message +
                       "; the secrets that were read from it before stay active");
  }
}

Secrets::Sets Secrets::collect(std::vector<std::string>& warnings) const {
  struct Found {
    Scope scope;
    crypto::Secret secret;
    bool ambiguous = false;
  };
  std::map<Key, std::vector<Found>> found;
  const auto add = [&](const Origin& origin, crypto::Secret secret) {
    auto& list = found[Key{origin.file.source, origin.file.endpoint}];
    const auto same =
        std::find_if(list.begin(), list.end(), [&](const Found& f) { return f.secret.equals(secret); });
    if (same == list.end()) {
      list.push_back({origin.file.scope, std::move(secret)});
    } else if (!(same->scope == origin.file.scope)) {
      same->ambiguous = true;
      warnings.push_back(name_of(origin.file) +
                         ": a secret that also stands for another org or team; it is used for neither");
    }
  };
  for (const Origin& origin : origins_) {
    std::string_view rest = origin.text.reveal();
    for (std::size_t number = 1; !rest.empty(); ++number) {
      const std::size_t end = std::min(rest.find('\n'), rest.size());
      const std::string_view line = trim(rest.substr(0, end));
      rest.remove_prefix(std::min(end + 1, rest.size()));
      if (line.empty()) continue;
      crypto::Secret secret{std::string{line}};
      if (const Status usable = origin.scheme->check_secret(secret); usable) {
        add(origin, std::move(secret));
      } else {
        warnings.push_back(name_of(origin.file) + ": line " + std::to_string(number) + " " +
                           usable.error().message + "; it is not used");
      }
    }
  }

  Sets sets;
  for (auto& [key, list] : found) {
    auto set = std::make_shared<SecretSet>();
    for (Found& each : list) {
      if (each.ambiguous) continue;
      set->about.push_back({std::move(each.scope), id_of(each.secret)});
      set->secrets.push_back(std::move(each.secret));
    }
    sets.emplace(key, std::move(set));
  }
  return sets;
}

Secrets::Reloaded Secrets::reload() {
  const MutexLock reloading{reloading_};
  Reloaded result;
  std::vector<std::string> warnings;
  for (Origin& origin : origins_) read(origin, warnings);
  Sets sets = collect(warnings);

  {
    const MutexLock lock{mutex_};
    result.changed =
        !std::equal(sets.begin(), sets.end(), sets_.begin(), sets_.end(), same<Sets::value_type>);
    sets_.swap(sets);  // the former ones go after the lock
  }
  for (const std::string& warning : warnings) {
    if (std::find(told_.begin(), told_.end(), warning) == told_.end()) result.warnings.push_back(warning);
  }
  told_ = std::move(warnings);
  return result;
}

std::shared_ptr<const SecretSet> Secrets::snapshot(SourceKind source, std::string_view endpoint) const {
  static const auto kNone = std::make_shared<const SecretSet>();
  const Key key{source == SourceKind::SlackInteractions ? SourceKind::Slack : source, endpoint};
  const MutexLock lock{mutex_};
  const auto found = sets_.find(key);
  return found == sets_.end() ? kNone : found->second;
}

}  // namespace tp::gateway
