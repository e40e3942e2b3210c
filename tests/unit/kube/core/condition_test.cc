#include "kube/core/condition.h"

#include <string>

#include <nlohmann/json.hpp>

#include "support/catch.h"

namespace tp::kube {
namespace {

Condition condition(std::string type, ConditionStatus status, std::string time = {}) {
  return Condition{.type = std::move(type),
                   .status = status,
                   .reason = "R",
                   .message = {},
                   .last_transition_time = std::move(time)};
}

TEST_CASE("conditions: transition times follow the status only", "[kube]") {
  const Conditions before{condition("A", ConditionStatus::True, "t1"),
                          condition("B", ConditionStatus::False, "t1"),
                          condition("C", ConditionStatus::True, "")};
  Condition a = condition("A", ConditionStatus::True);
  a.reason = "Other";
  a.message = "changed";
  const Conditions after =
      carry_transition_times(before,
                             {condition("D", ConditionStatus::Unknown), a,
                              condition("B", ConditionStatus::True), condition("C", ConditionStatus::True)},
                             "t2");
  REQUIRE(after.size() == 4);
  CHECK(after[0].type == "A");
  CHECK(after[0].last_transition_time == "t1");
  CHECK(after[0].message == "changed");
  CHECK(after[1].last_transition_time == "t2");
  CHECK(after[2].last_transition_time == "t2");  // an empty time is none
  CHECK(after[3].type == "D");
  CHECK(after[3].last_transition_time == "t2");
}

TEST_CASE("conditions: read what was written", "[kube]") {
  const Conditions conditions{
      Condition{"Ready", ConditionStatus::False, "Why", "because", 7, "2026-01-01T00:00:00Z"},
      Condition{"Stalled", ConditionStatus::Unknown, "Why", "", 7, "2026-01-01T00:00:00Z"}};
  json::Document document;
  REQUIRE(document.parse(to_json(conditions).dump()));
  CHECK(read_conditions(document.root()) == conditions);
}

TEST_CASE("conditions: foreign input", "[kube]") {
  json::Document document;
  REQUIRE(
      document.parse(R"([{"type":"B","status":"Maybe"},{"status":"True"},1,{"type":"A","status":"True"}])"));
  const Conditions conditions = read_conditions(document.root());
  REQUIRE(conditions.size() == 2);
  CHECK(conditions[0].type == "A");
  CHECK(conditions[1].status == ConditionStatus::Unknown);
  CHECK(read_conditions(json::View{}).empty());
  CHECK(find_condition(conditions, "B") == &conditions[1]);
  CHECK(find_condition(conditions, "Z") == nullptr);
}

TEST_CASE("conditions: a long message is cut between characters", "[kube]") {
  Condition c = condition("A", ConditionStatus::True);
  c.message = std::string(32'767, 'x') + "ü";  // its second byte would be number 32,769
  const auto list = to_json({c});
  CHECK(list[0]["message"].get<std::string>() == std::string(32'767, 'x'));
}

}  // namespace
}  // namespace tp::kube
