#include "kube/client/list.h"

#include <cstddef>

#include "kube/core/list_decoder.h"

namespace tp::kube {
namespace {

constexpr unsigned kPage = 500;
constexpr std::size_t kMaxItem = std::size_t{4} << 20U;

}  // namespace

Status list_all(ApiClient& api,
                const Context& ctx,
                const Selection& selection,
                const std::function<Status(std::string_view item)>& on_item) {
  ListQuery query{.limit = kPage};
  do {
    ListDecoder decoder{kMaxItem};
    Status handed_out = ok();
    const auto on_bytes = [&](std::string_view bytes) -> Status {
      TP_TRY(decoder.feed(bytes, [&](std::string_view item) {
        if (handed_out) handed_out = on_item(item);
      }));
      return handed_out;
    };
    TP_TRY(api.stream(ctx, "list", selection, list_request(selection, query), on_bytes));
    TP_ASSIGN_OR_RETURN(const ListMetadata metadata, decoder.finish());
    query.continue_token = metadata.continue_token;
  } while (!query.continue_token.empty());
  return ok();
}

}  // namespace tp::kube
