#include "repository/prove.h"

#include <cstring>

#include "pki/merkle_stream.h"
#include "repository/build/store_source.h"
#include "repository/store/sorter.h"

namespace smki::repository {
namespace {

using namespace store_format;  // the file's own words

constexpr size_t kBatch = 2048;

uint64_t RowOf(const uint8_t* index_entry) {
  uint64_t row = 0;
  for (size_t i = 8; i < kIndexEntry; ++i) row = row << 8 | index_entry[i];
  return row;
}

class Proving {
 public:
  Proving(const RebuildOptions& options, const StoreReader& store)
      : options_(options), store_(store), authorities_(options), examiner_(authorities_, options.verify) {}

  Status Prove() {
    SMKI_RETURN_IF_ERROR(ProveTable());
    SMKI_RETURN_IF_ERROR(ProveIndexes());
    return ProveCertificates();
  }
  uint64_t certificates() const { return certificates_; }

 private:
  Status Damaged(const std::string& what) const { return store_.file().Damaged(what); }

  // Order, seals and the digest; and what the indexes must say, gathered to be sorted.
  Status ProveTable() {
    pki::MerkleStream digest;
    StoreSummary counted;
    Bytes eui_batch, digest_batch;
    const auto flush = [&] {
      SMKI_RETURN_IF_ERROR(by_eui_.Add(eui_batch));
      SMKI_RETURN_IF_ERROR(by_digest_.Add(digest_batch));
      eui_batch.clear();
      digest_batch.clear();
      return OkStatus();
    };
    const auto put = [](Bytes& out, ByteSpan key, uint64_t row) {
      Append(out, key);
      for (int shift = 56; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(row >> shift));
    };
    SMKI_RETURN_IF_ERROR(store_.entries().Scan([&](uint64_t row, const uint8_t* in) {
      const Entry entry = Entry::Decode(in);
      if (static_cast<size_t>(entry.kind) >= kKinds ||
          kStatusLetters.find(static_cast<char>(entry.status)) == std::string_view::npos)
        return Damaged(fmt::format("row {} has a kind or status that there is not", row));
      digest.AddLeaf(DigestLeaf(entry.status, entry.manufacturing, entry.digest));
      Count(entry, counted);
      if (entry.usage == 'C') SMKI_RETURN_IF_ERROR(AddAuthority(entry));
      put(eui_batch, Eui64(entry.eui).bytes(), row);
      put(digest_batch, ByteSpan(entry.digest).first(8), row);
      return eui_batch.size() < kBatch * kIndexEntry ? OkStatus() : flush();
    }));
    SMKI_RETURN_IF_ERROR(flush());
    const StoreSummary& meant = store_.footer().summary;
    if (digest.Root() != meant.digest) return Damaged("its table does not give its digest");
    if (counted.certificates != meant.certificates || counted.by_kind != meant.by_kind ||
        counted.by_status != meant.by_status)
      return Damaged("its counts are not those of its table");
    return OkStatus();
  }

  // Before all that it issued, wherever it stands: so nothing but authorities has to wait.
  Status AddAuthority(const Entry& entry) {
    SMKI_ASSIGN_OR_RETURN(const Bytes der, store_.Body(entry));
    CertificateView view;
    if (ReadCertificate(der, view) || !view.is_ca)
      return Damaged(fmt::format("what stands at octet {} is no authority's certificate", entry.offset));
    authorities_.Add(view);
    return OkStatus();
  }

  Status ProveIndex(const char* name, const Table& index, Sorter& sorter) {
    SMKI_ASSIGN_OR_RETURN(const auto expected, sorter.Finish());
    return index.Scan([&](uint64_t row, const uint8_t* in) -> Status {
      SMKI_ASSIGN_OR_RETURN(const uint8_t* wanted, expected->Next());
      if (wanted != nullptr && std::memcmp(in, wanted, kIndexEntry) == 0) return OkStatus();
      return Damaged(
          fmt::format("row {} of the index by {} points to row {}, which is another's", row, name, RowOf(in)));
    });
  }
  Status ProveIndexes() {
    SMKI_RETURN_IF_ERROR(ProveIndex("EUI-64", store_.by_eui(), by_eui_));
    return ProveIndex("digest", store_.by_digest(), by_digest_);
  }

  Status ProveCertificates() {
    authorities_.Conclude();
    Pipeline pipeline(ThreadsFor(options_.threads), [this](Examined& examined) { return Take(examined); });
    SMKI_RETURN_IF_ERROR(SubmitStore(store_, scratch_ + ".bodies", options_.memory, 0, examiner_, pipeline));
    return pipeline.Finish();
  }

  Status Rejected(Fault fault, ByteSpan serial) const {
    return Damaged(fmt::format("a certificate{} would be rejected: {}: {}",
                               serial.empty() ? "" : " (serial " + ToHex(serial) + ")", Name(fault.reject),
                               Text(fault.reject)));
  }

  Status Take(Examined& examined) {
    certificates_ += examined.records;
    if (!examined.rejects.empty()) return Rejected(examined.rejects.front().fault, examined.rejects.front().serial);
    for (const size_t i : examined.pending) {
      const Entry& entry = examined.items[i].entry;
      const Examiner::Waiting one{examined.bodies.octets().subspan(entry.offset, entry.size), {}};
      const auto faults = examiner_.Conclude({&one, 1});
      if (!faults.empty()) return Rejected(faults.front().second, entry.SerialNumber());
    }
    RebuildProgress progress;
    progress.stage = "reading";
    progress.file = store_.file().path();
    progress.records = certificates_;
    progress.octets_done = certificates_;
    progress.octets_total = store_.footer().summary.certificates;
    if (options_.on_progress) options_.on_progress(progress);
    return OkStatus();
  }

  const RebuildOptions& options_;
  const StoreReader& store_;
  const std::string scratch_ = store_.file().path() + ".proof";
  Sorter by_eui_{scratch_ + ".eui", kIndexEntry, kIndexEntry, options_.memory};
  Sorter by_digest_{scratch_ + ".digest", kIndexEntry, kIndexEntry, options_.memory};
  Authorities authorities_;
  const Examiner examiner_;
  uint64_t certificates_ = 0;
};

// A store's entries one after the other, a page at a time.
class Entries {
 public:
  explicit Entries(const Table& table) : table_(table) {}
  // Null behind the last.
  StatusOr<const Entry*> Next() {
    if (at_ == page_.size()) SMKI_RETURN_IF_ERROR(Fill());
    return page_.empty() ? nullptr : &page_[at_++];
  }

 private:
  Status Fill() {
    constexpr size_t kMost = 4096;
    page_.clear();
    at_ = 0;
    return table_.From(row_, [&](uint64_t, const uint8_t* in) -> StatusOr<bool> {
      page_.push_back(Entry::Decode(in));
      ++row_;
      return page_.size() < kMost;
    });
  }
  const Table& table_;
  uint64_t row_ = 0;
  std::vector<Entry> page_;
  size_t at_ = 0;
};

DifferentCertificate Differ(Difference difference, const Entry* before, const Entry* after) {
  const Entry& there = after != nullptr ? *after : *before;
  DifferentCertificate out{difference, ToHex(there.SerialNumber()), Eui64(there.eui), there.kind, {}, {}};
  if (before != nullptr) out.before = before->status;
  if (after != nullptr) out.after = after->status;
  return out;
}

}  // namespace

StatusOr<Proof> ProveStore(const RebuildOptions& options) {
  SMKI_ASSIGN_OR_RETURN(const auto store, StoreReader::Open(StoreFileOf(options.store)));
  Proving proving(options, *store);
  SMKI_RETURN_IF_ERROR(proving.Prove());
  Proof proof;
  proof.summary = store->footer().summary;
  proof.certificates = proving.certificates();
  if (options.verify == Verify::kStructure)
    proof.notes.push_back("signatures of organisations' and Devices' certificates were not verified (structure)");
  proof.notes.push_back("revocation lists are no part of a store: a rebuild compares them, this does not");
  return proof;
}

const char* Name(Difference difference) {
  static constexpr const char* kNames[] = {"added", "removed", "status", "body"};
  return kNames[static_cast<size_t>(difference)];
}

StatusOr<DiffReport> DiffStores(const std::string& a, const std::string& b,
                                const std::function<Status(const DifferentCertificate&)>& visit) {
  SMKI_ASSIGN_OR_RETURN(const auto before, StoreReader::Open(a));
  SMKI_ASSIGN_OR_RETURN(const auto after, StoreReader::Open(b));
  DiffReport report{before->footer().summary, after->footer().summary};
  Entries left(before->entries()), right(after->entries());
  SMKI_ASSIGN_OR_RETURN(const Entry* x, left.Next());
  SMKI_ASSIGN_OR_RETURN(const Entry* y, right.Next());
  while (x != nullptr || y != nullptr) {
    const int order = x == nullptr ? 1 : y == nullptr ? -1 : std::memcmp(x->Key().data(), y->Key().data(), Entry::kKey);
    if (order < 0) {
      ++report.removed;
      SMKI_RETURN_IF_ERROR(visit(Differ(Difference::kRemoved, x, nullptr)));
    } else if (order > 0) {
      ++report.added;
      SMKI_RETURN_IF_ERROR(visit(Differ(Difference::kAdded, nullptr, y)));
    } else if (x->digest != y->digest) {
      ++report.body;
      SMKI_RETURN_IF_ERROR(visit(Differ(Difference::kBody, x, y)));
    } else if (x->status != y->status || x->manufacturing != y->manufacturing) {
      ++report.status;
      SMKI_RETURN_IF_ERROR(visit(Differ(Difference::kStatus, x, y)));
    } else {
      ++report.same;
    }
    if (order <= 0) {
      SMKI_ASSIGN_OR_RETURN(x, left.Next());
    }
    if (order >= 0) {
      SMKI_ASSIGN_OR_RETURN(y, right.Next());
    }
  }
  return report;
}

}  // namespace smki::repository
