#include "procedures/words.h"

#include <algorithm>
#include <iterator>

namespace smki::procedures {
namespace {

constexpr std::string_view kCellRoles[] = {
    "root",        "recovery",      "supplier", "networkOperator", "accessControlBroker", "transitionalCoS",
    "wanProvider", "loadController"};
constexpr std::string_view kCellUsages[] = {"digitalSignature", "keyAgreement"};
constexpr std::string_view kPolicyRoles[] = {"pma-member",    "pma-alternate",     "pma-chair", "key-custodian",
                                             "incident-lead", "incident-operator", "auditor"};
constexpr std::string_view kRecoveryMode = "anyExceptAbnormalRootByRecovery";
constexpr std::string_view kContingencyMode = "anyByContingency";

template <size_t N>
bool IsOneOf(const std::string_view (&words)[N], std::string_view word) {
  return std::find(std::begin(words), std::end(words), word) != std::end(words);
}

}  // namespace

std::optional<std::string> RoleOfCell(std::string_view cell) {
  if (cell == "supplier/keyAgreement/prePaymentTopUp") return "supplier";
  const size_t slash = cell.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  const std::string_view role = cell.substr(0, slash);
  const std::string_view usage = cell.substr(slash + 1);
  // GBCS.md 1.4: the root cell's usage is keyCertSign, and only its.
  const bool known = role == "root" ? usage == "keyCertSign" : IsOneOf(kCellRoles, role) && IsOneOf(kCellUsages, usage);
  if (!known) return std::nullopt;
  return std::string(role);
}

std::string ModeOfKey(std::string_view key) {
  return std::string(key == "recovery" ? kRecoveryMode : key == "contingency" ? kContingencyMode : "");
}

bool IsPolicyRole(std::string_view role) {
  return IsOneOf(kPolicyRoles, role);
}

}  // namespace smki::procedures
