#pragma once

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include <nlohmann/json.hpp>

#include "kube/core/request.h"
#include "support/model/calls.h"

namespace tp::test {

// "deployments.apps", as the server's messages name resources.
[[nodiscard]] std::string resource_of(const kube::ResourceType& type);

// A Kubernetes API server as the operator uses one, for any resource type: GET, server-side apply with true
// managedFields (also of the status), JSON patches, merge patches, guarded deletes, finalizers, creation by
// POST. What the cluster does by itself (garbage collection, controllers) happens when the test says so.
// Nothing is validated: what is asked of it is expected to fit the schema.
class ModelApiServer final : public ModelService {
 public:
  explicit ModelApiServer(Calls& calls) : ModelService("kubernetes", calls) {}

  // ---- people and controllers: not counted as calls

  // As `kubectl apply --server-side --field-manager=MANAGER --force-conflicts` does it.
  void apply(const kube::ResourceType& type, const nlohmann::json& manifest, const std::string& manager);
  // As `kubectl patch --type=merge` does it. The object must be there.
  void edit(const kube::ResourceType& type, const kube::ObjectKey& key, const nlohmann::json& patch);
  // As `kubectl delete` does it; nothing when there is none.
  void remove(const kube::ResourceType& type, const kube::ObjectKey& key);
  // The garbage collector: objects whose owners are all gone go too. True when there were any.
  bool collect_garbage();
  // The controllers: every Deployment is rolled out and available, but for those of an image that is called
  // broken: they miss their deadline. True when something changed.
  bool settle();
  // While it is terminating nothing can be created in a namespace.
  void terminate_namespace(const std::string& ns) { terminating_.insert(ns); }

  // ---- what is there

  // Null when there is none.
  [[nodiscard]] nlohmann::json find(const kube::ResourceType& type, const kube::ObjectKey& key) const;
  [[nodiscard]] std::vector<nlohmann::json> list(const kube::ResourceType& type) const;
  // By resource ("deployments.apps"), namespace and name.
  using Id = std::tuple<std::string, std::string, std::string>;
  [[nodiscard]] const std::map<Id, nlohmann::json>& objects() const { return objects_; }
  // Everything but Events, and without resourceVersions and times: equal for two histories that came to the
  // same end. uids count how often an object was made, so they are equal too.
  [[nodiscard]] nlohmann::json canonical() const;

  // ---- what watches see

  struct Change {
    std::uint64_t version = 0;
    std::string resource{};            // "deployments.apps"
    nlohmann::json before{}, after{};  // null: did not exist, is gone
  };
  [[nodiscard]] const std::vector<Change>& history() const { return history_; }
  [[nodiscard]] std::uint64_t version() const { return version_; }
  // The objects of a selection, in the representation that it asks for.
  [[nodiscard]] std::vector<nlohmann::json> select(const kube::Selection& selection) const;
  [[nodiscard]] static bool matches(const kube::Selection& selection, const nlohmann::json& object);
  [[nodiscard]] static nlohmann::json represent(const kube::Selection& selection,
                                                const nlohmann::json& object);

 private:
  struct Target;

  [[nodiscard]] http::Response answer(const http::Request& request, const Fault& fault) override;
  [[nodiscard]] http::Response get(const Target& target, const http::Request& request) const;
  [[nodiscard]] http::Response list(const Target& target) const;
  [[nodiscard]] http::Response create(const Target& target, nlohmann::json body);
  [[nodiscard]] http::Response patch(const Target& target, const http::Request& request);
  [[nodiscard]] http::Response apply(const Target& target, const http::Request& request);
  [[nodiscard]] http::Response remove(const Target& target, const nlohmann::json& options);

  [[nodiscard]] const nlohmann::json* stored(const Id& id) const;
  // Gives a new object what the server decides.
  void initialise(const Id& id, nlohmann::json& object);
  // Stores what became of an object, unless nothing did; it goes when it is being deleted and nothing holds
  // it any more.
  const nlohmann::json& store(const Id& id, nlohmann::json object);
  void erase(const Id& id);
  [[nodiscard]] std::string now() const;

  std::map<Id, nlohmann::json> objects_;
  std::map<Id, unsigned> incarnations_;
  std::set<std::string> terminating_;
  std::vector<Change> history_;
  std::uint64_t version_ = 100;
  nlohmann::json last_;  // what store() returns of an object that went
};

}  // namespace tp::test
