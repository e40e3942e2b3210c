#include "kube/core/watch_event.h"

#include "support/catch.h"

namespace tp::kube {
namespace {

class Line {
 public:
  explicit Line(std::string_view text) { REQUIRE(document_.parse(text)); }
  [[nodiscard]] Result<WatchEvent> read() const { return read_watch_event(document_.root()); }

 private:
  json::Document document_;
};

TEST_CASE("watch event: types", "[kube]") {
  const auto type_of = [](std::string_view name) {
    const Line line{R"({"type":")" + std::string{name} +
                    R"(","object":{"metadata":{"resourceVersion":"5"}}})"};
    const auto event = line.read();
    REQUIRE(event);
    return event->type;
  };
  CHECK(type_of("ADDED") == WatchEventType::Added);
  CHECK(type_of("MODIFIED") == WatchEventType::Modified);
  CHECK(type_of("DELETED") == WatchEventType::Deleted);
  CHECK(type_of("BOOKMARK") == WatchEventType::Bookmark);
}

TEST_CASE("watch event: views into the line", "[kube]") {
  const Line line{R"({"type":"ADDED","object":{"kind":"X","metadata":{"name":"a","resourceVersion":"5"}}})"};
  const auto event = line.read();
  REQUIRE(event);
  CHECK(event->resource_version == "5");
  CHECK(event->object["metadata"]["name"].text() == "a");
  CHECK_FALSE(event->initial_events_end);
}

TEST_CASE("watch event: only a bookmark ends the initial events", "[kube]") {
  constexpr std::string_view kObject =
      R"(","object":{"metadata":{"resourceVersion":"5","annotations":{"k8s.io/initial-events-end":"true"}}}})";
  const Line bookmark{R"({"type":"BOOKMARK)" + std::string{kObject}};
  REQUIRE(bookmark.read());
  CHECK(bookmark.read()->initial_events_end);
  const Line added{R"({"type":"ADDED)" + std::string{kObject}};
  REQUIRE(added.read());
  CHECK_FALSE(added.read()->initial_events_end);
}

TEST_CASE("watch event: an ERROR needs no version", "[kube]") {
  const Line line{R"({"type":"ERROR","object":{"kind":"Status","metadata":{},"code":410}})"};
  const auto event = line.read();
  REQUIRE(event);
  CHECK(event->type == WatchEventType::Error);
  CHECK(event->object["code"].integer() == 410);
}

TEST_CASE("watch event: what is none", "[kube]") {
  for (const auto* const text :
       {R"({"type":"added","object":{"metadata":{"resourceVersion":"5"}}})", R"({"type":"ADDED"})",
        R"({"type":"BOOKMARK","object":{"metadata":{}}})", "[]", "1"}) {
    CAPTURE(text);
    const Line line{text};
    const auto event = line.read();
    REQUIRE_FALSE(event);
    CHECK(event.error().code == ErrorCode::DataLoss);
  }
}

}  // namespace
}  // namespace tp::kube
