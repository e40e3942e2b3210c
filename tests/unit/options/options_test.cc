#include "options/options.h"

#include <chrono>
#include <initializer_list>
#include <map>
#include <string>
#include <vector>

#include "support/catch.h"

namespace tp::options {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;

enum class Color { Red, Green };

struct Config {
  std::string url;
  std::string file;
  std::string bind;
  int workers = 0;
  milliseconds interval{};
  bool leader = false;
  Color color = Color::Red;
  std::vector<std::string> namespaces;
};

Table table_for(Config& c) {
  Table table{"demo run [flags]", "Runs the demo."};
  table.section("Serving")
      .add({.flag = "bind-address",
            .default_value = ":8080",
            .help = "Where to listen.",
            .value = address(c.bind)})
      .add({.flag = "workers", .default_value = "4", .help = "Threads.", .value = integer(c.workers, 1, 64)})
      .section("Work")
      .add({.flag = "config-service-url",
            .env = "CONFIG_SERVICE_URL",
            .metavar = "URL",
            .help = "Where the Config Service is.",
            .required = true,
            .value = text(c.url)})
      .add({.flag = "filename",
            .letter = 'f',
            .metavar = "FILE",
            .help = "What to read.",
            .value = text(c.file)})
      .add({.flag = "interval",
            .env = "INTERVAL",
            .default_value = "10m",
            .help = "How often.",
            .value = duration(c.interval, 1s, 24h)})
      .add({.flag = "leader-elect", .env = "LEADER", .help = "Elect one.", .value = boolean(c.leader)})
      .add({.flag = "color",
            .default_value = "green",
            .help = "Which | color.",
            .value = one_of(c.color, {{"red", Color::Red}, {"green", Color::Green}})})
      .add({.flag = "watch-namespaces", .help = "Which namespaces.", .value = list(c.namespaces)});
  return table;
}

using Env = std::map<std::string, std::string>;

Result<Outcome> parse(Config& c,
                      std::initializer_list<const char*> args,
                      const Env& env = {{"CONFIG_SERVICE_URL", "u"}}) {
  const std::vector<const char*> argv{args};
  return table_for(c).parse(argv, [&](const char* name) -> std::optional<std::string> {
    const auto found = env.find(name);
    return found == env.end() ? std::nullopt : std::optional{found->second};
  });
}

std::string failure(std::initializer_list<const char*> args, const Env& env = {{"CONFIG_SERVICE_URL", "u"}}) {
  Config c;
  const auto outcome = parse(c, args, env);
  if (outcome) return "no failure";
  CHECK(outcome.error().code == ErrorCode::InvalidArgument);
  return outcome.error().message;
}

TEST_CASE("without flags the environment and the defaults are taken") {
  Config c;
  c.file = "untouched";
  REQUIRE(parse(c, {}, {{"CONFIG_SERVICE_URL", "http://c"}, {"INTERVAL", "90s"}, {"LEADER", "true"}}));
  CHECK(c.url == "http://c");
  CHECK(c.interval == 90s);
  CHECK(c.leader);
  CHECK(c.bind == ":8080");
  CHECK(c.workers == 4);
  CHECK(c.color == Color::Green);
  CHECK(c.file == "untouched");
}

TEST_CASE("a flag beats the environment, which beats the default") {
  Config c;
  REQUIRE(parse(c, {"--interval=5s"}, {{"CONFIG_SERVICE_URL", "u"}, {"INTERVAL", "7s"}}));
  CHECK(c.interval == 5s);
  REQUIRE(parse(c, {}, {{"CONFIG_SERVICE_URL", "u"}, {"INTERVAL", "7s"}}));
  CHECK(c.interval == 7s);
  REQUIRE(parse(c, {}, {{"CONFIG_SERVICE_URL", "u"}, {"INTERVAL", ""}}));  // set but empty is not set
  CHECK(c.interval == 10min);
}

TEST_CASE("all spellings of a flag") {
  Config c;
  REQUIRE(parse(c, {"--workers", "7", "--color=red", "-f", "a.yaml", "--leader-elect", "--watch-namespaces",
                    " a, b,,c "}));
  CHECK(c.workers == 7);
  CHECK(c.color == Color::Red);
  CHECK(c.file == "a.yaml");
  CHECK(c.leader);
  CHECK(c.namespaces == std::vector<std::string>{"a", "b", "c"});
  REQUIRE(parse(c, {"--leader-elect=false", "-f=b=c", "--workers=1", "--workers=2", "--watch-namespaces="}));
  CHECK_FALSE(c.leader);
  CHECK(c.file == "b=c");
  CHECK(c.workers == 2);
  CHECK(c.namespaces.empty());
}

TEST_CASE("an unknown flag is one line that names the nearest") {
  CHECK(failure({"--bind-adress", ":1"}) == "unknown flag --bind-adress; did you mean --bind-address?");
  CHECK(failure({"--worker=3"}) == "unknown flag --worker; did you mean --workers?");
  CHECK(failure({"--something-else-entirely"}) == "unknown flag --something-else-entirely; see --help");
  CHECK(failure({"-x"}) == "unknown flag -x; see --help");
  CHECK(failure({"--"}) == "unknown flag --; see --help");
}

TEST_CASE("everything that is wrong is said at once") {
  CHECK(
      failure({"extra", "--workers", "0", "--bind-address=nowhere", "--filename"}, {{"INTERVAL", "soon"}}) ==
      "unexpected argument \"extra\"\n"
      "--filename needs a value: FILE\n"
      "--bind-address: \"nowhere\" is not [IP]:PORT, such as :8080, 127.0.0.1:8080 or [::1]:8080\n"
      "--workers: \"0\" is not a whole number from 1 to 64\n"
      "--config-service-url (or CONFIG_SERVICE_URL) is required\n"
      "INTERVAL: \"soon\" is not a duration such as 90s, 10m or 1h30m");
}

TEST_CASE("each kind of value refuses what it is not") {
  CHECK(failure({"--workers=65"}) == "--workers: \"65\" is not a whole number from 1 to 64");
  CHECK(failure({"--workers=4x"}) == "--workers: \"4x\" is not a whole number from 1 to 64");
  CHECK(failure({"--workers="}) == "--workers: \"\" is not a whole number from 1 to 64");
  CHECK(failure({"--interval=999ms"}) == "--interval: \"999ms\" is less than 1s");
  CHECK(failure({"--interval=25h"}) == "--interval: \"25h\" is more than 24h");
  CHECK(failure({"--color=blue"}) == "--color: \"blue\" is none of red, green");
  CHECK(failure({"--leader-elect=yes"}) == "--leader-elect: \"yes\" is neither true nor false");
  CHECK(failure({"--leader-elect", "true"}) == "unexpected argument \"true\"");
  CHECK(failure({"--filename", "--leader-elect"}) == "--filename needs a value: FILE");
  CHECK(failure({"--config-service-url="}) == "--config-service-url (or CONFIG_SERVICE_URL) is required");
}

TEST_CASE("durations") {
  CHECK(parse_duration("0") == 0ms);
  CHECK(parse_duration("500ms") == 500ms);
  CHECK(parse_duration("1h30m") == 90min);
  CHECK(parse_duration("1m1s1ms") == 61'001ms);
  CHECK(parse_duration("87840h") == 87840h);  // ten years
  for (const char* const text : {"", "5", "m", "-5m", "5 m", "1.5h", "5d", "1h30", "87841h",
                                 "99999999999999999999h", "9223372036854775807ms"}) {
    CAPTURE(text);
    CHECK_FALSE(parse_duration(text));
  }
}

TEST_CASE("help is asked for anywhere and is made from the table") {
  Config c;
  const auto outcome = parse(c, {"--nonsense", "--help"}, {});
  REQUIRE(outcome);
  CHECK(*outcome == Outcome::Help);
  CHECK(c.workers == 0);  // nothing was set
  CHECK(table_for(c).help() == R"(Usage: demo run [flags]

Runs the demo.

Serving:
  --bind-address ADDRESS
      Where to listen. (default :8080)
  --workers N
      Threads. (default 4)

Work:
  --config-service-url URL
      Where the Config Service is. (required, env CONFIG_SERVICE_URL)
  --filename, -f FILE
      What to read.
  --interval DURATION
      How often. (default 10m, env INTERVAL)
  --leader-elect
      Elect one. (env LEADER)
  --color red|green
      Which | color. (default green)
  --watch-namespaces LIST
      Which namespaces.
)");
}

TEST_CASE("long help is wrapped between words") {
  std::string target;
  Table table{"x", "X."};
  std::string words;
  for (int i = 0; i < 60; ++i) words += "word ";
  table.add({.flag = "a", .help = words + std::string(120, 'y'), .value = text(target)});
  const std::string help = table.help();
  CHECK(help.find("word\n      word") != std::string::npos);
  CHECK(help.find("\n      " + std::string(120, 'y') + "\n") != std::string::npos);
}

TEST_CASE("Markdown has a table for each section") {
  Config c;
  const std::string text = table_for(c).markdown();
  CHECK(
      text.starts_with("### Serving\n\n| flag | environment | default | meaning |\n|---|---|---|---|\n"
                       "| `--bind-address ADDRESS` |  | `:8080` | Where to listen. |\n"));
  CHECK(text.find("\n\n### Work\n\n| flag") != std::string::npos);
  CHECK(text.find("| `--config-service-url URL` | `CONFIG_SERVICE_URL` | required | Where the Config Service "
                  "is. |\n") != std::string::npos);
  CHECK(text.find("| `--color red\\|green` |  | `green` | Which \\| color. |\n") != std::string::npos);
}

}  // namespace
}  // namespace tp::options
