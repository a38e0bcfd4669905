#include "repository/rebuild.h"

#include <filesystem>
#include <fstream>

#include "base/fail_point.h"
#include "base/file.h"
#include "base/lock.h"
#include "repository/build/anon_memory.h"
#include "repository/build/builder.h"
#include "repository/build/file_reader.h"
#include "repository/build/store_source.h"
#include "repository/extract/gzip_name.h"

namespace smki::repository {
namespace {

constexpr char kNothingChanged[] = "the Repository is as it was";

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

// One rebuild from its first file to the swap.
class Rebuilding {
 public:
  Rebuilding(const RebuildOptions& options, const std::string& store, RebuildReport& report)
      : options_(options),
        store_(store),
        report_(report),
        half_built_(store + ".new"),
        authorities_(options),
        examiner_(authorities_, options.verify) {}

  Status Begin() {
    SMKI_ASSIGN_OR_RETURN(revocations_, Revocations::Read(options_.extracts));
    SMKI_ASSIGN_OR_RETURN(builder_, Builder::Create(store_ + ".new", options_.memory, account_));
    pipeline_ = std::make_unique<Pipeline>(
        ThreadsFor(options_.threads), [this](Examined& examined) { return Take(examined); },
        [this](Examined examined) { return builder_->Sort(examined); });
    progress_.stage = "reading";
    return OkStatus();
  }

  Status ReadFiles(const std::vector<ExtractName>& files) {
    for (const ExtractName& file : files) {
      SMKI_ASSIGN_OR_RETURN(const uint64_t size, PeekExtract(Path(file), file));
      progress_.octets_total += size;
    }
    for (const ExtractName& file : files) SMKI_RETURN_IF_ERROR(ReadFile(file));
    return OkStatus();
  }

  // Takes over what the present store holds. It is trusted no more than a file: everything is checked again.
  Status ReadStore(const StoreReader& store) {
    const uint16_t file = account_.Begin("(the store)", "");
    return SubmitStore(store, store_ + ".new.bodies", options_.memory, file, examiner_, *pipeline_);
  }

  // Decides, writes, swaps.
  Status Finish(StoreSummary summary) {
    SMKI_RETURN_IF_ERROR(pipeline_->Finish());
    FailPoint("repository.rebuild.read");
    Progress("sorting");
    authorities_.Conclude();
    SMKI_RETURN_IF_ERROR(revocations_.Check(authorities_, summary.as_of));
    report_.notes = revocations_.notes();
    for (const std::string& name : report_.missing)
      report_.notes.push_back(name + " is missing: what changed on that day is not in this Repository");
    if (options_.verify == Verify::kStructure)
      report_.notes.push_back("signatures of organisations' and Devices' certificates were not verified (structure)");
    SMKI_RETURN_IF_ERROR(builder_->JudgeWaiting(examiner_, ThreadsFor(options_.threads)));
    SMKI_RETURN_IF_ERROR(builder_->Resolve(authorities_, revocations_, *ParseDate(summary.as_of)));
    SMKI_RETURN_IF_ERROR(account_.CheckTotals());
    SMKI_RETURN_IF_ERROR(JudgeRejects());
    FailPoint("repository.rebuild.decided");
    Progress("writing");
    summary.verify = options_.verify;
    SMKI_RETURN_IF_ERROR(builder_->Finish(summary));
    SMKI_RETURN_IF_ERROR(ReadBack(summary));
    FailPoint("repository.rebuild.before-swap");
    SMKI_RETURN_IF_ERROR(PosixFiles().Rename(store_ + ".new", store_));
    half_built_.Keep();
    SMKI_RETURN_IF_ERROR(PosixFiles().SyncDirectory(DirectoryOf(store_)));
    FailPoint("repository.rebuild.after-swap");
    // What an earlier rebuild rejected is not said of this one. A name of somebody's own choice is theirs.
    if (report_.rejects_file.empty() && PosixFiles().Exists(RejectsBeside()))
      PosixFiles().Remove(RejectsBeside()).IgnoreError();
    report_.summary = summary;
    return OkStatus();
  }

  // What is known so far, whatever happened.
  void Report() {
    pipeline_.reset();
    report_.files = account_.Files();
    report_.rejects = account_.Rejects();
    report_.peak_anon_bytes = std::max(peak_, AnonBytes());
  }

 private:
  std::string Path(const ExtractName& file) const {
    return file.file.find('/') == std::string::npos ? options_.extracts + "/" + file.file : file.file;
  }

  Status ReadFile(const ExtractName& file) {
    const std::string name = FileNameOf(file.file);
    const uint16_t number = account_.Begin(name, file.date);
    const DayNumber day = DayOf(file.date);
    SMKI_ASSIGN_OR_RETURN(auto reader, FileReader::Open(Path(file), number, options_.verify == Verify::kFull));
    const uint64_t before = octets_read_;
    while (true) {
      auto chunk = std::make_shared<Chunk>();
      const auto more = reader.Next(*chunk);
      if (!more.ok()) {
        // What is wrong further ahead in the file is told, however fast it was read.
        SMKI_RETURN_IF_ERROR(pipeline_->Finish());
        return more.status();
      }
      if (!*more) break;
      octets_read_ = before + reader.octets_read();
      const uint64_t read = octets_read_;
      SMKI_RETURN_IF_ERROR(pipeline_->Submit([this, chunk, day, file, name, read]() mutable -> StatusOr<Examined> {
        Examined examined = examiner_.Examine(*chunk, day);
        chunk.reset();
        SMKI_RETURN_IF_ERROR(CheckDocument(examined, file, name));
        examined.number = read;
        return examined;
      }));
    }
    if (options_.verify == Verify::kFull) account_.File(number).sha256 = reader.Sha256();
    if (!file.full) return OkStatus();
    SMKI_RETURN_IF_ERROR(pipeline_->Finish());
    if (account_.File(number).records > 0) return OkStatus();
    return Refuse(Refusal::kFULL_EMPTY, fmt::format("{}: holds no certificate; fetch it again", name));
  }

  // In order, one at a time.
  Status Take(Examined& examined) {
    SMKI_RETURN_IF_ERROR(builder_->Take(examined));
    progress_.records += examined.records;
    progress_.octets_done = std::max(progress_.octets_done, examined.number);
    progress_.file = account_.NameOf(examined.file);
    if (++taken_ % 16 == 1) peak_ = std::max(peak_, AnonBytes());
    if (options_.on_progress) options_.on_progress(progress_);
    return OkStatus();
  }

  void Progress(const char* stage) {
    progress_.stage = stage;
    progress_.octets_done = progress_.octets_total;
    peak_ = std::max(peak_, AnonBytes());
    if (options_.on_progress) options_.on_progress(progress_);
  }

  std::string RejectsBeside() const { return store_ + ".rejects.jsonl"; }

  Status JudgeRejects() {
    const uint64_t rejects = account_.rejects();
    if (rejects == 0) return OkStatus();
    report_.rejects_file = options_.rejects_file.empty() ? RejectsBeside() : options_.rejects_file;
    const std::vector<RejectedRecord> list = account_.Rejects();
    SMKI_RETURN_IF_ERROR(PosixFiles().WriteDurably(report_.rejects_file, AsBytes(RejectLines(list))));
    if (rejects <= options_.tolerance) return OkStatus();
    const RejectedRecord& first = list.front();
    return Refuse(
        Refusal::kREJECTS,
        fmt::format("{} records were rejected, {} are tolerated; the first: {}: octet {} of its XML: {}: {}{}{}"
                    "{}; all are listed in {}: fetch the files again. If it is the same then, the Repository "
                    "was tampered with: tell the incident lead",
                    rejects, options_.tolerance, first.file, first.offset, Name(first.code), Text(first.code),
                    first.detail.empty() ? "" : ": ", first.detail,
                    first.serial.empty() ? "" : " (serial " + first.serial + ")", report_.rejects_file));
  }

  // Whoever opens it will find what was meant.
  Status ReadBack(const StoreSummary& meant) const {
    SMKI_ASSIGN_OR_RETURN(const auto reader, StoreReader::Open(store_ + ".new"));
    if (reader->footer().summary.digest == meant.digest && reader->footer().summary.certificates == meant.certificates)
      return OkStatus();
    return Refuse(Refusal::kSTORE_DAMAGED,
                  fmt::format("{}.new: what was written cannot be read back; check the disk", store_));
  }

  const RebuildOptions& options_;
  const std::string store_;
  RebuildReport& report_;
  HalfBuilt half_built_;
  Authorities authorities_;
  const Examiner examiner_;
  Revocations revocations_;
  Account account_;
  std::unique_ptr<Builder> builder_;
  RebuildProgress progress_;
  uint64_t octets_read_ = 0, taken_ = 0, peak_ = 0;
  std::unique_ptr<Pipeline> pipeline_;  // last: its threads use the others
};

StatusOr<std::vector<std::string>> FilesOf(const RebuildOptions& options) {
  if (!options.files.empty()) return options.files;
  SMKI_ASSIGN_OR_RETURN(std::vector<std::string> files, PosixFiles().List(options.extracts));
  if (options.archive.empty()) return files;
  SMKI_ASSIGN_OR_RETURN(const std::vector<std::string> archived, PosixFiles().List(options.archive));
  for (const std::string& name : archived) {
    const auto extract = ParseExtractName(name);
    if (extract && !extract->full && std::find(files.begin(), files.end(), name) == files.end())
      files.push_back(options.archive + "/" + name);
  }
  return files;
}

PlanRequest RequestOf(const RebuildOptions& options) {
  return {options.target_date, options.overlap_days, options.today, options.allow_gap};
}

Status RebuildLocked(const RebuildOptions& options, const std::string& store, RebuildReport& report) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<std::string> names, FilesOf(options));
  const auto plan = PlanRebuild(names, RequestOf(options));
  if (!plan.ok()) return WithContext(plan.status(), options.extracts);
  report.not_needed = plan->not_needed;
  report.missing = plan->missing;
  std::vector<ExtractName> files = {plan->full};
  files.insert(files.end(), plan->deltas.begin(), plan->deltas.end());
  Rebuilding rebuilding(options, store, report);
  Status status = rebuilding.Begin();
  if (status.ok()) status = rebuilding.ReadFiles(files);
  if (status.ok()) {
    StoreSummary summary;
    summary.as_of = plan->as_of;
    summary.full_date = plan->full.date;
    summary.last_delta_date = plan->deltas.empty() ? "" : plan->deltas.back().date;
    status = rebuilding.Finish(std::move(summary));
  }
  rebuilding.Report();
  return status;
}

Status ApplyLocked(const RebuildOptions& options, const std::string& store, RebuildReport& report) {
  SMKI_ASSIGN_OR_RETURN(const auto reader, StoreReader::Open(store));
  StoreSummary summary = reader->footer().summary;
  SMKI_ASSIGN_OR_RETURN(const std::vector<std::string> names, FilesOf(options));
  const auto deltas = PlanDeltas(names, std::max(summary.full_date, summary.last_delta_date), RequestOf(options));
  if (!deltas.ok()) return WithContext(deltas.status(), options.extracts);
  report.summary = summary;
  if (deltas->empty()) return OkStatus();
  Rebuilding rebuilding(options, store, report);
  Status status = rebuilding.Begin();
  if (status.ok()) status = rebuilding.ReadStore(*reader);
  if (status.ok()) status = rebuilding.ReadFiles(*deltas);
  if (status.ok()) {
    summary.as_of = summary.last_delta_date = deltas->back().date;
    status = rebuilding.Finish(std::move(summary));
  }
  rebuilding.Report();
  if (!report.files.empty()) report.files.erase(report.files.begin());  // the old store is no file
  return status;
}

// What is there and is no store is somebody's; it is not replaced.
Status CheckTarget(const std::string& store) {
  if (!PosixFiles().Exists(store)) return OkStatus();
  std::string begin(store_format::kMagic.size(), '\0');
  std::ifstream(store, std::ios::binary).read(begin.data(), static_cast<std::streamsize>(begin.size()));
  if (begin == store_format::kMagic || begin == "SMKISTO1") return OkStatus();  // also one of an older version
  return Refuse(
      Refusal::kSTORE_FOREIGN,
      fmt::format("{} is no Repository store and is left as it is; name another file, or remove this one first", store),
      StatusCode::kAlreadyExists);
}

using Work = Status (*)(const RebuildOptions&, const std::string&, RebuildReport&);

StatusOr<RebuildReport> Locked(const RebuildOptions& options, Work work, RebuildReport& report) {
  const std::string store = StoreFileOf(options.store);
  SMKI_RETURN_IF_ERROR(CheckTarget(store));
  const auto not_writable = [&](const Status& why) {
    return Refuse(Refusal::kSTORE_NOT_WRITABLE, Message(why), why.code());
  };
  if (const Status made = PosixFiles().CreateDirectories(DirectoryOf(store)); !made.ok()) return not_writable(made);
  // One rebuild of a store at a time: the second would build into the file that the first is about to swap in.
  const std::string busy = fmt::format("{}: another rebuild of this store is under way; wait for it", store);
  const auto lock = FileLock::Take(store + ".lock", Millis(0), busy);
  if (!lock.ok()) {
    if (Message(lock.status()) != busy) return not_writable(lock.status());
    return Refuse(Refusal::kSTORE_BUSY, busy, StatusCode::kFailedPrecondition);
  }
  const Status status = work(options, store, report);
  if (status.ok()) return report;
  const Status told = Error(status.code(), "{} ({})", Message(status), kNothingChanged);
  return WithReason(told, ReasonOf(status));
}

}  // namespace

StatusOr<RebuildReport> Rebuild(const RebuildOptions& options, RebuildReport* report) {
  RebuildReport own;
  return Locked(options, RebuildLocked, report == nullptr ? own : *report);
}

StatusOr<RebuildReport> ApplyDeltas(const RebuildOptions& options, RebuildReport* report) {
  RebuildReport own;
  return Locked(options, ApplyLocked, report == nullptr ? own : *report);
}

}  // namespace smki::repository
