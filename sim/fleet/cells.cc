#include "sim/fleet/cells.h"

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
      {"ESME",
       Cells({"root/keyCertSign", "recovery/digitalSignature", "supplier/digitalSignature", "supplier/keyAgreement",
              "supplier/keyAgreement/prePaymentTopUp", "networkOperator/digitalSignature",
              "networkOperator/keyAgreement", "accessControlBroker/keyAgreement", "transitionalCoS/digitalSignature"})},
      {"GPF",
       Cells({"root/keyCertSign", "recovery/digitalSignature", "supplier/digitalSignature", "supplier/keyAgreement",
              "supplier/keyAgreement/prePaymentTopUp", "networkOperator/digitalSignature",
              "networkOperator/keyAgreement", "accessControlBroker/keyAgreement", "transitionalCoS/digitalSignature"})},
  };
  return types;
}

const DeviceType* FindDeviceType(const std::string& name) {
  for (const DeviceType& type : DeviceTypes()) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

}  // namespace smki::sim
