#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <nlohmann/json.hpp>

#include "domain/agent_release.h"
#include "domain/manifest.h"
#include "domain/parse_team.h"
#include "json/document.h"
#include "json/parse.h"
#include "support/catch.h"

// tests/crd/samples, the cases that tests/crd gives to the real API server: here is the other side of the
// comparison.
namespace tp::domain {
namespace {

std::vector<std::filesystem::path> sample_files() {
  std::vector<std::filesystem::path> files;
  for (const auto& entry : std::filesystem::directory_iterator{TP_SOURCE_DIR "/tests/crd/samples"}) {
    if (entry.path().extension() == ".yaml") files.push_back(entry.path());
  }
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<FieldError> judge_release(const nlohmann::json& sample) {
  json::Document document;
  REQUIRE(document.parse(json::dump({{"apiVersion", "incidentfox.io/v1alpha1"},
                                     {"kind", "AgentRelease"},
                                     {"metadata", {{"name", "sample"}}},
                                     {"spec", sample.at("spec")}})));
  const auto parsed = parse_release(document.root(), true);
  REQUIRE(parsed);
  return parsed->errors;
}

std::vector<FieldError> judge(const nlohmann::json& sample) {
  if (sample.value("kind", "") == "AgentRelease") return judge_release(sample);
  nlohmann::json object{{"apiVersion", "incidentfox.io/v1alpha1"},
                        {"kind", "TeamProvisioning"},
                        {"metadata", {{"name", "sample"}}},
                        {"spec", sample.at("spec")}};
  if (!sample.value("whole", false)) {
    object["spec"].emplace("orgId", "acme");
    object["spec"].emplace("teamNodeId", "checkout");
  }
  json::Document document;
  REQUIRE(document.parse(json::dump(object)));
  const auto parsed = parse_team(document.root(), true);
  REQUIRE(parsed);
  return parsed->errors;
}

TEST_CASE("every sample of the schema is judged as the API server judges it", "[samples]") {
  const auto files = sample_files();
  REQUIRE(files.size() >= 8);
  std::size_t accepted = 0;
  std::size_t refused = 0;
  for (const auto& file : files) {
    const auto manifests = load_manifests(file.string());
    REQUIRE(manifests);
    for (const nlohmann::json& sample : manifests->at(0).value) {
      if (sample.contains("update")) continue;  // about a change: the API server's alone
      INFO(file.filename().string() << ": " << sample.at("name").get<std::string>());
      const std::vector<FieldError> errors = judge(sample);
      INFO(describe(errors));
      if (sample.at("accept").get<bool>()) {
        CHECK(errors.empty());
        ++accepted;
        continue;
      }
      CHECK(std::any_of(errors.begin(), errors.end(), [&](const FieldError& error) {
        return error.path == sample.at("path").get_ref<const std::string&>();
      }));
      ++refused;
    }
  }
  CHECK(accepted > 50);
  CHECK(refused > 100);
}

}  // namespace
}  // namespace tp::domain
