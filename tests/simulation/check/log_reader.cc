#include "tests/simulation/check/log_reader.h"

#include <algorithm>

#include "base/wire.h"
#include "pki/digest.h"

namespace smki::simulation {
namespace {

constexpr uint32_t kMaxPayload = 16 << 20;
constexpr size_t kFrame = 4 + 1 + 4 + 32;  // length, type, check, head

// Of the end of the list: more items than octets is no list.
uint32_t Count(WireReader& in, ByteSpan payload) {
  const uint32_t count = in.U32();
  if (count <= payload.size()) return count;
  in.Fixed(payload.size() + 1);
  return 0;
}

UtcTime Time(WireReader& in) {
  return {static_cast<int64_t>(in.U64())};
}

void Burn(WireReader& in, ByteSpan payload, JournalRecord& out) {
  out.time = Time(in);
  out.digest = in.Digest();
  out.group = in.Text();
  out.ledger_sequence = in.U64();
  out.ledger_head = in.Digest();
  for (uint32_t i = Count(in, payload); i > 0 && in.ok(); --i) {
    BurnItem& item = out.items.emplace_back();
    item.device = in.Eui();
    item.attempt = in.U32();
    item.counter = in.U64();
  }
}

void Signatures(WireReader& in, ByteSpan payload, JournalRecord& out) {
  out.burn = in.U64();
  for (uint32_t i = Count(in, payload); i > 0 && in.ok(); --i) {
    const ByteSpan octets = in.Fixed(64);
    if (in.ok()) std::copy(octets.begin(), octets.end(), out.signatures.emplace_back().begin());
  }
}

void Admitted(WireReader& in, JournalRecord& out) {
  out.time = Time(in);
  out.digest = in.Digest();
  out.id = in.Text();
  out.incident = in.Text();
  out.environment = in.Text();
  out.nonce = in.Text();
  out.first = in.U64();
  out.last = in.U64();
  out.ledger_sequence = in.U64();
  out.ledger_head = in.Digest();
  out.newest_evidence = Time(in);
}

void Custody(WireReader& in, ByteSpan payload, JournalRecord& out) {
  out.time = Time(in);
  out.text = in.Text();
  out.digest = in.Digest();
  out.id = in.Text();
  in.Text();  // key
  out.environment = in.Text();
  out.nonce = in.Text();
  in.U64();  // version
  out.from = in.Digest();
  out.to = in.Digest();
  for (uint32_t i = Count(in, payload); i > 0 && in.ok(); --i) in.Text();
  in.Text();
  out.newest_evidence = Time(in);
}

void Attendance(WireReader& in, JournalRecord& out) {
  out.time = Time(in);
  out.digest = in.Digest();
  out.person = in.Text();
}

void Opened(WireReader& in, JournalRecord& out) {
  out.time = Time(in);
  out.digest = in.Digest();
  out.request = in.Digest();
  out.epoch = in.U64();
}

void Proven(WireReader& in, ByteSpan payload, JournalRecord& out) {
  out.time = Time(in);
  out.digest = in.Digest();
  for (uint32_t i = Count(in, payload); i > 0 && in.ok(); --i) out.devices.push_back(in.Eui());
}

void OrderRecord(WireReader& in, JournalRecord& out) {
  out.time = Time(in);
  out.text = in.Text();
  out.person = in.Text();
  out.digest = in.Digest();
  out.document = ToBytes(in.Octets());
  out.cms = ToBytes(in.Octets());
  in.Text();  // the seat: judged by who signed
}

}  // namespace

StatusOr<std::vector<LogRecord>> GrowingLog::Read(ByteSpan file) {
  if (file.size() < octets_.size() || !std::equal(octets_.begin(), octets_.end(), file.begin()))
    return DataLoss("its first {} octets were {} records, and are not any more", octets_.size(), heads_.size());
  std::vector<LogRecord> out;
  WireReader in(file);
  if (octets_.empty()) {
    const ByteSpan magic = in.Fixed(8);
    const std::string kind = in.Text();
    torn_ = !in.ok();
    if (torn_) return out;
    if (AsText(magic) != "SMKILOG1" || kind != kind_) return DataLoss("it does not begin as a log of kind {}", kind_);
    first_ = pki::Sha256(file.first(in.offset()));
    octets_ = ToBytes(file.first(in.offset()));
  }
  for (;;) {
    const ByteSpan rest = file.subspan(octets_.size());
    torn_ = !rest.empty();
    WireReader frame(rest);
    const uint32_t length = frame.U32();
    LogRecord record;
    record.type = frame.U8();
    const ByteSpan check = frame.Fixed(4);
    if (!frame.ok() || length > kMaxPayload || rest.size() < kFrame + length) return out;
    const ByteSpan payload = frame.Fixed(length);
    record.head = frame.Digest();
    Bytes hashed = ToBytes(heads_.empty() ? first_ : heads_.back());
    Append(hashed, rest.first(5));
    const Digest checked = pki::Sha256(hashed);
    Append(hashed, payload);
    if (!std::equal(check.begin(), check.end(), checked.begin()) || pki::Sha256(hashed) != record.head) return out;
    record.number = heads_.size();
    record.payload = ToBytes(payload);
    heads_.push_back(record.head);
    Append(octets_, rest.first(kFrame + length));
    ends_.push_back(octets_.size());
    out.push_back(std::move(record));
  }
}

bool GrowingLog::HasBeginning(ByteSpan file) const {
  if (file.size() > octets_.size() || !std::equal(file.begin(), file.end(), octets_.begin())) return false;
  return file.empty() || std::find(ends_.begin(), ends_.end(), file.size()) != ends_.end() || ends_.empty() ||
         file.size() < ends_.front();
}

StatusOr<JournalRecord> ReadJournalRecord(const LogRecord& record) {
  WireReader in(record.payload);
  JournalRecord out;
  switch (record.type) {
    case kAdmitted:
      Admitted(in, out);
      break;
    case kAttendance:
      Attendance(in, out);
      break;
    case kOpened:
      Opened(in, out);
      break;
    case kBurn:
      Burn(in, record.payload, out);
      break;
    case kSignatures:
      Signatures(in, record.payload, out);
      break;
    case kProven:
      Proven(in, record.payload, out);
      break;
    case kClosed:
      out.time = Time(in);
      out.digest = in.Digest();
      out.text = in.Text();
      break;
    case kRefusal:
      out.time = Time(in);
      out.text = in.Text();
      in.Text();
      in.U64();
      break;
    case kOrder:
      OrderRecord(in, out);
      break;
    case kCustody:
      Custody(in, record.payload, out);
      break;
    default:
      return DataLoss("a record of type {}", record.type);
  }
  SMKI_RETURN_IF_ERROR(in.Finish("it"));
  return out;
}

StatusOr<CampaignRecord> ReadCampaignRecord(const LogRecord& record) {
  WireReader in(record.payload);
  CampaignRecord out;
  switch (record.type) {
    case kCampaignOpened:
      in.U64();
      out.incident = in.Text();
      out.direction = in.Digest();
      for (uint32_t i = Count(in, record.payload); i > 0 && in.ok(); --i) {
        in.Text();
        in.U64();
        in.Digest();
      }
      break;
    case kCampaignSigned:
      out.batch = in.U64();
      for (uint32_t i = Count(in, record.payload); i > 0 && in.ok(); --i) {
        CampaignItem& item = out.items.emplace_back();
        item.device = in.Eui();
        item.attempt = in.U32();
        item.counter = in.U64();
        item.command = in.Digest();
      }
      break;
    case kCampaignResponse:
      in.U64();
      in.U64();
      out.device = in.Eui();
      out.attempt = in.U32();
      out.counter = in.U64();
      out.outcome = in.U8();
      in.Text();
      out.octets = ToBytes(in.Octets());
      break;
    case kCampaignEnded:
      out.device = in.Eui();
      out.outcome = in.U8();
      in.Text();
      break;
    case kCampaignProven:
      for (uint32_t i = Count(in, record.payload); i > 0 && in.ok(); --i) out.devices.push_back(in.Eui());
      break;
    default:
      return out;
  }
  SMKI_RETURN_IF_ERROR(in.Finish("it"));
  return out;
}

}  // namespace smki::simulation
