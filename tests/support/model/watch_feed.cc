#include "support/model/watch_feed.h"

#include <stdexcept>

#include "json/document.h"

namespace tp::test {
namespace {

using Json = nlohmann::json;

void must(const Status& status) {
  if (!status) throw std::runtime_error{status.error().message};
}

}  // namespace

void WatchFeed::add(kube::Selection selection, kube::Collection& collection) {
  watches_.push_back({std::move(selection), collection});
}

bool WatchFeed::list() {
  bool news = false;
  json::Document document;
  for (Watch& watch : watches_) {
    watch.collection.begin_replace();
    for (const Json& object : server_.select(watch.selection)) {
      must(document.parse(object.dump()));
      must(watch.collection.upsert(document.root()));
    }
    watch.collection.end_replace(std::to_string(server_.version()));
    news = news || watch.brought < server_.history().size();
    watch.brought = server_.history().size();
  }
  return news;
}

bool WatchFeed::bring(std::optional<std::size_t> frozen) {
  bool news = false;
  for (std::size_t i = 0; i < watches_.size(); ++i) {
    if (frozen && *frozen % watches_.size() == i) continue;
    Watch& watch = watches_[i];
    news = news || watch.brought < server_.history().size();
    for (; watch.brought < server_.history().size(); ++watch.brought)
      deliver(server_.history()[watch.brought], watch);
    watch.collection.progress(std::to_string(server_.version()));
  }
  return news;
}

void WatchFeed::deliver(const ModelApiServer::Change& change, const Watch& watch) {
  if (change.resource != resource_of(watch.selection.type)) return;
  const auto seen = [&](const Json& object) {
    return !object.is_null() && ModelApiServer::matches(watch.selection, object);
  };
  json::Document document;
  if (seen(change.after)) {
    must(document.parse(ModelApiServer::represent(watch.selection, change.after).dump()));
    must(watch.collection.upsert(document.root()));
  } else if (seen(change.before)) {
    // The last state, with the version of the event.
    Json last = ModelApiServer::represent(watch.selection, change.before);
    last["metadata"]["resourceVersion"] = std::to_string(change.version);
    must(document.parse(last.dump()));
    must(watch.collection.remove(document.root()));
  }
}

}  // namespace tp::test
