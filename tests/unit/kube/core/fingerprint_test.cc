#include "kube/core/fingerprint.h"

#include <set>
#include <string>
#include <vector>

#include "golden.h"

namespace tp::kube {
namespace {

using nlohmann::json;
using test::golden;

std::optional<Fingerprint> owned(const json& live, std::string_view manager = "team-operator") {
  tp::json::Document document;
  REQUIRE(document.parse(live.dump()));
  return owned_fingerprint(document.root(), manager);
}

Fingerprint of_value(const json& value) { return fingerprint_of({{"spec", value}}); }

// A live object whose `spec` team-operator owns by `fields`.
json live_with(const json& spec, const json& fields) {
  return {{"metadata",
           {{"managedFields",
             {{{"manager", "team-operator"}, {"operation", "Apply"}, {"fieldsV1", {{"f:spec", fields}}}}}}}},
          {"spec", spec}};
}

const std::vector<std::string> kKinds{"deployment",          "service",       "cronjob", "networkpolicy",
                                      "poddisruptionbudget", "serviceaccount"};

TEST_CASE("fingerprint: what a real server has after an apply equals what was applied", "[kube]") {
  for (const auto& kind : kKinds) {
    CAPTURE(kind);
    const json live = golden("owned/" + kind + ".live");
    CHECK(owned(live) == fingerprint_of(golden("owned/" + kind + ".applied")));
    CHECK_FALSE(owned(live, "somebody"));
  }
}

TEST_CASE("fingerprint: the server keeps no entry for an apply without fields", "[kube]") {
  CHECK_FALSE(owned(golden("owned/empty.live")));
}

TEST_CASE("fingerprint: what other people do to a real object", "[kube]") {
  const Fingerprint desired = fingerprint_of(golden("owned/deployment.applied"));
  for (const auto* const same : {"added", "shared"}) {
    CAPTURE(same);
    CHECK(owned(golden(std::string{"owned/deployment."} + same)) == desired);
  }
  for (const auto* const different : {"changed", "removed", "removed-element", "stolen"}) {
    CAPTURE(different);
    const auto fingerprint = owned(golden(std::string{"owned/deployment."} + different));
    REQUIRE(fingerprint);
    CHECK(*fingerprint != desired);
  }
}

TEST_CASE("fingerprint: the order of an associative list is nobody's", "[kube]") {
  CHECK(owned(golden("owned/deployment.reordered")) == fingerprint_of(golden("owned/deployment.applied")));
}

TEST_CASE("fingerprint: configurations that the header warns of never equal the live object", "[kube]") {
  for (const auto* const name : {"unlike/omitted-zero", "unlike/atomic-default"}) {
    CAPTURE(name);
    CHECK(owned(golden(std::string{name} + ".live")) !=
          fingerprint_of(golden(std::string{name} + ".applied")));
  }
}

// Every value in the tree, as a pointer; containers too.
void pointers(const json& value, const json::json_pointer& at, std::vector<json::json_pointer>& out) {
  out.push_back(at);
  if (value.is_object()) {
    for (const auto& [key, member] : value.items()) pointers(member, at / key, out);
  } else if (value.is_array()) {
    for (std::size_t i = 0; i < value.size(); ++i) pointers(value[i], at / i, out);
  }
}

bool counts(const json::json_pointer& at) {
  static const std::set<std::string> kUncounted{"", "/apiVersion", "/kind", "/metadata/name",
                                                "/metadata/namespace"};
  return kUncounted.count(at.to_string()) == 0;
}

TEST_CASE("fingerprint: each single change of a configuration shows", "[kube]") {
  for (const auto& kind : kKinds) {
    const json applied = golden("owned/" + kind + ".applied");
    std::vector<json::json_pointer> all;
    pointers(applied, json::json_pointer{}, all);
    std::set<Fingerprint> seen{fingerprint_of(applied)};
    std::size_t changes = 0;
    for (const auto& at : all) {
      if (!counts(at)) continue;
      CAPTURE(kind, at.to_string());
      json changed = applied;
      changed[at] = "something else";
      ++changes;
      CHECK(seen.insert(fingerprint_of(changed)).second);

      json removed = applied;
      json& parent = removed[at.parent_pointer()];
      if (parent.is_object()) {
        parent.erase(at.back());
        CHECK(fingerprint_of(removed) != fingerprint_of(applied));
      }
    }
    CHECK(changes > 10);
  }
}

TEST_CASE("fingerprint: each single change of an owned live value shows", "[kube]") {
  for (const auto& kind : kKinds) {
    const json applied = golden("owned/" + kind + ".applied");
    const json live = golden("owned/" + kind + ".live");
    const auto before = owned(live);
    std::vector<json::json_pointer> all;
    pointers(applied, json::json_pointer{}, all);
    for (const auto& at : all) {
      // Positions differ between both where others' elements stand in between; these objects have none.
      if (!counts(at) || !applied[at].is_primitive() || !live.contains(at) || live[at] != applied[at])
        continue;
      CAPTURE(kind, at.to_string());
      json changed = live;
      changed[at] = "something else";
      CHECK(owned(changed) != before);
      json removed = live;
      if (json& parent = removed[at.parent_pointer()]; parent.is_object()) {
        parent.erase(at.back());
        CHECK(owned(removed) != before);
      }
    }
  }
}

TEST_CASE("fingerprint: values of different kinds differ", "[kube]") {
  const std::vector<json> values{json::object(),
                                 json::array(),
                                 json(),
                                 "",
                                 false,
                                 true,
                                 0,
                                 1,
                                 -1,
                                 0.5,
                                 "0",
                                 "null",
                                 "a",
                                 {"a"},
                                 {"a", "b"},
                                 {"b", "a"},
                                 {1, ""},
                                 {{"a"}},
                                 json::array({json::object()}),
                                 json::array({json::array()}),
                                 {{"a", 1}},
                                 {{"a", "1"}},
                                 {{"b", 1}},
                                 std::string(8, '\0'),
                                 std::string(9, '\0'),
                                 {{"a", json()}}};
  std::set<Fingerprint> seen;
  for (const auto& value : values) CHECK(seen.insert(of_value(value)).second);
}

TEST_CASE("fingerprint: values that are the same", "[kube]") {
  CHECK(of_value(1) == of_value(1.0));
  CHECK(of_value(1U) == of_value(1));
  CHECK(of_value(0.0) == of_value(-0.0));
  CHECK(of_value(18446744073709551615ULL) == of_value(18446744073709551615.0));
  const json a = {{"x", {{{"k", 1}}, {{"k", 2}}}}};
  const json b = {{"x", {{{"k", 2}}, {{"k", 1}}}}};
  CHECK(of_value(a) == of_value(b));
  CHECK(of_value({{{"k", 1}}, {{"k", 1}}}) != of_value(json::array({{{"k", 1}}})));
}

TEST_CASE("fingerprint: what does not count", "[kube]") {
  json body = {{"metadata", {{"labels", {{"a", "b"}}}}}, {"spec", {{"x", 1}}}};
  const Fingerprint before = fingerprint_of(body);
  body["apiVersion"] = "v1";
  body["kind"] = "K";
  body["metadata"].update({{"name", "n"}, {"namespace", "ns"}, {"uid", "u"}, {"resourceVersion", "1"}});
  CHECK(fingerprint_of(body) == before);
  body["status"] = {{"x", 1}};
  CHECK(fingerprint_of(body) != before);
}

TEST_CASE("fingerprint: which entry of managedFields", "[kube]") {
  const json fields = {{"f:spec", {{"f:x", json::object()}}}};
  const auto live = [&](const json& entry) {
    json object = {{"spec", {{"x", 1}}}};
    object["metadata"]["managedFields"] = json::array({entry});
    object["metadata"]["managedFields"][0]["fieldsV1"] = fields;
    return owned(object);
  };
  CHECK(live({{"manager", "team-operator"}, {"operation", "Apply"}}) == of_value({{"x", 1}}));
  CHECK_FALSE(live({{"manager", "team-operator"}, {"operation", "Update"}}));
  CHECK_FALSE(live({{"manager", "team-operator"}, {"operation", "Apply"}, {"subresource", "status"}}));
  CHECK_FALSE(live({{"manager", "team-operator2"}, {"operation", "Apply"}}));
  CHECK_FALSE(owned(json::object()));
}

TEST_CASE("fingerprint: steps of fieldsV1", "[kube]") {
  const json none = json::object();
  SECTION("members of an object") {
    const json live = live_with({{"a", 1}, {"b", {{"c", "x"}, {"d", "y"}}}},
                                {{"f:a", none}, {"f:b", {{".", none}, {"f:d", none}}}});
    CHECK(owned(live) == of_value({{"a", 1}, {"b", {{"d", "y"}}}}));
  }
  SECTION("elements by key") {
    const json live = live_with(
        {{"l", {{{"p", 80}, {"q", "TCP"}, {"v", 1}}, {{"p", 80}, {"q", "U\"D<P"}, {"v", 2}}}}},
        {{"f:l", {{R"(k:{"p":80,"q":"U\"D\u003cP"})", {{".", none}, {"f:p", none}, {"f:v", none}}}}}});
    CHECK(owned(live) == of_value({{"l", json::array({{{"p", 80}, {"v", 2}}})}}));
  }
  SECTION("a whole element by key") {
    const json live = live_with({{"l", {{{"u", "1"}, {"v", 1}}, {{"u", "2"}, {"v", 2}}}}},
                                {{"f:l", {{R"(k:{"u":"2"})", none}}}});
    CHECK(owned(live) == of_value({{"l", json::array({{{"u", "2"}, {"v", 2}}})}}));
  }
  SECTION("scalars of a set") {
    const json live =
        live_with({{"s", {"c", "a", "b"}}}, {{"f:s", {{".", none}, {"v:\"a\"", none}, {"v:\"c\"", none}}}});
    CHECK(owned(live) == of_value({{"s", {"c", "a"}}}));
    CHECK(owned(live) != of_value({{"s", {"a", "c"}}}));
  }
  SECTION("elements by index") {
    const json live = live_with({{"l", {{{"v", 1}}, {{"v", 2}}}}}, {{"f:l", {{"i:1", {{"f:v", none}}}}}});
    CHECK(owned(live) == of_value({{"l", json::array({{{"v", 2}}})}}));
  }
  SECTION("whole values") {
    const json live =
        live_with({{"l", {{{"v", 1}}, {{"v", 2}}}}, {"o", none}}, {{"f:l", none}, {"f:o", none}});
    CHECK(owned(live) == of_value({{"l", {{{"v", 2}}, {{"v", 1}}}}, {"o", none}}));
  }
}

TEST_CASE("fingerprint: a listed field that is missing equals no configuration", "[kube]") {
  const json none = json::object();
  for (const auto& [spec, fields] : std::vector<std::pair<json, json>>{
           {{{"a", 1}}, {{"f:b", none}}},
           {{{"a", 1}}, {{"f:a", {{"f:x", none}}}}},
           {{{"a", {1}}}, {{"f:a", {{"v:2", none}}}}},
           {{{"a", {1}}}, {{"f:a", {{"v:{", none}}}}},
           {{{"a", {{{"k", 1}}}}}, {{"f:a", {{R"(k:{"k":2})", none}}}}},
           {{{"a", {{{"k", 1}}}}}, {{"f:a", {{"k:{}", none}}}}},
           {{{"a", {{{"k", 1}}}}}, {{"f:a", {{R"(k:{"k":)", none}}}}},
           {{{"a", {1}}}, {{"f:a", {{"i:1", none}}}}},
           {{{"a", {1}}}, {{"f:a", {{"i:-1", none}}}}},
           {{{"a", {1}}}, {{"f:a", {{"x", none}}}}},
           {{{"a", 1}}, {{"f:a", {{R"(k:{"k":2})", none}}}}},
       }) {
    CAPTURE(spec.dump(), fields.dump());
    CHECK(owned(live_with(spec, fields)) == Fingerprint{0});
  }
}

}  // namespace
}  // namespace tp::kube
