#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "gateway/policy/policy.h"

namespace tp::gateway {

// How requests of a source are signed. `endpoint` is needed for the generic source only.
[[nodiscard]] const Scheme& scheme_of(SourceKind source, const Endpoint* endpoint);

// The secrets that are active for one source or endpoint at one moment. Immutable.
struct SecretSet {
  struct About {
    Scope scope;     // for whom it speaks
    std::string id;  // for metrics and the admin API: the first 8 digits of SHA-256("secret-id:" secret)

    friend bool operator==(const About&, const About&) = default;
  };
  std::vector<crypto::Secret> secrets;  // what a Scheme takes
  std::vector<About> about;             // of the secret with the same index
};

// Where the environment says that signing secrets are, all of them for the whole platform:
// SLACK_SIGNING_SECRET, GITHUB_WEBHOOK_SECRET, PAGERDUTY_WEBHOOK_SECRET, INCIDENTIO_WEBHOOK_SECRET and
// CIRCLEBACK_SIGNING_SECRET hold one, and the same names with _FILE name a file.
struct EnvironmentSecrets {
  std::vector<std::pair<SourceKind, crypto::Secret>> values;
  std::vector<SecretFile> files;
};
// InvalidArgument when a secret is given both ways. Variables that are empty count as unset.
[[nodiscard]] Result<EnvironmentSecrets> environment_secrets(
    const std::function<std::optional<std::string>(const char* name)>& env);

// Keeps the signing secrets in step with their files, so that a secret is changed without a restart: put the
// new one beside the old one in the file, tell the sender, take the old one out. Thread-safe.
//
// A file holds a secret a line; space around it and empty lines do not count. An empty file means that there
// is none. A file that cannot be read keeps the secrets that it had, as a volume may be gone for a moment.
class Secrets {
 public:
  // Reads nothing yet. `policy` says how endpoints sign.
  Secrets(std::vector<SecretFile> files,
          const std::vector<std::pair<SourceKind, crypto::Secret>>& values,
          const Policy& policy);

  struct Reloaded {
    bool changed = false;               // some secret came or went
    std::vector<std::string> warnings;  // that the last reload did not give already; never with a secret
  };
  // Reads the files. Call once before the first request, then every few seconds. Blocks on the file system.
  Reloaded reload() TP_EXCLUDES(reloading_, mutex_);

  // The active secrets; never null. Those of Slack serve interactions too. `endpoint` is empty but for the
  // generic source.
  [[nodiscard]] std::shared_ptr<const SecretSet> snapshot(SourceKind source,
                                                          std::string_view endpoint = {}) const
      TP_EXCLUDES(mutex_);

 private:
  using Key = std::pair<SourceKind, std::string>;  // source, endpoint
  using Sets = std::map<Key, std::shared_ptr<const SecretSet>>;

  // A place that secrets come from: a file, or a value that stays.
  struct Origin {
    SecretFile file;  // without a path for a value
    const Scheme* scheme;
    crypto::Secret text;  // what it held when it could last be read
  };

  void read(Origin& origin, std::vector<std::string>& warnings) TP_REQUIRES(reloading_);
  [[nodiscard]] Sets collect(std::vector<std::string>& warnings) const TP_REQUIRES(reloading_);

  Mutex reloading_;  // taken before mutex_
  std::vector<Origin> origins_ TP_GUARDED_BY(reloading_);
  std::vector<std::string> told_ TP_GUARDED_BY(reloading_);
  mutable Mutex mutex_;
  Sets sets_ TP_GUARDED_BY(mutex_);
};

}  // namespace tp::gateway
