#pragma once

#include <optional>
#include <string>
#include <string_view>

#include <nlohmann/json_fwd.hpp>

namespace tp::kube {

// JSON patches that change who owns an object, computed from the object as it was just read. All carry
// `test` operations, so they do nothing (422) to an object that is another or has changed since.

// Hands to `field_manager`'s Apply entry every field that was set by an Update: the client-side writes of the
// program that managed the object before. Without it a later apply could add and change fields, but fields
// that it leaves out would stay for ever, owned by a manager that is gone. Entries of subresources and of
// `keep` (controllers that go on writing) are left as they are. Nothing when there is no such entry. The
// counterpart in Go is client-go's util/csaupgrade.
[[nodiscard]] std::optional<std::string> take_over_patch(const nlohmann::json& live,
                                                         std::string_view field_manager,
                                                         std::string_view keep = "kube-controller-manager");

// Who other than `field_manager` last wrote to the object (not to its status); empty when nobody did, or when
// all that they wrote has been taken over since.
[[nodiscard]] std::string last_other_writer(const nlohmann::json& live, std::string_view field_manager);

// Removes the ownerReference with this uid, so that the garbage collector leaves the object when its owner
// goes. Nothing when there is none.
[[nodiscard]] std::optional<std::string> release_patch(const nlohmann::json& live,
                                                       std::string_view owner_uid);

// The way back: adds this ownerReference beside those that are there. Nothing when one with its uid is.
[[nodiscard]] std::optional<std::string> claim_patch(const nlohmann::json& live,
                                                     const nlohmann::json& owner_reference);

}  // namespace tp::kube
