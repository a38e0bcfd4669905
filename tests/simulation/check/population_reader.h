// A population file (docs/formats/population.md).
#pragma once

#include <set>
#include <string>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"

namespace smki::simulation {

struct Population {
  std::string environment, estate, group;
  std::set<Eui64> devices;
  Digest digest{};  // Merkle root of RFC 6962, recomputed
};
StatusOr<Population> ReadPopulation(ByteSpan file);

// RFC 6962 section 2.1, recursively: another way than pki::MerkleTree's.
Digest MerkleRoot(const std::vector<Bytes>& leaves);

}  // namespace smki::simulation
