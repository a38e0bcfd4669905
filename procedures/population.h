// A population file: the Devices of one directed group (docs/formats/population.md).
//
//   "SMKIPOP1" | u32+environment kind | u32+estate | u32+group | u64 count | count x 8 octets EUI-64, strictly
//   increasing
//
// Digest: Merkle root (RFC 6962) whose leaf 0 is everything before the first EUI-64 and leaf i the i-th EUI-64.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "procedures/environment.h"

namespace smki::procedures {

struct Population {
  Environment environment;
  std::string group;
  std::vector<Eui64> devices;  // strictly increasing
  // Index of `device`, or nullopt.
  std::optional<size_t> RankOf(Eui64 device) const;
};

inline constexpr uint64_t kMaxPopulation = 100'000'000;

Bytes EncodePopulation(const Population& population);
// Refuses with POPULATION_MALFORMED, saying the offset.
StatusOr<Population> ParsePopulation(ByteSpan file);
Digest PopulationDigest(ByteSpan file);  // of a well-formed file
// OK or POPULATIONS_OVERLAP naming the first Device found in two.
Status CheckDisjoint(const std::vector<const Population*>& populations);

}  // namespace smki::procedures
