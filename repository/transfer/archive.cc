#include "repository/transfer/archive.h"

#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <map>
#include <memory>

#include "base/file.h"
#include "repository/transfer/names.h"

namespace smki::repository::transfer {
namespace {

constexpr uint64_t kReserve = 16 << 20;
constexpr size_t kChunk = 1 << 20;

Status CopyFile(const std::string& from, const std::string& to) {
  struct Close {
    void operator()(std::FILE* f) const { std::fclose(f); }
  };
  const std::unique_ptr<std::FILE, Close> source(std::fopen(from.c_str(), "rb"));
  if (!source) return Unavailable("cannot open {}: {}", from, std::strerror(errno));
  // With a leading dot nobody takes it for a file of the Repository.
  const std::string temporary = DirectoryOf(to) + "/." + to.substr(to.rfind('/') + 1) + ".new";
  SMKI_ASSIGN_OR_RETURN(const auto copy, PosixFiles().OpenAppend(temporary));
  SMKI_RETURN_IF_ERROR(copy->Truncate(0));
  Bytes buffer(kChunk);
  while (const size_t n = std::fread(buffer.data(), 1, buffer.size(), source.get())) {
    SMKI_RETURN_IF_ERROR(copy->Append(ByteSpan(buffer).first(n)));
  }
  if (std::ferror(source.get()) != 0) return Unavailable("cannot read {}: {}", from, std::strerror(errno));
  copy->Sync();
  return PosixFiles().Rename(temporary, to);
}

Status Share(const std::string& from, const std::string& to, bool& added) {
  struct stat there {
  }, ours{};
  if (::stat(from.c_str(), &there) != 0) return Unavailable("cannot look at {}: {}", from, std::strerror(errno));
  if (::stat(to.c_str(), &ours) == 0) {
    if (there.st_size == ours.st_size) return OkStatus();
    return FailedPrecondition(
        "{} has {} octets, and {} has {}: a published file does not change; find out which is right and move the other "
        "away",
        to, ours.st_size, from, there.st_size);
  }
  if (::link(from.c_str(), to.c_str()) != 0) SMKI_RETURN_IF_ERROR(CopyFile(from, to));
  added = true;
  return OkStatus();
}

}  // namespace

bool SameFolder(const std::string& a, const std::string& b) {
  struct stat of_a {
  }, of_b{};
  return a == b || (::stat(a.c_str(), &of_a) == 0 && ::stat(b.c_str(), &of_b) == 0 && of_a.st_dev == of_b.st_dev &&
                    of_a.st_ino == of_b.st_ino);
}

Status CheckRoom(const std::vector<Need>& needs) {
  std::map<dev_t, Need> systems;
  for (const Need& need : needs) {
    struct stat info {};
    if (::stat(need.folder.c_str(), &info) != 0)
      return Unavailable("cannot look at {}: {}", need.folder, std::strerror(errno));
    Need& sum = systems.try_emplace(info.st_dev, Need{need.folder, kReserve}).first->second;
    sum.octets += need.octets;
  }
  for (const auto& [device, need] : systems) {
    struct statvfs room {};
    if (::statvfs(need.folder.c_str(), &room) != 0)
      return Unavailable("cannot look at {}: {}", need.folder, std::strerror(errno));
    const uint64_t free = static_cast<uint64_t>(room.f_bavail) * room.f_frsize;
    if (free < need.octets) {
      return Error(StatusCode::kResourceExhausted,
                   "{} has room for {} octets, and {} are needed; free some, or name another folder", need.folder, free,
                   need.octets);
    }
  }
  return OkStatus();
}

Status ShareDeltas(const std::string& archive, const std::string& to, std::vector<std::string>& added) {
  SMKI_ASSIGN_OR_RETURN(const auto names, PosixFiles().List(archive));
  for (const std::string& name : names) {
    if (KindOf(name) != FileKind::kDelta) continue;
    bool is_new = false;
    SMKI_RETURN_IF_ERROR(Share(archive + "/" + name, to + "/" + name, is_new));
    if (is_new) added.push_back(name);
  }
  return added.empty() ? OkStatus() : PosixFiles().SyncDirectory(to);
}

}  // namespace smki::repository::transfer
