#include "support/test_pki.h"

#include <cstdint>
#include <memory>
#include <stdexcept>

#include <openssl/bio.h>
#include <openssl/ec.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rand.h>
#include <openssl/x509v3.h>

namespace tp::test {
namespace {

template <auto Free>
struct FreeWith {
  template <class T>
  void operator()(T* p) const noexcept {
    Free(p);
  }
};
using BioPtr = std::unique_ptr<BIO, FreeWith<BIO_free>>;
using CertPtr = std::unique_ptr<X509, FreeWith<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, FreeWith<EVP_PKEY_free>>;
using ExtensionPtr = std::unique_ptr<X509_EXTENSION, FreeWith<X509_EXTENSION_free>>;

constexpr long kHour = 3600;

template <class T>
T required(T value) {
  if (!value) throw std::runtime_error("OpenSSL failed while a test certificate was made");
  return value;
}

template <class Write>
std::string to_pem(Write write) {
  const BioPtr bio = required(BioPtr{BIO_new(BIO_s_mem())});
  required(write(bio.get()) == 1);
  char* data = nullptr;
  const long size = BIO_get_mem_data(bio.get(), &data);
  return std::string{data, static_cast<std::size_t>(size)};
}

CertPtr parse_cert(const std::string& pem) {
  const BioPtr bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  return required(CertPtr{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)});
}

KeyPtr parse_key(const std::string& pem) {
  const BioPtr bio{BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size()))};
  return required(KeyPtr{PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, nullptr)});
}

void add_extension(X509* cert, X509* issuer, int nid, const std::string& value) {
  X509V3_CTX context{};
  X509V3_set_ctx(&context, issuer, cert, nullptr, nullptr, 0);
  const ExtensionPtr extension =
      required(ExtensionPtr{X509V3_EXT_conf_nid(nullptr, &context, nid, value.c_str())});
  required(X509_add_ext(cert, extension.get(), -1) == 1);
}

// A certificate without its extensions and signature.
CertPtr blank(const std::string& common_name, EVP_PKEY* key, const X509_NAME* issuer) {
  CertPtr cert = required(CertPtr{X509_new()});
  std::uint64_t serial = 0;
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): C interface
  required(RAND_bytes(reinterpret_cast<unsigned char*>(&serial), sizeof serial) == 1);
  required(X509_set_version(cert.get(), X509_VERSION_3) == 1);
  required(ASN1_INTEGER_set_uint64(X509_get_serialNumber(cert.get()), serial >> 1U) == 1);
  required(X509_gmtime_adj(X509_getm_notBefore(cert.get()), -kHour) != nullptr);
  required(X509_gmtime_adj(X509_getm_notAfter(cert.get()), 24 * kHour) != nullptr);
  required(X509_set_pubkey(cert.get(), key) == 1);
  X509_NAME* subject = X509_get_subject_name(cert.get());
  // NOLINTNEXTLINE(cppcoreguidelines-pro-type-reinterpret-cast): C interface
  const auto* text = reinterpret_cast<const unsigned char*>(common_name.c_str());
  required(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_UTF8, text, -1, -1, 0) == 1);
  required(X509_set_issuer_name(cert.get(), issuer != nullptr ? issuer : subject) == 1);
  return cert;
}

// The function behind EVP_EC_gen, a macro that casts const away.
KeyPtr new_key() { return required(KeyPtr{EVP_PKEY_Q_keygen(nullptr, nullptr, "EC", "P-256")}); }

TestIdentity sign(X509* cert, EVP_PKEY* key, EVP_PKEY* signing_key) {
  required(X509_sign(cert, signing_key, EVP_sha256()) > 0);
  return TestIdentity{to_pem([&](BIO* bio) { return PEM_write_bio_X509(bio, cert); }), to_pem([&](BIO* bio) {
                        return PEM_write_bio_PrivateKey(bio, key, nullptr, nullptr, 0, nullptr, nullptr);
                      })};
}

}  // namespace

TestCa::TestCa(const std::string& common_name) {
  const KeyPtr key = new_key();
  const CertPtr cert = blank(common_name, key.get(), nullptr);
  add_extension(cert.get(), cert.get(), NID_basic_constraints, "critical,CA:TRUE");
  add_extension(cert.get(), cert.get(), NID_key_usage, "critical,keyCertSign,cRLSign");
  self_ = sign(cert.get(), key.get(), key.get());
}

TestIdentity TestCa::issue(const LeafOptions& options) const {
  const CertPtr ca = parse_cert(self_.cert);
  const KeyPtr ca_key = parse_key(self_.key);
  const KeyPtr key = new_key();
  const CertPtr cert = blank(options.common_name, key.get(), X509_get_subject_name(ca.get()));
  add_extension(cert.get(), ca.get(), NID_ext_key_usage, "serverAuth,clientAuth");
  std::string names;
  for (const std::string& name : options.dns) names += (names.empty() ? "DNS:" : ",DNS:") + name;
  for (const std::string& address : options.ip) names += (names.empty() ? "IP:" : ",IP:") + address;
  if (!names.empty()) add_extension(cert.get(), ca.get(), NID_subject_alt_name, names);
  return sign(cert.get(), key.get(), ca_key.get());
}

}  // namespace tp::test
