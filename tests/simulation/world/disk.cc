#include "tests/simulation/world/disk.h"

#include <algorithm>
#include <cctype>

namespace smki::simulation {
namespace {

constexpr Nanos kSyncTime = std::chrono::milliseconds(1);
constexpr uint64_t kSlowestSync = 20'000;  // ms
constexpr uint64_t kLongestFull = 1'800'000;
constexpr uint64_t kSector = 512;

Status NoSpace(const std::string& path) {
  return Error(StatusCode::kResourceExhausted, "cannot write {}: no space left on device", path);
}

void Apply(const Disk::Change& change, Bytes& octets) {
  if (change.cut) {
    octets.resize(change.offset);
    return;
  }
  if (octets.size() < change.offset + change.octets.size()) octets.resize(change.offset + change.octets.size());
  std::copy(change.octets.begin(), change.octets.end(), octets.begin() + static_cast<ptrdiff_t>(change.offset));
}

}  // namespace

// An AppendFile over it.
class OpenFile : public AppendFile {
 public:
  OpenFile(Disk& disk, Disk::FilePtr file, std::string path)
      : disk_(disk), file_(std::move(file)), path_(std::move(path)), size_(file_->now.size()) {}

  Status Append(ByteSpan bytes) override {
    SMKI_RETURN_IF_ERROR(disk_.Write(*file_, path_, size_, bytes));
    size_ += bytes.size();
    return OkStatus();
  }
  void Sync() override { disk_.Sync(*file_, path_); }
  uint64_t size() const override { return size_; }
  StatusOr<Bytes> ReadAt(uint64_t offset, size_t count) const override {
    if (offset > size_ || count > size_ - offset)
      return Error(StatusCode::kOutOfRange, "{}: {} octets at {} lie beyond its end at {}", path_, count, offset,
                   size_);
    const auto from = file_->now.begin() + static_cast<ptrdiff_t>(offset);
    Bytes out(from, from + static_cast<ptrdiff_t>(count));
    disk_.MayFlip(out, path_);
    return out;
  }
  Status Truncate(uint64_t size) override {
    SMKI_RETURN_IF_ERROR(disk_.Cut(*file_, path_, size));
    size_ = size;
    return OkStatus();
  }

 private:
  Disk& disk_;
  Disk::FilePtr file_;
  std::string path_;
  uint64_t size_;
};

// --- what goes wrong ---

// Names of files carry random identifiers; the place is the kind of file.
std::string Disk::Place(std::string_view what, const std::string& path) const {
  std::string out = machine_ + " " + std::string(what) + " ";
  const size_t slash = path.rfind('/');
  for (const char c : path.substr(slash == std::string::npos ? 0 : slash + 1)) {
    if (std::isdigit(static_cast<unsigned char>(c)) == 0) out += c;
  }
  return out.size() > 48 ? out.substr(0, 48) : out;
}

void Disk::Moment(std::string_view what, const std::string& path) {
  const Process* who = Process::Running();
  if (who == nullptr || who->ghost()) return;
  const std::string place = Place(what, path);
  if (fates_.Strikes(Fault::kPowerCut, place)) return on_death_(Fault::kPowerCut);
  if (fates_.Strikes(Fault::kKill, place)) on_death_(Fault::kKill);
}

bool Disk::Muted() const {
  const Process* who = Process::Running();
  return who != nullptr && who == muted_ && who->ghost();
}

bool Disk::Full(const std::string& path) {
  const Process* who = Process::Running();
  if (who == nullptr || who->ghost()) return false;
  if (fates_.stopped()) return false;
  if (clockwork_.elapsed() < full_until_) return true;
  if (!fates_.Strikes(Fault::kDiskFull, Place("write", path))) return false;
  full_until_ = clockwork_.elapsed() + Millis(1'000 + fates_.Draw(machine_ + " full", kLongestFull));
  return true;
}

void Disk::MayFlip(Bytes& octets, const std::string& path) {
  if (!starting_ || octets.empty() || !fates_.Strikes(Fault::kFlippedBit, Place("read", path))) return;
  const uint64_t bit = fates_.Draw(machine_ + " bit", octets.size() * 8);
  octets[bit / 8] ^= static_cast<uint8_t>(1 << (bit % 8));
}

// --- files ---

Disk::FilePtr Disk::Find(const std::string& path) const {
  const auto found = names_.find(path);
  return found == names_.end() ? nullptr : found->second;
}

Disk::FilePtr Disk::Create(const std::string& path) {
  Moment("create", path);
  auto file = std::make_shared<File>();
  Name({{{path, file}}});
  return file;
}

void Disk::Name(Naming naming) {
  if (Muted()) return;
  Rename(naming, names_);
  pending_.push_back(std::move(naming));
}

void Disk::Rename(const Naming& naming, std::map<std::string, FilePtr>& names) {
  for (const auto& [path, file] : naming.changes) {
    if (file) {
      names[path] = *file;
    } else {
      names.erase(path);
    }
  }
}

Status Disk::Write(File& file, const std::string& path, uint64_t offset, ByteSpan octets) {
  Moment("write", path);
  if (Muted()) return OkStatus();
  // What overwrites needs no room.
  if (offset + octets.size() > file.now.size() && Full(path)) return NoSpace(path);
  Change change{offset, ToBytes(octets), false};
  Apply(change, file.now);
  file.pending.push_back(std::move(change));
  Moment("written", path);
  return OkStatus();
}

Status Disk::Cut(File& file, const std::string& path, uint64_t size) {
  Moment("cut", path);
  if (Muted()) return OkStatus();
  Change change{size, {}, true};
  Apply(change, file.now);
  file.pending.push_back(std::move(change));
  return OkStatus();
}

void Disk::Sync(File& file, const std::string& path) {
  Moment("sync", path);
  Process* who = Process::Running();
  if (who != nullptr && !who->ghost()) {
    const std::string place = Place("sync", path);
    who->Wait(kSyncTime);
    if (fates_.Strikes(Fault::kSlowDisk, place)) who->Wait(Millis(200 + fates_.Draw(machine_ + " slow", kSlowestSync)));
    if (fates_.Strikes(Fault::kSyncFails, place)) return on_death_(Fault::kSyncFails);
  }
  if (Muted()) return;
  file.durable = file.now;
  file.pending.clear();
  Moment("synced", path);
}

// --- FileSystem ---

bool Disk::IsSeenThrough(const std::string& path) const {
  return !seen_through_.empty() && path.starts_with(seen_through_);
}

// As PosixFiles: also an existing name is made durable.
StatusOr<std::unique_ptr<AppendFile>> Disk::OpenAppend(const std::string& path) {
  if (IsSeenThrough(path)) return PosixFiles().OpenAppend(path);
  const std::string folder = DirectoryOf(path);
  if (!names_.contains(folder)) return NotFound("cannot open {}: there is no folder {}", path, folder);
  FilePtr file = Find(path);
  if (file == nullptr && names_.contains(path)) return FailedPrecondition("cannot open {}: it is a folder", path);
  if (file == nullptr) file = Create(path);
  auto out = std::make_unique<OpenFile>(*this, file, path);
  SMKI_RETURN_IF_ERROR(SyncDirectory(folder));
  return out;
}

StatusOr<Bytes> Disk::Read(const std::string& path, size_t limit) {
  if (IsSeenThrough(path)) return PosixFiles().Read(path, limit);
  const FilePtr file = Find(path);
  if (file == nullptr) return NotFound("cannot open {}: no such file", path);
  if (file->now.size() > limit)
    return Error(StatusCode::kResourceExhausted, "{} is larger than the {} octets allowed here", path, limit);
  Bytes out = file->now;
  MayFlip(out, path);
  return out;
}

Status Disk::WriteDurably(const std::string& path, ByteSpan bytes, bool) {
  const std::string temporary = path + ".new";
  if (!names_.contains(DirectoryOf(path)))
    return NotFound("cannot create {}: there is no folder {}", path, DirectoryOf(path));
  const FilePtr file = Create(temporary);
  SMKI_RETURN_IF_ERROR(Write(*file, temporary, 0, bytes));
  Sync(*file, temporary);
  SMKI_RETURN_IF_ERROR(Rename(temporary, path));
  return SyncDirectory(DirectoryOf(path));
}

Status Disk::WriteHint(const std::string& path, ByteSpan bytes) {
  FilePtr file = Find(path);
  if (file == nullptr) file = Create(path);
  return Write(*file, path, 0, bytes);
}

bool Disk::Exists(const std::string& path) {
  return IsSeenThrough(path) ? PosixFiles().Exists(path) : names_.contains(path);
}

StatusOr<std::vector<std::string>> Disk::List(const std::string& directory) {
  if (IsSeenThrough(directory)) return PosixFiles().List(directory);
  if (!names_.contains(directory) || Find(directory) != nullptr)
    return NotFound("cannot list {}: no such folder", directory);
  std::vector<std::string> out;
  const std::string prefix = directory + "/";
  for (auto at = names_.upper_bound(prefix); at != names_.end() && at->first.starts_with(prefix); ++at) {
    const std::string rest = at->first.substr(prefix.size());
    if (rest.find('/') == std::string::npos) out.push_back(rest);
  }
  return out;
}

Status Disk::CreateDirectories(const std::string& path) {
  if (path.empty() || path == "/" || path == ".") return OkStatus();
  if (path.back() == '/') return CreateDirectories(path.substr(0, path.size() - 1));
  if (Find(path) != nullptr) return FailedPrecondition("{} is no folder", path);
  if (!names_.contains(path)) {
    SMKI_RETURN_IF_ERROR(CreateDirectories(DirectoryOf(path)));
    Moment("mkdir", path);
    if (Full(path)) return NoSpace(path);
    Name({{{path, FilePtr()}}});
  }
  return SyncDirectory(DirectoryOf(path));
}

Status Disk::Rename(const std::string& from, const std::string& to) {
  Moment("rename", to);
  if (Muted()) return OkStatus();
  const FilePtr file = Find(from);
  if (file == nullptr) return NotFound("cannot rename to {}: there is no {}", to, from);
  Name({{{to, file}, {from, std::nullopt}}});
  Moment("renamed", to);
  return OkStatus();
}

Status Disk::Remove(const std::string& path) {
  Moment("remove", path);
  if (Muted()) return OkStatus();
  if (!names_.contains(path)) return NotFound("cannot remove {}: no such file", path);
  Name({{{path, std::nullopt}}});
  return OkStatus();
}

Status Disk::SyncDirectory(const std::string& path) {
  Moment("syncdir", path);
  if (Muted()) return OkStatus();
  std::erase_if(pending_, [&](const Naming& naming) {
    const bool here = std::any_of(naming.changes.begin(), naming.changes.end(),
                                  [&](const auto& change) { return DirectoryOf(change.first) == path; });
    if (here) Rename(naming, durable_names_);
    return here;
  });
  return OkStatus();
}

// --- the world's side ---

void Disk::Put(const std::string& path, Bytes octets) {
  for (std::string folder = DirectoryOf(path); !names_.contains(folder); folder = DirectoryOf(folder)) {
    names_[folder] = durable_names_[folder] = nullptr;
    if (folder == ".") break;
  }
  auto file = std::make_shared<File>();
  file->durable = octets;
  file->now = std::move(octets);
  names_[path] = durable_names_[path] = file;
}

std::optional<Bytes> Disk::Durable(const std::string& path) const {
  const auto found = durable_names_.find(path);
  if (found == durable_names_.end() || found->second == nullptr) return std::nullopt;
  return found->second->durable;
}

std::map<std::string, Bytes> Disk::Below(const std::string& folder) const {
  std::map<std::string, Bytes> out;
  const std::string prefix = folder + "/";
  for (auto at = names_.upper_bound(prefix); at != names_.end() && at->first.starts_with(prefix); ++at) {
    if (at->second != nullptr) out.emplace(at->first, at->second->now);
  }
  return out;
}

// `how`: 0 nothing of what was pending, 1 all, 2 a prefix, 3 any subset; the last of it perhaps torn.
Bytes Disk::Survived(const File& file, uint64_t how, uint64_t which) {
  Bytes out = file.durable;
  if (how == 0 || file.pending.empty()) return out;
  if (how == 1) return file.now;
  const size_t count = file.pending.size();
  const size_t prefix = which % (count + 1);
  for (size_t i = 0; i < count; ++i) {
    if (how == 2 && i > prefix) break;
    if (how == 3 && (which >> (i % 60) & 1) == 0) continue;
    Change change = file.pending[i];
    const bool torn = how == 2 ? i == prefix : (which >> (i % 60) & 6) == 6;
    if (torn && !change.cut) {
      // A sector is written whole or not at all.
      const uint64_t sector =
          (change.offset / kSector + which % 97 * (change.octets.size() / kSector + 1) / 97) * kSector;
      if (sector <= change.offset) continue;
      change.octets.resize(std::min<uint64_t>(change.octets.size(), sector - change.offset));
    }
    Apply(change, out);
  }
  return out;
}

Disk::Image Disk::Left(bool whole) {
  Image image{names_, durable_names_, pending_};
  if (!whole) {
    // A journalling file system keeps names in their order: a prefix of what was not synced is there.
    image.names = durable_names_;
    const size_t kept = pending_.empty() ? 0 : fates_.Draw(machine_ + " names kept", pending_.size() + 1);
    for (size_t i = 0; i < kept; ++i) Rename(pending_[i], image.names);
    image.pending.clear();
  }
  // Copies: the ghost goes on writing into the originals.
  std::map<const File*, FilePtr> copies;
  const auto replace = [&](FilePtr& file) {
    if (file == nullptr) return;
    FilePtr& copy = copies[file.get()];
    if (copy == nullptr) copy = whole ? std::make_shared<File>(*file) : Survivor(*file);
    file = copy;
  };
  for (auto& [name, file] : image.names) replace(file);
  if (!whole) {
    image.durable_names = image.names;
    return image;
  }
  for (auto& [name, file] : image.durable_names) replace(file);
  for (Naming& naming : image.pending) {
    for (auto& [name, file] : naming.changes) {
      if (file) replace(*file);
    }
  }
  return image;
}

Disk::FilePtr Disk::Survivor(const File& file) {
  auto out = std::make_shared<File>();
  out->durable = file.durable;
  if (!file.pending.empty()) {
    const uint64_t how = fates_.Draw(machine_ + " octets kept", 4);
    out->durable = Survived(file, how, fates_.Draw(machine_ + " which kept", uint64_t{1} << 60));
  }
  out->now = out->durable;
  return out;
}

void Disk::Become(Image image) {
  names_ = std::move(image.names);
  durable_names_ = std::move(image.durable_names);
  pending_ = std::move(image.pending);
}

}  // namespace smki::simulation
