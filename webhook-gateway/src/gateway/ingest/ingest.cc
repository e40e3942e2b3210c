#include "gateway/ingest/ingest.h"

#include <array>
#include <chrono>
#include <utility>

#include "crypto/encoding.h"
#include "crypto/sha256.h"
#include "gateway/sources/registry.h"

namespace tp::gateway {
namespace {

// What becomes of a request that verifies; the others are counted by their Verdict's word.
constexpr std::array<std::string_view, 6> kOutcomes{"stored",    "duplicate", "altered",
                                                    "malformed", "answered",  "unavailable"};
constexpr std::array kVerdicts{Verdict::MissingSecret,  Verdict::MissingSignature, Verdict::MissingTimestamp,
                               Verdict::MissingId,      Verdict::RepeatedHeader,   Verdict::InvalidTimestamp,
                               Verdict::StaleTimestamp, Verdict::InvalidFormat,    Verdict::BadSignature};

const std::vector<double> kAckSeconds{0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5};

// The endpoint that a generic webhook's path names. Names are DNS labels, so nothing in them is
// percent-encoded.
std::string_view endpoint_name(const Source& source, std::string_view target) {
  const std::string_view path = target.substr(0, target.find('?'));
  return path == source.short_path ? "default" : path.substr(path.rfind('/') + 1);
}

}  // namespace

struct Ingest::Desk {
  Desk(const Source& its_source, metrics::Registry& registry) : source(its_source) {
    const std::string name{to_string(source.kind)};
    const auto add = [&](std::string_view verdict) {
      received[verdict] = &registry.counter("webhook_gateway_received_total",
                                            "Requests to webhook endpoints, by what became of them.",
                                            {{"source", name}, {"verdict", std::string{verdict}}});
    };
    for (const std::string_view outcome : kOutcomes) add(outcome);
    for (const Verdict verdict : kVerdicts) add(to_string(verdict));
    ack_seconds = &registry.histogram("webhook_gateway_ack_seconds",
                                      "From a request's last byte to its answer, of those that were stored.",
                                      kAckSeconds, {{"source", name}});
  }

  void count(std::string_view verdict) const { received.at(verdict)->Increment(); }

  const Source& source;
  std::map<std::string_view, metrics::Counter*> received;
  metrics::Histogram* ack_seconds = nullptr;
};

Ingest::Ingest(const Policy& policy,
               const Secrets& secrets,
               InboxWriter& writer,
               Settings settings,
               const Clock& clock,
               metrics::Registry& registry,
               log::Logger log)
    : policy_(policy),
      secrets_(secrets),
      writer_(writer),
      proxies_(std::move(settings.proxies)),
      failures_(settings.failures),
      clock_(clock),
      registry_(registry),
      log_(std::move(log)) {
  for (const Source& source : sources()) desks_.push_back(std::make_unique<const Desk>(source, registry));
}

Ingest::~Ingest() = default;

http::Routes Ingest::routes() {
  http::Routes routes;
  for (const auto& its_desk : desks_) {
    const Desk& desk = *its_desk;
    http::Route route{.method = http::Method::Post, .path = std::string{desk.source.path}};
    route.async_handler = [this, &desk](const http::ServerRequest& request, http::Responder respond) {
      receive(desk, request, std::move(respond));
    };
    route.body_bytes = desk.source.body_bytes;
    // What the server refuses by itself is refused for good, also in this sender's terms.
    for (const auto& field : desk.source.refuse(400, "").headers) {
      if (!field.first.starts_with("Content-")) route.refusal_headers.add(field.first, field.second);
    }
    routes.push_back(route);
    if (!desk.source.short_path.empty()) {
      route.path = desk.source.short_path;
      routes.push_back(std::move(route));
    }
  }
  return routes;
}

void Ingest::receive(const Desk& desk, const http::ServerRequest& request, http::Responder respond) {
  const Source& source = desk.source;
  const Endpoint* endpoint = nullptr;
  std::string_view name;
  if (source.kind == SourceKind::Generic) {
    name = endpoint_name(source, request.target);
    endpoint = policy_.endpoint(name);
    // Not to be told from a wrong signature, so that names cannot be guessed.
    if (endpoint == nullptr) return respond(turn_down(desk, request, Verdict::BadSignature));
  }

  // Which secret it is follows from the path alone, never from what the request says.
  const auto secrets = secrets_.snapshot(source.kind, name);
  const WallTime now = clock_.wall_now();
  const Verification verification =
      scheme_of(source.kind, endpoint).verify({request.headers, request.body, now}, secrets->secrets);
  if (verification.verdict != Verdict::Verified)
    return respond(turn_down(desk, request, verification.verdict));
  const SecretSet::About& secret = secrets->about[verification.secret];
  note_use(desk, secret.id);

  auto admission = source.admit({request.headers, request.body, now, endpoint, &policy_});
  if (!admission) {
    desk.count("malformed");
    log_.warn("a verified webhook was malformed",
              {{"source", to_string(source.kind)}, {"error", admission.error()}});
    return respond(source.refuse(400, admission.error().message));
  }
  if (admission->events.empty()) {
    desk.count("answered");
    return respond(std::move(admission->answer));
  }
  for (NewEvent& event : admission->events) {
    event.source = source.kind;
    event.endpoint = name;
    event.scope = secret.scope;
  }
  store(desk, *std::move(admission), std::move(respond));
}

http::Response Ingest::turn_down(const Desk& desk, const http::ServerRequest& request, Verdict verdict) {
  desk.count(to_string(verdict));
  const std::string client = http::client_address(request.peer, request.headers, proxies_);
  if (!failures_.allow(client, clock_.now())) return desk.source.refuse(429, "too_many_failed_verifications");
  // What helps to find out why, and tells an attacker who reads the log nothing.
  log_.warn("a webhook could not be verified",
            {{"source", to_string(desk.source.kind)},
             {"verdict", to_string(verdict)},
             {"client", client},
             {"content_type", request.headers.find("Content-Type").value_or("")},
             {"bytes", request.body.size()},
             {"body_sha256", crypto::to_hex(crypto::sha256(request.body)).substr(0, 12)}});
  return desk.source.refuse(401, to_string(verdict));
}

void Ingest::store(const Desk& desk, Admission admission, http::Responder respond) {
  // In one allocation, because std::function must be able to copy what it holds.
  struct Pending {
    http::Responder respond;
    http::Response answer;
    SteadyTime begun;
  };
  auto pending =
      std::make_shared<Pending>(Pending{std::move(respond), std::move(admission.answer), clock_.now()});
  writer_.put(std::move(admission.events), [this, &desk, pending](const Result<InboxWriter::Stored>& stored) {
    if (!stored) {
      desk.count("unavailable");
      return pending->respond(desk.source.refuse(503, "unavailable"));
    }
    desk.count(stored->altered > 0 ? "altered" : stored->fresh > 0 ? "stored" : "duplicate");
    if (stored->altered > 0) {
      log_.warn("a delivery came under a known id with another body; the first one counts",
                {{"source", to_string(desk.source.kind)}});
    }
    const std::chrono::duration<double> took = clock_.now() - pending->begun;
    desk.ack_seconds->Observe(took.count());
    pending->respond(std::move(pending->answer));
  });
}

void Ingest::note_use(const Desk& desk, const std::string& secret_id) {
  const std::string source{to_string(desk.source.kind)};
  const std::chrono::duration<double> now = clock_.wall_now().time_since_epoch();
  const MutexLock lock{m_};
  metrics::Gauge*& gauge = uses_[source + "/" + secret_id];
  if (gauge == nullptr) {
    gauge = &registry_.gauge("webhook_gateway_secret_last_used_timestamp_seconds",
                             "When a signing secret last verified a request; one that is never used can go.",
                             {{"source", source}, {"secret", secret_id}});
  }
  gauge->Set(now.count());
}

}  // namespace tp::gateway
