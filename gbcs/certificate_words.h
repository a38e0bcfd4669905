// A certificate in words: subject, EUI-64, key identifier, usage, validity, issuer, by a small walk of its DER. For
// people only; what a certificate is trusted for is decided in pki. Inside gbcs only.
#pragma once

#include "base/der.h"
#include "gbcs/describe.h"

namespace smki::gbcs {

// `certificate` is the whole X.509 SEQUENCE. Sets the value and the parts of `out`; what cannot be read is left out
// and the value says where reading stopped.
void DescribeCertificate(const DerValue& certificate, Described& out);

}  // namespace smki::gbcs
