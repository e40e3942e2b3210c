#include "kube/events/event_journal.h"

#include <algorithm>
#include <array>
#include <bit>
#include <initializer_list>
#include <string_view>
#include <utility>

#include <nlohmann/json.hpp>

#include "base/time.h"
#include "crypto/encoding.h"
#include "json/parse.h"
#include "kube/core/text.h"

namespace tp::kube {
namespace {

using Json = nlohmann::json;
using Kind = EventJournal::Decision::Kind;

// The API's limits.
constexpr std::size_t kNoteBytes = 1024;
constexpr std::size_t kNameBytes = 253;

std::string joined(std::initializer_list<std::string_view> parts) {
  std::string text;
  for (const std::string_view part : parts) text.append(part).push_back('\0');
  return text;
}

std::string_view type_of(const Event& event) { return event.warning ? "Warning" : "Normal"; }

std::string topic_of(const Event& event) {
  const ObjectReference& about = event.regarding;
  return joined({about.type.kind, about.key.ns, about.key.name, about.uid, event.reason});
}

Json reference(const ObjectReference& object) {
  Json json{{"apiVersion", object.type.api_version()}, {"kind", object.type.kind}, {"name", object.key.name}};
  if (!object.key.ns.empty()) json["namespace"] = object.key.ns;
  if (!object.uid.empty()) json["uid"] = object.uid;
  if (!object.resource_version.empty()) json["resourceVersion"] = object.resource_version;
  return json;
}

// The namespace of Events about what has none.
std::string namespace_of(const Event& event) {
  return event.regarding.key.ns.empty() ? "default" : event.regarding.key.ns;
}

Json series_json(unsigned count, WallTime last) {
  return {{"count", count}, {"lastObservedTime", to_rfc3339_micro(last)}};
}

}  // namespace

EventJournal::EventJournal(std::string controller, std::string instance, const Clock& clock, Rng& rng)
    : controller_(std::move(controller)), instance_(std::move(instance)), clock_(clock), rng_(rng) {}

EventJournal::Decision EventJournal::announce(Event event) {
  const std::string kind = joined({topic_of(event), type_of(event), event.action});
  if (Series* const series = series_.find(kind)) {
    ++series->count;
    series->last = clock_.now();
    series->last_seen = clock_.wall_now();
    if (series->count > 2 || !pay(event)) return {Kind::Count};
    return {Kind::Patch, patch_of(*series)};
  }
  if (!pay(event)) return {Kind::Suppress};
  event.note = cut(event.note, kNoteBytes);
  Series first{.event = std::move(event),
               .name = {},
               .first = clock_.wall_now(),
               .last_seen = clock_.wall_now(),
               .last = clock_.now(),
               .written_at = clock_.now()};
  first.name = new_name(first.event);
  const Series& series = series_.add(kind, std::move(first));
  return {Kind::Create, {{namespace_of(series.event), series.name}, body_of(series), {}}};
}

std::vector<EventWrite> EventJournal::due() {
  const SteadyTime now = clock_.now();
  std::vector<EventWrite> writes;
  series_.sweep([&](Series& series) {
    const bool over = now - series.last >= kSeriesEnd;
    if (series.count > series.written && (over || now - series.written_at >= kRefresh))
      writes.push_back(patch_of(series));
    return over;
  });
  return writes;
}

std::vector<EventWrite> EventJournal::finish() {
  std::vector<EventWrite> writes;
  series_.sweep([&](Series& series) {
    if (series.count > series.written) writes.push_back(patch_of(series));
    return true;
  });
  return writes;
}

bool EventJournal::pay(const Event& event) {
  const std::string topic = topic_of(event);
  const SteadyTime now = clock_.now();
  Bucket* bucket = buckets_.find(topic);
  if (bucket == nullptr) bucket = &buckets_.add(topic, {kBurst, now});
  const std::chrono::duration<double> passed = now - bucket->filled;
  bucket->tokens = std::min(kBurst, bucket->tokens + passed / kRefill);
  bucket->filled = now;
  if (bucket->tokens < 1) return false;
  bucket->tokens -= 1;
  return true;
}

std::string EventJournal::new_name(const Event& event) {
  const auto unique = std::bit_cast<std::array<std::byte, sizeof(std::uint64_t)>>(rng_.next());
  const std::string end = "." + crypto::to_hex(unique);
  return event.regarding.key.name.substr(0, kNameBytes - end.size()) + end;
}

std::string EventJournal::body_of(const Series& series) const {
  const Event& event = series.event;
  Json body{{"apiVersion", kEvents.api_version()},
            {"kind", kEvents.kind},
            {"metadata", {{"name", series.name}, {"namespace", namespace_of(event)}}},
            {"eventTime", to_rfc3339_micro(series.first)},
            {"reportingController", controller_},
            {"reportingInstance", instance_},
            {"type", type_of(event)},
            {"action", event.action},
            {"reason", event.reason},
            {"note", event.note},
            {"regarding", reference(event.regarding)}};
  if (series.count > 1) body["series"] = series_json(series.count, series.last_seen);
  return json::dump(body);
}

EventWrite EventJournal::patch_of(Series& series) {
  series.written = series.count;
  series.written_at = clock_.now();
  const Json patch = Json::array(
      {{{"op", "add"}, {"path", "/series"}, {"value", series_json(series.count, series.last_seen)}}});
  return {{namespace_of(series.event), series.name}, body_of(series), json::dump(patch)};
}

}  // namespace tp::kube
