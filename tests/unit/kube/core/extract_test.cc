#include "kube/core/extract.h"

#include <string>
#include <vector>

#include "golden.h"
#include "kube/core/fingerprint.h"

namespace tp::kube {
namespace {

using nlohmann::json;
using test::golden;

json extracted(const json& live, std::string_view manager = "team-operator") {
  tp::json::Document document;
  REQUIRE(document.parse(live.dump()));
  return extract(document.root(), manager);
}

std::vector<std::string> others(const json& live,
                                const std::vector<std::string>& path,
                                std::string_view manager = "team-operator") {
  tp::json::Document document;
  REQUIRE(document.parse(live.dump()));
  return other_managers(document.root(), path, manager);
}

json owner(const std::string& manager, const json& fields, const std::string& operation = "Apply") {
  return {{"manager", manager}, {"operation", operation}, {"fieldsV1", fields}};
}

json live_with(const json& spec, const json& managed_fields) {
  return {{"apiVersion", "v1"},
          {"kind", "Thing"},
          {"metadata", {{"name", "a"}, {"namespace", "n"}, {"uid", "u"}, {"managedFields", managed_fields}}},
          {"spec", spec}};
}

json spec_of(const json& spec, const json& fields) {
  const json managers = json::array({owner("team-operator", {{"f:spec", fields}})});
  return extracted(live_with(spec, managers)).value("spec", json{});
}

// A container's ports are told apart by a protocol that need not be given.
json with_keys(json value) {
  for (auto& [name, member] : value.items()) {
    if (name == "ports") {
      for (json& port : member) port.emplace("protocol", "TCP");
    }
    if (member.is_structured()) member = with_keys(member);
  }
  return value;
}

TEST_CASE("extract: what a real server has of an apply is what was applied", "[kube]") {
  for (const std::string kind :
       {"deployment", "service", "cronjob", "networkpolicy", "poddisruptionbudget", "serviceaccount"}) {
    CAPTURE(kind);
    const json live = golden("owned/" + kind + ".live");
    const json found = extracted(live);
    CHECK(fingerprint_of(found) == fingerprint_of(with_keys(golden("owned/" + kind + ".applied"))));
    CHECK(found.at("kind") == live.at("kind"));
    CHECK(found.at("apiVersion") == live.at("apiVersion"));
    CHECK(found.at("metadata").at("name") == live.at("metadata").at("name"));
    CHECK(found.at("metadata").at("namespace") == live.at("metadata").at("namespace"));
    CHECK_FALSE(found.at("metadata").contains("uid"));
    CHECK_FALSE(found.contains("status"));
  }
}

TEST_CASE("extract: fields of others are theirs", "[kube]") {
  const json found = extracted(golden("owned/deployment.shared"), "other");
  CHECK(found.at("spec") == json{{"replicas", found.at("spec").at("replicas")}});
  CHECK(found.at("metadata").size() == 2);
  CHECK(extracted(golden("owned/deployment.live"), "nobody").size() == 3);
}

TEST_CASE("extract: what is listed and gone is left out", "[kube]") {
  CHECK(spec_of({{"a", 1}}, {{"f:a", json::object()}, {"f:b", json::object()}}) == json{{"a", 1}});
  CHECK(spec_of({{"list", json::array()}},
                {{"f:list", {{R"(k:{"name":"x"})", {{".", json::object()}, {"f:v", json::object()}}}}}}) ==
        json{{"list", json::array()}});
  CHECK(spec_of({{"a", "no object any more"}}, {{"f:a", {{"f:b", json::object()}}}}) == json::object());
}

TEST_CASE("extract: sets keep the live order, elements too", "[kube]") {
  CHECK(spec_of({{"set", {"c", "a", "b"}}},
                {{"f:set",
                  {{".", json::object()}, {R"(v:"a")", json::object()}, {R"(v:"c")", json::object()}}}}) ==
        json{{"set", {"c", "a"}}});
  const json element{{".", json::object()}, {"f:v", json::object()}};
  CHECK(spec_of({{"list", {{{"name", "z"}, {"v", 1}, {"theirs", 2}}, {{"name", "x"}, {"v", 3}}}}},
                {{"f:list", {{R"(k:{"name":"x"})", element}, {R"(k:{"name":"z"})", element}}}}) ==
        json{{"list", {{{"name", "z"}, {"v", 1}}, {{"name", "x"}, {"v", 3}}}}});
  CHECK(spec_of({{"list", {"p", "q"}}}, {{"f:list", {{"i:1", json::object()}}}}) == json{{"list", {"q"}}});
}

TEST_CASE("extract: a list that is owned whole is taken whole, an empty one too", "[kube]") {
  CHECK(spec_of({{"ids", {"C1", "C2"}}}, {{"f:ids", json::object()}}) == json{{"ids", {"C1", "C2"}}});
  CHECK(spec_of({{"ids", json::array()}}, {{"f:ids", json::object()}}) == json{{"ids", json::array()}});
}

TEST_CASE("extract: who else owns a field", "[kube]") {
  const json live = live_with(
      {{"pipeline", {{"schedule", "0 2 * * *"}}}},
      {owner("team-operator", {{"f:spec", {{"f:pipeline", {{"f:schedule", json::object()}}}}}}),
       owner("argocd", {{"f:spec", {{"f:pipeline", {{"f:schedule", json::object()}}}}}}),
       owner("argocd", {{"f:spec", {{"f:pipeline", {{"f:schedule", json::object()}}}}}}, "Update"),
       owner("kubectl-edit",
             {{"f:spec", {{"f:pipeline", {{".", json::object()}, {"f:image", json::object()}}}}}}, "Update"),
       owner("whole", {{"f:spec", json::object()}})});
  CHECK(others(live, {"spec", "pipeline", "schedule"}) == std::vector<std::string>{"argocd", "whole"});
  CHECK(others(live, {"spec", "pipeline"}) == std::vector<std::string>{"argocd", "kubectl-edit", "whole"});
  CHECK(others(live, {"metadata", "labels"}).empty());
  CHECK(others(live, {"spec", "pipeline", "schedule"}, "argocd") ==
        std::vector<std::string>{"team-operator", "argocd", "whole"});
}

}  // namespace
}  // namespace tp::kube
