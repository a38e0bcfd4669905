#include "repository/transfer/part.h"

#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <nlohmann/json.hpp>

#include "repository/extract/gzip.h"

namespace smki::repository::transfer {
namespace {

using Json = nlohmann::ordered_json;

constexpr size_t kMaxNote = 4096;
constexpr char kChecking[] = "/.checking";

// Another one after every start of the machine; empty if it cannot be known.
std::string Boot() {
  const auto id = PosixFiles().Read("/proc/sys/kernel/random/boot_id", 64);
  return id.ok() ? std::string(AsText(*id).substr(0, 36)) : "";
}

uint64_t SizeOf(const std::string& path) {
  struct stat info {};
  return ::stat(path.c_str(), &info) == 0 && S_ISREG(info.st_mode) ? static_cast<uint64_t>(info.st_size) : 0;
}

bool IsNumber(const Json& note, const char* key) {
  return note.contains(key) && note[key].is_number_unsigned();
}

}  // namespace

uint64_t Part::Resumable() const {
  const auto text = PosixFiles().Read(note_path(), kMaxNote);
  if (!text.ok()) return 0;
  const Json note = Json::parse(text->begin(), text->end(), nullptr, false);
  const bool whole = note.is_object() && IsNumber(note, "size") && IsNumber(note, "synced") && note.contains("mtime") &&
                     note["mtime"].is_number_integer() && note.contains("boot") && note["boot"].is_string();
  if (!whole || note["size"] != remote_.size || note["mtime"] != remote_.mtime) return 0;
  const uint64_t held = SizeOf(path());
  if (held > remote_.size) return 0;
  // After a power cut a file can be long enough and still have holes where it was not synced.
  const bool same_boot = !Boot().empty() && note["boot"].get<std::string>() == Boot();
  return same_boot ? held : std::min(held, note["synced"].get<uint64_t>());
}

uint64_t Part::Held(const std::string& folder, const std::string& name, const RemoteStat& remote) {
  return Part(folder, name, remote).Resumable();
}

void Part::ForgetNote(const std::string& folder, const std::string& name) {
  const Part part(folder, name, {});
  if (!PosixFiles().Exists(part.path()) && PosixFiles().Exists(part.note_path())) {
    PosixFiles().Remove(part.note_path()).IgnoreError();
  }
}

StatusOr<Part> Part::Open(const std::string& folder, const std::string& name, const RemoteStat& remote) {
  Part out(folder, name, remote);
  const uint64_t held = out.Resumable();
  SMKI_ASSIGN_OR_RETURN(out.file_, PosixFiles().OpenAppend(out.path()));
  // In this order: a note must never stand beside octets of another file.
  SMKI_RETURN_IF_ERROR(out.file_->Truncate(held));
  SMKI_RETURN_IF_ERROR(out.Keep());
  return out;
}

Status Part::WriteNote() {
  const Json note = {{"size", remote_.size}, {"mtime", remote_.mtime}, {"synced", synced_}, {"boot", Boot()}};
  return PosixFiles().WriteDurably(note_path(), AsBytes(note.dump() + "\n"));
}

Status Part::Keep() {
  file_->Sync();
  synced_ = size();
  return WriteNote();
}

Status Part::Append(ByteSpan octets) {
  if (octets.size() > remote_.size - size()) {
    return DataLoss("{}: more than the announced {} octets came", name_, remote_.size);
  }
  SMKI_RETURN_IF_ERROR(file_->Append(octets));
  return size() - synced_ >= kSyncEvery ? Keep() : OkStatus();
}

// gzip.h holds the name inside against the file's own name, which the part does not have yet: it is read through a link
// that has it.
StatusOr<Digest> Part::CheckGzip(const OnChecked& checked) const {
  const std::string link = folder_ + kChecking + "/" + name_;
  SMKI_RETURN_IF_ERROR(PosixFiles().CreateDirectories(folder_ + kChecking));
  const auto forget = [&] {
    ::unlink(link.c_str());
    ::rmdir((folder_ + kChecking).c_str());
  };
  ::unlink(link.c_str());
  if (::symlink(("../" + name_ + ".part").c_str(), link.c_str()) != 0) {
    return Unavailable("cannot create {}: {}", link, std::strerror(errno));
  }
  uint64_t told = 0;
  const auto digest = InflateFile(link, [&](ByteSpan, uint64_t read) {
    if (checked && read != std::exchange(told, read)) checked(read);
    return OkStatus();
  });
  forget();
  return digest;
}

Status Part::PutAside(const Status& why) {
  const std::string folder = folder_ + "/damaged";
  const std::string aside = folder + "/" + name_ + ".damaged";
  SMKI_RETURN_IF_ERROR(PosixFiles().CreateDirectories(folder));
  SMKI_RETURN_IF_ERROR(PosixFiles().Rename(path(), aside));
  SMKI_RETURN_IF_ERROR(PosixFiles().SyncDirectory(folder));
  SMKI_RETURN_IF_ERROR(PosixFiles().Remove(note_path()));
  SMKI_RETURN_IF_ERROR(PosixFiles().SyncDirectory(folder_));
  return DataLoss(
      "{}. It has all of its {} octets and is put aside as {}. Next: fetch it again; if it is damaged again, it "
      "is damaged on the server, tell the Repository's operator",
      Message(why), remote_.size, aside);
}

StatusOr<Digest> Part::Finish(const OnChecked& checked) {
  if (size() != remote_.size) return DataLoss("{}: {} octets came, {} were announced", name_, size(), remote_.size);
  SMKI_RETURN_IF_ERROR(Keep());
  const auto digest = CheckGzip(checked);
  if (digest.status().code() == StatusCode::kDataLoss) return PutAside(digest.status());
  if (!digest.ok()) return digest.status();
  if (::chmod(path().c_str(), 0644) != 0)
    return Unavailable("cannot open {} to others: {}", path(), std::strerror(errno));
  SMKI_RETURN_IF_ERROR(PosixFiles().Rename(path(), folder_ + "/" + name_));
  SMKI_RETURN_IF_ERROR(PosixFiles().SyncDirectory(folder_));
  PosixFiles().Remove(note_path()).IgnoreError();
  return digest;
}

}  // namespace smki::repository::transfer
