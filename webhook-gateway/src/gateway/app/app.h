#pragma once

#include <stop_token>

#include "base/result.h"
#include "gateway/app/options.h"

namespace tp::gateway {

// The composition root: the one place that names concrete adapters. Serves the roles of `options` until
// `stop` is requested, then drains: no new connections and claims, what was accepted is answered, runs in
// flight end, and what is left after the drain's time stands as unknown in the inbox. An Error only for what
// an administrator must change first; a database or a Config Service that is away is waited for and said in
// /readyz.
[[nodiscard]] Status serve(const ServeOptions& options,
                           Credentials credentials,
                           std::stop_token stop,
                           log::Sink& sink);

}  // namespace tp::gateway
