#include "ledger/journal_records.h"

#include "base/wire.h"

namespace smki::ledger {
namespace {

constexpr size_t kBurnItemSize = Eui64::kSize + 4 + 8;

void Put(WireWriter& out, UtcTime time) {
  out.U64(static_cast<uint64_t>(time.ms));
}
UtcTime Time(WireReader& in) {
  return {static_cast<int64_t>(in.U64())};
}

// A count of items of `item_size` octets each that `payload` can hold; more is a lie about its length.
Status Fits(uint32_t count, size_t item_size, ByteSpan payload, const char* what) {
  if (count > payload.size() / item_size)
    return DataLoss("{} record claims {} items in {} octets", what, count, payload.size());
  return OkStatus();
}

}  // namespace

Bytes Encode(const JournalDirection& r) {
  WireWriter out;
  Put(out, r.time);
  out.Fixed(r.digest);
  out.Text(r.id);
  out.Text(r.incident);
  out.Text(r.environment);
  out.Text(r.nonce);
  out.U64(r.counter_first);
  out.U64(r.counter_last);
  out.U64(r.ledger_sequence);
  out.Fixed(r.ledger_head);
  Put(out, r.newest_evidence);
  return out.Take();
}
StatusOr<JournalDirection> DecodeJournalDirection(ByteSpan payload) {
  WireReader in(payload);
  JournalDirection r;
  r.time = Time(in);
  r.digest = in.Digest();
  r.id = in.Text();
  r.incident = in.Text();
  r.environment = in.Text();
  r.nonce = in.Text();
  r.counter_first = in.U64();
  r.counter_last = in.U64();
  r.ledger_sequence = in.U64();
  r.ledger_head = in.Digest();
  r.newest_evidence = Time(in);
  SMKI_RETURN_IF_ERROR(in.Finish("direction record"));
  return r;
}

Bytes Encode(const JournalAttendance& r) {
  WireWriter out;
  Put(out, r.time);
  out.Fixed(r.request);
  out.Text(r.person);
  return out.Take();
}
StatusOr<JournalAttendance> DecodeJournalAttendance(ByteSpan payload) {
  WireReader in(payload);
  JournalAttendance r;
  r.time = Time(in);
  r.request = in.Digest();
  r.person = in.Text();
  SMKI_RETURN_IF_ERROR(in.Finish("attendance record"));
  return r;
}

Bytes Encode(const JournalOpened& r) {
  WireWriter out;
  Put(out, r.time);
  out.Fixed(r.direction);
  out.Fixed(r.request);
  out.U64(r.epoch);
  return out.Take();
}
StatusOr<JournalOpened> DecodeJournalOpened(ByteSpan payload) {
  WireReader in(payload);
  JournalOpened r;
  r.time = Time(in);
  r.direction = in.Digest();
  r.request = in.Digest();
  r.epoch = in.U64();
  SMKI_RETURN_IF_ERROR(in.Finish("opened record"));
  return r;
}

Bytes Encode(const JournalBurn& r) {
  WireWriter out;
  Put(out, r.time);
  out.Fixed(r.direction);
  out.Text(r.group);
  out.U64(r.ledger_sequence);
  out.Fixed(r.ledger_head);
  out.U32(static_cast<uint32_t>(r.items.size()));
  for (const JournalBurnItem& item : r.items) {
    out.Eui(item.device);
    out.U32(item.attempt);
    out.U64(item.counter);
  }
  return out.Take();
}
StatusOr<JournalBurn> DecodeJournalBurn(ByteSpan payload) {
  WireReader in(payload);
  JournalBurn r;
  r.time = Time(in);
  r.direction = in.Digest();
  r.group = in.Text();
  r.ledger_sequence = in.U64();
  r.ledger_head = in.Digest();
  const uint32_t count = in.U32();
  SMKI_RETURN_IF_ERROR(Fits(count, kBurnItemSize, payload, "burn"));
  r.items.resize(count);
  for (JournalBurnItem& item : r.items) {
    item.device = in.Eui();
    item.attempt = in.U32();
    item.counter = in.U64();
  }
  SMKI_RETURN_IF_ERROR(in.Finish("burn record"));
  return r;
}

Bytes Encode(const JournalSignatures& r) {
  WireWriter out;
  out.U64(r.burn);
  out.U32(static_cast<uint32_t>(r.signatures.size()));
  for (const auto& signature : r.signatures) out.Fixed(signature);
  return out.Take();
}
StatusOr<JournalSignatures> DecodeJournalSignatures(ByteSpan payload) {
  WireReader in(payload);
  JournalSignatures r;
  r.burn = in.U64();
  const uint32_t count = in.U32();
  SMKI_RETURN_IF_ERROR(Fits(count, 64, payload, "signatures"));
  r.signatures.resize(count);
  for (auto& signature : r.signatures) {
    const ByteSpan octets = in.Fixed(signature.size());
    std::copy(octets.begin(), octets.end(), signature.begin());
  }
  SMKI_RETURN_IF_ERROR(in.Finish("signatures record"));
  return r;
}

Bytes Encode(const JournalProven& r) {
  WireWriter out;
  Put(out, r.time);
  out.Fixed(r.direction);
  out.U32(static_cast<uint32_t>(r.devices.size()));
  for (const Eui64 device : r.devices) out.Eui(device);
  return out.Take();
}
StatusOr<JournalProven> DecodeJournalProven(ByteSpan payload) {
  WireReader in(payload);
  JournalProven r;
  r.time = Time(in);
  r.direction = in.Digest();
  const uint32_t count = in.U32();
  SMKI_RETURN_IF_ERROR(Fits(count, Eui64::kSize, payload, "proven"));
  r.devices.resize(count);
  for (Eui64& device : r.devices) device = in.Eui();
  SMKI_RETURN_IF_ERROR(in.Finish("proven record"));
  return r;
}

Bytes Encode(const JournalClosed& r) {
  WireWriter out;
  Put(out, r.time);
  out.Fixed(r.direction);
  out.Text(r.why);
  return out.Take();
}
StatusOr<JournalClosed> DecodeJournalClosed(ByteSpan payload) {
  WireReader in(payload);
  JournalClosed r;
  r.time = Time(in);
  r.direction = in.Digest();
  r.why = in.Text();
  SMKI_RETURN_IF_ERROR(in.Finish("closed record"));
  return r;
}

Bytes Encode(const JournalRefusal& r) {
  WireWriter out;
  Put(out, r.time);
  out.Text(r.reason);
  out.Text(r.detail);
  out.U64(r.count);
  return out.Take();
}
StatusOr<JournalRefusal> DecodeJournalRefusal(ByteSpan payload) {
  WireReader in(payload);
  JournalRefusal r;
  r.time = Time(in);
  r.reason = in.Text();
  r.detail = in.Text();
  r.count = in.U64();
  SMKI_RETURN_IF_ERROR(in.Finish("refusal record"));
  return r;
}

Bytes Encode(const JournalOrder& r) {
  WireWriter out;
  Put(out, r.time);
  out.Text(r.order);
  out.Text(r.person);
  out.Fixed(r.direction);
  out.Octets(r.document);
  out.Octets(r.cms);
  out.Text(r.seat);
  return out.Take();
}
StatusOr<JournalOrder> DecodeJournalOrder(ByteSpan payload) {
  WireReader in(payload);
  JournalOrder r;
  r.time = Time(in);
  r.order = in.Text();
  r.person = in.Text();
  r.direction = in.Digest();
  r.document = ToBytes(in.Octets());
  r.cms = ToBytes(in.Octets());
  if (!in.at_end()) r.seat = in.Text();
  SMKI_RETURN_IF_ERROR(in.Finish("order record"));
  return r;
}

Bytes Encode(const JournalCustody& r) {
  WireWriter out;
  Put(out, r.time);
  out.Text(r.stage);
  out.Fixed(r.change);
  out.Text(r.id);
  out.Text(r.key);
  out.Text(r.environment);
  out.Text(r.nonce);
  out.U64(r.from_version);
  out.Fixed(r.from);
  out.Fixed(r.to);
  out.U32(static_cast<uint32_t>(r.custodians.size()));
  for (const std::string& person : r.custodians) out.Text(person);
  out.Text(r.detail);
  Put(out, r.newest_evidence);
  return out.Take();
}
StatusOr<JournalCustody> DecodeJournalCustody(ByteSpan payload) {
  WireReader in(payload);
  JournalCustody r;
  r.time = Time(in);
  r.stage = in.Text();
  r.change = in.Digest();
  r.id = in.Text();
  r.key = in.Text();
  r.environment = in.Text();
  r.nonce = in.Text();
  r.from_version = in.U64();
  r.from = in.Digest();
  r.to = in.Digest();
  const uint32_t count = in.U32();
  SMKI_RETURN_IF_ERROR(Fits(count, 4, payload, "custody"));
  r.custodians.resize(count);
  for (std::string& person : r.custodians) person = in.Text();
  r.detail = in.Text();
  r.newest_evidence = Time(in);
  SMKI_RETURN_IF_ERROR(in.Finish("custody record"));
  return r;
}

Bytes Encode(const JournalDestroyed& r) {
  WireWriter out;
  Put(out, r.time);
  out.Fixed(r.direction);
  out.Text(r.key);
  out.Fixed(r.identifier);
  return out.Take();
}
StatusOr<JournalDestroyed> DecodeJournalDestroyed(ByteSpan payload) {
  WireReader in(payload);
  JournalDestroyed r;
  r.time = Time(in);
  r.direction = in.Digest();
  r.key = in.Text();
  const ByteSpan identifier = in.Fixed(r.identifier.size());
  std::copy(identifier.begin(), identifier.end(), r.identifier.begin());
  SMKI_RETURN_IF_ERROR(in.Finish("destroyed record"));
  return r;
}

}  // namespace smki::ledger
