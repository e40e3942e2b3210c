#include "domain/naming.h"

#include <algorithm>
#include <cstdint>
#include <functional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "support/catch.h"

namespace tp::domain {
namespace {

bool is_lower_alnum(char c) { return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9'); }
bool is_alnum(char c) { return is_lower_alnum(c) || (c >= 'A' && c <= 'Z'); }

// RFC 1035, as the API server demands it of Services: begins with a letter, ends with a letter or digit.
bool is_dns_label(std::string_view name, std::size_t max) {
  if (name.empty() || name.size() > max || name.front() < 'a' || name.front() > 'z') return false;
  for (const char c : name) {  // a plain loop: three million names pass here, also in unoptimised builds
    if (!is_lower_alnum(c) && c != '-') return false;
  }
  return name.back() != '-';
}

bool is_label_value(std::string_view value) {
  return !value.empty() && value.size() <= 63 && is_alnum(value.front()) && is_alnum(value.back()) &&
         std::all_of(value.begin(), value.end(),
                     [](char c) { return is_alnum(c) || c == '-' || c == '_' || c == '.'; });
}

// Every string of 1 to `length` characters over `alphabet`.
void add_all_strings(std::set<std::string>& ids, std::string_view alphabet, std::size_t length) {
  std::vector<std::string> layer{""};
  for (std::size_t i = 0; i < length; ++i) {
    std::vector<std::string> next;
    for (const std::string& stem : layer) {
      for (const char c : alphabet) next.push_back(stem + c);
    }
    ids.insert(next.begin(), next.end());
    layer = std::move(next);
  }
}

std::string upper_first(std::string id) {
  if (id[0] >= 'a' && id[0] <= 'z') id[0] = static_cast<char>(id[0] - 'a' + 'A');
  return id;
}

std::string with_dashes_as(std::string id, char separator) {
  std::replace(id.begin(), id.end(), '-', separator);
  return id;
}

// All valid ids that the rule could mistake for another: not a random sample, but every short string of the
// characters that the rule treats differently, and the variations of long ones around each limit.
std::vector<std::string> adversarial_ids(std::size_t max_size) {
  std::set<std::string> ids;
  add_all_strings(ids, "aA-._", 4);
  ids.erase(".");
  ids.erase("..");

  std::vector<std::string> stems{"extend", "platform-sre", "acme-corp", "a-b-c-d", "b-c-d", "b-c", "a1", "1a",
                                 "0",      "team",         "the-team",  "org",     "xn--a"};
  // Equal 20 and 30 character beginnings (where the old service cut), and every size at which a name or label
  // gets full.
  for (const std::size_t size : {8U,  12U, 16U, 19U, 20U, 21U, 29U, 30U, 31U, 34U,  35U,
                                 36U, 37U, 45U, 46U, 61U, 62U, 63U, 64U, 65U, 127U, 128U}) {
    for (const std::string& id :
         {std::string(size, 'p'), std::string(size - 1, 'p') + "q", std::string(size - 2, 'p') + "-q",
          std::string(size - 1, 'p') + "-", "P" + std::string(size - 1, 'p')}) {
      if (id.size() <= max_size) ids.insert(id);
    }
  }
  // What the rule itself makes: a tenant can use another one's hashed form as an id.
  const TeamNames hashed = names_for("Acme", "SRE");
  stems.push_back(hashed.agent.substr(std::string_view{"agent-dedicated-"}.size()));
  stems.push_back(hashed.pipeline.substr(std::string_view{"ai-pipeline-"}.size()));
  stems.push_back(label_value("a--b"));
  stems.push_back(label_value("-"));

  for (const std::string& stem : stems) {
    for (const std::string& id :
         {stem, upper_first(stem), with_dashes_as(stem, '_'), with_dashes_as(stem, '.'),
          with_dashes_as(stem, 'x'), stem + "-", stem + ".", "-" + stem, stem + "--a"}) {
      if (id.size() <= max_size) ids.insert(id);
    }
  }
  return {ids.begin(), ids.end()};
}

// Whether all names given to it differ. It keeps 64 bits of each: equal names always show; were two different
// names of this fixed corpus ever to share the 64 bits, the test would fail at once and every time.
class Distinct {
 public:
  void add(std::string_view name) { seen_.push_back(std::hash<std::string_view>{}(name)); }
  [[nodiscard]] bool holds() {
    std::sort(seen_.begin(), seen_.end());
    return std::adjacent_find(seen_.begin(), seen_.end()) == seen_.end();
  }

 private:
  std::vector<std::size_t> seen_;
};

TEST_CASE("names of a million adversarial pairs are valid and differ", "[naming]") {
  const std::vector<std::string> orgs = adversarial_ids(64);
  const std::vector<std::string> teams = adversarial_ids(128);
  REQUIRE(orgs.size() * teams.size() >= 1'000'000);

  Distinct pipelines;
  Distinct discoveries;
  Distinct agents;
  Distinct resources;
  std::size_t readable = 0;
  for (const std::string& org : orgs) {
    for (const std::string& team : teams) {
      const TeamNames names = names_for(org, team);
      if (!is_dns_label(names.pipeline, 52) || !is_dns_label(names.discovery, 52) ||
          !is_dns_label(names.agent, 63)) {
        FAIL("invalid name for " << org << " + " << team << ": " << names.pipeline << ' ' << names.discovery
                                 << ' ' << names.agent);
      }
      const std::string resource = resource_name_for(org, team);
      if (!is_dns_label(resource, 63)) FAIL("invalid name for " << org << " + " << team << ": " << resource);
      resources.add(resource);
      pipelines.add(names.pipeline);
      discoveries.add(names.discovery);
      agents.add(names.agent);
      if (names.agent.find("--") == std::string::npos) ++readable;
    }
  }
  CHECK(pipelines.holds());
  CHECK(discoveries.holds());
  CHECK(agents.holds());
  CHECK(resources.holds());
  CHECK(readable > 100);  // both forms took part
}

TEST_CASE("label values of adversarial ids are valid and differ", "[naming]") {
  const std::vector<std::string> ids = adversarial_ids(128);
  std::set<std::string> values;
  for (const std::string& id : ids) {
    const std::string value = label_value(id);
    INFO(id << " -> " << value);
    if (!is_label_value(value)) FAIL("not a label value");
    values.insert(value);
  }
  CHECK(values.size() == ids.size());
}

TEST_CASE("plain teams have readable names", "[naming]") {
  CHECK(names_for("extend", "platform-sre") ==
        TeamNames{"ai-pipeline-extend-platform-sre", "dep-discovery-extend-platform-sre",
                  "agent-dedicated-extend-platform-sre", "team-token-extend-platform-sre"});
  CHECK(names_for("0", "0").pipeline == "ai-pipeline-0-0");
  CHECK(resource_name_for("extend", "platform-sre") == "team-extend-platform-sre");
}

// Upgrading the operator must not rename anybody's objects: these are written down, not computed.
TEST_CASE("hashed names stay what they are", "[naming]") {
  CHECK(names_for("acme-corp", "platform-sre") ==
        TeamNames{"ai-pipeline-acme-corp-platform-sre--lxfisa4euydphnzb",
                  "dep-discovery-acme-corp-platform-s--lxfisa4euydphnzb",
                  "agent-dedicated-acme-corp-platform-sre--lxfisa4euydphnzb",
                  "team-token-acme-corp-platform-sre--lxfisa4euydphnzb"});
  CHECK(names_for("Acme", "SRE_Team.1").agent == "agent-dedicated-acme-sre-team-1--6pv4lz7eozpxsy44");
  CHECK(names_for("_", "-").agent == "agent-dedicated--62652dl5qzleithg");
  CHECK(resource_name_for("Acme", "SRE_Team.1") == "team-acme-sre-team-1--6pv4lz7eozpxsy44");
  CHECK(label_value("a--b") == "a--b--scbhulswgyni7v3sbdmlgkyx3y");
  CHECK(label_value("-") == "x--hfz6aixjgiqpsijmddinbrkdvz");
  CHECK(label_value(std::string(64, 'p')) ==
        "ppppppppppppppppppppppppppppppppppp--cu5mscuajeaztlr5swd4idmntq");
}

TEST_CASE("each kind of object hashes only when its own name would not fit", "[naming]") {
  struct Row {
    std::size_t team_size;
    bool pipeline_readable, discovery_readable, agent_readable;
  };
  // With org "o": 12 + 2 + team <= 52, 14 + 2 + team <= 52, 16 + 2 + team <= 63.
  for (const Row row :
       {Row{36, true, true, true}, Row{37, true, false, true}, Row{38, true, false, true},
        Row{39, false, false, true}, Row{45, false, false, true}, Row{46, false, false, false}}) {
    CAPTURE(row.team_size);
    const TeamNames names = names_for("o", std::string(row.team_size, 't'));
    CHECK((names.pipeline.find("--") == std::string::npos) == row.pipeline_readable);
    CHECK((names.discovery.find("--") == std::string::npos) == row.discovery_readable);
    CHECK((names.agent.find("--") == std::string::npos) == row.agent_readable);
  }
}

TEST_CASE("a long org leaves room for the team in a hashed name", "[naming]") {
  const std::string name = names_for(std::string(64, 'o'), "platform-sre").pipeline;
  CHECK(name.find("-platform-") != std::string::npos);
  CHECK(name.size() <= kMaxCronJobName);
}

TEST_CASE("valid label values without a double dash are used as they are", "[naming]") {
  for (const char* id : {"extend", "Acme", "platform-sre", "a_b.c", "0"}) CHECK(label_value(id) == id);
  CHECK(label_value(std::string(63, 'p')) == std::string(63, 'p'));
}

TEST_CASE("legacy names and labels are the old service's", "[naming]") {
  CHECK(legacy_label_value("Acme_Corp.EU") == "acme-corp-eu");
  CHECK(legacy_label_value(std::string(70, 'A')) == std::string(63, 'a'));
  CHECK(legacy_names_for("Acme_Corp", "Team.1") == TeamNames{"ai-pipeline-acme-corp-team-1",
                                                             "dep-discovery-acme-corp-team-1",
                                                             "agent-dedicated-acme-corp-team-1"});
  // Cut after sanitising, without trimming what the cut leaves at the end.
  CHECK(legacy_names_for(std::string(19, 'o') + "-x", std::string(40, 't')).agent ==
        "agent-dedicated-" + std::string(19, 'o') + "--" + std::string(30, 't'));
}

}  // namespace
}  // namespace tp::domain
