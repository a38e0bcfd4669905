#include "ledger/proof_records.h"

#include "base/wire.h"

namespace smki::ledger {
namespace {

// Makes the reader fail if the count is above what a record may hold, before anything is reserved.
uint32_t Count(WireReader& in, size_t limit) {
  const uint32_t count = in.U32();
  if (count <= limit) return count;
  in.Fixed(SIZE_MAX);
  return 0;
}

}  // namespace

Bytes Encode(const ProofScope& r) {
  WireWriter out;
  out.U64(static_cast<uint64_t>(r.time.ms));
  out.Text(r.incident);
  out.Text(r.step);
  out.U16(r.message_code);
  out.U32(static_cast<uint32_t>(r.originators.size()));
  for (const Eui64 originator : r.originators) out.Eui(originator);
  return out.Take();
}

StatusOr<ProofScope> DecodeProofScope(ByteSpan octets) {
  WireReader in(octets);
  ProofScope r;
  r.time = UtcTime{static_cast<int64_t>(in.U64())};
  r.incident = in.Text();
  r.step = in.Text();
  r.message_code = in.U16();
  for (uint32_t left = Count(in, kMaxProofOriginators); left > 0 && in.ok(); --left) r.originators.push_back(in.Eui());
  SMKI_RETURN_IF_ERROR(in.Finish("the scope of a proof"));
  return r;
}

Bytes Encode(const ProofGroup& r) {
  WireWriter out;
  out.U32(static_cast<uint32_t>(r.cells.size()));
  for (const ProofCell& cell : r.cells) {
    out.Text(cell.cell);
    out.Fixed(cell.certificate);
  }
  out.U32(static_cast<uint32_t>(r.devices.size()));
  for (const Eui64 device : r.devices) out.Eui(device);
  return out.Take();
}

StatusOr<ProofGroup> DecodeProofGroup(ByteSpan octets) {
  WireReader in(octets);
  ProofGroup r;
  for (uint32_t left = Count(in, kMaxProofCells); left > 0 && in.ok(); --left) {
    std::string cell = in.Text();
    r.cells.push_back({std::move(cell), in.Digest()});
  }
  for (uint32_t left = Count(in, kMaxProofDevices); left > 0 && in.ok(); --left) {
    const Eui64 device = in.Eui();
    if (!r.devices.empty() && !(r.devices.back() < device))
      return DataLoss("a group of a proof: Device {} stands out of order", device.ToString());
    r.devices.push_back(device);
  }
  SMKI_RETURN_IF_ERROR(in.Finish("a group of a proof"));
  return r;
}

Bytes Encode(const ProofBegun& r) {
  WireWriter out;
  out.U64(r.devices);
  return out.Take();
}

StatusOr<ProofBegun> DecodeProofBegun(ByteSpan octets) {
  WireReader in(octets);
  const ProofBegun r{in.U64()};
  SMKI_RETURN_IF_ERROR(in.Finish("the beginning of a proof"));
  return r;
}

Bytes Encode(const ProofResponse& r) {
  WireWriter out;
  out.U64(r.sequence);
  out.Eui(r.device);
  out.Octets(r.octets);
  return out.Take();
}

StatusOr<ProofResponse> DecodeProofResponse(ByteSpan octets) {
  WireReader in(octets);
  ProofResponse r;
  r.sequence = in.U64();
  r.device = in.Eui();
  r.octets = ToBytes(in.Octets());
  SMKI_RETURN_IF_ERROR(in.Finish("a response of a proof"));
  if (r.octets.size() > kMaxProofResponse) return DataLoss("a response of a proof has {} octets", r.octets.size());
  return r;
}

}  // namespace smki::ledger
