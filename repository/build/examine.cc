#include "repository/build/examine.h"

#include <algorithm>
#include <map>

#include "pki/digest.h"
#include "pki/sha256_many.h"
#include "repository/extract/base64_body.h"
#include "repository/profile/record_check.h"

namespace smki::repository {
namespace {

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
  const Line& Find(const CertificateView& view) {
    const bool device = IsDeviceKind(view.kind);
    for (const Line& line : lines_) {
      if (line.device == device && Same(line.identifier, view.authority_key_identifier) && Same(line.name, view.issuer))
        return line;
    }
    // Names made up by an attacker must not make this slow.
    if (lines_.size() == kMaxLines) lines_.clear();
    const Digest digest = pki::Sha256(view.issuer);
    Line& line = lines_.emplace_back(Line{device, view.issuer, view.authority_key_identifier, {}, {}});
    std::copy_n(digest.begin(), line.hash.size(), line.hash.begin());
    line.issuers = authorities_.Find(view);
    return line;
  }

 private:
  static constexpr size_t kMaxLines = 16;
  const Authorities& authorities_;
  std::vector<Line> lines_;
};

std::vector<Digest> DigestsOf(const std::vector<CertificateView>& views, ByteSpan CertificateView::*part) {
  std::vector<ByteSpan> messages(views.size());
  for (size_t i = 0; i < views.size(); ++i) messages[i] = views[i].*part;
  std::vector<Digest> out(views.size());
  pki::Sha256Many(messages, out);
  return out;
}

}  // namespace

// Certificates of a chunk that passed their own checks, views[i] belonging to items[i].
struct Examiner::Batch {
  std::vector<CertificateView> views;
  std::vector<Issuers> issuers;  // of each; empty: pending
};

std::vector<uint8_t> Examiner::VerifySignatures(const std::vector<CertificateView>& views,
                                                const std::vector<Issuers>& issuers) const {
  std::vector<uint8_t> valid(views.size(), 1);
  if (verify_ == Verify::kStructure) return valid;
  const std::vector<Digest> digests = DigestsOf(views, &CertificateView::tbs);
  std::map<const Issuer*, std::vector<size_t>> by_issuer;
  for (size_t i = 0; i < views.size(); ++i) {
    if (issuers[i].empty()) continue;
    valid[i] = 0;
    for (const auto& issuer : issuers[i]) by_issuer[issuer.get()].push_back(i);
  }
  std::vector<pki::IssuerVerifier::Claim> claims;
  std::vector<uint8_t> answers;
  for (const auto& [issuer, indexes] : by_issuer) {
    claims.clear();
    for (const size_t i : indexes) claims.push_back({digests[i], views[i].signature});
    answers.assign(indexes.size(), 0);
    issuer->Verify(claims, answers);
    for (size_t k = 0; k < indexes.size(); ++k) valid[indexes[k]] |= answers[k];
  }
  return valid;
}

// Issuers, their part of the key, and which items must wait.
void Examiner::FindIssuers(Batch& batch, Examined& out) const {
  IssuerCache cache(authorities_);
  batch.issuers.resize(batch.views.size());
  for (size_t i = 0; i < batch.views.size(); ++i) {
    const CertificateView& view = batch.views[i];
    if (view.is_ca) authorities_.Add(view);
    const IssuerCache::Line& line = cache.Find(view);
    out.items[i].entry.issuer = line.hash;
    if (!view.is_ca) batch.issuers[i] = line.issuers;
    if (batch.issuers[i].empty()) out.pending.push_back(i);
  }
}

// Digests and signatures; what is not its issuer's leaves the items.
void Examiner::Finish(Batch& batch, Examined& out) const {
  FindIssuers(batch, out);
  const std::vector<Digest> digests = DigestsOf(batch.views, &CertificateView::der);
  const std::vector<uint8_t> valid = VerifySignatures(batch.views, batch.issuers);
  std::vector<size_t> moved(out.items.size());
  size_t kept = 0;
  for (size_t i = 0; i < out.items.size(); ++i) {
    out.items[i].entry.digest = digests[i];
    moved[i] = kept;
    if (valid[i] != 0) {
      if (kept != i) out.items[kept] = out.items[i];
      ++kept;
      continue;
    }
    out.rejects.push_back({out.items[i].place, {Reject::kSIGNATURE_WRONG, ""}, ToBytes(batch.views[i].serial)});
  }
  out.items.resize(kept);
  for (size_t& at : out.pending) at = moved[at];  // pending ones are never invalid here
}

Examined Examiner::Examine(const Chunk& chunk, DayNumber day) const {
  Examined out;
  out.file = chunk.file;
  out.first = chunk.first;
  out.last = chunk.last;
  out.bodies = OctetBuffer(Base64Room(chunk.xml.size()) + 64);
  Batch batch;
  RecordScanner scanner(AsText(chunk.xml.octets()), chunk.offset, chunk.first);
  const size_t guess = chunk.xml.size() / 800;
  batch.views.reserve(guess);
  out.items.reserve(guess);
  ScannedRecord scanned;
  CertificateView view;
  RecordState state;
  CertificateTemplates templates;
  while ((out.end = scanner.Next(scanned)) == RecordScanner::Step::kRecord) {
    ++out.records;
    const size_t before = out.bodies.size();
    const RecordPlace place{chunk.file, scanned.offset};
    if (const auto fault = CheckRecord(scanned, out.bodies, view, state, &templates)) {
      out.rejects.push_back({place, *fault, ToBytes(view.serial)});
      continue;
    }
    Entry entry = Entry::Of(view, state, {});
    entry.offset = before;
    entry.lodged = entry.changed = day;
    out.items.push_back({entry, place});
    batch.views.push_back(view);
  }
  if (out.end == RecordScanner::Step::kRefused) {
    out.refusal = scanner.refusal();
    out.refusal_detail = scanner.refusal_detail();
    out.refusal_offset = scanner.refusal_offset();
  }
  if (chunk.first) out.headers = scanner.headers();
  Finish(batch, out);
  return out;
}

StatusOr<Examined> Examiner::ExamineStore(std::span<const Present> present) const {
  Examined out;
  Batch batch;
  size_t octets = 0;
  for (const Present& one : present) octets += one.der.size();
  out.bodies = OctetBuffer(octets);
  for (const Present& one : present) {
    const size_t before = out.bodies.size();
    out.bodies.Append(one.der);
    CertificateView view;
    if (const auto fault = ReadCertificate(out.bodies.octets().subspan(before), view))
      return DataLoss("the certificate at octet {} is wrong: {}", one.entry.offset, Text(fault->reject));
    Entry entry = Entry::Of(view, {one.entry.status, one.entry.manufacturing}, {});
    entry.offset = before;
    entry.lodged = one.entry.lodged;
    entry.changed = one.entry.changed;
    out.items.push_back({entry, one.place});
    batch.views.push_back(view);
  }
  out.records = present.size();
  Finish(batch, out);
  auto at = present.begin();
  for (const Examined::Item& item : out.items) {
    // Those that were rejected above are between them.
    while (at->place.offset != item.place.offset) ++at;
    Entry expected = at->entry;
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
  Batch batch;
  std::vector<size_t> at;
  for (size_t i = 0; i < waiting.size(); ++i) {
    CertificateView view;
    if (ReadCertificate(waiting[i].der, view)) {
      faults.push_back({i, {Reject::kDER_BAD, "it cannot be read back"}});
    } else if (view.is_ca) {
      if (!authorities_.IsTrusted(view)) faults.push_back({i, {Reject::kAUTHORITY_UNTRUSTED, ""}});
    } else {
      batch.views.push_back(view);
      batch.issuers.push_back(authorities_.Find(view));
      at.push_back(i);
    }
  }
  const std::vector<uint8_t> valid = VerifySignatures(batch.views, batch.issuers);
  for (size_t k = 0; k < at.size(); ++k) {
    if (batch.issuers[k].empty()) {
      faults.push_back({at[k], {Reject::kISSUER_UNKNOWN, ""}});
    } else if (valid[k] == 0) {
      faults.push_back({at[k], {Reject::kSIGNATURE_WRONG, ""}});
    }
  }
  return faults;
}

}  // namespace smki::repository
