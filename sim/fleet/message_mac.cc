#include "sim/fleet/message_mac.h"

#include "gbcs/message_mac.h"
#include "pki/message_mac.h"

namespace smki::sim {

gbcs::Mac MacOf(const gbcs::Message& message, const pki::PrivateKey& own, const pki::PublicKey& other) {
  const gbcs::MacInputs inputs = gbcs::MacInputsOf(message);
  const Secret key = pki::DeriveMacKey(pki::AgreeOn(own, other), inputs.other_info);
  return pki::Gmac(key, inputs.iv, inputs.authenticated);
}

}  // namespace smki::sim
