// What the ACB-SMD MAC of a message is computed with and over (GBCS.md 2.4). Pure; the cryptography is
// pki/message_mac.h. Who agree on the secret are the Access Control Broker's and the Device's keyAgreement keys,
// whoever the originator is.
#pragma once

#include "gbcs/message.h"

namespace smki::gbcs {

struct MacInputs {
  Bytes other_info;     // 33 octets, for the key derivation
  Bytes iv;             // 12 octets
  Bytes authenticated;  // additional data: from the MAC Header's security control to the end of the signature
};

// Of the message with or without its MAC: what it carries as one plays no part.
MacInputs MacInputsOf(const Message& message);

}  // namespace smki::gbcs
