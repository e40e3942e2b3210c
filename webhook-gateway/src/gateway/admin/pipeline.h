#pragma once

#include "gateway/admin/frame.h"
#include "platform/pipeline.h"

namespace tp::gateway {

// The admin API's route to start a team's AI pipeline now. `pipeline` may be null: then the answer is 503. It
// must outlive the routes.
[[nodiscard]] AdminRoutes pipeline_routes(const platform::PipelineClient* pipeline);

}  // namespace tp::gateway
