// The words of GBCS and of the trust policy that documents may use. The bytes behind the GBCS words are gbcs/'s
// business; a unit test holds these words against gbcs'.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace smki::procedures {

// The role of a trust anchor cell "role/keyUsage" or "supplier/keyAgreement/prePaymentTopUp"; nullopt if it is none.
std::optional<std::string> RoleOfCell(std::string_view cell);
// GBCS.md 2.1: mode 8 belongs to the recovery key, mode 9 to the contingency key. Empty for any other key.
std::string ModeOfKey(std::string_view key);
// pma-member, pma-alternate, pma-chair, key-custodian, incident-lead, incident-operator, auditor.
bool IsPolicyRole(std::string_view role);

}  // namespace smki::procedures
