#include "repository/rebuild.h"

#include <filesystem>
#include <fstream>

#include "base/fail_point.h"
#include "base/file.h"
#include "base/lock.h"
#include "pki/digest.h"
#include "repository/contents.h"
#include "repository/extract/gzip.h"
#include "repository/parallel.h"
#include "repository/plan.h"
#include "repository/store/writer.h"

namespace smki::repository {
namespace {

using store_format::StoredRecord;

constexpr size_t kBatch = 1024;  // records checked together
constexpr char kNothingChanged[] = "the Repository is as it was";

std::string NewPath(const RebuildOptions& options) {
  return options.store + ".new";
}

// Removes the half-built store, unless it was swapped in.
class HalfBuilt {
 public:
  explicit HalfBuilt(std::string path) : path_(std::move(path)) {}
  ~HalfBuilt() {
    if (!path_.empty() && PosixFiles().Exists(path_)) PosixFiles().Remove(path_).IgnoreError();
  }
  HalfBuilt(const HalfBuilt&) = delete;
  HalfBuilt& operator=(const HalfBuilt&) = delete;
  void Keep() { path_.clear(); }

 private:
  std::string path_;
};

class Builder {
 public:
  explicit Builder(const RebuildOptions& options) : options_(options) {}

  Status ReadFiles(const std::vector<ExtractName>& files, const std::string& full_date) {
    for (const ExtractName& file : files) {
      std::error_code error;
      const uint64_t size = std::filesystem::file_size(Path(file), error);
      if (error) return NotFound("cannot read {}: {}", Path(file), error.message());
      progress_.octets_total += size;
    }
    for (const ExtractName& file : files) SMKI_RETURN_IF_ERROR(ReadFile(file, full_date));
    return OkStatus();
  }

  // Takes over what the present store holds. It is trusted no more than a file: everything is checked again.
  Status ReadStore() {
    contents_.Begin({options_.store, false});
    FileAccount ignored;
    return store_format::VisitStore(options_.store, [&](StoredRecord stored) -> Status {
      const CertificateRecord& record = stored.record;
      auto certificate = pki::Certificate::Parse(record.der);
      if (!certificate.ok()) return WithContext(certificate.status(), options_.store);
      SMKI_ASSIGN_OR_RETURN(CertificateRecord own, RecordOf(*certificate));
      own.status = record.status;
      own.manufacturing = record.manufacturing;
      own.lodged = record.lodged;
      if (store_format::EncodeRecord({own, certificate->not_before}) != store_format::EncodeRecord(stored)) {
        return DataLoss(
            "{}: the record of {} does not agree with its certificate; build the store again with smkictl "
            "repository rebuild",
            options_.store, certificate->Describe());
      }
      return contents_.Apply({std::move(own), std::move(*certificate), 0, 0}, ignored);
    });
  }

  // Checks every chain, builds the store beside the old one, reads it back, swaps.
  StatusOr<RebuildReport> Finish(const std::string& full_date, const std::string& last_delta_date) {
    SMKI_RETURN_IF_ERROR(contents_.VerifyChains(options_.organisation_root, options_.device_root));
    HalfBuilt half_built(NewPath(options_));
    SMKI_ASSIGN_OR_RETURN(report_.summary, Write(full_date, last_delta_date));
    SMKI_RETURN_IF_ERROR(ReadBack(report_.summary));
    FailPoint("repository.rebuild.before-swap");
    SMKI_RETURN_IF_ERROR(PosixFiles().Rename(NewPath(options_), options_.store));
    half_built.Keep();
    SMKI_RETURN_IF_ERROR(PosixFiles().SyncDirectory(DirectoryOf(options_.store)));
    FailPoint("repository.rebuild.after-swap");
    return report_;
  }

 private:
  std::string Path(const ExtractName& file) const { return options_.extracts + "/" + file.file; }

  Status ReadFile(const ExtractName& file, const std::string& full_date) {
    contents_.Begin({file.file, !file.full && file.date < full_date});
    FileAccount& account = report_.files.emplace_back();
    account.file = file.file;
    progress_.file = file.file;
    const uint64_t octets_before = progress_.octets_done;
    std::vector<RawRecord> batch;
    ExtractParser parser(file, [&](RawRecord raw) {
      batch.push_back(std::move(raw));
      return batch.size() < kBatch ? OkStatus() : ApplyBatch(batch, file, account);
    });
    SMKI_ASSIGN_OR_RETURN(account.sha256, InflateFile(Path(file), [&](ByteSpan xml, uint64_t read) {
                            progress_.octets_done = octets_before + read;
                            return parser.Feed(xml);
                          }));
    SMKI_RETURN_IF_ERROR(parser.Finish());
    SMKI_RETURN_IF_ERROR(ApplyBatch(batch, file, account));
    if (file.full && account.records == 0) return DataLoss("{}: holds no certificate; fetch it again", file.file);
    return OkStatus();
  }

  // Checks on all cores, applies in the order of the file.
  Status ApplyBatch(std::vector<RawRecord>& batch, const ExtractName& file, FileAccount& account) {
    std::vector<CheckedRecord> checked(batch.size());
    SMKI_RETURN_IF_ERROR(ForEachInParallel(batch.size(), [&](size_t i) -> Status {
      SMKI_ASSIGN_OR_RETURN(checked[i], CheckRecord(batch[i], file));
      return OkStatus();
    }));
    for (CheckedRecord& record : checked) SMKI_RETURN_IF_ERROR(contents_.Apply(std::move(record), account));
    batch.clear();
    progress_.certificates = contents_.size();
    if (options_.on_progress) options_.on_progress(progress_);
    return OkStatus();
  }

  StatusOr<StoreSummary> Write(const std::string& full_date, const std::string& last_delta_date) const {
    SMKI_ASSIGN_OR_RETURN(const auto writer, StoreWriter::Create(NewPath(options_)));
    SMKI_RETURN_IF_ERROR(
        contents_.Visit([&](const Contents::Held& held) { return writer->Add(held.stored, held.sha256); }));
    return writer->Finish(full_date, last_delta_date);
  }

  // What is on the disk is what was meant, before anybody relies on it.
  Status ReadBack(const StoreSummary& meant) const {
    SMKI_RETURN_IF_ERROR(Store::Open(NewPath(options_)).status());
    pki::MerkleTree digest;
    SMKI_RETURN_IF_ERROR(store_format::VisitStore(NewPath(options_), [&](const StoredRecord& stored) {
      digest.AddLeaf(store_format::DigestLeaf(stored.record, pki::Sha256(stored.record.der)));
      return OkStatus();
    }));
    if (digest.size() == meant.certificates && digest.Root() == meant.digest) return OkStatus();
    return DataLoss("{}: what was written cannot be read back; check the disk", NewPath(options_));
  }

  const RebuildOptions& options_;
  Contents contents_;
  RebuildProgress progress_;
  RebuildReport report_;
};

Status Unchanged(const Status& status) {
  return Error(status.code(), "{} ({})", Message(status), kNothingChanged);
}

StatusOr<RebuildReport> RebuildLocked(const RebuildOptions& options) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<std::string> names, PosixFiles().List(options.extracts));
  auto plan = PlanRebuild(names, options.target_date);
  if (!plan.ok()) return WithContext(plan.status(), options.extracts);
  Builder builder(options);
  std::vector<ExtractName> files = {plan->full};
  files.insert(files.end(), plan->deltas.begin(), plan->deltas.end());
  SMKI_RETURN_IF_ERROR(builder.ReadFiles(files, plan->full.date));
  const std::string last = plan->deltas.empty() ? "" : plan->deltas.back().date;
  return builder.Finish(plan->full.date, last);
}

StatusOr<RebuildReport> ApplyLocked(const RebuildOptions& options) {
  SMKI_ASSIGN_OR_RETURN(const auto store, Store::Open(options.store));
  const StoreSummary& present = store->summary();
  SMKI_ASSIGN_OR_RETURN(const std::vector<std::string> names, PosixFiles().List(options.extracts));
  auto deltas = PlanDeltas(names, std::max(present.full_date, present.last_delta_date), options.target_date);
  if (!deltas.ok()) return WithContext(deltas.status(), options.extracts);
  if (deltas->empty()) return RebuildReport{present, {}};
  Builder builder(options);
  SMKI_RETURN_IF_ERROR(builder.ReadStore());
  SMKI_RETURN_IF_ERROR(builder.ReadFiles(*deltas, present.full_date));
  return builder.Finish(present.full_date, deltas->back().date);
}

// What is there and is no store is somebody's; it is not replaced.
Status CheckTarget(const std::string& store) {
  if (!PosixFiles().Exists(store)) return OkStatus();
  std::string begin(store_format::kMagic.size(), '\0');
  std::ifstream(store, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  if (begin == store_format::kMagic) return OkStatus();
  return Error(StatusCode::kAlreadyExists,
               "{} is no Repository store and is left as it is; name another file, or remove this one first", store);
}

StatusOr<RebuildReport> Locked(const RebuildOptions& options, StatusOr<RebuildReport> (*work)(const RebuildOptions&)) {
  SMKI_RETURN_IF_ERROR(CheckTarget(options.store));
  SMKI_RETURN_IF_ERROR(PosixFiles().CreateDirectories(DirectoryOf(options.store)));
  // One rebuild of a store at a time: the second would build into the file that the first is about to swap in.
  SMKI_ASSIGN_OR_RETURN(
      const FileLock lock,
      FileLock::Take(options.store + ".lock", Millis(0),
                     fmt::format("{}: another rebuild of this store is under way; wait for it", options.store)));
  auto report = work(options);
  if (!report.ok()) return Unchanged(report.status());
  return report;
}

}  // namespace

StatusOr<RebuildReport> Rebuild(const RebuildOptions& options) {
  return Locked(options, RebuildLocked);
}

StatusOr<RebuildReport> ApplyDeltas(const RebuildOptions& options) {
  return Locked(options, ApplyLocked);
}

}  // namespace smki::repository
