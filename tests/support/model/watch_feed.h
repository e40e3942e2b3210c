#pragma once

#include <cstddef>
#include <string>
#include <utility>
#include <vector>

#include "kube/core/request.h"
#include "kube/runtime/store.h"
#include "support/model/api_server.h"

namespace tp::test {

// The reflectors of one life of the operator, without threads: hands listings and watch events of the model
// to collections when it is told to. What it has not been told to bring, the caches do not know.
class WatchFeed {
 public:
  // `server` and the collections must outlive this.
  explicit WatchFeed(const ModelApiServer& server) : server_(server) {}

  void add(kube::Selection selection, kube::Collection& collection);
  // The first listing of every collection.
  void list();
  // The events since the last call, in their order. True when there were any.
  bool bring();

 private:
  struct Watch {
    kube::Selection selection;
    kube::Collection& collection;
  };
  void deliver(const ModelApiServer::Change& change, const Watch& watch);

  const ModelApiServer& server_;
  std::vector<Watch> watches_;
  std::size_t brought_ = 0;  // of the server's history
};

}  // namespace tp::test
