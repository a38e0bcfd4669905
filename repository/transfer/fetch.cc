#include "repository/transfer/fetch.h"

#include <sys/stat.h>

#include <algorithm>
#include <thread>

#include "base/clock.h"
#include "base/lock.h"
#include "repository/transfer/archive.h"
#include "repository/transfer/part.h"

namespace smki::repository::transfer {
namespace {

constexpr Millis kLongestPause{30'000};
constexpr char kLock[] = "/.fetch.lock";

StatusOr<FileLock> LockFolder(const std::string& folder) {
  SMKI_RETURN_IF_ERROR(PosixFiles().CreateDirectories(folder));
  return FileLock::Take(folder + kLock, Millis(0),
                        fmt::format("another fetch works in {}; wait until it is done, or end it first", folder));
}

std::optional<uint64_t> LocalSize(const std::string& path) {
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return std::nullopt;
  return static_cast<uint64_t>(info.st_size);
}

struct Candidate {
  Wanted wanted;
  RemoteStat remote;
  std::string folder;
  std::optional<uint64_t> local;  // of the file under its final name

  std::string path() const { return folder + "/" + wanted.name; }
  bool is_list() const { return wanted.kind == FileKind::kList; }
  bool present() const { return local == remote.size && !is_list(); }
};

class Fetcher {
 public:
  explicit Fetcher(const FetchOptions& options)
      : options_(options), archive_(options.archive.empty() ? options.to : options.archive) {}

  StatusOr<FetchReport> Run() {
    SMKI_ASSIGN_OR_RETURN(const FileLock lock, LockFolder(options_.to));
    FileLock archive_lock;
    if (!SameFolder(options_.to, archive_)) {
      SMKI_ASSIGN_OR_RETURN(archive_lock, LockFolder(archive_));
    }
    SMKI_RETURN_IF_ERROR(Connect());
    SMKI_ASSIGN_OR_RETURN(const std::vector<Candidate> candidates, Look());
    SMKI_RETURN_IF_ERROR(CheckRoom(candidates));
    FetchReport report;
    for (const Candidate& candidate : candidates) {
      report.files.push_back(FetchOne(candidate));
      const Status& status = report.files.back().status;
      if (report.status.ok()) report.status = status;
      if (EndsTheRun(status)) break;
    }
    if (!SameFolder(options_.to, archive_)) {
      const Status shared = ShareDeltas(archive_, options_.to, report.from_archive);
      if (report.status.ok()) report.status = shared;
    }
    return report;
  }

 private:
  static bool EndsTheRun(const Status& status) {
    return status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kResourceExhausted ||
           status.code() == StatusCode::kPermissionDenied;
  }

  std::string Remote(const std::string& name) const { return options_.access.folder.Of(name); }

  Status Connect() {
    sftp_.reset();
    SMKI_ASSIGN_OR_RETURN(sftp_, Sftp::Connect(options_.access, options_.patience));
    return OkStatus();
  }

  StatusOr<std::vector<Candidate>> Look() {
    SMKI_ASSIGN_OR_RETURN(const auto listing, sftp_->List(options_.access.folder.path, kMaxFiles));
    SMKI_ASSIGN_OR_RETURN(const auto chosen, Choose(listing, options_.as_of, options_.files));
    if (chosen.empty()) {
      return NotFound("{} has no extract and no revocation list ({} other files); is it the right folder?",
                      options_.access.folder.Shown(), listing.size());
    }
    std::vector<Candidate> out;
    for (const Wanted& wanted : chosen) {
      SMKI_ASSIGN_OR_RETURN(const RemoteStat remote, sftp_->Stat(Remote(wanted.name)));
      const std::string folder = wanted.kind == FileKind::kDelta ? archive_ : options_.to;
      out.push_back({wanted, remote, folder, LocalSize(folder + "/" + wanted.name)});
    }
    return out;
  }

  Status CheckRoom(const std::vector<Candidate>& candidates) const {
    std::vector<Need> needs;
    for (const Candidate& c : candidates) {
      if (c.present() || c.remote.size > options_.max_file) continue;
      needs.push_back({c.folder, c.remote.size - Part::Held(c.folder, c.wanted.name, c.remote)});
    }
    return smki::repository::transfer::CheckRoom(needs);
  }

  FetchedFile FetchOne(const Candidate& candidate) {
    FetchedFile out;
    out.name = candidate.wanted.name;
    out.kind = candidate.wanted.kind;
    out.folder = candidate.folder;
    out.octets = candidate.remote.size;
    const auto start = SystemClock().SinceBoot();
    out.status = Obtain(candidate, out);
    out.took = std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - start);
    return out;
  }

  Status Obtain(const Candidate& candidate, FetchedFile& out) {
    SMKI_RETURN_IF_ERROR(CheckSane(candidate));
    if (candidate.present()) {
      Part::ForgetNote(candidate.folder, out.name);
      out.result = FetchedFile::Result::kPresent;
      return OkStatus();
    }
    SMKI_ASSIGN_OR_RETURN(Part part, Part::Open(candidate.folder, out.name, candidate.remote));
    out.resumed_at = part.size();
    SMKI_RETURN_IF_ERROR(Persist(candidate, part, out));
    const auto arrived = SystemClock().SinceBoot();
    SMKI_ASSIGN_OR_RETURN(out.sha256,
                          part.Finish([&](uint64_t octets) { Tell(out.name, true, octets, part.whole()); }));
    out.check = std::chrono::duration_cast<Millis>(SystemClock().SinceBoot() - arrived);
    out.result = FetchedFile::Result::kFetched;
    return OkStatus();
  }

  Status CheckSane(const Candidate& candidate) const {
    const std::string& name = candidate.wanted.name;
    if (candidate.remote.kind != RemoteStat::Kind::kFile)
      return FailedPrecondition("{} on the server is no file", name);
    if (candidate.remote.size > options_.max_file) {
      return FailedPrecondition("{} has {} octets on the server, more than the {} that are believed of any such file",
                                name, candidate.remote.size, options_.max_file);
    }
    if (!candidate.local || candidate.present() || candidate.is_list()) return OkStatus();
    return FailedPrecondition(
        "{} has {} octets, and {} on the server: a published file does not change. One of them is damaged or no file "
        "of "
        "the Repository. Next: ask its operator which is right; to fetch it again, move yours away",
        candidate.path(), *candidate.local, candidate.remote.size);
  }

  // Makes a lost connection again as long as something comes of it.
  Status Persist(const Candidate& candidate, Part& part, FetchedFile& out) {
    int left = options_.reconnects;
    Millis pause = options_.pause;
    while (true) {
      const uint64_t before = part.size();
      Status status = sftp_ ? OkStatus() : Connect();
      if (status.ok()) status = Receive(candidate, part);
      if (status.ok()) return OkStatus();
      SMKI_RETURN_IF_ERROR(part.Keep());
      if (status.code() != StatusCode::kUnavailable) return status;
      sftp_.reset();
      if (part.size() - before >= kWorthTrying) {
        left = options_.reconnects;
        pause = options_.pause;
      }
      if (left-- == 0) {
        return WithContext(status,
                           fmt::format("{}: {} of {} octets are here, the connection was tried {} times more; run "
                                       "this again, it goes on from there",
                                       out.name, part.size(), part.whole(), options_.reconnects));
      }
      ++out.reconnects;
      std::this_thread::sleep_for(pause);
      pause = std::min(pause * 2, kLongestPause);
    }
  }

  Status Receive(const Candidate& candidate, Part& part) {
    const std::string remote = Remote(candidate.wanted.name);
    SMKI_RETURN_IF_ERROR(CheckUnchanged(candidate));
    if (part.size() < part.whole()) {
      SMKI_ASSIGN_OR_RETURN(const auto file, sftp_->OpenToRead(remote));
      const auto keep = [&](ByteSpan octets) {
        SMKI_RETURN_IF_ERROR(part.Append(octets));
        Tell(candidate.wanted.name, false, part.size(), part.whole());
        return OkStatus();
      };
      const Status read = file->Read(part.size(), part.whole(), keep, options_.shape);
      if (read.code() == StatusCode::kDataLoss) SMKI_RETURN_IF_ERROR(CheckUnchanged(candidate));
      SMKI_RETURN_IF_ERROR(read);
    }
    return CheckUnchanged(candidate);
  }

  Status CheckUnchanged(const Candidate& candidate) {
    SMKI_ASSIGN_OR_RETURN(const RemoteStat now, sftp_->Stat(Remote(candidate.wanted.name)));
    if (now == candidate.remote) return OkStatus();
    return FailedPrecondition(
        "{} changed on the server while it was fetched (from {} to {} octets): it may still be being published. Next: "
        "run "
        "this again in a while; it then starts afresh",
        candidate.wanted.name, candidate.remote.size, now.size);
  }

  void Tell(const std::string& file, bool checking, uint64_t done, uint64_t total) const {
    if (options_.on_progress) options_.on_progress({file, checking, done, total});
  }

  const FetchOptions& options_;
  const std::string archive_;
  std::unique_ptr<Sftp> sftp_;
};

}  // namespace

StatusOr<FetchReport> Fetch(const FetchOptions& options) {
  return Fetcher(options).Run();
}

}  // namespace smki::repository::transfer
