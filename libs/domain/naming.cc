#include "domain/naming.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "crypto/sha256.h"

namespace tp::domain {
namespace {

constexpr std::string_view kPipelinePrefix = "ai-pipeline-";
constexpr std::string_view kDiscoveryPrefix = "dep-discovery-";
constexpr std::string_view kAgentPrefix = "agent-dedicated-";
constexpr std::string_view kTokenPrefix = "team-token-";
constexpr std::string_view kResourcePrefix = "team-";
constexpr std::string_view kHashMark = "--";

constexpr std::size_t kLegacyLabel = 63;
constexpr std::size_t kLegacyOrg = 20;
constexpr std::size_t kLegacyTeam = 30;

// <cctype> asks the locale; ids are ASCII.
constexpr bool is_upper(char c) noexcept { return c >= 'A' && c <= 'Z'; }
constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
constexpr bool is_dns(char c) noexcept { return (c >= 'a' && c <= 'z') || is_digit(c); }
constexpr bool is_alnum(char c) noexcept { return is_dns(c) || is_upper(c); }
constexpr bool is_id(char c) noexcept { return is_alnum(c) || c == '.' || c == '_' || c == '-'; }
constexpr char lower(char c) noexcept { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

bool readable_org(std::string_view org) {
  return !org.empty() && std::all_of(org.begin(), org.end(), is_dns);
}

bool readable_team(std::string_view team) {
  return !team.empty() && is_dns(team.front()) && is_dns(team.back()) &&
         team.find(kHashMark) == std::string_view::npos &&
         std::all_of(team.begin(), team.end(), [](char c) { return is_dns(c) || c == '-'; });
}

// The first `chars` base32 digits of the hash; 5 bits each, `chars` <= 51.
std::string hash_of(std::string_view text, std::size_t chars) {
  constexpr std::string_view kAlphabet = "abcdefghijklmnopqrstuvwxyz234567";
  const crypto::Sha256Digest digest = crypto::sha256(text);
  std::string hash(chars, '\0');
  std::uint32_t bits = 0;
  unsigned have = 0;
  const std::byte* next = digest.data();
  for (char& c : hash) {
    if (have < 5) {
      bits = bits << 8U | std::to_integer<std::uint32_t>(*next++);
      have += 8;
    }
    have -= 5;
    c = kAlphabet[bits >> have & 31U];
  }
  return hash;
}

// Lower-case, everything else turned into single dashes between what is left; not more than any name can
// hold.
std::string to_dns(std::string_view id) {
  std::string dns;
  bool gap = false;
  for (const char raw : id) {
    const char c = lower(raw);
    if (!is_dns(c)) {
      gap = !dns.empty();
      continue;
    }
    if (dns.size() >= kMaxServiceName) break;
    if (std::exchange(gap, false)) dns += '-';
    dns += c;
  }
  return dns;
}

std::string_view cut(std::string_view text, std::size_t size) {
  text = text.substr(0, size);
  while (!text.empty() && !is_alnum(text.back())) text.remove_suffix(1);
  return text;
}

// What a person can still read in `room` characters: the org gives way, down to half, so that the team shows.
std::string summary(std::string_view org, std::string_view team, std::size_t room) {
  const std::size_t beside_team = room > team.size() + 1 ? room - team.size() - 1 : 0;
  std::string text{cut(org, std::max(room / 2, beside_team))};
  if (!text.empty() && !team.empty()) text += '-';
  text += team;
  text.resize(cut(text, room).size());
  return text;
}

class Namer {
 public:
  Namer(std::string_view org, std::string_view team)
      : org_(org), team_(team), readable_(readable_org(org) && readable_team(team)) {}

  [[nodiscard]] std::string name(std::string_view prefix, std::size_t max) {
    std::string name{prefix};
    if (readable_ && prefix.size() + org_.size() + 1 + team_.size() <= max) {
      return name.append(org_).append("-").append(team_);
    }
    if (hash_.empty()) {
      hash_ = hash_of(std::string{org_}.append(1, '\0').append(team_), kNameHash);
      org_dns_ = to_dns(org_);
      team_dns_ = to_dns(team_);
    }
    name += summary(org_dns_, team_dns_, max - prefix.size() - kHashMark.size() - kNameHash);
    if (name.back() == '-') name.pop_back();  // nothing to read: the prefix's own dash is in the mark
    return name.append(kHashMark).append(hash_);
  }

 private:
  std::string_view org_, team_;
  bool readable_;
  std::string hash_, org_dns_, team_dns_;  // for the first kind that needs them
};

bool readable_label(std::string_view id) {
  return !id.empty() && id.size() <= kMaxLabelValue && is_alnum(id.front()) && is_alnum(id.back()) &&
         id.find(kHashMark) == std::string_view::npos && std::all_of(id.begin(), id.end(), is_id);
}

std::string legacy_name(std::string_view prefix, std::string_view org, std::string_view team) {
  return std::string{prefix}
      .append(legacy_label_value(org), 0, kLegacyOrg)
      .append("-")
      .append(legacy_label_value(team), 0, kLegacyTeam);
}

}  // namespace

TeamNames names_for(std::string_view org_id, std::string_view team_node_id) {
  Namer namer{org_id, team_node_id};
  TeamNames names;
  names.pipeline = namer.name(kPipelinePrefix, kMaxCronJobName);
  names.discovery = namer.name(kDiscoveryPrefix, kMaxCronJobName);
  names.agent = namer.name(kAgentPrefix, kMaxServiceName);
  names.token = namer.name(kTokenPrefix, kMaxServiceName);
  return names;
}

std::string resource_name_for(std::string_view org_id, std::string_view team_node_id) {
  return Namer{org_id, team_node_id}.name(kResourcePrefix, kMaxServiceName);
}

std::string label_value(std::string_view id) {
  if (readable_label(id)) return std::string{id};
  std::string text;
  for (const char c : id.substr(0, kMaxLabelValue)) {
    if (is_alnum(c) || (is_id(c) && !text.empty())) text += c;
  }
  text.resize(cut(text, kMaxLabelValue - kHashMark.size() - kLabelHash).size());
  if (text.empty()) text = "x";
  return text.append(kHashMark).append(hash_of(id, kLabelHash));
}

std::string legacy_label_value(std::string_view id) {
  std::string value{id.substr(0, kLegacyLabel)};
  std::transform(value.begin(), value.end(), value.begin(),
                 [](char c) { return c == '_' || c == '.' ? '-' : lower(c); });
  return value;
}

TeamNames legacy_names_for(std::string_view org_id, std::string_view team_node_id) {
  return {legacy_name(kPipelinePrefix, org_id, team_node_id),
          legacy_name(kDiscoveryPrefix, org_id, team_node_id),
          legacy_name(kAgentPrefix, org_id, team_node_id)};
}

}  // namespace tp::domain
