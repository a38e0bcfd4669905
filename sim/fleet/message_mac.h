// The ACB-SMD MAC of a message (GBCS.md 2.4), for those who make it and for Devices that check it.
#pragma once

#include "gbcs/message.h"
#include "pki/key.h"

namespace smki::sim {

// With one side's keyAgreement key and the other's public one: the Access Control Broker's and the Device's.
gbcs::Mac MacOf(const gbcs::Message& message, const pki::PrivateKey& own, const pki::PublicKey& other);

}  // namespace smki::sim
