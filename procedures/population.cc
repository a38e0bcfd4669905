#include "procedures/population.h"

#include <algorithm>
#include <functional>
#include <queue>

#include "base/wire.h"
#include "pki/digest.h"
#include "procedures/canonical.h"
#include "procedures/reason.h"

namespace smki::procedures {
namespace {

constexpr std::string_view kMagic = "SMKIPOP1";

template <typename... Args>
Status Malformed(fmt::format_string<Args...> format, Args&&... args) {
  return Refuse(Reason::kPOPULATION_MALFORMED, fmt::format(format, std::forward<Args>(args)...));
}

// Reads up to the first EUI-64; the number of Devices that the header announces.
StatusOr<uint64_t> ReadHeader(WireReader& in, Population& out) {
  if (AsText(in.Fixed(kMagic.size())) != kMagic) return Malformed("at octet 0: expected {}", kMagic);
  out.environment.kind = in.Text();
  out.environment.estate = in.Text();
  out.group = in.Text();
  const uint64_t count = in.U64();
  if (!in.ok()) return Malformed("the header ends too early, at octet {}", in.offset());
  if (!out.environment.IsKnownKind() || !IsIdentifier(out.environment.estate) || !IsIdentifier(out.group)) {
    return Malformed("before octet {}: environment, estate or group is no name", in.offset());
  }
  return count;
}

}  // namespace

std::optional<size_t> Population::RankOf(Eui64 device) const {
  const auto it = std::lower_bound(devices.begin(), devices.end(), device);
  if (it == devices.end() || *it != device) return std::nullopt;
  return static_cast<size_t>(it - devices.begin());
}

Bytes EncodePopulation(const Population& population) {
  WireWriter out;
  out.Fixed(AsBytes(kMagic));
  out.Text(population.environment.kind);
  out.Text(population.environment.estate);
  out.Text(population.group);
  out.U64(population.devices.size());
  for (const Eui64 device : population.devices) out.Eui(device);
  return out.Take();
}

StatusOr<Population> ParsePopulation(ByteSpan file) {
  Population out;
  WireReader in(file);
  SMKI_ASSIGN_OR_RETURN(const uint64_t count, ReadHeader(in, out));
  const uint64_t room = file.size() - in.offset();
  if (count > kMaxPopulation || room != count * Eui64::kSize) {
    return Malformed("at octet {}: {} Devices announced, {} octets follow; at most {} Devices are allowed", in.offset(),
                     count, room, kMaxPopulation);
  }
  out.devices.reserve(count);
  for (uint64_t i = 0; i < count; ++i) {
    const size_t offset = in.offset();
    const Eui64 device = in.Eui();
    if (i > 0 && device <= out.devices.back()) {
      return Malformed("at octet {}: {} after {}; Devices stand in increasing order, each once", offset,
                       device.ToString(), out.devices.back().ToString());
    }
    out.devices.push_back(device);
  }
  return out;
}

Digest PopulationDigest(ByteSpan file) {
  Population header;
  WireReader in(file);
  // What is malformed has one leaf: no digest of a well-formed file is like it.
  const size_t start = ReadHeader(in, header).ok() ? in.offset() : file.size();
  pki::MerkleTree tree;
  tree.AddLeaf(file.first(start));
  for (size_t at = start; at < file.size(); at += Eui64::kSize) {
    tree.AddLeaf(file.subspan(at, std::min(Eui64::kSize, file.size() - at)));
  }
  return tree.Root();
}

Status CheckDisjoint(const std::vector<const Population*>& populations) {
  struct Head {
    Eui64 device;
    size_t population;
    size_t next;
    bool operator>(const Head& other) const { return device > other.device; }
  };
  std::priority_queue<Head, std::vector<Head>, std::greater<>> heads;
  const auto push = [&](size_t population, size_t at) {
    if (at < populations[population]->devices.size())
      heads.push({populations[population]->devices[at], population, at + 1});
  };
  for (size_t i = 0; i < populations.size(); ++i) push(i, 0);
  while (!heads.empty()) {
    const Head head = heads.top();
    heads.pop();
    if (!heads.empty() && heads.top().device == head.device) {
      return Refuse(Reason::kPOPULATIONS_OVERLAP,
                    fmt::format("Device {} is in groups {} and {}", head.device.ToString(),
                                populations[head.population]->group, populations[heads.top().population]->group));
    }
    push(head.population, head.next);
  }
  return OkStatus();
}

}  // namespace smki::procedures
