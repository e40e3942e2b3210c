#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include <nlohmann/json.hpp>

#include "base/result.h"
#include "domain/team_provisioning.h"

// What a team's configuration in the Config Service has to say, and the smallest change that makes it so. The
// service merges objects deep, replaces everything else, and cannot remove a key. PURE.
namespace tp::provisioner {

// Identifiers that the team may not have, and the older team that has them (for people).
using Contested = std::map<std::pair<domain::RoutingKind, std::string>, std::string>;

// The keys that are ours, and no others: the routing lists that the team owns, its `config`, its governance,
// the ids that the former service wrote, and agent.dedicated_service_url if `url` is not empty.
[[nodiscard]] nlohmann::json desired_config(const domain::TeamProvisioning& team,
                                            const Contested& contested,
                                            const std::string& url);

// The dotted paths of everything in a document that is not an object with members; sorted.
[[nodiscard]] std::vector<std::string> leaves_of(const nlohmann::json& document);

// What to merge into `live` so that it says what `desired` says; an empty object when it does already.
[[nodiscard]] nlohmann::json patch_for(const nlohmann::json& desired, const nlohmann::json& live);

// agent.dedicated_service_url of a configuration; empty when it is absent, null or no text.
[[nodiscard]] std::string dedicated_url_of(const nlohmann::json& live);
// The patch that takes it back.
[[nodiscard]] nlohmann::json withdraw_url();

// The patch that takes back what a team that goes has there, by its policy: routing lists that it owns become
// empty, the URL is withdrawn if it is one of `own_urls`, and for Clear every other key that is ours becomes
// null. With `keep_runtime` (the Deployment stays) Retain leaves the URL as well. What is absent stays
// absent.
[[nodiscard]] nlohmann::json farewell_patch(const domain::TeamProvisioning& team,
                                            const std::vector<std::string>& own_urls,
                                            bool keep_runtime,
                                            const nlohmann::json& live);

// The schedules that an effective configuration asks for: of each feature that is `enabled`, without a
// schedule the service's own default; empty where it is off. InvalidArgument names the feature whose schedule
// is no cron expression.
[[nodiscard]] Result<domain::ResolvedSchedules> schedules_in(const nlohmann::json& effective_config);

// A short digest of a document, to tell whether it has changed.
[[nodiscard]] std::string digest_of(const nlohmann::json& document);

// The digest of what the configuration has to say, and to say no more: with another `runtime` (whether the
// team is to have one of its own) it is another, so that a URL is looked for that must not be there.
[[nodiscard]] std::string config_digest(const domain::TeamProvisioning& team,
                                        const Contested& contested,
                                        const std::string& url,
                                        bool runtime);

}  // namespace tp::provisioner
