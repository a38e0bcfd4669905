#include "repository/publish.h"

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "base/fail_point.h"
#include "base/file.h"
#include "base/lock.h"
#include "repository/build/anon_memory.h"
#include "repository/extract/extract.h"
#include "repository/extract/schema.h"
#include "repository/publish/extract_stream.h"
#include "repository/publish/lists.h"

namespace smki::repository {
namespace {

constexpr char kLock[] = "/.publish.lock";
constexpr size_t kVisited = 2048;  // certificates handed over together

// The roles whose certificates stand in a Device's slots before it is installed (GBCS RemotePartyRole); the root's slot
// is the authorities'. Assumed, see docs/formats/extract.md.
constexpr uint8_t kRecovery = 1, kAccessControlBroker = 4, kTransitionalCos = 5, kWanProvider = 6;

bool IsInUse(const Entry& entry) {
  return entry.status == CertificateStatus::kInUse;
}

bool IsOfBaseSet(const Entry& entry, Eui64 wan) {
  if (!IsInUse(entry)) return false;
  if (entry.kind == CertificateKind::kOrganisationAuthority) return true;
  if (entry.kind != CertificateKind::kOrganisation) return false;
  if (entry.role == kWanProvider) return Eui64(entry.eui) == wan;
  return entry.role == kRecovery || entry.role == kAccessControlBroker || entry.role == kTransitionalCos;
}

// One publication, from its first look to the last name.
class Publishing {
 public:
  explicit Publishing(const PublishOptions& options)
      : options_(options),
        start_(SystemClock().SinceBoot()),
        pool_(ThreadsFor(options.threads), [](ExtractStream::Piece& piece) { return ExtractStream::Take(piece); }) {}

  StatusOr<PublishReport> Run() {
    SMKI_RETURN_IF_ERROR(CheckOptions());
    SMKI_ASSIGN_OR_RETURN(store_, StoreReader::Open(StoreFileOf(options_.store)));
    report_.summary = store_->footer().summary;
    SMKI_RETURN_IF_ERROR(CheckDate());
    SMKI_ASSIGN_OR_RETURN(lookup_, Store::Open(options_.store));
    SMKI_RETURN_IF_ERROR(PosixFiles().CreateDirectories(options_.to));
    const std::string busy = fmt::format("something else is being published into {}; wait for it", options_.to);
    const auto lock = FileLock::Take(options_.to + kLock, Millis(0), busy);
    if (!lock.ok()) return Refuse(Refusal::kPUBLISHER_BUSY, Message(lock.status()), StatusCode::kFailedPrecondition);
    SMKI_RETURN_IF_ERROR(OpenStreams());
    SMKI_RETURN_IF_ERROR(OpenLists());
    SMKI_RETURN_IF_ERROR(Visit());
    SMKI_RETURN_IF_ERROR(Appear());
    SMKI_RETURN_IF_ERROR(ExpireDeltas());
    report_.seconds = Seconds();
    report_.peak_anon_bytes = std::max(peak_, AnonBytes());
    return std::move(report_);
  }
  // A file has taken its name.
  bool appeared() const { return appeared_; }

 private:
  using Chosen = std::function<bool(const Entry&)>;
  struct Records {
    std::unique_ptr<ExtractStream> stream;
    Chosen chosen;
  };

  double Seconds() const { return std::chrono::duration<double>(SystemClock().SinceBoot() - start_).count(); }

  Status CheckOptions() const {
    if (!ParseDate(options_.date)) return InvalidArgument("\"{}\" is no date, expected YYYY-MM-DD", options_.date);
    if (options_.north_wan.has_value() != options_.central_south_wan.has_value())
      return InvalidArgument("the base sets need both WAN providers: North's and Central and South's");
    if (options_.whole && !options_.delta)
      return InvalidArgument("what is not In-Use stands in the delta; publish one");
    return OkStatus();
  }

  // A date before the store's would say that what came later was there already.
  Status CheckDate() {
    const StoreSummary& summary = report_.summary;
    if (options_.date < summary.as_of) {
      return FailedPrecondition("the store is as of {}, later than {}; rebuild it as of that day, or publish {}",
                                summary.as_of, options_.date, summary.as_of);
    }
    if (options_.date > summary.as_of) {
      report_.notes.push_back(fmt::format("the store is as of {}: what happened from then to {} is not in these files",
                                          summary.as_of, options_.date));
    }
    if (options_.delta && options_.date == summary.full_date) {
      report_.notes.push_back(
          "the store's FULL is of this date, and does not say what was lodged on it: the delta holds "
          "everything that came with it");
    }
    return OkStatus();
  }

  Status Open(const std::string& file, std::string_view type, bool digest, Chosen chosen) {
    SMKI_ASSIGN_OR_RETURN(auto gzip, JoinedGzip::Create(options_.to, file, digest));
    records_.push_back(
        {std::make_unique<ExtractStream>(*store_, pool_, std::move(gzip), std::string(type), options_.date),
         std::move(chosen)});
    return OkStatus();
  }

  Status OpenStreams() {
    const DayNumber day = DayOf(options_.date);
    if (options_.full) SMKI_RETURN_IF_ERROR(Open(ExtractFileName(true, options_.date), schema::kFull, false, IsInUse));
    if (options_.delta) {
      SMKI_RETURN_IF_ERROR(Open(ExtractFileName(false, options_.date), schema::kDelta, true,
                                [day, whole = options_.whole](const Entry& entry) {
                                  return entry.lodged == day || entry.changed == day || (whole && !IsInUse(entry));
                                }));
    }
    if (!options_.north_wan) {
      report_.notes.push_back(
          "no base sets: which WAN provider is North's and which Central and South's was not given");
      return OkStatus();
    }
    SMKI_RETURN_IF_ERROR(OpenBaseSet(schema::kNorthBaseSet, *options_.north_wan));
    return OpenBaseSet(schema::kCentralAndSouthBaseSet, *options_.central_south_wan);
  }

  Status OpenBaseSet(std::string_view name, Eui64 wan) {
    SMKI_ASSIGN_OR_RETURN(const auto certificates, lookup_->ByEui(wan));
    const bool found = std::any_of(certificates.begin(), certificates.end(), [](const CertificateRecord& record) {
      return record.role == kWanProvider && record.status == CertificateStatus::kInUse;
    });
    if (!found) return NotFound("{} has no certificate of a WAN provider that is In-Use in the store", wan.ToString());
    return Open(std::string(name) + options_.date + std::string(schema::kFileSuffix), schema::kBase, true,
                [wan](const Entry& entry) { return IsOfBaseSet(entry, wan); });
  }

  Status OpenLists() {
    if (options_.lists.empty()) {
      report_.notes.push_back("no revocation lists: no folder of them was given");
      return OkStatus();
    }
    SMKI_ASSIGN_OR_RETURN(const auto authorities, lookup_->Authorities());
    SMKI_ASSIGN_OR_RETURN(const auto lists, NewestLists(options_.lists, authorities));
    if (lists.empty()) report_.notes.push_back("no revocation lists: there is none in " + options_.lists);
    for (const NamedList& one : lists) {
      if (one.list.next_update < *ParseDate(options_.date)) {
        report_.notes.push_back(
            fmt::format("{} is out of date: its next update was due {}", one.file, FormatDate(one.list.next_update)));
      }
      SMKI_ASSIGN_OR_RETURN(auto gzip, JoinedGzip::Create(options_.to, one.file, true));
      SMKI_RETURN_IF_ERROR(gzip->Append(DeflatePiece(one.list.der)));
      lists_.push_back({std::move(gzip), one.list.revoked.size()});
    }
    return OkStatus();
  }

  // Every certificate once, into every file that it belongs in.
  Status Visit() {
    PublishProgress progress{0, report_.summary.certificates};
    uint64_t calls = 0;
    const auto visit = [&](std::span<const StoreReader::Item> items) {
      for (const StoreReader::Item& item : items) {
        for (Records& records : records_) {
          if (records.chosen(item.entry)) SMKI_RETURN_IF_ERROR(records.stream->Add(item));
        }
      }
      progress.certificates += items.size();
      if (++calls % 16 == 1) peak_ = std::max(peak_, AnonBytes());
      if (options_.on_progress) options_.on_progress(progress);
      return OkStatus();
    };
    SMKI_RETURN_IF_ERROR(store_->VisitBodies(options_.to + "/.publish.order", options_.memory, kVisited, visit));
    for (Records& records : records_) SMKI_RETURN_IF_ERROR(records.stream->End());
    return pool_.Finish();
  }

  Status Finish(JoinedGzip& gzip, uint64_t records, bool digest) {
    SMKI_RETURN_IF_ERROR(gzip.Finish());
    PublishedFile& file = report_.files.emplace_back();
    file.file = gzip.file();
    file.octets = gzip.octets();
    file.records = records;
    if (digest) file.sha256 = gzip.Sha256();
    file.seconds = Seconds();
    if (options_.replace || !gzip.IsThere()) return OkStatus();
    SMKI_ASSIGN_OR_RETURN(const bool same, gzip.IsSame());
    if (same) return OkStatus();
    return Refuse(
        Refusal::kFILE_DIFFERS,
        fmt::format("{}/{} is published already and holds something else; find out which is right, then move it "
                    "away or publish with --replace",
                    options_.to, gzip.file()),
        StatusCode::kAlreadyExists);
  }

  Status Appear() {
    std::vector<JoinedGzip*> all;
    for (Records& one : records_) {
      SMKI_RETURN_IF_ERROR(Finish(one.stream->file(), one.stream->records(), !IsFull(one.stream->file())));
      all.push_back(&one.stream->file());
    }
    for (auto& [gzip, revoked] : lists_) {
      SMKI_RETURN_IF_ERROR(Finish(*gzip, revoked, true));
      all.push_back(gzip.get());
    }
    FailPoint("repository.publish.whole");
    for (JoinedGzip* gzip : all) {
      SMKI_RETURN_IF_ERROR(gzip->Appear());
      appeared_ = true;
      FailPoint("repository.publish.appeared");
    }
    return PosixFiles().SyncDirectory(options_.to);
  }
  static bool IsFull(const JoinedGzip& gzip) {
    const auto name = ParseExtractName(gzip.file());
    return name && name->full;
  }

  Status ExpireDeltas() {
    if (!options_.expire_deltas) return OkStatus();
    const std::string oldest = FormatDate(*ParseDate(options_.date) - std::chrono::hours(24) * kDeltaDays);
    SMKI_ASSIGN_OR_RETURN(const auto names, PosixFiles().List(options_.to));
    for (const std::string& name : names) {
      const auto extract = ParseExtractName(name);
      if (!extract || extract->full || extract->date >= oldest) continue;
      SMKI_RETURN_IF_ERROR(PosixFiles().Remove(options_.to + "/" + name));
      report_.expired.push_back(name);
    }
    return PosixFiles().SyncDirectory(options_.to);
  }

  const PublishOptions& options_;
  const std::chrono::nanoseconds start_;
  PublishReport report_;
  uint64_t peak_ = 0;
  bool appeared_ = false;
  std::unique_ptr<StoreReader> store_;
  std::unique_ptr<Store> lookup_;
  std::vector<Records> records_;
  std::vector<std::pair<std::unique_ptr<JoinedGzip>, uint64_t>> lists_;  // with how many they revoke
  ExtractStream::Pool pool_;                                             // last: its threads use the others
};

}  // namespace

StatusOr<PublishReport> Publish(const PublishOptions& options) {
  Publishing publishing(options);
  const auto report = publishing.Run();
  if (report.ok()) return report;
  const Status told =
      Error(report.status().code(), "{} ({})", Message(report.status()),
            publishing.appeared() ? "what has its name is whole; publish again" : "nothing was published");
  return ReasonOf(report.status()).empty() ? told : WithReason(told, ReasonOf(report.status()));
}

}  // namespace smki::repository
