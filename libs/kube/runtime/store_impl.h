#pragma once

// Definitions of kube/runtime/store.h; include that.

#include <compare>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kube/runtime/store.h"

namespace tp::kube {

template <class T>
bool Store<T>::synced() const {
  const MutexLock lock{m_};
  return synced_;
}

template <class T>
std::size_t Store<T>::size() const {
  const MutexLock lock{m_};
  return objects_.size();
}

template <class T>
auto Store<T>::get(const ObjectKey& key) const -> Pointer {
  const MutexLock lock{m_};
  return stored(key);
}

template <class T>
auto Store<T>::find(const std::string& index_key) const -> std::vector<Pointer> {
  const MutexLock lock{m_};
  std::vector<Pointer> found;
  const auto [begin, end] = by_index_.equal_range(index_key);
  for (auto it = begin; it != end; ++it) found.push_back(it->second);
  return found;
}

template <class T>
template <class F>
void Store<T>::each(F&& f) const {
  std::vector<Pointer> snapshot;
  {
    const MutexLock lock{m_};
    snapshot.assign(objects_.begin(), objects_.end());
  }
  for (const Pointer& object : snapshot) f(object);
}

template <class T>
auto Store<T>::observe_write(json::View object) -> Result<Pointer> {
  TP_ASSIGN_OR_RETURN(T next, project_(object));
  const MutexLock writing{writer_};
  const MutexLock lock{m_};
  const Pointer before = stored(next.meta.key);
  const std::string& version = next.meta.resource_version;
  const bool newer_than_stored =
      !before || std::is_gt(compare_resource_versions(version, before->meta.resource_version));
  // A write that changed nothing is answered with the version that is stored; it has no event either.
  if (!newer_than_stored || std::is_lteq(compare_resource_versions(version, stream_version_))) return before;
  own_writes_.emplace(version, next.meta.key);
  auto after = std::make_shared<const T>(std::move(next));
  set(before, after);
  return Pointer{std::move(after)};
}

template <class T>
void Store<T>::observe_delete(const ObjectKey& key, std::string_view uid) {
  const MutexLock writing{writer_};
  const MutexLock lock{m_};
  const Pointer before = stored(key);
  if (!before || before->meta.uid != uid || before->meta.deleting) return;
  T marked = *before;
  marked.meta.deleting = true;
  set(before, std::make_shared<const T>(std::move(marked)));
}

template <class T>
void Store<T>::begin_replace() {
  const MutexLock writing{writer_};
  const MutexLock lock{m_};
  replacing_ = true;
  listed_.clear();
  contested_.clear();
}

template <class T>
void Store<T>::end_replace(std::string_view resource_version) {
  const MutexLock writing{writer_};
  Changes changes;
  bool first = false;
  {
    const MutexLock lock{m_};
    // Own writes newer than the listing survive it, as it says nothing about them. After a restore none does:
    // their versions belong to a history that is gone.
    const bool went_back = std::is_lt(compare_resource_versions(resource_version, stream_version_));
    const auto passed = went_back ? own_writes_.end() : own_writes_.upper_bound(resource_version);
    const std::vector<std::pair<std::string, ObjectKey>> told{own_writes_.begin(), passed};
    own_writes_.erase(own_writes_.begin(), passed);

    std::vector<ObjectKey> gone;
    for (const Pointer& object : objects_) {
      const ObjectKey& key = object->meta.key;
      if (!listed_.contains(key) && !own_write(object->meta.resource_version, key)) gone.push_back(key);
    }
    for (const ObjectKey& key : gone) erase(key, changes);
    for (auto& [key, object] : contested_) {
      const Pointer before = stored(key);
      if (before && own_write(before->meta.resource_version, key)) {
        changes.push_back({before, before});
      } else {
        replace(std::move(object), changes);
      }
    }
    // An own write that is confirmed by a listing instead of its event may hide a stranger's change before
    // it.
    for (const auto& [version, key] : told) {
      const Pointer object = stored(key);
      if (object && object->meta.resource_version == version) changes.push_back({object, object});
    }
    listed_.clear();
    contested_.clear();
    stream_version_ = resource_version;
    replacing_ = false;
    first = !std::exchange(synced_, true);
  }
  notify(changes);
  if (first && on_synced_) on_synced_();
}

template <class T>
Status Store<T>::upsert(json::View object) {
  Result<T> next = project_(object);
  if (!next) {
    TP_ASSIGN_OR_RETURN(const ObjectMeta meta, read_meta(object));
    unreadable(meta);
    return std::move(next).error();
  }
  const MutexLock writing{writer_};
  Changes changes;
  {
    const MutexLock lock{m_};
    if (replacing_) {
      listed(*std::move(next), changes);
    } else {
      streamed(*std::move(next), changes);
    }
  }
  notify(changes);
  return ok();
}

// An object that cannot be projected still exists: it must neither be taken for deleted nor hold up the
// stream.
template <class T>
void Store<T>::unreadable(const ObjectMeta& meta) {
  const MutexLock writing{writer_};
  Changes changes;
  {
    const MutexLock lock{m_};
    if (replacing_) {
      listed_.insert(meta.key);
    } else {
      advance(meta.resource_version, &meta.key, changes);
    }
  }
  notify(changes);
}

template <class T>
Status Store<T>::remove(json::View object) {
  TP_ASSIGN_OR_RETURN(const ObjectMeta meta, read_meta(object));
  const MutexLock writing{writer_};
  Changes changes;
  {
    const MutexLock lock{m_};
    // The event carries the version of the deletion. What is newer is another incarnation, or the same object
    // after a write of ours that made it match the selector again.
    const Pointer before = stored(meta.key);
    if (before &&
        std::is_gt(compare_resource_versions(before->meta.resource_version, meta.resource_version))) {
      overtaken(before, meta.resource_version, changes);
    } else {
      erase(meta.key, changes);
    }
    if (replacing_) {
      listed_.erase(meta.key);
      contested_.erase(meta.key);
    } else {
      advance(meta.resource_version, &meta.key, changes);
    }
  }
  notify(changes);
  return ok();
}

template <class T>
void Store<T>::progress(std::string_view resource_version) {
  const MutexLock writing{writer_};
  Changes changes;
  {
    const MutexLock lock{m_};
    if (!replacing_) advance(resource_version, nullptr, changes);
  }
  notify(changes);
}

template <class T>
void Store<T>::notify(const Changes& changes) const {
  for (const Change& change : changes) {
    for (const Listener& listener : listeners_) listener(change.before, change.after);
  }
}

// During a replacement: the version that the listing stands for is not known yet, so only what is certainly
// right is done at once.
template <class T>
void Store<T>::listed(T object, Changes& changes) {
  const ObjectKey key = object.meta.key;
  listed_.insert(key);
  contested_.erase(key);
  const Pointer before = stored(key);
  if (!before ||
      std::is_gt(compare_resource_versions(object.meta.resource_version, before->meta.resource_version))) {
    replace(std::move(object), changes);
  } else if (!(object == *before)) {
    contested_.insert_or_assign(key, std::move(object));
  }
}

template <class T>
void Store<T>::streamed(T object, Changes& changes) {
  const ObjectKey key = object.meta.key;
  const std::string version = object.meta.resource_version;
  const Pointer before = stored(key);
  if (!before || std::is_gt(compare_resource_versions(version, before->meta.resource_version))) {
    // A deletion cannot be taken back; an event from before our delete must not undo observe_delete()'s mark.
    if (before && before->meta.deleting && before->meta.uid == object.meta.uid) object.meta.deleting = true;
    replace(std::move(object), changes);
  } else {
    overtaken(before, version, changes);
  }
  advance(version, &key, changes);
}

// An event of `version`, which is not newer than the stored object. If that is an own write and the event is
// not, the change below our write is news all the same.
template <class T>
void Store<T>::overtaken(const Pointer& object, std::string_view version, Changes& changes) {
  const ObjectKey& key = object->meta.key;
  if (own_write(object->meta.resource_version, key) && !own_write(version, key)) {
    changes.push_back({object, object});
  }
}

// The stream has come to `version`, which is that of an event about `shown` (null: of a bookmark).
template <class T>
void Store<T>::advance(std::string_view version, const ObjectKey* shown, Changes& changes) {
  if (std::is_lteq(compare_resource_versions(version, stream_version_))) return;
  stream_version_ = version;
  const auto passed = own_writes_.upper_bound(version);
  for (auto it = own_writes_.begin(); it != passed; it = own_writes_.erase(it)) {
    const auto& [own_version, key] = *it;
    if (shown != nullptr && key == *shown) continue;
    const Pointer object = stored(key);
    if (object && object->meta.resource_version == own_version) erase(key, changes);
  }
}

template <class T>
void Store<T>::replace(T object, Changes& changes) {
  const Pointer before = stored(object.meta.key);
  bool same = false;
  if (before) {
    // Compared as if the versions were equal, without copying a whole T.
    std::string version = std::exchange(object.meta.resource_version, before->meta.resource_version);
    same = object == *before;
    object.meta.resource_version = std::move(version);
  }
  auto after = std::make_shared<const T>(std::move(object));
  set(before, after);
  if (!same) changes.push_back({before, std::move(after)});
}

template <class T>
void Store<T>::erase(const ObjectKey& key, Changes& changes) {
  const auto found = objects_.find(key);
  if (found == objects_.end()) return;
  Pointer before = *found;
  objects_.erase(found);
  unindex(before);
  changes.push_back({std::move(before), nullptr});
}

template <class T>
void Store<T>::set(const Pointer& before, Pointer after) {
  if (before) unindex(before);
  if (index_keys_) {
    for (std::string& key : index_keys_(*after)) by_index_.emplace(std::move(key), after);
  }
  if (before) objects_.erase(objects_.find(before));
  objects_.insert(std::move(after));
}

template <class T>
void Store<T>::unindex(const Pointer& object) {
  if (!index_keys_) return;
  for (const std::string& key : index_keys_(*object)) {
    const auto [begin, end] = by_index_.equal_range(key);
    for (auto it = begin; it != end; ++it) {
      if (it->second == object) {
        by_index_.erase(it);
        break;
      }
    }
  }
}

template <class T>
auto Store<T>::stored(const ObjectKey& key) const -> Pointer {
  const auto found = objects_.find(key);
  return found == objects_.end() ? nullptr : *found;
}

template <class T>
bool Store<T>::own_write(std::string_view version, const ObjectKey& key) const {
  const auto [begin, end] = own_writes_.equal_range(version);
  for (auto it = begin; it != end; ++it) {
    if (it->second == key) return true;
  }
  return false;
}

}  // namespace tp::kube
