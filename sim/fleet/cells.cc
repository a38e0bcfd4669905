#include "sim/fleet/cells.h"

#include <algorithm>

#include "base/status.h"

namespace smki::sim {
namespace {

std::vector<gbcs::TrustAnchorCell> Cells(std::initializer_list<const char*> texts) {
  std::vector<gbcs::TrustAnchorCell> out;
  for (const char* text : texts) {
    const auto cell = gbcs::TrustAnchorCell::Parse(text);
    SMKI_CHECK(cell.has_value());
    out.push_back(*cell);
  }
  return out;
}

}  // namespace

const std::vector<DeviceType>& DeviceTypes() {
  static const std::vector<DeviceType> types = {
      {"ESME", 8,
       Cells({"root/keyCertSign", "recovery/digitalSignature", "supplier/digitalSignature", "supplier/keyAgreement",
              "supplier/keyAgreement/prePaymentTopUp", "networkOperator/digitalSignature",
              "networkOperator/keyAgreement", "accessControlBroker/keyAgreement", "transitionalCoS/digitalSignature"})},
      {"GPF", 6,
       Cells({"root/keyCertSign", "recovery/digitalSignature", "supplier/digitalSignature", "supplier/keyAgreement",
              "supplier/keyAgreement/prePaymentTopUp", "networkOperator/digitalSignature",
              "networkOperator/keyAgreement", "accessControlBroker/keyAgreement", "transitionalCoS/digitalSignature"})},
      {"GSME", 3,
       Cells({"root/keyCertSign", "recovery/digitalSignature", "supplier/digitalSignature", "supplier/keyAgreement",
              "supplier/keyAgreement/prePaymentTopUp", "accessControlBroker/keyAgreement",
              "transitionalCoS/digitalSignature"})},
      {"PPMID", 2,
       Cells({"root/keyCertSign", "recovery/digitalSignature", "supplier/digitalSignature", "supplier/keyAgreement",
              "accessControlBroker/keyAgreement", "transitionalCoS/digitalSignature"})},
      {"HCALCS", 1,
       Cells({"root/keyCertSign", "recovery/digitalSignature", "supplier/digitalSignature", "supplier/keyAgreement",
              "accessControlBroker/keyAgreement", "transitionalCoS/digitalSignature"})},
      {"CHF", 4,
       Cells({"root/keyCertSign", "recovery/digitalSignature", "accessControlBroker/digitalSignature",
              "accessControlBroker/keyAgreement", "wanProvider/digitalSignature", "transitionalCoS/digitalSignature"})},
  };
  return types;
}

bool DeviceType::HasCellOf(gbcs::Role role) const {
  return std::any_of(cells.begin(), cells.end(), [&](const gbcs::TrustAnchorCell& cell) { return cell.role == role; });
}

const DeviceType* FindDeviceType(const std::string& name) {
  for (const DeviceType& type : DeviceTypes()) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace smki::sim
