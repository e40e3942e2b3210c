#include "kube/client/token_source.h"

#include <algorithm>
#include <cstddef>
#include <utility>

#include "base/env.h"

namespace tp::kube {
namespace {

// Signed tokens with many claims have a few KiB; a header above 16 KiB is refused by most servers anyway.
constexpr std::size_t kMaxToken = std::size_t{16} << 10U;

// What can stand in a header (RFC 6750, b64token, is stricter; a server may take more).
bool is_token(std::string_view text) noexcept {
  return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c > ' ' && c < '\x7f'; });
}

}  // namespace

FileTokenSource::FileTokenSource(std::string path, const Clock& clock, log::Logger log)
    : path_(std::move(path)), clock_(clock), log_(std::move(log)) {}

Result<crypto::Secret> FileTokenSource::token(const Context& /*ctx*/) {
  const MutexLock lock{m_};
  const SteadyTime now = clock_.now();
  if (!tried_ || now - *tried_ >= kReloadInterval) {
    tried_ = now;
    if (const Status loaded = reload(); !loaded) {
      if (token_.empty()) {
        tried_.reset();
        return Error{ErrorCode::FailedPrecondition, loaded.error().message};
      }
      log_.warn("token file is not usable; the last good token stays",
                {{"path", path_}, {"error", loaded.error()}});
    }
  }
  return token_;
}

void FileTokenSource::rejected() noexcept {
  const MutexLock lock{m_};
  tried_.reset();
}

Status FileTokenSource::reload() {
  auto content = read_file(path_, kMaxToken);
  if (!content) return std::move(content).error();
  std::string text = *std::move(content);
  const std::size_t end = text.find_last_not_of(" \t\r\n");
  text.resize(end == std::string::npos ? 0 : end + 1);  // keeps the buffer, so that Secret wipes all of it
  crypto::Secret token{std::move(text)};
  if (!is_token(token.reveal())) return Error{ErrorCode::InvalidArgument, path_ + ": no token in it"};
  token_ = std::move(token);
  return ok();
}

std::shared_ptr<http::TokenSource> make_token_source(const ClientConfig& config,
                                                     const Clock& clock,
                                                     log::Logger log) {
  if (!config.token_file.empty()) {
    return std::make_shared<FileTokenSource>(config.token_file, clock, std::move(log));
  }
  if (!config.token.empty()) return std::make_shared<FixedTokenSource>(config.token);
  return nullptr;
}

}  // namespace tp::kube
