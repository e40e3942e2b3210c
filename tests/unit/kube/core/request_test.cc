#include "kube/core/request.h"

#include <nlohmann/json.hpp>

#include "support/catch.h"

namespace tp::kube {
namespace {

constexpr ResourceType kSecretsType{"", "v1", "secrets", "Secret"};
constexpr ResourceType kNamespacesType{"", "v1", "namespaces", "Namespace", false};

TEST_CASE("request: list", "[kube]") {
  const auto request = list_request({.type = kDeployments, .label_selector = "a,b=c"},
                                    {.limit = 500,
                                     .continue_token = "x/y+",
                                     .resource_version = "7",
                                     .resource_version_match = "NotOlderThan"});
  CHECK(request.method == http::Method::Get);
  CHECK(request.target ==
        "/apis/apps/v1/"
        "deployments?limit=500&continue=x%2Fy%2B&resourceVersion=7&resourceVersionMatch=NotOlderThan"
        "&labelSelector=a%2Cb%3Dc");
  CHECK(request.headers.find("Accept") == "application/json");
  CHECK(request.body.empty());
}

TEST_CASE("request: list of one namespace, with nothing else", "[kube]") {
  CHECK(list_request({.type = kServices, .ns = "team-a"}, {}).target == "/api/v1/namespaces/team-a/services");
  CHECK(list_request({.type = kServices}, {.resource_version_match = "Exact"}).target == "/api/v1/services");
}

TEST_CASE("request: metadata only", "[kube]") {
  const Selection secrets{.type = kSecretsType, .representation = Representation::MetadataOnly};
  CHECK(list_request(secrets, {}).headers.find("Accept") ==
        "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1");
  CHECK(watch_request(secrets, {}).headers.find("Accept") ==
        "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1");
}

TEST_CASE("request: watch", "[kube]") {
  CHECK(watch_request({.type = kServices, .ns = "a", .field_selector = "metadata.name=x"},
                      {.resource_version = "12", .timeout = std::chrono::seconds{210}})
            .target ==
        "/api/v1/namespaces/a/services?watch=1&allowWatchBookmarks=true&resourceVersion=12"
        "&timeoutSeconds=210&fieldSelector=metadata.name%3Dx");
  CHECK(watch_request({.type = kServices}, {.send_initial_events = true}).target ==
        "/api/v1/services?watch=1&allowWatchBookmarks=true&sendInitialEvents=true"
        "&resourceVersionMatch=NotOlderThan");
}

TEST_CASE("request: apply", "[kube]") {
  const auto request = apply_request(kDeployments, {"a", "b"}, "{}", {.field_manager = "team-operator"});
  CHECK(request.method == http::Method::Patch);
  CHECK(request.target ==
        "/apis/apps/v1/namespaces/a/deployments/b?fieldManager=team-operator&force=true"
        "&fieldValidation=Strict");
  CHECK(request.headers.find("Content-Type") == "application/apply-patch+yaml");
  CHECK(request.body == "{}");
  CHECK(apply_request(kDeployments, {"a", "b"}, "{}",
                      {.field_manager = "m", .force = false, .dry_run = true, .subresource = "status"})
            .target ==
        "/apis/apps/v1/namespaces/a/deployments/b/status?fieldManager=m&force=false"
        "&fieldValidation=Strict&dryRun=All");
}

TEST_CASE("request: get, patch, delete", "[kube]") {
  CHECK(get_request(kNamespacesType, {"ignored", "a"}).target == "/api/v1/namespaces/a");

  const auto patch = json_patch_request(kServices, {"a", "b"}, "[]", "m");
  CHECK(patch.target == "/api/v1/namespaces/a/services/b?fieldManager=m");
  CHECK(patch.headers.find("Content-Type") == "application/json-patch+json");

  const auto remove = delete_request(kServices, {"a", "b"}, "u-1", Propagation::Foreground);
  CHECK(remove.method == http::Method::Delete);
  CHECK(remove.target == "/api/v1/namespaces/a/services/b");
  const auto options = nlohmann::json::parse(remove.body);
  CHECK(options["preconditions"]["uid"] == "u-1");
  CHECK(options["propagationPolicy"] == "Foreground");
}

TEST_CASE("request: a name cannot leave its path segment", "[kube]") {
  CHECK(get_request(kServices, {"a/b", "c?d#e%2F"}).target ==
        "/api/v1/namespaces/a%2Fb/services/c%3Fd%23e%252F");
  CHECK(get_request(kServices, {"..", "."}).target == "/api/v1/namespaces/%2E%2E/services/%2E");
  CHECK(get_request(kServices, {"a", "b\r\nX: y"}).target == "/api/v1/namespaces/a/services/b%0D%0AX%3A%20y");
}

}  // namespace
}  // namespace tp::kube
