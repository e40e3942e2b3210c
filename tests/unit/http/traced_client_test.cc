#include "http/traced_client.h"

#include <string>
#include <vector>

#include "support/catch.h"
#include "support/manual_rng.h"

namespace tp::http {
namespace {

class Recorded final : public HttpClient {
 public:
  explicit Recorded(std::vector<Request>& requests) : requests_(requests) {}

  Result<Response> send(const Context& /*ctx*/, const Request& request) override {
    requests_.push_back(request);
    return Response{};
  }
  void start(const Context& /*ctx*/, Request request, std::function<void(Exchange)> done) override {
    requests_.push_back(std::move(request));
    done({Response{}, true});
  }
  Status stream(const Context& /*ctx*/, const Request& request, ResponseSink& /*sink*/) override {
    requests_.push_back(request);
    return ok();
  }

 private:
  std::vector<Request>& requests_;
};

struct NoBody final : ResponseSink {
  Status on_head(int /*status*/, const Headers& /*headers*/) override { return ok(); }
  Status on_bytes(std::string_view /*bytes*/) override { return ok(); }
};

struct Fixture {
  std::vector<Request> requests;
  test::ManualRng rng;
  TracedClient client{std::make_unique<Recorded>(requests), rng};
  const Request request{Method::Post, "/x", {{"Accept", "application/json"}}, "body"};
  NoBody nobody;
};

TEST_CASE("TracedClient: a request says what work it belongs to", "[http]") {
  Fixture f;
  const Context ctx{.trace = {0xABU, 0xCDU}};
  const std::string expected = "00-00000000000000ab00000000000000cd-8000000000000000-01";
  REQUIRE(f.client.send(ctx, f.request));
  unsigned done = 0;
  f.client.start(ctx, f.request, [&](const Exchange&) { ++done; });
  CHECK(done == 1);
  REQUIRE(f.requests.size() == 2);
  for (const Request& sent : f.requests) {
    CHECK(sent.headers.find("traceparent") == expected);
    CHECK(sent.headers.find("Accept") == "application/json");
    CHECK(sent.target == "/x");
    CHECK(sent.body == "body");
  }
  // Once more: the request that came in has not been touched, and nothing adds up.
  f.rng.set_uniform(0.25);
  REQUIRE(f.client.send(ctx, f.requests.front()));
  CHECK(f.requests.back().headers.count("traceparent") == 1);
  CHECK(f.requests.back().headers.find("traceparent") != expected);
}

TEST_CASE("TracedClient: without a trace, and on a stream, nothing is added", "[http]") {
  Fixture f;
  REQUIRE(f.client.send({}, f.request));
  f.client.start({}, f.request, [](const Exchange&) {});
  REQUIRE(f.client.stream({.trace = {1, 2}}, f.request, f.nobody));
  REQUIRE(f.requests.size() == 3);
  for (const Request& sent : f.requests) CHECK(sent.headers == f.request.headers);
}

}  // namespace
}  // namespace tp::http
