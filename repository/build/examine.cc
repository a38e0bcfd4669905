#include "repository/build/examine.h"

#include <algorithm>
#include <deque>
#include <map>

#include "pki/digest.h"
#include "pki/sha256_many.h"
#include "repository/extract/base64_body.h"
#include "repository/profile/record_check.h"

namespace smki::repository {
namespace {

constexpr size_t kUsualRecord = 800;  // octets of XML, or somewhat more

bool Same(ByteSpan a, ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

bool IsDeviceKind(CertificateKind kind) {
  return kind == CertificateKind::kDevice || kind == CertificateKind::kDeviceAuthority;
}

// What a chunk's certificates say of their issuers is nearly always the same: found once.
class IssuerCache {
 public:
  explicit IssuerCache(const Authorities& authorities) : authorities_(authorities) {}
  struct Line {
    bool device;
    ByteSpan name, identifier;
    std::array<uint8_t, 8> hash;
    Issuers issuers;
  };
  // Stays true as long as this does.
  const Line& Find(const CertificateView& view) {
    const bool device = IsDeviceKind(view.kind);
    // The last ones only: names made up by an attacker must not make this slow.
    const size_t first = lines_.size() - std::min(lines_.size(), kLookedAt);
    for (size_t i = lines_.size(); i-- > first;) {
      const Line& line = lines_[i];
      if (line.device == device && Same(line.identifier, view.authority_key_identifier) && Same(line.name, view.issuer))
        return line;
    }
    const Digest digest = pki::Sha256(view.issuer);
    Line& line = lines_.emplace_back(Line{device, view.issuer, view.authority_key_identifier, {}, {}});
    std::copy_n(digest.begin(), line.hash.size(), line.hash.begin());
    line.issuers = authorities_.Find(view);
    return line;
  }

 private:
  static constexpr size_t kLookedAt = 16;
  const Authorities& authorities_;
  std::deque<Line> lines_;
};

// What was learnt from one chunk holds for the next.
CertificateTemplates& TemplatesOfThisThread() {
  static thread_local CertificateTemplates templates;
  return templates;
}

std::vector<Digest> DigestsOf(const std::vector<ByteSpan>& messages) {
  std::vector<Digest> out(messages.size());
  pki::Sha256Many(messages, out);
  return out;
}

}  // namespace

// Certificates that passed their own checks, to be verified together.
struct Examiner::Claims {
  std::vector<ByteSpan> signed_parts;
  std::vector<pki::RawSignature> signatures;
  std::vector<const Issuers*> issuers;  // of each; empty: nothing to verify it with yet

  void Add(const CertificateView& view, const Issuers& of) {
    signed_parts.push_back(view.tbs);
    signatures.push_back(view.signature);
    issuers.push_back(&of);
  }
  // 1 for each that one of its issuers signed, and for each that has none.
  std::vector<uint8_t> Verify() const;
};

std::vector<uint8_t> Examiner::Claims::Verify() const {
  std::vector<uint8_t> valid(issuers.size(), 1);
  const std::vector<Digest> digests = DigestsOf(signed_parts);
  std::map<const Issuer*, std::vector<size_t>> by_issuer;
  for (size_t i = 0; i < issuers.size(); ++i) {
    if (issuers[i]->empty()) continue;
    valid[i] = 0;
    for (const auto& issuer : *issuers[i]) by_issuer[issuer.get()].push_back(i);
  }
  std::vector<pki::IssuerVerifier::Claim> claims;
  std::vector<uint8_t> answers;
  for (const auto& [issuer, indexes] : by_issuer) {
    claims.clear();
    for (const size_t i : indexes) claims.push_back({digests[i], signatures[i]});
    answers.assign(indexes.size(), 0);
    issuer->Verify(claims, answers);
    for (size_t k = 0; k < indexes.size(); ++k) valid[indexes[k]] |= answers[k];
  }
  return valid;
}

// The certificates of one chunk, one after the other.
class Examiner::Batch {
 public:
  Batch(const Examiner& examiner, size_t guess, Examined& out)
      : examiner_(examiner), out_(out), cache_(examiner.authorities_) {
    out.items.reserve(guess);
    ders_.reserve(guess);
  }

  // One that passed its own checks: its entry, the issuer's part of the key, and whether it must wait.
  Entry& Add(const CertificateView& view, RecordState state, RecordPlace place) {
    static const Issuers kNone;
    if (view.is_ca) examiner_.authorities_.Add(view);
    const IssuerCache::Line& line = cache_.Find(view);
    const Issuers& issuers = view.is_ca ? kNone : line.issuers;
    if (issuers.empty()) out_.pending.push_back(out_.items.size());
    ders_.push_back(view.der);
    if (examiner_.verify_ == Verify::kFull) claims_.Add(view, issuers);
    Examined::Item& item = out_.items.emplace_back(Examined::Item{Entry::Of(view, state, line.hash), place});
    item.entry.offset = static_cast<uint64_t>(view.der.data() - out_.bodies.octets().data());
    return item.entry;
  }

  // Digests and signatures. What no issuer known so far has signed waits: another key of the same name may come, and
  // which chunk is examined first must not decide.
  void Finish() {
    const std::vector<Digest> digests = DigestsOf(ders_);
    for (size_t i = 0; i < digests.size(); ++i) out_.items[i].entry.digest = digests[i];
    if (examiner_.verify_ == Verify::kStructure) return;
    const std::vector<uint8_t> valid = claims_.Verify();
    for (size_t i = 0; i < valid.size(); ++i) {
      if (valid[i] == 0) out_.pending.push_back(i);
    }
    std::sort(out_.pending.begin(), out_.pending.end());
  }

 private:
  const Examiner& examiner_;
  Examined& out_;
  IssuerCache cache_;
  std::vector<ByteSpan> ders_;
  Claims claims_;
};

Examined Examiner::Examine(const Chunk& chunk, DayNumber day) const {
  Examined out;
  out.file = chunk.file;
  out.first = chunk.first;
  out.last = chunk.last;
  out.bodies = OctetBuffer(Base64Room(chunk.xml.size()) + 64);
  Batch batch(*this, chunk.xml.size() / kUsualRecord, out);
  RecordScanner scanner(AsText(chunk.xml.octets()), chunk.offset, chunk.first);
  ScannedRecord scanned;
  CertificateView view;
  RecordState state;
  CertificateTemplates& templates = TemplatesOfThisThread();
  while ((out.end = scanner.Next(scanned)) == RecordScanner::Step::kRecord) {
    ++out.records;
    const RecordPlace place{chunk.file, scanned.offset};
    if (const auto fault = CheckRecord(scanned, out.bodies, view, state, &templates)) {
      out.rejects.push_back({place, *fault, ToBytes(view.serial)});
      continue;
    }
    Entry& entry = batch.Add(view, state, place);
    entry.lodged = entry.changed = day;
  }
  if (out.end == RecordScanner::Step::kRefused) {
    out.refusal = scanner.refusal();
    out.refusal_detail = scanner.refusal_detail();
    out.refusal_offset = scanner.refusal_offset();
  }
  if (chunk.first) out.headers = scanner.headers();
  batch.Finish();
  return out;
}

StatusOr<Examined> Examiner::ExamineStore(std::span<const Present> present) const {
  Examined out;
  size_t octets = 0;
  for (const Present& one : present) octets += one.der.size();
  out.bodies = OctetBuffer(octets);
  Batch batch(*this, present.size(), out);
  CertificateView view;
  CertificateTemplates& templates = TemplatesOfThisThread();
  for (const Present& one : present) {
    const size_t before = out.bodies.size();
    out.bodies.Append(one.der);
    if (const auto fault = templates.Read(out.bodies.octets().subspan(before), view))
      return DataLoss("the certificate at octet {} is wrong: {}", one.entry.offset, Text(fault->reject));
    Entry& entry = batch.Add(view, {one.entry.status, one.entry.manufacturing}, one.place);
    entry.lodged = one.entry.lodged;
    entry.changed = one.entry.changed;
  }
  out.records = present.size();
  batch.Finish();
  for (size_t i = 0; i < present.size(); ++i) {
    const Examined::Item& item = out.items[i];
    Entry expected = present[i].entry;
    expected.offset = item.entry.offset;
    std::array<uint8_t, Entry::kSize> a, b;
    expected.Encode(a.data());
    item.entry.Encode(b.data());
    if (a != b)
      return DataLoss("the entry of certificate {} does not agree with its certificate", ToHex(item.entry.serial));
  }
  return out;
}

std::vector<std::pair<size_t, Fault>> Examiner::Conclude(std::span<const Waiting> waiting) const {
  std::vector<std::pair<size_t, Fault>> faults;
  Claims claims;
  std::vector<Issuers> issuers(waiting.size());
  std::vector<size_t> at;
  for (size_t i = 0; i < waiting.size(); ++i) {
    CertificateView view;
    if (ReadCertificate(waiting[i].der, view)) {
      faults.push_back({i, {Reject::kDER_BAD, "it cannot be read back"}});
    } else if (view.is_ca) {
      if (!authorities_.IsTrusted(view)) faults.push_back({i, {Reject::kAUTHORITY_UNTRUSTED, ""}});
    } else {
      issuers[i] = authorities_.Find(view);
      if (issuers[i].empty()) faults.push_back({i, {Reject::kISSUER_UNKNOWN, ""}});
      if (issuers[i].empty() || verify_ == Verify::kStructure) continue;
      claims.Add(view, issuers[i]);
      at.push_back(i);
    }
  }
  const std::vector<uint8_t> valid = claims.Verify();
  for (size_t k = 0; k < at.size(); ++k) {
    if (valid[k] == 0) faults.push_back({at[k], {Reject::kSIGNATURE_WRONG, ""}});
  }
  return faults;
}

}  // namespace smki::repository
