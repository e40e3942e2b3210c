#include "log/log.h"

#include <array>
#include <limits>
#include <string>
#include <type_traits>

#include <nlohmann/json.hpp>
#include <sys/socket.h>
#include <unistd.h>

#include "crypto/secret.h"
#include "support/catch.h"
#include "support/fake_clock.h"

namespace tp::log {
namespace {

using nlohmann::json;

static_assert(!std::is_constructible_v<Field, std::string_view, crypto::Secret>);

// A pair of datagram sockets: each write(2) is one message, so a line written in two pieces would be seen.
class Lines {
 public:
  Lines() {
    std::array<int, 2> fds{};
    REQUIRE(::socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, fds.data()) == 0);
    in_ = fds[0];
    out_ = fds[1];
  }
  ~Lines() {
    close_reader();
    ::close(out_);
  }
  Lines(const Lines&) = delete;
  Lines& operator=(const Lines&) = delete;

  [[nodiscard]] int fd() const { return out_; }
  // The next line without its end; empty when there is none.
  [[nodiscard]] std::string next() const {
    std::string text(std::size_t{64} << 10U, '\0');
    const ssize_t n = ::recv(in_, text.data(), text.size(), 0);
    if (n <= 0) return "";
    text.resize(static_cast<std::size_t>(n));
    REQUIRE(text.back() == '\n');
    text.pop_back();
    REQUIRE(text.find('\n') == std::string::npos);
    return text;
  }
  [[nodiscard]] json next_json() const { return json::parse(next()); }
  void close_reader() {
    if (in_ >= 0) ::close(in_);
    in_ = -1;
  }

 private:
  int in_ = -1;
  int out_ = -1;
};

// What a test needs to log: a sink at debug level and a logger called "test".
struct Fixture {
  explicit Fixture(Format format = Format::Json)
      : sink(clock, lines.fd(), Level::Debug, format), log(sink, "test") {}

  test::FakeClock clock;
  Lines lines;
  Sink sink;
  Logger log;
};

TEST_CASE("levels and formats are parsed from their names only") {
  CHECK(parse_level("debug") == Level::Debug);
  CHECK(parse_level("error") == Level::Error);
  CHECK_FALSE(parse_level("INFO"));
  CHECK_FALSE(parse_level(""));
  CHECK(parse_format("json") == Format::Json);
  CHECK(parse_format("text") == Format::Text);
  CHECK_FALSE(parse_format("xml"));
}

TEST_CASE("a JSON line holds time, level, logger, message and typed fields in order") {
  Fixture f;
  f.log.info("applied", {{"kind", "Deployment"}, {"replicas", 3}, {"seconds", 0.25}, {"changed", true}});
  CHECK(f.lines.next() ==
        R"({"ts":"2026-01-01T00:00:00.000000Z","level":"info","logger":"test","msg":"applied",)"
        R"("kind":"Deployment","replicas":3,"seconds":0.25,"changed":true})");
  f.log.error("failed", {{"error", Error{ErrorCode::NotFound, "no such team"}}});
  CHECK(f.lines.next_json()["error"] == std::string{to_string(ErrorCode::NotFound)} + ": no such team");
  f.log.info("limits", {{"inf", std::numeric_limits<double>::infinity()}, {"min", INT64_MIN}});
  const json limits = f.lines.next_json();
  CHECK(limits["inf"].is_null());
  CHECK(limits["min"] == INT64_MIN);
}

TEST_CASE("a text line is for people") {
  Fixture f{Format::Text};
  f.clock.advance(std::chrono::milliseconds{1234});
  f.log.named("queue").warn("the \"slow\" one",
                            {{"team", "a/b"}, {"why", "it is late"}, {"none", ""}, {"n", 2}});
  CHECK(f.lines.next() ==
        R"(2026-01-01T00:00:01.234000Z WARN  queue the "slow" one team=a/b why="it is late" none="" n=2)");
  f.log.error("line\nbreak", {{"v", "a\nb"}});
  CHECK(f.lines.next() == R"(2026-01-01T00:00:01.234000Z ERROR test line\nbreak v="a\nb")");
}

TEST_CASE("levels below the sink's are not written, and the level can change") {
  Fixture f;
  f.sink.set_level(Level::Warn);
  f.log.debug("no");
  f.log.info("no");
  f.log.warn("yes");
  CHECK(f.lines.next_json()["msg"] == "yes");
  CHECK(f.lines.next().empty());
  f.sink.set_level(Level::Debug);
  f.log.debug("now");
  CHECK(f.lines.next_json()["level"] == "debug");
}

TEST_CASE("bound fields come with every line, and a line's own field wins") {
  Fixture f;
  const Logger bound = f.log.with({"reconcile_id", "r-1"}).with({"team", "a"});
  bound.info("one", {{"team", "b"}});
  const std::string line = f.lines.next();
  CHECK(json::parse(line)["reconcile_id"] == "r-1");
  CHECK(json::parse(line)["team"] == "b");
  CHECK(line.find("\"team\":\"a\"") == std::string::npos);
  f.log.info("the original is unchanged");
  CHECK_FALSE(f.lines.next_json().contains("team"));
}

TEST_CASE("values of keys that name a credential are never written") {
  for (const auto format : {Format::Json, Format::Text}) {
    Fixture f{format};
    for (const std::string_view key :
         {"token", "Token", "access_token", "clientSecret", "password", "Authorization", "x-api-key",
          "DATABASE_URL", "set-cookie", "private.key"}) {
      CAPTURE(key);
      f.log.with({key, "hunter2"}).info("m", {});
      const std::string bound = f.lines.next();
      CHECK(bound.find("hunter2") == std::string::npos);
      CHECK(bound.find("[redacted]") != std::string::npos);
      f.log.info("m", {{key, 4711}});
      CHECK(f.lines.next().find("4711") == std::string::npos);
    }
    for (const std::string_view key : {"secret_name", "tokenFile", "key", "passwords_checked"}) {
      CAPTURE(key);
      f.log.info("m", {{key, "shown"}});
      CHECK(f.lines.next().find("shown") != std::string::npos);
    }
  }
}

TEST_CASE("any bytes make valid JSON of one line") {
  Fixture f;
  const std::string bytes{"\0\x01\x1f\x7f\"\\\n\r\t\b", 10};
  f.log.info(bytes, {{"v", bytes}});
  const json line = f.lines.next_json();
  CHECK(line["msg"] == bytes);
  CHECK(line["v"] == bytes);

  // Each ill-formed byte becomes U+FFFD; well-formed text of every length stays.
  f.log.info("é€\U0001F600 \xff \xc0\xaf \xed\xa0\x80 \xf5\x80 \xe2\x82");
  const std::string r = "\uFFFD";
  CHECK(f.lines.next_json()["msg"] ==
        "é€\U0001F600 " + r + " " + r + r + " " + r + r + r + " " + r + r + " " + r + r);
}

TEST_CASE("a long line is cut, says so, and stays whole JSON with the fields after it") {
  Fixture f;
  f.log.info(std::string(100'000, 'x'), {{"after", "kept"}});
  json line = f.lines.next_json();
  CHECK(line["msg"].get<std::string>() == std::string(Sink::kMaxValue, 'x'));
  CHECK(line["after"] == "kept");
  CHECK(line["truncated"] == true);

  // Escapes and characters of several bytes are not cut in two, wherever the limit falls.
  for (std::size_t shift = 0; shift < 8; ++shift) {
    const std::string padding(shift, 'p');
    for (const std::string unit : {"€", "\x01", "\"", "\xff"}) {
      std::string value = padding;
      for (int i = 0; i < 9000; ++i) value += unit;
      f.log.info("m", {{"a", value}, {"b", value}, {"c", value}, {"n", 1}, {"last", "z"}});
      const std::string text = f.lines.next();
      CHECK(text.size() < Sink::kMaxLine);
      CHECK(text.size() > Sink::kMaxLine - 100);
      line = json::parse(text);
      CHECK(line["truncated"] == true);
    }
  }

  Fixture text{Format::Text};
  text.log.info(std::string(100'000, 'x'),
                {{"a", std::string(100'000, 'y')}, {"b", std::string(100'000, 'z')}});
  const std::string cut = text.lines.next();
  CHECK(cut.size() < Sink::kMaxLine);
  CHECK(cut.ends_with(" truncated=true"));
}

TEST_CASE("what could not be written is counted") {
  Fixture f;
  CHECK(f.sink.lost() == 0);
  f.lines.close_reader();
  f.log.info("to nobody");
  CHECK(f.sink.lost() == 1);
}

}  // namespace
}  // namespace tp::log
