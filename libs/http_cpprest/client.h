#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/result.h"
#include "crypto/secret.h"
#include "http/client.h"
#include "http/token_source.h"
#include "http_cpprest/endpoint.h"
#include "log/log.h"

// The HttpClient port on top of cpprestsdk. No other module includes cpprest or pplx, and no header that
// others include does. What cpprestsdk lacks is added here, each guard with a component test: see
// ClientOptions.
namespace tp::http {

// Sizes cpprestsdk's thread pool, which otherwise starts 40 threads at first use. Call it first thing in
// main, once: FailedPrecondition when the pool runs already. The pool only moves bytes (of callers' code
// it runs nothing but the `done` of start()), so a few threads serve any number of requests.
[[nodiscard]] Status init_client_threads(std::size_t threads);

// What an https client trusts and who it says it is. Of each pair give the file or the text, not both; files
// are looked at again (ClientOptions::reload_interval) and their new content is used for new connections.
struct TlsOptions {
  // PEM bundle that the peer's chain must end in; nothing else is trusted.
  std::string ca_file{};
  std::string ca_pem{};
  // The system's roots instead of a bundle: for public services only. One of the three must be given for
  // https.
  bool system_roots = false;

  // Client certificate (PEM, leaf first, then its intermediates) and its key (PEM, not encrypted).
  std::string cert_file{};
  std::string cert_pem{};
  std::string key_file{};
  crypto::Secret key_pem{};

  // The name sent as SNI and looked for in the certificate, when it is not the URL's host. The name must
  // stand in the certificate's subjectAltName (an IPv4 host as an address there): the common name is not
  // read, and a wildcard covers one whole label.
  std::string server_name{};
};

struct ClientOptions {
  std::string base_url;  // see parse_origin
  TlsOptions tls{};
  std::shared_ptr<TokenSource> token_source{};  // none: no Authorization header but the request's own
  std::string user_agent = "team-provisioning";
  std::vector<ConnectTo> connect_to{};

  // A response larger than this ends with ResourceExhausted and the connection is dropped. For stream(), the
  // same number limits what has arrived and is not handed to the sink yet, e.g. one chunk of a chunked body
  // (cpprestsdk buffers a chunk whole). A Kubernetes LIST page of 500 large objects stays below 32 MiB.
  std::size_t max_response_bytes = std::size_t{64} << 20U;
  // Calls of send() in flight; more wait, under their own deadline. Streams are not counted: they last, and
  // their callers know how many they open.
  std::size_t max_concurrent = 64;
  // For name lookup, TCP and TLS together; passed = Unavailable.
  std::chrono::milliseconds connect_timeout{10'000};
  // Unacknowledged bytes or keep-alive probes for this long close the connection (TCP_USER_TIMEOUT): a peer
  // that vanished is noticed within it.
  std::chrono::milliseconds tcp_user_timeout{30'000};
  // How often certificate files are looked at, at most.
  std::chrono::milliseconds reload_interval{10'000};
  // Every request opens a connection of its own, which is closed after the answer. For requests that must not
  // meet a kept-alive connection which the peer is just closing, because "lost after it was sent" is costly
  // for them.
  bool fresh_connection = false;

  // Says when changed certificate files cannot be used (the old ones stay in use). Optional.
  std::optional<log::Logger> log{};
};

// A client for one origin. `clock` must outlive it. InvalidArgument for a wrong URL or certificate text;
// NotFound and the like for certificate files that cannot be read.
//
// Beyond the port's contract:
//  - No request is sent twice. cpprestsdk by itself repeats a request whose reused connection dies before the
//  answer;
//    here that is Unavailable. (A GET or HEAD may still reach the peer twice: its second answer is not read.)
//    Idle connections that the peer has closed are noticed before anything is sent, and replaced.
//  - Errors name method, host and path; never query, headers or bodies. "not connected" in an Unavailable
//  says that the
//    request has not left, "connection lost" that the peer may have acted on it.
//  - Fields of the answer that occur several times are joined with ", ".
//  - A chunked body reaches the sink chunk by chunk as chunks complete; one with Content-Length, or ended by
//  the peer's
//    close, in pieces of 64 KiB and the rest.
//  - Answers are not decompressed and compression is not asked for; 1xx answers are an error (DataLoss).
//  - The request may not set Host, Connection, Content-Length, Transfer-Encoding or Expect: InvalidArgument.
//  - A DNS name is looked up again every 30 s and after a failure to connect.
//  - start() asks the token source on the calling thread; all else happens on cpprestsdk's pool.
//  - An exchange in flight holds two descriptors: its socket and a second one of the same.
[[nodiscard]] Result<std::unique_ptr<HttpClient>> create_client(ClientOptions options, const Clock& clock);

}  // namespace tp::http
