// Sends signed webhooks as fast as they are answered, or puts the same events into the same database without
// HTTP, and says how long that took. What it sends is made before the clock starts. For test_gateway.py.
//
//   webhook_load http   port=N     the gateway on 127.0.0.1
//   webhook_load writer database=URL  the gateway's own InboxWriter, by itself
//   webhook_load insert database=URL  rows into the table bench_rows (id uuid, key bytea, headers text, body
//   bytea)
//
//   templates=FILE    lines "SOURCE<tab>EVENT<tab>BODY", taken in turn. SOURCE: slack or github. Sixteen @ in
//   BODY become a
//                     number of the event's own.
//   requests=N        in all (default 10000)
//   connections=N     http: of one request at a time; writer: events that wait at once (default 64)
//   flushers=N batch=N  connections to the database and rows of a statement (default: the gateway's)
//   seconds=N         gives up then (default 120)
//
// Secrets are those of the gateway: SLACK_SIGNING_SECRET and GITHUB_WEBHOOK_SECRET.
// Prints one JSON object: requests, seconds, per_second, bytes (mean of a body), statuses, p50_ms, p90_ms,
// p99_ms, max_ms.

#include <algorithm>
#include <array>
#include <atomic>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <fstream>
#include <iostream>
#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <nlohmann/json.hpp>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/env.h"
#include "base/mutex.h"
#include "base/random.h"
#include "crypto/encoding.h"
#include "crypto/hmac.h"
#include "gateway/inbox/event_id.h"
#include "gateway/inbox/writer.h"
#include "gateway/sources/registry.h"
#include "log/log.h"
#include "metrics/metrics.h"
#include "postgres/connection.h"
#include "postgres/params.h"

namespace tp::gateway {
namespace {

using std::chrono::duration;
using std::chrono::seconds;

constexpr std::size_t kMostRequests = 1'000'000;
constexpr std::size_t kMostBytes = std::size_t{2} << 30U;  // of all bodies together: they are held in memory
const SystemClock kClock;

[[noreturn]] void fail(const std::string& why) { throw std::runtime_error(why); }

template <class T>
T expect(Result<T> result) {
  if (!result) fail(result.error().message);
  return *std::move(result);
}

class Arguments {
 public:
  explicit Arguments(const std::vector<std::string_view>& words) {
    for (const std::string_view word : words) {
      const auto equals = word.find('=');
      if (equals == std::string_view::npos) fail("not NAME=VALUE: " + std::string{word});
      values_.emplace(word.substr(0, equals), word.substr(equals + 1));
    }
  }

  [[nodiscard]] std::string text(const std::string& name) const {
    const auto found = values_.find(name);
    if (found == values_.end()) fail(name + "= is missing");
    return found->second;
  }
  [[nodiscard]] std::size_t number(const std::string& name, std::size_t otherwise) const {
    const auto found = values_.find(name);
    if (found == values_.end()) return otherwise;
    std::size_t n = 0;
    const char* const end = found->second.data() + found->second.size();
    if (std::from_chars(found->second.data(), end, n).ptr != end || n == 0) fail(name + "= is no number");
    return n;
  }

 private:
  std::map<std::string, std::string> values_;
};

// ---------------------------------------------------------------- what is sent

struct Delivered {
  SourceKind source = SourceKind::Slack;
  http::Headers headers{};
  std::string body{};
};

std::string secret_of(const char* name) {
  auto secret = env_var(name);
  if (!secret) fail(std::string{name} + " is not set");
  return *std::move(secret);
}

Delivered deliver(SourceKind source, const std::string& event, std::string body, std::uint64_t number) {
  static const std::string kSlackSecret = secret_of("SLACK_SIGNING_SECRET");
  static const std::string kGitHubSecret = secret_of("GITHUB_WEBHOOK_SECRET");
  Delivered made{source, {{"Content-Type", "application/json"}}, std::move(body)};
  if (source == SourceKind::Slack) {
    const auto now = std::chrono::floor<seconds>(kClock.wall_now().time_since_epoch()).count();
    const std::string timestamp = std::to_string(now);
    const std::array<std::string_view, 4> parts{"v0:", timestamp, ":", made.body};
    made.headers.add("X-Slack-Request-Timestamp", timestamp);
    made.headers.add("X-Slack-Signature", "v0=" + crypto::to_hex(crypto::hmac_sha256(kSlackSecret, parts)));
    return made;
  }
  std::array<char, 37> guid{};
  std::snprintf(guid.data(), guid.size(), "00000000-0000-4000-8000-%012llx", number & 0xFFFFFFFFFFFFULL);
  const std::array<std::string_view, 1> parts{made.body};
  made.headers.add("X-GitHub-Event", event);
  made.headers.add("X-GitHub-Delivery", guid.data());
  made.headers.add("X-Hub-Signature-256",
                   "sha256=" + crypto::to_hex(crypto::hmac_sha256(kGitHubSecret, parts)));
  return made;
}

std::vector<Delivered> deliveries(const std::string& templates, std::size_t count) {
  struct Template {
    SourceKind source;
    std::string event, body;
  };
  std::vector<Template> all;
  std::ifstream file{templates};
  for (std::string line; std::getline(file, line);) {
    const auto first = line.find('\t');
    const auto second = line.find('\t', first + 1);
    const auto source = parse_source(line.substr(0, first));
    if (second == std::string::npos || !source) fail("not SOURCE<tab>EVENT<tab>BODY in " + templates);
    all.push_back({*source, line.substr(first + 1, second - first - 1), line.substr(second + 1)});
  }
  if (all.empty()) fail("no templates in " + templates);

  constexpr std::string_view kMark = "@@@@@@@@@@@@@@@@";
  // Sixteen digits until the year 2286, and never the same in two runs.
  auto number = static_cast<std::uint64_t>(
      std::chrono::floor<std::chrono::microseconds>(kClock.wall_now().time_since_epoch()).count());
  std::vector<Delivered> made;
  made.reserve(count);
  std::size_t bytes = 0;
  for (std::size_t i = 0; i < count; ++i, ++number) {
    const Template& its = all[i % all.size()];
    std::string body = its.body;
    const std::string digits = std::to_string(number);
    for (auto at = body.find(kMark); at != std::string::npos; at = body.find(kMark, at))
      body.replace(at, kMark.size(), digits);
    bytes += body.size();
    if (bytes > kMostBytes) fail("too many bytes in all");
    made.push_back(deliver(its.source, its.event, std::move(body), number));
  }
  return made;
}

std::string on_the_wire(const Delivered& delivered) {
  std::string text =
      "POST " + std::string{source_of(delivered.source).path} + " HTTP/1.1\r\nHost: 127.0.0.1\r\n";
  for (const auto& [name, value] : delivered.headers) text += name + ": " + value + "\r\n";
  return text + "Content-Length: " + std::to_string(delivered.body.size()) + "\r\n\r\n" + delivered.body;
}

// What the ingest would hand to the inbox.
std::vector<NewEvent> events_of(const Delivered& delivered) {
  const Source& source = source_of(delivered.source);
  auto admission =
      expect(source.admit({delivered.headers, delivered.body, kClock.wall_now(), nullptr, nullptr}));
  for (NewEvent& event : admission.events) event.source = source.kind;
  return std::move(admission.events);
}

// ---------------------------------------------------------------- what came of it

class Outcome {
 public:
  explicit Outcome(std::size_t count) : sent_(count), took_(count, -1.0) {}

  void begin() { begun_ = kClock.now(); }
  void sent(std::size_t i) { sent_[i] = kClock.now(); }
  void answered(std::size_t i) { took_[i] = duration<double, std::milli>(kClock.now() - sent_[i]).count(); }
  void end() { ended_ = kClock.now(); }

  void print(const std::map<std::string, std::size_t>& statuses, std::size_t bytes) {
    std::erase_if(took_, [](double ms) { return ms < 0; });
    std::sort(took_.begin(), took_.end());
    const auto at = [&](double share) {
      return took_.empty() ? 0.0
                           : took_[static_cast<std::size_t>(share * static_cast<double>(took_.size() - 1))];
    };
    const double took = duration<double>(ended_ - begun_).count();
    const nlohmann::json all{{"requests", took_.size()},
                             {"seconds", took},
                             {"per_second", static_cast<double>(took_.size()) / took},
                             {"bytes", bytes},
                             {"statuses", statuses},
                             {"p50_ms", at(0.5)},
                             {"p90_ms", at(0.9)},
                             {"p99_ms", at(0.99)},
                             {"max_ms", at(1)}};
    std::cout << all.dump() << '\n';
  }

 private:
  std::vector<SteadyTime> sent_;
  std::vector<double> took_;  // ms; negative: no answer
  SteadyTime begun_{}, ended_{};
};

std::size_t mean_bytes(const std::vector<Delivered>& all) {
  std::size_t sum = 0;
  for (const Delivered& one : all) sum += one.body.size();
  return sum / all.size();
}

// ---------------------------------------------------------------- http

// Connections of one request at a time each, all on this thread.
class Client {
 public:
  Client(std::uint16_t port, std::vector<std::string> requests, Outcome& outcome)
      : port_(port),
        requests_(std::move(requests)),
        outcome_(outcome),
        epoll_(::epoll_create1(EPOLL_CLOEXEC)) {}
  Client(const Client&) = delete;
  Client& operator=(const Client&) = delete;
  ~Client() {
    for (const Connection& connection : connections_) ::close(connection.socket);
    ::close(epoll_);
  }

  void connect(std::size_t count) {
    connections_.resize(count);
    for (Connection& connection : connections_) open(connection);
  }

  void run(SteadyTime deadline) {
    for (Connection& connection : connections_) next(connection);
    std::array<epoll_event, 256> ready{};
    while (busy_ > 0) {
      if (kClock.now() > deadline) fail("not answered in time: " + std::to_string(busy_) + " requests");
      const int count = ::epoll_wait(epoll_, ready.data(), static_cast<int>(ready.size()), 1'000);
      for (int i = 0; i < count; ++i) {
        const epoll_event& event = ready[static_cast<std::size_t>(i)];
        Connection& connection = *static_cast<Connection*>(event.data.ptr);
        if ((event.events & EPOLLOUT) != 0) write(connection);
        if ((event.events & ~static_cast<std::uint32_t>(EPOLLOUT)) != 0) read(connection);
      }
    }
  }

  [[nodiscard]] const std::map<std::string, std::size_t>& statuses() const { return statuses_; }

 private:
  struct Connection {
    int socket = -1;
    std::size_t request = 0;
    std::size_t written = 0;
    bool waits_to_write = false;
    std::string answer{};
  };

  void open(Connection& connection) {
    connection.socket = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    sockaddr_in to{};
    to.sin_family = AF_INET;
    to.sin_port = htons(port_);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    const int one = 1;
    // NOLINTNEXTLINE(*-reinterpret-cast): the interface of sockets
    if (::connect(connection.socket, reinterpret_cast<sockaddr*>(&to), sizeof to) != 0)
      fail("cannot connect");
    ::setsockopt(connection.socket, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    listen_for(connection, EPOLLIN, EPOLL_CTL_ADD);
  }

  void listen_for(Connection& connection, std::uint32_t events, int how) const {
    epoll_event event{};
    event.events = events;
    event.data.ptr = &connection;
    if (::epoll_ctl(epoll_, how, connection.socket, &event) != 0) fail("epoll_ctl");
  }

  void next(Connection& connection) {
    if (next_ == requests_.size()) return;
    ++busy_;
    connection.request = next_++;
    connection.written = 0;
    outcome_.sent(connection.request);
    write(connection);
  }

  void write(Connection& connection) {
    const std::string_view left = std::string_view{requests_[connection.request]}.substr(connection.written);
    const auto done = ::send(connection.socket, left.data(), left.size(), MSG_NOSIGNAL | MSG_DONTWAIT);
    if (done > 0) connection.written += static_cast<std::size_t>(done);
    const bool waits =
        connection.written < requests_[connection.request].size();  // an error shows when we read
    if (waits != connection.waits_to_write) {
      connection.waits_to_write = waits;
      listen_for(connection, waits ? EPOLLIN | EPOLLOUT : EPOLLIN, EPOLL_CTL_MOD);
    }
  }

  void read(Connection& connection) {
    std::array<char, 4096> buffer{};
    const auto size = ::recv(connection.socket, buffer.data(), buffer.size(), MSG_DONTWAIT);
    if (size <= 0) return answered(connection, "no answer", true);
    connection.answer.append(buffer.data(), static_cast<std::size_t>(size));
    const std::string_view answer = connection.answer;
    const auto head = answer.find("\r\n\r\n");
    if (head == std::string_view::npos) return;
    constexpr std::string_view kLength = "Content-Length: ";
    std::size_t length = 0;
    if (const auto at = answer.find(kLength); at < head)
      std::from_chars(answer.data() + at + kLength.size(), answer.data() + head, length);
    if (answer.size() < head + 4 + length) return;
    answered(connection, std::string{answer.substr(9, 3)},
             answer.substr(0, head).find("Connection: close") != std::string_view::npos);
  }

  void answered(Connection& connection, const std::string& status, bool closed) {
    --busy_;
    ++statuses_[status];
    outcome_.answered(connection.request);
    connection.answer.clear();
    if (closed) {
      ::close(connection.socket);
      connection.waits_to_write = false;
      open(connection);
    }
    next(connection);
  }

  const std::uint16_t port_;
  const std::vector<std::string> requests_;
  Outcome& outcome_;
  const int epoll_;
  std::vector<Connection> connections_;
  std::size_t next_ = 0;
  std::size_t busy_ = 0;
  std::map<std::string, std::size_t> statuses_;
};

void send_all(const Arguments& arguments, const std::vector<Delivered>& all, SteadyTime deadline) {
  std::vector<std::string> requests;
  requests.reserve(all.size());
  for (const Delivered& one : all) requests.push_back(on_the_wire(one));
  Outcome outcome{all.size()};
  Client client{static_cast<std::uint16_t>(arguments.number("port", 8080)), std::move(requests), outcome};
  client.connect(arguments.number("connections", 64));
  outcome.begin();
  client.run(deadline);
  outcome.end();
  outcome.print(client.statuses(), mean_bytes(all));
}

// ---------------------------------------------------------------- writer

void put_all(const Arguments& arguments, const std::vector<Delivered>& all, SteadyTime deadline) {
  InboxWriter::Options options{.conninfo = arguments.text("database")};
  options.flushers = arguments.number("flushers", options.flushers);
  options.batch_events = arguments.number("batch", options.batch_events);
  std::vector<std::vector<NewEvent>> events;
  events.reserve(all.size());
  for (const Delivered& one : all) events.push_back(events_of(one));

  Outcome outcome{all.size()};
  Mutex m;
  CondVar changed;
  std::map<std::string, std::size_t> statuses;
  std::size_t left = all.size();
  std::atomic<std::size_t> next{0};
  SystemRng rng;
  metrics::Registry registry;
  log::Sink sink{kClock, 2, log::Level::Info, log::Format::Text};
  InboxWriter writer{std::move(options), kClock, rng, registry, log::Logger{sink, "load"}};
  const std::function<void()> put = [&] {
    const std::size_t i = next++;
    if (i >= events.size()) return;
    outcome.sent(i);
    writer.put(std::move(events[i]), [&, i](const Result<InboxWriter::Stored>& stored) {
      outcome.answered(i);
      {
        const MutexLock lock{m};
        ++statuses[stored ? (stored->fresh > 0 ? "stored" : "duplicate") : "failed"];
        if (--left == 0) changed.notify_all();
      }
      put();
    });
  };
  outcome.begin();
  for (std::size_t i = arguments.number("connections", 64); i > 0; --i) put();
  {
    const MutexLock lock{m};
    if (!changed.wait_until(m, std::stop_token{}, deadline, [&] { return left == 0; }))
      fail("not stored in time");
  }
  outcome.end();
  outcome.print(statuses, mean_bytes(all));
}

// ---------------------------------------------------------------- insert

const std::string kInsert =
    "INSERT INTO bench_rows (id, key, headers, body) "
    "SELECT * FROM unnest($1::text[]::uuid[], $2::bytea[], $3::text[], $4::bytea[]) ON CONFLICT DO NOTHING";

void insert_all(const Arguments& arguments, const std::vector<Delivered>& all, SteadyTime deadline) {
  const InboxWriter::Options defaults{};
  const std::size_t batch = arguments.number("batch", defaults.batch_events);
  const std::string database = arguments.text("database");
  SystemRng rng;
  struct Row {
    std::string id, key, headers;
    std::string_view body;
  };
  std::vector<Row> rows;
  rows.reserve(all.size());
  for (const Delivered& one : all) {
    const NewEvent event = std::move(events_of(one).at(0));
    rows.push_back({new_event_id(kClock.wall_now(), rng).str(), event.digest.substr(0, 16),
                    nlohmann::json(event.headers).dump(), one.body});
  }
  Outcome outcome{all.size()};
  std::atomic<std::size_t> next{0};
  std::atomic<std::size_t> stored{0};
  const auto work = [&] {  // not to be stopped: a jthread's end asks for that
    const Context ctx{{}, deadline, {}};
    const auto connection = expect(postgres::Connection::open(ctx, database, kClock));
    for (std::size_t from = next.fetch_add(batch); from < rows.size(); from = next.fetch_add(batch)) {
      const std::size_t to = std::min(from + batch, rows.size());
      std::vector<std::string_view> ids, keys, headers, bodies;
      for (std::size_t i = from; i < to; ++i) {
        outcome.sent(i);
        ids.push_back(rows[i].id);
        keys.push_back(rows[i].key);
        headers.push_back(rows[i].headers);
        bodies.push_back(rows[i].body);
      }
      const auto done = expect(connection->execute(
          ctx, kInsert,
          postgres::Params{}.add_texts(ids).add_bytes(keys).add_texts(headers).add_bytes(bodies)));
      for (std::size_t i = from; i < to; ++i) outcome.answered(i);
      stored += done.affected();
    }
  };
  outcome.begin();
  {
    std::vector<std::jthread> threads;
    for (std::size_t i = arguments.number("flushers", defaults.flushers); i > 0; --i)
      threads.emplace_back(work);
  }
  outcome.end();
  outcome.print({{"stored", stored.load()}}, mean_bytes(all));
}

void run(const std::string_view mode, const Arguments& arguments) {
  const std::size_t count = arguments.number("requests", 10'000);
  if (count > kMostRequests) fail("requests= is too large");
  const auto all = deliveries(arguments.text("templates"), count);
  const SteadyTime deadline = kClock.now() + seconds{arguments.number("seconds", 120)};
  if (mode == "http") return send_all(arguments, all, deadline);
  if (mode == "writer") return put_all(arguments, all, deadline);
  if (mode == "insert") return insert_all(arguments, all, deadline);
  fail("webhook_load http|writer|insert NAME=VALUE…");
}

}  // namespace
}  // namespace tp::gateway

int main(int argc, char** argv) {
  try {
    const std::vector<std::string_view> words(argv + std::min(argc, 2), argv + argc);
    tp::gateway::run(argc > 1 ? argv[1] : "", tp::gateway::Arguments{words});
    return 0;
  } catch (const std::exception& e) {
    std::cerr << "webhook_load: " << e.what() << '\n';
    return 1;
  }
}
