#pragma once

#include <string>

#include "kube/client/api_client.h"
#include "metrics/metrics.h"

namespace tp::kube {

// An observer that counts an ApiClient's requests under client-go's names, with its labels and
// controller-runtime's buckets, so that existing dashboards work:
//   rest_client_requests_total{code,method,host}         code "<error>" when there was no answer
//   rest_client_request_duration_seconds{verb,host}      without watches; verb is the HTTP method, as there
//   rest_client_request_retries_total{code,verb,host}    sent again: after a 401, the only case
// `server` is the URL of ClientConfig. The registry must outlive the observer.
[[nodiscard]] ApiClient::Observer count_requests(metrics::Registry& registry, const std::string& server);

}  // namespace tp::kube
