#include "gateway/sources/circleback.h"

#include <utility>

#include "gateway/sources/answers.h"
#include "gateway/sources/body.h"

namespace tp::gateway {
namespace {

Result<Admission> admit(const Delivery& delivery) {
  TP_ASSIGN_OR_RETURN(const json::Document document, read_object(delivery.body, "id"));
  NewEvent stored;
  stored.kind = "meeting";
  stored.provider_id = id_text(document.root()["id"]);
  stored.digest = digest_of(delivery.body);
  stored.body = delivery.body;
  return store(std::move(stored), ok_answer(200));
}

Result<Interpretation> interpret(const StoredEvent& /*stored*/, const Policy& /*policy*/) {
  return ignore("stored_only");
}

}  // namespace

Source circleback_source() {
  return {.kind = SourceKind::Circleback,
          .path = "/webhooks/circleback",
          .scheme = &bare_hex(),
          .admit = admit,
          .interpret = interpret,
          .refuse = refuse_with_detail};
}

}  // namespace tp::gateway
