// What verifying one signature of one issuer costs: PublicKey::VerifyDigest with a loaded key against IssuerVerifier.
#pragma once

#include <cstddef>
#include <vector>

namespace smki::bench {

struct VerifyRate {
  size_t threads = 1;
  size_t block = 0;         // claims a call to IssuerVerifier::Verify; 0: PublicKey::VerifyDigest
  double rate = 0;          // signatures a second of the clock, all threads together
  double microseconds = 0;  // of processor time, a signature
  double speedup = 0;       // in processor time, against VerifyDigest with as many threads
};

// One thread, then as many as there are cores; blocks of 64, 256 and 1024. In each round every way runs for `seconds`,
// one after the other, so that all see the same machine; each figure is the median of the rounds. Ends the process if
// an answer is wrong. Prints a table.
std::vector<VerifyRate> MeasureVerifyRate(double seconds, int rounds);

}  // namespace smki::bench
