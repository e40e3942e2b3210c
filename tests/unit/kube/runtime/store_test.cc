#include "kube/runtime/store.h"

#include <algorithm>
#include <string>
#include <utility>
#include <vector>

#include "support/catch.h"

namespace tp::kube {
namespace {

struct Item {
  ObjectMeta meta;
  std::string colour;

  friend bool operator==(const Item&, const Item&) = default;
};

Result<Item> project(json::View object) {
  TP_ASSIGN_OR_RETURN(ObjectMeta meta, read_meta(object));
  if (object["colour"].text() == "unreadable") return Error{ErrorCode::DataLoss, "no such colour"};
  return Item{std::move(meta), std::string{object["colour"].text()}};
}

// One object at one resourceVersion.
struct Obj {
  std::string name;
  std::string version;
  std::string colour = "red";
  std::string uid{};
  bool deleting = false;
};

std::string text_of(const Obj& o) {
  return R"({"metadata":{"namespace":"ns","name":")" + o.name + R"(","uid":")" +
         (o.uid.empty() ? "uid-" + o.name : o.uid) + R"(","resourceVersion":")" + o.version + "\"" +
         (o.deleting ? R"(,"deletionTimestamp":"2026-01-01T00:00:00Z")" : "") + R"(},"colour":")" + o.colour +
         "\"}";
}

class Fixture {
 public:
  Fixture() {
    store.subscribe([this](const Store<Item>::Pointer& before, const Store<Item>::Pointer& after) {
      heard.push_back(describe(before) + ">" + describe(after));
    });
  }

  Status upsert(const Obj& o) { return store.upsert(parse(o)); }

  Status remove(const Obj& o) { return store.remove(parse(o)); }

  Store<Item>::Pointer write(const Obj& o) {
    auto result = store.observe_write(parse(o));
    REQUIRE(result);
    return *result;
  }

  void listing(const std::string& version, const std::vector<Obj>& objects) {
    store.begin_replace();
    for (const Obj& o : objects) REQUIRE(upsert(o));
    store.end_replace(version);
  }

  // What is stored, as "name@version colour", sorted.
  std::vector<std::string> content() {
    std::vector<std::string> all;
    store.each([&](const auto& item) {
      all.push_back(item->meta.key.name + "@" + item->meta.resource_version + " " + item->colour +
                    (item->meta.deleting ? " deleting" : ""));
    });
    std::sort(all.begin(), all.end());
    return all;
  }

  std::vector<std::string> take_heard() { return std::exchange(heard, {}); }

  Store<Item> store{project, [](const Item& i) { return std::vector<std::string>{i.colour}; }};
  std::vector<std::string> heard;

 private:
  json::View parse(const Obj& o) {
    REQUIRE(document_.parse(text_of(o)));
    return document_.root();
  }

  static std::string describe(const Store<Item>::Pointer& item) {
    return item ? item->meta.key.name + "@" + item->meta.resource_version : "-";
  }

  json::Document document_;
};

using Strings = std::vector<std::string>;

TEST_CASE("Store: a listing, then events", "[store]") {
  Fixture f;
  CHECK_FALSE(f.store.synced());
  f.store.begin_replace();
  REQUIRE(f.upsert({"a", "1"}));
  CHECK_FALSE(f.store.synced());
  f.store.end_replace("5");
  CHECK(f.store.synced());
  CHECK(f.take_heard() == Strings{"->a@1"});

  REQUIRE(f.upsert({"b", "6", "blue"}));
  REQUIRE(f.upsert({"a", "7", "blue"}));
  CHECK(f.take_heard() == Strings{"->b@6", "a@1>a@7"});
  CHECK(f.content() == Strings{"a@7 blue", "b@6 blue"});
  CHECK(f.store.find("blue").size() == 2);
  CHECK(f.store.find("red").empty());

  REQUIRE(f.remove({"a", "8", "blue"}));
  CHECK(f.take_heard() == Strings{"a@7>-"});
  CHECK(f.store.find("blue").size() == 1);
  CHECK(f.store.get({"ns", "a"}) == nullptr);
  CHECK(f.store.size() == 1);
}

TEST_CASE("Store: resourceVersions compare as numbers", "[store]") {
  Fixture f;
  f.listing("9", {{"a", "9"}});
  REQUIRE(f.upsert({"a", "10", "blue"}));
  CHECK(f.content() == Strings{"a@10 blue"});
}

TEST_CASE("Store: a change of nothing but the version calls nobody", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  f.take_heard();
  REQUIRE(f.upsert({"a", "6"}));
  CHECK(f.take_heard().empty());
  CHECK(f.content() == Strings{"a@6 red"});
}

TEST_CASE("Store: an event that is not newer than the stored object changes nothing", "[store]") {
  Fixture f;
  f.listing("9", {{"a", "9"}});
  f.take_heard();
  REQUIRE(f.upsert({"a", "8", "blue"}));
  REQUIRE(f.upsert({"a", "9", "blue"}));
  REQUIRE(f.remove({"a", "8"}));
  CHECK(f.take_heard().empty());
  CHECK(f.content() == Strings{"a@9 red"});
}

TEST_CASE("Store: what a listing does not name is removed", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}, {"b", "2"}});
  f.take_heard();
  f.store.begin_replace();
  REQUIRE(f.upsert({"b", "2"}));
  CHECK(f.store.size() == 2);  // readable until the listing is complete
  f.store.end_replace("8");
  CHECK(f.take_heard() == Strings{"a@1>-"});
  CHECK(f.content() == Strings{"b@2 red"});
}

TEST_CASE("Store: a listing that starts again forgets its first try", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  f.store.begin_replace();
  REQUIRE(f.upsert({"a", "1"}));
  f.store.begin_replace();
  f.store.end_replace("6");
  CHECK(f.content().empty());
}

TEST_CASE("Store: an object that cannot be read is reported and not taken for deleted", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  f.store.begin_replace();
  CHECK(f.upsert({"a", "6", "unreadable"}).error().code == ErrorCode::DataLoss);
  f.store.end_replace("7");
  CHECK(f.content() == Strings{"a@1 red"});
  CHECK(f.upsert({"a", "8", "unreadable"}).error().code == ErrorCode::DataLoss);
  CHECK(f.content() == Strings{"a@1 red"});
}

TEST_CASE("Store: the answer to an own write is visible at once, and its event wakes nobody", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  f.take_heard();
  CHECK(f.write({"a", "6", "blue"})->colour == "blue");
  CHECK(f.content() == Strings{"a@6 blue"});
  CHECK(f.store.find("blue").size() == 1);
  REQUIRE(f.upsert({"a", "6", "blue"}));
  CHECK(f.take_heard().empty());
}

TEST_CASE("Store: the events of several own writes wake nobody", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  f.take_heard();
  f.write({"a", "6", "blue"});
  f.write({"a", "7", "green"});
  REQUIRE(f.upsert({"a", "6", "blue"}));
  REQUIRE(f.upsert({"a", "7", "green"}));
  CHECK(f.take_heard().empty());
  CHECK(f.content() == Strings{"a@7 green"});
}

TEST_CASE("Store: an answer that is older than the stored object is not taken", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  REQUIRE(f.upsert({"a", "9", "green"}));
  CHECK(f.write({"a", "8", "blue"})->colour == "green");
  CHECK(f.content() == Strings{"a@9 green"});
}

TEST_CASE("Store: a late answer does not bring back what the stream has deleted", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  REQUIRE(f.remove({"a", "8"}));
  CHECK(f.write({"a", "7", "blue"}) == nullptr);
  CHECK(f.content().empty());
}

TEST_CASE("Store: a late answer does not bring back what a bookmark has passed", "[store]") {
  Fixture f;
  f.listing("5", {});
  f.store.progress("9");
  CHECK(f.write({"a", "7"}) == nullptr);
  CHECK(f.content().empty());
}

TEST_CASE("Store: a stranger's change below an own write wakes listeners with what is stored", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  f.take_heard();
  f.write({"a", "7", "both"});
  REQUIRE(f.upsert({"a", "6", "theirs"}));  // came before our write reached the server
  CHECK(f.take_heard() == Strings{"a@7>a@7"});
  REQUIRE(f.upsert({"a", "7", "both"}));
  CHECK(f.take_heard().empty());
  CHECK(f.content() == Strings{"a@7 both"});
}

TEST_CASE("Store: the deletion of an old incarnation does not remove the new one", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  f.take_heard();
  f.write({"a", "8", "blue", "uid-2"});
  REQUIRE(f.remove({"a", "7"}));
  CHECK(f.content() == Strings{"a@8 blue"});
  CHECK(f.take_heard() == Strings{"a@8>a@8"});
  REQUIRE(f.upsert({"a", "8", "blue", "uid-2"}));
  CHECK(f.take_heard().empty());
}

TEST_CASE("Store: an own write that the stream passes in silence is not part of the selection", "[store]") {
  Fixture f;
  f.listing("5", {});
  f.write({"a", "7"});
  f.write({"b", "9"});
  REQUIRE(f.upsert({"c", "8"}));
  CHECK(f.take_heard() == Strings{"->c@8", "a@7>-"});
  CHECK(f.content() == Strings{"b@9 red", "c@8 red"});
  f.store.progress("9");
  CHECK(f.take_heard() == Strings{"b@9>-"});
}

TEST_CASE("Store: an own delete marks the object until the stream says more", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  f.take_heard();
  f.store.observe_delete({"ns", "a"}, "uid-other");
  CHECK(f.content() == Strings{"a@1 red"});
  f.store.observe_delete({"ns", "a"}, "uid-a");
  f.store.observe_delete({"ns", "absent"}, "uid-a");
  CHECK(f.content() == Strings{"a@1 red deleting"});
  CHECK(f.take_heard().empty());

  SECTION("an event from before the delete keeps the mark") {
    REQUIRE(f.upsert({"a", "6", "blue"}));
    CHECK(f.content() == Strings{"a@6 blue deleting"});
  }
  SECTION("a new incarnation does not inherit it") {
    REQUIRE(f.upsert({"a", "6", "blue", "uid-2"}));
    CHECK(f.content() == Strings{"a@6 blue"});
  }
  SECTION("its own event is no news") {
    REQUIRE(f.upsert({"a", "6", "red", "", true}));
    CHECK(f.take_heard().empty());
    REQUIRE(f.remove({"a", "7"}));
    CHECK(f.take_heard() == Strings{"a@6>-"});
  }
}

TEST_CASE("Store: own writes and a listing", "[store]") {
  Fixture f;
  f.listing("5", {{"a", "1"}});
  f.take_heard();
  f.store.begin_replace();

  SECTION("one newer than the listing survives it, listed or not") {
    f.write({"a", "12", "blue"});
    f.write({"b", "11", "blue"});
    REQUIRE(f.upsert({"a", "1"}));
    f.store.end_replace("10");
    CHECK(f.content() == Strings{"a@12 blue", "b@11 blue"});
    REQUIRE(f.upsert({"b", "11", "blue"}));
    REQUIRE(f.upsert({"a", "12", "blue"}));
    CHECK(f.content() == Strings{"a@12 blue", "b@11 blue"});
  }
  SECTION("one that the listing covers and does not name is gone") {
    f.write({"b", "8"});
    f.store.end_replace("10");
    CHECK(f.content().empty());
    CHECK(f.take_heard() == Strings{"b@8>-", "a@1>-"});
  }
  SECTION("one that the listing confirms may hide a stranger's change: listeners are called") {
    f.write({"a", "8", "blue"});
    REQUIRE(f.upsert({"a", "8", "blue"}));
    f.store.end_replace("10");
    CHECK(f.take_heard() == Strings{"a@8>a@8"});
  }
  SECTION("a late answer below the listing's object is not taken") {
    REQUIRE(f.upsert({"a", "9", "green"}));
    CHECK(f.write({"a", "8", "blue"})->colour == "green");
    f.store.end_replace("10");
    CHECK(f.content() == Strings{"a@9 green"});
  }
  SECTION("a late answer after the listing is not taken") {
    f.store.end_replace("10");
    CHECK(f.write({"a", "8", "blue"}) == nullptr);
    CHECK(f.content().empty());
  }
}

TEST_CASE("Store: live events between the initial ones of a WatchList", "[store]") {
  Fixture f;
  f.store.begin_replace();
  REQUIRE(f.upsert({"a", "1"}));
  REQUIRE(f.upsert({"b", "2"}));
  REQUIRE(f.remove({"a", "11"}));
  REQUIRE(f.upsert({"b", "12", "blue"}));
  f.store.end_replace("12");
  CHECK(f.content() == Strings{"b@12 blue"});
}

TEST_CASE("Store: a listing from before (an etcd restore) beats everything", "[store]") {
  Fixture f;
  f.listing("50", {{"kept", "10"}, {"changed", "45"}, {"lost", "46"}, {"same", "20"}});
  f.write({"ours", "60", "blue"});
  f.write({"kept", "61", "blue"});
  f.take_heard();
  f.listing("30", {{"kept", "10"}, {"changed", "25", "old"}, {"same", "20"}, {"back", "15"}});
  CHECK(f.content() == Strings{"back@15 red", "changed@25 old", "kept@10 red", "same@20 red"});
  auto heard = f.take_heard();
  std::sort(heard.begin(), heard.end());
  CHECK(heard == Strings{"->back@15", "changed@45>changed@25", "kept@61>kept@10", "lost@46>-", "ours@60>-"});

  // The stream starts from there.
  REQUIRE(f.upsert({"changed", "31", "new"}));
  CHECK(f.content() == Strings{"back@15 red", "changed@31 new", "kept@10 red", "same@20 red"});
  CHECK(f.write({"kept", "32", "blue"})->colour == "blue");
}

TEST_CASE("Store: equal versions of two histories are told apart by content", "[store]") {
  Fixture f;
  f.listing("50", {{"a", "40", "lost"}});
  f.take_heard();
  f.listing("50", {{"a", "40", "new"}});
  CHECK(f.content() == Strings{"a@40 new"});
  CHECK(f.take_heard() == Strings{"a@40>a@40"});
}

TEST_CASE("Store: a listener may read the store", "[store]") {
  Store<Item> store{project};
  std::size_t seen = 0;
  store.subscribe([&](const auto&, const auto& after) { seen = after ? store.size() : 0; });
  json::Document document;
  REQUIRE(document.parse(text_of({"a", "1"})));
  REQUIRE(store.upsert(document.root()));
  CHECK(seen == 1);
}

}  // namespace
}  // namespace tp::kube
