#include "domain/schema.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <regex>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <nlohmann/json.hpp>

#include "domain/formats.h"
#include "domain/manifest.h"
#include "domain/schedule.h"
#include "domain/team_schema.h"
#include "json/document.h"
#include "support/catch.h"

namespace tp::domain {
namespace {

nlohmann::json crd_schema(const std::string& plural) {
  const auto crd = load_manifests(TP_SOURCE_DIR "/crds/" + plural + ".yaml");
  REQUIRE(crd);
  return crd->at(0).value["spec"]["versions"][0]["schema"]["openAPIV3Schema"];
}

std::string_view type_of(const nlohmann::json& crd) {
  if (crd.value("x-kubernetes-int-or-string", false)) return "int-or-string";
  const auto type = crd.at("type").get_ref<const std::string&>();
  if (type == "object" && crd.contains("additionalProperties")) return "map";
  for (const std::string_view known : {"object", "array", "string", "integer", "boolean"}) {
    if (type == known) return known;
  }
  return "other";
}

std::string_view type_of(SchemaType type) {
  switch (type) {
    case SchemaType::Any: return "any";
    case SchemaType::Object: return "object";
    case SchemaType::Map: return "map";
    case SchemaType::Array: return "array";
    case SchemaType::String: return "string";
    case SchemaType::Integer: return "integer";
    case SchemaType::Boolean: return "boolean";
    case SchemaType::IntOrString: return "int-or-string";
  }
  return "other";
}

std::vector<std::string> texts(std::span<const std::string_view> list) { return {list.begin(), list.end()}; }

// The keywords that the walk below compares, and those that say nothing about validity.
const std::set<std::string> kCompared{"type",
                                      "properties",
                                      "required",
                                      "items",
                                      "additionalProperties",
                                      "enum",
                                      "pattern",
                                      "minLength",
                                      "maxLength",
                                      "minItems",
                                      "maxItems",
                                      "maxProperties",
                                      "minimum",
                                      "maximum",
                                      "format",
                                      "x-kubernetes-int-or-string",
                                      "x-kubernetes-list-map-keys",
                                      "x-kubernetes-preserve-unknown-fields",
                                      "x-kubernetes-validations"};
const std::set<std::string> kSilent{"description", "default", "x-kubernetes-list-type",
                                    "x-kubernetes-map-type"};

class Comparison {
 public:
  std::set<const Pattern*> patterns;

  void compare(const Schema& ours, const nlohmann::json& crd, const std::string& path) {
    INFO(path);
    for (const auto& [keyword, unused] : crd.items()) {
      INFO(keyword);
      CHECK(kCompared.count(keyword) + kSilent.count(keyword) == 1);
    }
    CHECK(type_of(ours.type) == type_of(crd));
    compare_bounds(ours, crd);
    compare_rules(ours, crd);
    compare_properties(ours, crd, path);
    if (ours.type == SchemaType::Array) compare(*ours.items, crd.at("items"), path + "[]");
    if (ours.type == SchemaType::Map) compare(*ours.items, crd.at("additionalProperties"), path + "{}");
  }

 private:
  void compare_bounds(const Schema& ours, const nlohmann::json& crd) {
    const auto number = [&](const char* keyword, auto fallback) { return crd.value(keyword, fallback); };
    const bool array = ours.type == SchemaType::Array;
    CHECK(ours.min_size == number(array ? "minItems" : "minLength", std::size_t{0}));
    CHECK(ours.max_size == number(array                          ? "maxItems"
                                  : ours.type == SchemaType::Map ? "maxProperties"
                                                                 : "maxLength",
                                  Schema::kUnbounded));
    const bool int32 = crd.value("format", "") == "int32";
    CHECK(ours.minimum == number("minimum", int32 ? std::int64_t{INT32_MIN} : INT64_MIN));
    CHECK(ours.maximum == number("maximum", int32 ? std::int64_t{INT32_MAX} : INT64_MAX));
    CHECK(texts(ours.choices) == number("enum", std::vector<std::string>{}));
    CHECK(texts(ours.list_keys) == number("x-kubernetes-list-map-keys", std::vector<std::string>{}));
    CHECK((ours.pattern == nullptr ? "" : ours.pattern->expression) == number("pattern", std::string{}));
    if (ours.pattern != nullptr) patterns.insert(ours.pattern);
  }

  static void compare_rules(const Schema& ours, const nlohmann::json& crd) {
    std::vector<std::string> expected;
    for (const nlohmann::json& rule : crd.value("x-kubernetes-validations", nlohmann::json::array())) {
      if (rule.at("rule").get_ref<const std::string&>().find("oldSelf") != std::string::npos) continue;
      const std::string field = rule.value("fieldPath", "");
      expected.push_back((field.empty() ? "" : field.substr(1) + ": ") +
                         rule.at("message").get<std::string>());
    }
    std::vector<std::string> actual;
    for (const Rule& rule : ours.rules) {
      actual.push_back(std::string{rule.field} + (rule.field.empty() ? "" : ": ") +
                       std::string{rule.message});
    }
    CHECK(actual == expected);
  }

  void compare_properties(const Schema& ours, const nlohmann::json& crd, const std::string& path) {
    const nlohmann::json properties = crd.value("properties", nlohmann::json::object());
    const auto required = crd.value("required", std::vector<std::string>{});
    CHECK(ours.properties.size() == properties.size());
    CHECK(ours.open == crd.value("x-kubernetes-preserve-unknown-fields", false));
    for (const Property& property : ours.properties) {
      const std::string name{property.name};
      INFO(name);
      REQUIRE(properties.contains(name));
      CHECK(property.required == (std::find(required.begin(), required.end(), name) != required.end()));
      if (property.schema->type == SchemaType::Any) continue;  // metadata, status
      compare(*property.schema, properties.at(name), path + "." + name);
    }
  }
};

TEST_CASE("the schema in C++ has every keyword of the CRD", "[schema]") {
  Comparison comparison;
  comparison.compare(team_schema(), crd_schema("teamprovisionings"), "");
  CHECK(comparison.patterns.size() == 13);
  comparison.compare(release_schema(), crd_schema("agentreleases"), "");
  CHECK(comparison.patterns.size() == 13);  // it has no pattern of its own
}

std::vector<std::string> joined(std::initializer_list<std::vector<std::string>> columns) {
  std::vector<std::string> rows{""};
  for (const std::vector<std::string>& column : columns) {
    std::vector<std::string> longer;
    for (const std::string& row : rows) {
      for (const std::string& cell : column) longer.push_back(row + cell);
    }
    rows = std::move(longer);
  }
  return rows;
}

// Each short text over the characters that the expressions tell apart, and some long ones: the hand-written
// matcher and the expression of the CRD must give the same answer.
std::vector<std::string> corpus() {
  std::vector<std::string> all{""};
  const std::string_view alphabet = "aZ09.-_/%1eEiMm+ ";
  std::size_t begin = 0;
  for (int length = 1; length <= 3; ++length) {
    const std::size_t end = all.size();
    for (std::size_t i = begin; i < end; ++i) {
      for (const char c : alphabet) all.push_back(all[i] + c);
    }
    begin = end;
  }
  for (const char* text : {"topology.kubernetes.io/zone",
                           "A.b/c",
                           "a/b/c",
                           "a.b.c",
                           "a..b",
                           "a.-b",
                           "100%",
                           "101%",
                           "099%",
                           "1e99",
                           "1e100",
                           "1.5Gi",
                           "12.5e-3",
                           "1Gib",
                           "a\n",
                           "\na",
                           "\xc3\xa4",
                           "hugepages-2Mi",
                           "a b",
                           "a\tb",
                           "a\x7f",
                           " a",
                           "\xc3\xa4 \xc3\xb6",
                           "owner/name.js",
                           "owner/",
                           "/name",
                           "o.w/n",
                           "o-w_n/-"}) {
    all.emplace_back(text);
  }
  all.push_back("a" + std::string(1, '\0'));
  all.push_back("a" + std::string(1, '\0') + "a");
  for (const auto& more : {joined({{"", "1h", "99999h", "100000h", "h"},
                                   {"", "30m", "m", "1h"},
                                   {"", "0s", "999999s", "1000000s"}}),
                           joined({{"http://", "https://", "ftp://", "http:/", "HTTP://", ""},
                                   {"", "a", "a.b-C", "[::1]", "[]", "user@a", "a_b"},
                                   {"", ":1", ":", ":123456"},
                                   {"", "/", "/a?b#c:d@e", "/a b", "/\x7f", "?a"}})}) {
    all.insert(all.end(), more.begin(), more.end());
  }
  for (const std::size_t size : {62U, 63U, 64U}) {
    all.emplace_back(size, 'a');
    all.push_back("example.com/" + std::string(size, 'a'));
    all.push_back(std::string(size, 'a') + ".example.com/a");
  }
  return all;
}

TEST_CASE("matchers and the CRD's expressions agree", "[schema]") {
  Comparison comparison;
  comparison.compare(team_schema(), crd_schema("teamprovisionings"), "");
  const std::vector<std::string> texts = corpus();
  for (const Pattern* pattern : comparison.patterns) {
    CAPTURE(pattern->expression);
    const std::regex expression{std::string{pattern->expression}};
    for (const std::string& text : texts) {
      // Quantity::parse has the length bound as well.
      if (text.size() > 32 && pattern->expression.find("numk") != std::string_view::npos) continue;
      if (pattern->matches(text) != std::regex_match(text, expression))
        FAIL_CHECK("differ on '" << text << "'");
    }
  }
}

// The expressions inside the CRD's CEL rules, written out, against the functions that replace them.
template <class F>
void check_agreement(const std::string& expression, const std::vector<std::string>& texts, F matches) {
  CAPTURE(expression);
  const std::regex regex{expression};
  std::size_t accepted = 0;
  for (const std::string& text : texts) {
    const bool expected = std::regex_match(text, regex);
    if (matches(text) != expected) FAIL_CHECK("differ on '" << text << "'");
    accepted += expected ? 1U : 0U;
  }
  CHECK(accepted > 0);
  CHECK(accepted < texts.size());
}

TEST_CASE("image references are those of the CRD", "[schema]") {
  const std::string digest(64, 'a');
  const auto texts = joined(
      {{"", "host/", "Host.io:5000/", "host:123456/", "[::1]/", "[::1]:80/", "[]/", "[x]/", "host:/", "/",
        "a..b/"},
       {"", "a", "a/b", "a//b", "A", "a__b", "a___b", "a._b", "a--b.c", "-a", "a-", "a/", "a:b/c"},
       {"", ":1.0", ":", ":-1", ":_a", ":" + std::string(128, 't'), ":" + std::string(129, 't'), ":a:b"},
       {"", "@sha256:" + digest, "@sha256:" + digest + "a", "@sha256:A" + digest.substr(1), "@md5:" + digest,
        "@"}});
  const std::string part = "[a-z0-9]+(([.]|_|__|-+)[a-z0-9]+)*";
  check_agreement("([A-Za-z0-9.-]+(:[0-9]{1,5})?/|\\[[0-9A-Fa-f:]+\\](:[0-9]{1,5})?/)?" + part + "(/" + part +
                      ")*(:[A-Za-z0-9_][A-Za-z0-9_.-]{0,127})?(@sha256:[0-9a-f]{64})?",
                  texts, format::is_image_reference);
}

TEST_CASE("resource names, time zones and whole numbers are those of the CRD", "[schema]") {
  auto texts = corpus();
  for (const auto& more :
       {joined({{"", "cpu", "memory", "ephemeral-storage", "hugepages-", "nvidia.com", "Nvidia.com", "a_b"},
                {"", "2Mi", "Mi", "2M", "2mi", "xGi", "/gpu", "/", "/a/b", "/g_p.u-"}}),
        joined({{"Europe", "europe", "A1", "1A", "_A", "A23456789012345", "A2345678901234", ""},
                {"", "/", "/A", "/A/B", "/A/B/C", "/a_b+c-d", "/a.b", "//A"}}),
        std::vector<std::string>{"-1", "--1", "123456789012345678", "1234567890123456789",
                                 "-123456789012345678"}}) {
    texts.insert(texts.end(), more.begin(), more.end());
  }
  check_agreement("cpu|memory|ephemeral-storage|hugepages-[0-9]+[KMG]i|[a-z0-9.-]+/[A-Za-z0-9._-]+", texts,
                  format::is_resource_name);
  check_agreement("[A-Za-z][A-Za-z0-9_+-]{0,13}(/[A-Za-z][A-Za-z0-9_+-]{0,13}){0,2}", texts,
                  format::is_time_zone_name);
  check_agreement("-?[0-9]{1,18}", texts, format::is_whole_number);
}

TEST_CASE("durations are read", "[schema]") {
  using std::chrono::seconds;
  CHECK(format::parse_duration("720h") == seconds{720 * 3600});
  CHECK(format::parse_duration("1h30m5s") == seconds{5405});
  CHECK(format::parse_duration("90s") == seconds{90});
  CHECK(format::parse_duration("0s") == seconds{0});
  for (const char* text : {"1", "h", "1s1m", "1h1h", "-1h", "1.5h", "100ms", " 1h", "1h ", "100000h"}) {
    CAPTURE(text);
    CHECK_FALSE(format::parse_duration(text));
  }
}

// The API server reads them with Go's net/netip; tests/crd/samples has the same ones.
TEST_CASE("ranges of addresses are recognised", "[schema]") {
  for (const char* text : {"10.0.0.0/8", "0.0.0.0/0", "203.0.113.7/32", "2001:db8::/32", "::/0",
                           "2001:db8::1/128", "192.0.2.128/25"}) {
    CAPTURE(text);
    CHECK(format::is_cidr(text));
  }
  for (const char* text :
       {"", "/", "10.0.0.0", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/08", "10.0.0.0/-1", "10.0.0.1/8",
        "10.0.0/8", "010.0.0.0/8", "10.0.0.0/8 ", "2001:db8::/129", "2001:db8::1/32", "::ffff:10.0.0.0/104",
        "fe80::%eth0/64", "192.0.2.128/24", "a/8"}) {
    CAPTURE(text);
    CHECK_FALSE(format::is_cidr(text));
  }
}

TEST_CASE("fields of a schedule are those of the CRD", "[schema]") {
  const std::string step = "(/0?[1-9]|/[1-9][0-9])?,)+";
  const std::string months = "(jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec)";
  const std::string days = "(sun|mon|tue|wed|thu|fri|sat)";
  const std::vector<std::string> values{"",   "*",  "?",   "0",   "00",  "1",   "01",  "6",
                                        "7",  "07", "12",  "13",  "23",  "24",  "31",  "32",
                                        "59", "60", "001", "jan", "dec", "sun", "sat", "foo"};
  std::vector<std::string> items = joined({values,
                                           {"", "-1", "-31", "-59", "-60", "-mar", "-mon", "-", "-1-2", "-*"},
                                           {"", "/", "/0", "/1", "/05", "/99", "/100", "/a", "/1/2"}});
  for (const char* list : {"1,2", "1,", ",1", "1,,2", "*/2,3-4/5", "1,2,60"}) items.emplace_back(list);
  struct Row {
    schedule::Field field;
    std::string expression;
  };
  for (const Row& row :
       {Row{schedule::Field::Minute, "(([*?]|[0-5]?[0-9](-[0-5]?[0-9])?)" + step},
        Row{schedule::Field::Hour, "(([*?]|([01]?[0-9]|2[0-3])(-([01]?[0-9]|2[0-3]))?)" + step},
        Row{schedule::Field::DayOfMonth,
            "(([*?]|(0?[1-9]|[12][0-9]|3[01])(-(0?[1-9]|[12][0-9]|3[01]))?)" + step},
        Row{schedule::Field::Month,
            "(([*?]|(0?[1-9]|1[0-2])(-(0?[1-9]|1[0-2]))?|" + months + "(-" + months + ")?)" + step},
        Row{schedule::Field::DayOfWeek, "(([*?]|0?[0-6](-0?[0-6])?|" + days + "(-" + days + ")?)" + step}}) {
    const std::regex regex{row.expression};
    CAPTURE(row.expression);
    for (const std::string& item : items) {
      if (item.empty()) continue;  // four fields: another rule's business
      std::string text = "* * * * *";
      text.replace(static_cast<std::size_t>(row.field) * 2, 1, item);
      if (schedule::is_right(text, row.field) != std::regex_match(item + ",", regex))
        FAIL_CHECK("differ on '" << item << "'");
    }
  }
}

TEST_CASE("one mistake in a schedule gets one message", "[schema]") {
  using schedule::Field;
  CHECK_FALSE(schedule::names_no_time_zone("CRON_TZ=UTC 0 2 * * *"));
  CHECK(schedule::has_right_shape("CRON_TZ=UTC 0 2 * * *"));
  CHECK_FALSE(schedule::has_right_shape("0 2 * *"));
  CHECK_FALSE(schedule::has_right_shape("0 2 * * * *"));
  CHECK_FALSE(schedule::has_right_shape("@every 5m"));
  CHECK_FALSE(schedule::has_right_shape(""));
  CHECK(schedule::is_right("60 * * *", Field::Minute));
  CHECK(schedule::is_right("* * * JAN *", Field::Month));
  CHECK(schedule::ranges_run_forwards("0-9 9-17 1-31 JAN-DEC SUN-SAT"));
  CHECK_FALSE(schedule::ranges_run_forwards("0 22-1 * * *"));
  CHECK_FALSE(schedule::ranges_run_forwards("0 2 * * fri-SUN"));
  CHECK_FALSE(schedule::ranges_run_forwards("0 2 * DEC-JAN *"));
}

std::vector<FieldError> errors_of(const Schema& schema, std::string_view text) {
  json::Document document;
  REQUIRE(document.parse(text));
  return check(schema, document.root(), "spec");
}

TEST_CASE("a hostile object gets a bounded answer", "[schema]") {
  std::string members;
  for (int i = 0; i < 1000; ++i) members += (i == 0 ? "\"k" : ",\"k") + std::to_string(i) + "\":1";
  const Schema object{.type = SchemaType::Object};
  CHECK(errors_of(object, "{" + members + "}").size() == kMaxFieldErrors);

  const auto errors = errors_of(object, "{\"" + std::string(100'000, 'k') + "\":1}");
  REQUIRE(errors.size() == 1);
  CHECK(errors[0].path.size() < 400);
}

TEST_CASE("characters are counted, not bytes", "[schema]") {
  const Schema text{.type = SchemaType::String, .max_size = 2};
  CHECK(errors_of(text, "\"\xc3\xa4\xc3\xb6\"").empty());
  CHECK(errors_of(text, "\"abc\"") ==
        std::vector<FieldError>{{"spec", "must be at most 2 characters long, is 3"}});
}

}  // namespace
}  // namespace tp::domain
