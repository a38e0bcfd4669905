// Secret zeroises what we own. What C libraries copied through stack buffers and vector registers they leave there, and
// a new thread even inherits the registers: tests/security/memory_test.cc found shares in both.
#pragma once

namespace smki::hsm {

// Overwrites the stack below the caller, as deep as custody and PKCS#11 ever call, and the vector registers.
void ForgetLeftovers();

}  // namespace smki::hsm
