#include "http/gated_client.h"

#include <memory>
#include <optional>

#include "support/catch.h"
#include "support/fake_clock.h"
#include "support/script_http_client.h"

namespace tp::http {
namespace {

using namespace std::chrono_literals;

struct Nothing final : ResponseSink {
  Status on_head(int /*status*/, const Headers& /*headers*/) override { return ok(); }
  Status on_bytes(std::string_view /*bytes*/) override { return ok(); }
};

// All ways of sending a request; the code of each refusal.
std::vector<std::optional<ErrorCode>> send_all(HttpClient& client, Method method) {
  const Request request{method, "/"};
  std::vector<std::optional<ErrorCode>> codes;
  const auto note = [&](const auto& result) {
    codes.push_back(result ? std::nullopt : std::optional{result.error().code});
  };
  note(client.send({}, request));
  Nothing sink;
  note(client.stream({}, request, sink));
  Mutex m;
  CondVar changed;
  std::optional<Exchange> exchange;
  client.start({}, request, [&](Exchange ended) {
    const MutexLock lock{m};
    exchange = std::move(ended);
    changed.notify_all();
  });
  const MutexLock lock{m};
  changed.wait(m, {}, [&] { return exchange.has_value(); });
  note(exchange->result);
  if (!exchange->result) CHECK_FALSE(exchange->sent);
  return codes;
}

const std::vector<std::optional<ErrorCode>> kAllSent(3);
const std::vector<std::optional<ErrorCode>> kNoneSent(3, ErrorCode::Cancelled);

TEST_CASE("a gate is open until its time", "[http]") {
  test::FakeClock clock;
  WriteGate gate{clock};
  CHECK_FALSE(gate.is_open());
  gate.open_until(clock.now() + 10s);
  CHECK(gate.is_open());
  clock.advance(9'999ms);
  CHECK(gate.is_open());
  clock.advance(1ms);
  CHECK_FALSE(gate.is_open());
  gate.open_until(clock.now() + 10s);
  CHECK(gate.is_open());
  gate.shut();
  CHECK_FALSE(gate.is_open());
  gate.open_for_good();
  clock.advance(std::chrono::hours{24 * 365});
  CHECK(gate.is_open());
}

TEST_CASE("a gated client reads always and writes while the gate is open", "[http]") {
  test::FakeClock clock;
  WriteGate gate{clock};
  auto script = std::make_unique<test::ScriptHttpClient>();
  test::ScriptHttpClient& inner = *script;
  GatedClient client{std::move(script), gate};
  gate.open_until(clock.now() + 10s);

  const auto method =
      GENERATE(Method::Get, Method::Head, Method::Post, Method::Put, Method::Patch, Method::Delete);
  const bool reads = method == Method::Get || method == Method::Head;
  for (int i = 0; i < 3; ++i) inner.add({}, {});
  CHECK(send_all(client, method) == kAllSent);
  CHECK(inner.requests().size() == 3);

  // As after a SIGSTOP: nothing but the time has changed.
  clock.advance(60s);
  if (reads) {
    for (int i = 0; i < 3; ++i) inner.add({}, {});
  }
  CHECK(send_all(client, method) == (reads ? kAllSent : kNoneSent));
  CHECK(inner.requests().size() == (reads ? 6U : 3U));
}

}  // namespace
}  // namespace tp::http
