#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "http/token_source.h"
#include "kube/client/config.h"
#include "log/log.h"

namespace tp::kube {

// A bearer token in a file that somebody else rotates, e.g. the kubelet a projected service account token.
//
// Read again when a minute has passed (as client-go does; the kubelet replaces a token when a fifth of its
// life is left) and after the server refused it. While the file cannot be read or is empty, the last good
// token stays in use: it may well be valid for long. Thread-safe; the file is small and local, so it is read
// under the lock.
class FileTokenSource final : public http::TokenSource {
 public:
  static constexpr std::chrono::seconds kReloadInterval{60};

  // `clock` must outlive this.
  FileTokenSource(std::string path, const Clock& clock, log::Logger log);

  // Fails only while there has never been a good token: FailedPrecondition, naming the file.
  [[nodiscard]] Result<crypto::Secret> token(const Context& ctx) override TP_EXCLUDES(m_);
  void rejected() noexcept override TP_EXCLUDES(m_);

 private:
  [[nodiscard]] Status reload() TP_REQUIRES(m_);

  const std::string path_;
  const Clock& clock_;
  const log::Logger log_;

  Mutex m_;
  crypto::Secret token_ TP_GUARDED_BY(m_);
  std::optional<SteadyTime> tried_ TP_GUARDED_BY(m_);  // when the file was last looked at; nothing: look now
};

// A token that never changes.
class FixedTokenSource final : public http::TokenSource {
 public:
  explicit FixedTokenSource(crypto::Secret token) : token_(std::move(token)) {}

  [[nodiscard]] Result<crypto::Secret> token(const Context& /*ctx*/) override { return token_; }
  void rejected() noexcept override {}

 private:
  const crypto::Secret token_;
};

// What `config` asks for; null when it has no token (client certificates). A token file goes before a token,
// as in client-go. `clock` must outlive the result.
[[nodiscard]] std::shared_ptr<http::TokenSource> make_token_source(const ClientConfig& config,
                                                                   const Clock& clock,
                                                                   log::Logger log);

}  // namespace tp::kube
