#include "tests/simulation/check/population_reader.h"

#include <span>
#include <vector>

#include "base/wire.h"
#include "pki/digest.h"

namespace smki::simulation {
namespace {

Digest Root(std::span<const Bytes> leaves) {
  Bytes node;
  if (leaves.size() == 1) {
    node.push_back(0);
    Append(node, leaves[0]);
    return pki::Sha256(node);
  }
  size_t half = 1;  // the largest power of two below the number of leaves
  while (half * 2 < leaves.size()) half *= 2;
  node.push_back(1);
  Append(node, Root(leaves.first(half)));
  Append(node, Root(leaves.subspan(half)));
  return pki::Sha256(node);
}

}  // namespace

Digest MerkleRoot(const std::vector<Bytes>& leaves) {
  return leaves.empty() ? pki::Sha256(ByteSpan()) : Root(leaves);
}

StatusOr<Population> ReadPopulation(ByteSpan file) {
  WireReader in(file);
  if (AsText(in.Fixed(8)) != "SMKIPOP1") return InvalidArgument("no SMKIPOP1 at the beginning");
  Population out;
  out.environment = in.Text();
  out.estate = in.Text();
  out.group = in.Text();
  const uint64_t count = in.U64();
  if (!in.ok() || count != (file.size() - in.offset()) / 8 || (file.size() - in.offset()) % 8 != 0)
    return InvalidArgument("it says {} Devices, {} octets follow", count, file.size() - in.offset());
  std::vector<Bytes> leaves{ToBytes(file.first(in.offset()))};
  Eui64 last;
  for (uint64_t i = 0; i < count; ++i) {
    const ByteSpan octets = in.Fixed(8);
    const Eui64 device = *Eui64::FromBytes(octets);
    if (i > 0 && device <= last) return InvalidArgument("{} after {}", device.ToString(), last.ToString());
    leaves.push_back(ToBytes(octets));
    out.devices.insert(device);
    last = device;
  }
  out.digest = MerkleRoot(leaves);
  return out;
}

}  // namespace smki::simulation
