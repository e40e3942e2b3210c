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

void WatchFeed::list() {
  json::Document document;
  for (const Watch& watch : watches_) {
    watch.collection.begin_replace();
    for (const Json& object : server_.select(watch.selection)) {
      must(document.parse(object.dump()));
      must(watch.collection.upsert(document.root()));
    }
    watch.collection.end_replace(std::to_string(server_.version()));
  }
  brought_ = server_.history().size();
}

bool WatchFeed::bring() {
  const bool news = brought_ < server_.history().size();
  for (; brought_ < server_.history().size(); ++brought_) {
    for (const Watch& watch : watches_) deliver(server_.history()[brought_], watch);
  }
  for (const Watch& watch : watches_) watch.collection.progress(std::to_string(server_.version()));
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
