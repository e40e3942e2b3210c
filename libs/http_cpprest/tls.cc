#include "http_cpprest/tls.h"

#include <limits>
#include <utility>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "base/env.h"

namespace tp::http {
namespace {

using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;

Error invalid(std::string message) { return Error{ErrorCode::InvalidArgument, std::move(message)}; }

// A PEM text given as a file or as itself; `what` is for messages.
Result<std::string> pem_text(const std::string& file, std::string_view pem, const std::string& what) {
  if (file.empty()) return std::string{pem};
  if (!pem.empty()) return invalid(what + ": give a file or the text, not both");
  auto text = read_file(file);
  if (!text) return std::move(text).error().wrap(what);
  return text;
}

Result<BioPtr> memory_bio(std::string_view text, const std::string& what) {
  if (text.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()))
    return invalid(what + ": too large");
  BioPtr bio{BIO_new_mem_buf(text.data(), static_cast<int>(text.size()))};
  if (!bio) return Error{ErrorCode::Internal, what + ": OpenSSL has no memory"};
  return bio;
}

// Without it OpenSSL asks for the passphrase of an encrypted key on the terminal.
int no_passphrase(char* /*buffer*/, int /*size*/, int /*writing*/, void* /*user*/) { return -1; }

using VerdictSlot = std::shared_ptr<CertVerdict>;

void free_verdict(
    void* /*parent*/, void* slot, CRYPTO_EX_DATA* /*data*/, int /*index*/, long /*argl*/, void* /*argp*/) {
  delete static_cast<VerdictSlot*>(slot);
}

int verdict_index() {
  static const int kIndex = SSL_get_ex_new_index(0, nullptr, nullptr, nullptr, free_verdict);
  return kIndex;
}

// Stands in for the callback that cpprestsdk installs, which would accept a common name.
int keep_result(int preverified, X509_STORE_CTX* /*store_context*/) { return preverified; }

}  // namespace

void CertVerdict::refuse(std::string reason) {
  const MutexLock lock{m_};
  reason_ = std::move(reason);
}

std::string CertVerdict::reason() const {
  const MutexLock lock{m_};
  return reason_;
}

Result<std::shared_ptr<const TlsContext>> TlsContext::load(const TlsOptions& options,
                                                           const std::string& host) {
  const std::string& name = options.server_name.empty() ? host : options.server_name;
  std::shared_ptr<TlsContext> tls{new TlsContext{name, is_ipv4(name)}};
  TP_TRY(tls->load_trust(options));
  TP_TRY(tls->load_identity(options));
  return std::shared_ptr<const TlsContext>{std::move(tls)};
}

Result<std::vector<TlsContext::CertPtr>> TlsContext::parse_certs(const std::string& pem,
                                                                 const std::string& what) {
  TP_ASSIGN_OR_RETURN(const BioPtr bio, memory_bio(pem, what));
  std::vector<CertPtr> certs;
  while (CertPtr cert{PEM_read_bio_X509(bio.get(), nullptr, no_passphrase, nullptr)})
    certs.push_back(std::move(cert));
  // The end of the text is the only good reason to stop.
  const bool at_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (certs.empty() || !at_end) return invalid(what + ": not a list of PEM certificates");
  return certs;
}

Status TlsContext::load_trust(const TlsOptions& options) {
  store_.reset(X509_STORE_new());
  if (!store_) return Error{ErrorCode::Internal, "OpenSSL has no memory for a trust store"};
  TP_ASSIGN_OR_RETURN(const std::string pem, pem_text(options.ca_file, options.ca_pem, "CA bundle"));
  if (options.system_roots) {
    if (!pem.empty()) return invalid("TLS: give a CA bundle or ask for the system's roots, not both");
    if (X509_STORE_set_default_paths(store_.get()) != 1) {
      return Error{ErrorCode::Internal, "the system's CA certificates cannot be loaded"};
    }
    return ok();
  }
  if (pem.empty()) return invalid("TLS: https needs a CA bundle (or the system's roots, if asked for)");
  TP_ASSIGN_OR_RETURN(const std::vector<CertPtr> roots, parse_certs(pem, "CA bundle"));
  for (const CertPtr& root : roots) {
    if (X509_STORE_add_cert(store_.get(), root.get()) != 1)
      return invalid("CA bundle: a certificate cannot be used");
  }
  return ok();
}

Status TlsContext::load_identity(const TlsOptions& options) {
  TP_ASSIGN_OR_RETURN(const std::string pem,
                      pem_text(options.cert_file, options.cert_pem, "client certificate"));
  TP_ASSIGN_OR_RETURN(std::string key_text,
                      pem_text(options.key_file, options.key_pem.reveal(), "client key"));
  const crypto::Secret key_pem{std::move(key_text)};
  if (pem.empty() && key_pem.empty()) return ok();
  if (pem.empty() || key_pem.empty()) return invalid("TLS: a client certificate and its key go together");
  TP_ASSIGN_OR_RETURN(identity_, parse_certs(pem, "client certificate"));
  TP_ASSIGN_OR_RETURN(const BioPtr bio, memory_bio(key_pem.reveal(), "client key"));
  key_.reset(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, nullptr));
  const bool matches = key_ && X509_check_private_key(identity_.front().get(), key_.get()) == 1;
  ERR_clear_error();
  if (!key_) return invalid("client key: not an unencrypted PEM private key");
  if (!matches) return invalid("client key: does not belong to the client certificate");
  return ok();
}

bool TlsContext::apply(SSL_CTX* context) const {
  // Takes the place of the store into which cpprestsdk put the system's roots.
  SSL_CTX_set1_cert_store(context, store_.get());
  SSL_CTX_set_verify(context, SSL_VERIFY_PEER, nullptr);
  // OpenSSL keeps a plain pointer and only reads through it in `verify`.
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-const-cast): a C interface without const
  SSL_CTX_set_cert_verify_callback(context, &TlsContext::verify, const_cast<TlsContext*>(this));
  if (SSL_CTX_set_min_proto_version(context, TLS1_2_VERSION) != 1) return false;
  if (identity_.empty()) return true;
  if (SSL_CTX_use_certificate(context, identity_.front().get()) != 1) return false;
  for (std::size_t i = 1; i < identity_.size(); ++i) {
    if (SSL_CTX_add1_chain_cert(context, identity_[i].get()) != 1) return false;
  }
  return SSL_CTX_use_PrivateKey(context, key_.get()) == 1;
}

bool TlsContext::prepare(SSL* ssl, std::shared_ptr<CertVerdict> verdict) const {
  if (verdict && SSL_get_ex_data(ssl, verdict_index()) == nullptr) {
    auto slot = std::make_unique<VerdictSlot>(std::move(verdict));
    if (SSL_set_ex_data(ssl, verdict_index(), slot.get()) != 1) return false;
    static_cast<void>(slot.release());  // free_verdict deletes it with the connection
  }
  if (host_is_ip_) return true;  // RFC 6066: an address is never sent as server name
  std::string name = host_;      // OpenSSL copies it, but asks for it without const
  return SSL_ctrl(ssl, SSL_CTRL_SET_TLSEXT_HOSTNAME, TLSEXT_NAMETYPE_host_name, name.data()) == 1;
}

// In place of X509_verify_cert, so that nothing that was set on the connection meanwhile can loosen the
// check.
int TlsContext::verify(X509_STORE_CTX* store_context, void* self) {
  const auto& tls = *static_cast<const TlsContext*>(self);
  X509_VERIFY_PARAM* param = X509_STORE_CTX_get0_param(store_context);
  X509_STORE_CTX_set_verify_cb(store_context, keep_result);
  X509_VERIFY_PARAM_set_hostflags(param,
                                  X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS | X509_CHECK_FLAG_NEVER_CHECK_SUBJECT);
  // As in Go's clients: whatever the bundle holds is an anchor, be it an intermediate.
  X509_VERIFY_PARAM_set_flags(param, X509_V_FLAG_PARTIAL_CHAIN);
  const int named = tls.host_is_ip_ ? X509_VERIFY_PARAM_set1_ip_asc(param, tls.host_.c_str())
                                    : X509_VERIFY_PARAM_set1_host(param, tls.host_.data(), tls.host_.size());
  if (named != 1) {
    X509_STORE_CTX_set_error(store_context, X509_V_ERR_UNSPECIFIED);
    return 0;
  }
  const int result = X509_verify_cert(store_context);
  if (result == 1) return 1;
  const auto* ssl = static_cast<const SSL*>(
      X509_STORE_CTX_get_ex_data(store_context, SSL_get_ex_data_X509_STORE_CTX_idx()));
  if (ssl != nullptr) {
    if (const auto* slot = static_cast<const VerdictSlot*>(SSL_get_ex_data(ssl, verdict_index()))) {
      (*slot)->refuse(X509_verify_cert_error_string(X509_STORE_CTX_get_error(store_context)));
    }
  }
  return 0;
}

}  // namespace tp::http
