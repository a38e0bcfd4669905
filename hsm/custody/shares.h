// One token, one secret, one custodian set (I5): how the secret that opens a token is made and split among its
// custodians, and put together again. Threshold scheme: Botan's RTSS (draft-mcgrew-tss-03, SHA-256 checksum).
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/random.h"
#include "base/status.h"
#include "procedures/evidence/share.h"

namespace smki::hsm {

inline constexpr size_t kPinSecret = 32;  // octets; never a memorable PIN

// `count` shares of which any `threshold` (2 to count) give `secret` back and fewer say nothing. A share's
// index is its place in the result, from 1.
StatusOr<std::vector<Secret>> SplitSecret(const Secret& secret, uint8_t threshold, uint8_t count, Random& random);
// kInvalidArgument if the shares are too few or do not belong together (whose is wrong, only a commitment tells).
StatusOr<Secret> CombineShares(const std::vector<const Secret*>& shares);

// The user PIN of a token as PKCS#11 takes it: the secret in 64 hexadecimal digits.
Secret PinOf(const Secret& secret);

// A new secret for a token and the record of each custodian, in the order of `persons`. The policy gets a commitment of
// each (procedures::CommitmentOf); only then can it be rendered and bound in the token (provision.h).
struct Custody {
  Secret secret;
  std::vector<procedures::ShareRecord> shares;
};
StatusOr<Custody> MakeCustody(const procedures::Environment& environment, const std::string& key,
                              const std::vector<std::string>& persons, uint8_t threshold, Random& random);

}  // namespace smki::hsm
