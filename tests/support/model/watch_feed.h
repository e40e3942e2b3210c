#pragma once

#include <cstddef>
#include <optional>
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
  // A listing of every collection. True when it tells of something that no watch has.
  bool list();
  // The events since the last call, in their order; but for those of the watch with the index `frozen`,
  // modulo their number. True when there were any.
  bool bring(std::optional<std::size_t> frozen = {});

 private:
  struct Watch {
    kube::Selection selection;
    kube::Collection& collection;
    std::size_t brought = 0;  // of the server's history
  };
  void deliver(const ModelApiServer::Change& change, const Watch& watch);

  const ModelApiServer& server_;
  std::vector<Watch> watches_;
};

}  // namespace tp::test
