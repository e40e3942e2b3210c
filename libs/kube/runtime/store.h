#pragma once

#include <compare>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "base/result.h"
#include "json/document.h"
#include "kube/core/object_meta.h"

namespace tp::kube {

// What a reflector writes into: one collection of objects that a watch keeps up to date.
class Collection {
 public:
  Collection() = default;
  Collection(const Collection&) = delete;
  Collection& operator=(const Collection&) = delete;
  virtual ~Collection() = default;

  // A full listing begins; objects that it does not name are removed by end_replace(). What is stored stays
  // readable.
  virtual void begin_replace() = 0;
  // The listing is complete as of `resource_version`, which may be lower than before (an etcd restore).
  virtual void end_replace(std::string_view resource_version) = 0;
  // An object of a listing or an ADDED / MODIFIED event. An Error (the projection could not read it) is
  // logged by the caller and the object skipped: one broken object must not stop the others.
  virtual Status upsert(json::View object) = 0;
  // A DELETED event. With a selector this only means that the object no longer matches: not proof that it is
  // gone.
  virtual Status remove(json::View object) = 0;
  // The stream has reached `resource_version` (bookmark).
  virtual void progress(std::string_view resource_version) = 0;
};

// A thread-safe set of typed projections with one secondary index and subscribers.
//
// T is a value with a public member `kube::ObjectMeta meta` and operator==. Reads return shared immutable
// objects.
//
// Besides the reflector, whoever wrote an object puts the server's answer in with observe_write(): a reader
// never sees a state older than our own last write (read-your-writes), and the event of that write, when it
// comes, changes nothing and wakes nobody. The rules that make this sound:
//   - An answer is taken only if it is newer than what is stored and than what the stream has passed. So a
//     late answer cannot bring back what the stream has since deleted.
//   - An event that is older than an own write, but is not one, is a stranger's change that our write came on
//     top of. The stored object already contains it, and whoever wrote may not have known of it: listeners
//     are called with the stored object as both sides.
//   - Once the stream has passed an own write without showing it, that write is not part of what we watch:
//     the selector does not match it, or it was lost (an etcd restore). The object is removed.
//   - A listing is the truth as of its resourceVersion; only own writes newer than that survive it. A listing
//     that is older than the stream (an etcd restore) beats everything.
// An object whose only change is its resourceVersion is replaced without calling anyone.
template <class T>
class Store final : public Collection {
 public:
  using Pointer = std::shared_ptr<const T>;
  using Project = std::function<Result<T>(json::View)>;
  using IndexKeys = std::function<std::vector<std::string>(const T&)>;
  // before is null for a new object, after for a removed one; both are the same object for a change that it
  // already contains. Called on the writer's thread, in the order of the changes, while readers go on; it may
  // read this store and must not write to it.
  using Listener = std::function<void(const Pointer& before, const Pointer& after)>;

  explicit Store(Project project, IndexKeys index = {})
      : project_(std::move(project)), index_keys_(std::move(index)) {}

  // Before any reflector starts.
  void subscribe(Listener listener) { listeners_.push_back(std::move(listener)); }

  // Called once, on the writer's thread, when the first listing is complete. Before any reflector starts.
  void on_synced(std::function<void()> callback) { on_synced_ = std::move(callback); }

  // True once a first listing is complete.
  [[nodiscard]] bool synced() const;
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] Pointer get(const ObjectKey& key) const;                        // null when absent
  [[nodiscard]] std::vector<Pointer> find(const std::string& index_key) const;  // in no particular order
  template <class F>
  void each(F&& f) const;  // f(const Pointer&) on a snapshot, outside the lock

  // The server's answer to our own write. Returns what is stored afterwards: null when the stream has since
  // deleted it. Calls no listener: the writer knows.
  Result<Pointer> observe_write(json::View object);
  // Our own delete was accepted: marks the stored object (if it still has that uid) as deleting until the
  // stream says more.
  void observe_delete(const ObjectKey& key, std::string_view uid);

  void begin_replace() override;
  void end_replace(std::string_view resource_version) override;
  Status upsert(json::View object) override;
  Status remove(json::View object) override;
  void progress(std::string_view resource_version) override;

 private:
  struct Change {
    Pointer before, after;
  };
  using Changes = std::vector<Change>;
  // Objects by the key that they carry themselves: ten thousand keys need not be kept twice.
  struct ByKey {
    // NOLINTNEXTLINE(readability-identifier-naming): the name that std::unordered_set looks for
    using is_transparent = void;

    static const ObjectKey& key(const ObjectKey& k) noexcept { return k; }
    static const ObjectKey& key(const Pointer& object) noexcept { return object->meta.key; }

    std::size_t operator()(const auto& k) const noexcept { return std::hash<ObjectKey>{}(key(k)); }
    bool operator()(const auto& a, const auto& b) const noexcept { return key(a) == key(b); }
  };
  struct OlderFirst {
    // NOLINTNEXTLINE(readability-identifier-naming): the name that std::multimap looks for
    using is_transparent = void;

    bool operator()(std::string_view a, std::string_view b) const noexcept {
      return std::is_lt(compare_resource_versions(a, b));
    }
  };

  void unreadable(const ObjectMeta& meta) TP_EXCLUDES(writer_, m_);
  void notify(const Changes& changes) const TP_REQUIRES(writer_);
  void listed(T object, Changes& changes) TP_REQUIRES(m_);
  void streamed(T object, Changes& changes) TP_REQUIRES(m_);
  void overtaken(const Pointer& object, std::string_view version, Changes& changes) TP_REQUIRES(m_);
  void advance(std::string_view version, const ObjectKey* shown, Changes& changes) TP_REQUIRES(m_);
  void replace(T object, Changes& changes) TP_REQUIRES(m_);
  void erase(const ObjectKey& key, Changes& changes) TP_REQUIRES(m_);
  void set(const Pointer& before, Pointer after) TP_REQUIRES(m_);
  void unindex(const Pointer& object) TP_REQUIRES(m_);
  [[nodiscard]] Pointer stored(const ObjectKey& key) const TP_REQUIRES(m_);
  [[nodiscard]] bool own_write(std::string_view version, const ObjectKey& key) const TP_REQUIRES(m_);

  const Project project_;
  const IndexKeys index_keys_;
  std::function<void()> on_synced_;  // constant once a reflector runs
  std::vector<Listener> listeners_;  // constant once a reflector runs

  // One writer at a time, from the change to the end of its notifications: listeners see changes in their
  // order. Taken before m_; readers never wait for it.
  Mutex writer_;

  mutable Mutex m_;
  std::unordered_set<Pointer, ByKey, ByKey> objects_ TP_GUARDED_BY(m_);
  std::unordered_multimap<std::string, Pointer> by_index_ TP_GUARDED_BY(m_);
  // Own writes that the stream has not passed yet, by resourceVersion. One entry each, as long as they are in
  // flight.
  std::multimap<std::string, ObjectKey, OlderFirst> own_writes_ TP_GUARDED_BY(m_);
  std::string stream_version_ TP_GUARDED_BY(m_);  // how far the stream has come
  bool synced_ TP_GUARDED_BY(m_) = false;
  // Since begin_replace():
  bool replacing_ TP_GUARDED_BY(m_) = false;
  std::unordered_set<ObjectKey> listed_ TP_GUARDED_BY(m_);
  // Listed objects that are not newer than the stored ones: which of the two is right is known at
  // end_replace().
  std::unordered_map<ObjectKey, T> contested_ TP_GUARDED_BY(m_);
};

}  // namespace tp::kube

#include "kube/runtime/store_impl.h"  // IWYU pragma: export
