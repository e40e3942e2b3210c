#pragma once

#include <memory>
#include <string>
#include <vector>

#include <openssl/ssl.h>

#include "base/mutex.h"
#include "base/result.h"
#include "http_cpprest/client.h"

namespace tp::http {

// Why a peer's certificate was refused. Shared by the connection and the request that opened it. Thread-safe.
class CertVerdict {
 public:
  void refuse(std::string reason);
  // Empty when nothing was refused.
  [[nodiscard]] std::string reason() const;

 private:
  mutable Mutex m_;
  std::string reason_ TP_GUARDED_BY(m_);
};

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};

// Trust and identity, parsed once and applied to every connection. Immutable, thread-safe.
class TlsContext {
 public:
  // `host`: what the certificate must be for.
  [[nodiscard]] static Result<std::shared_ptr<const TlsContext>> load(const TlsOptions& options,
                                                                      const std::string& host);

  TlsContext(const TlsContext&) = delete;
  TlsContext& operator=(const TlsContext&) = delete;
  ~TlsContext() = default;

  // Replaces the trust store, the certificate check, identity and versions of a new context. This object must
  // outlive every handshake of it. False when OpenSSL refuses.
  [[nodiscard]] bool apply(SSL_CTX* context) const;
  // Per connection, before the handshake: the server name, and where to leave the reason of a refusal (may be
  // null).
  [[nodiscard]] bool prepare(SSL* ssl, std::shared_ptr<CertVerdict> verdict) const;

 private:
  using StorePtr = std::unique_ptr<X509_STORE, FreeWith<X509_STORE_free>>;
  using CertPtr = std::unique_ptr<X509, FreeWith<X509_free>>;
  using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;

  TlsContext(std::string host, bool host_is_ip) : host_(std::move(host)), host_is_ip_(host_is_ip) {}

  [[nodiscard]] Status load_trust(const TlsOptions& options);
  [[nodiscard]] Status load_identity(const TlsOptions& options);
  [[nodiscard]] static Result<std::vector<CertPtr>> parse_certs(const std::string& pem,
                                                                const std::string& what);
  static int verify(X509_STORE_CTX* store_context, void* self);

  std::string host_;
  bool host_is_ip_;
  StorePtr store_;
  std::vector<CertPtr> identity_;  // leaf first; empty without a client certificate
  KeyPtr key_;
};

}  // namespace tp::http
