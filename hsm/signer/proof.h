// What opens limits.outstanding further: a Device's own word that it holds the directed keys (I6).
#pragma once

#include "hsm/signer/admission.h"
#include "hsm/signer/frames.h"
#include "hsm/signer/gate.h"

namespace smki::hsm {

// OK, or PROOF_INVALID: the response is signed by the Device's certificate, which one of the policy's Device
// authorities issued; it answers a counter that was given to this Device; and every directed cell holds the directed
// key.
Status CheckProof(const ProofItem& proof, const AdmittedDirection& admitted, const Gate& gate, UtcTime now);

}  // namespace smki::hsm
