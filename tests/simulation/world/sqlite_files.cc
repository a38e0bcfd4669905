#include "tests/simulation/world/sqlite_files.h"

#include <sqlite3.h>

#include <cstring>
#include <new>

namespace smki::simulation {
namespace {

struct World {
  std::map<std::string, Disk*> disks;
  Clockwork* clockwork = nullptr;
  uint64_t random = 1;
  // Shared memory of a WAL: gone with its last user, as after a crash.
  struct Shared {
    std::vector<std::unique_ptr<uint8_t[]>> regions;
    int users = 0;
  };
  std::map<std::string, Shared> shared;
};
World world;

Disk* DiskOf(const std::string& path) {
  const auto found = world.disks.find(path.substr(0, path.find('/')));
  return found == world.disks.end() ? nullptr : found->second;
}

// What SQLite allocates for an open file; constructed and destroyed by us.
struct OpenDatabase {
  sqlite3_file base;
  Disk* disk;
  Disk::FilePtr* file;
  std::string* path;
  bool new_name;  // its folder is to be synced with it
  bool delete_on_close;
  bool has_shared;
};
OpenDatabase& Of(sqlite3_file* file) {
  return *reinterpret_cast<OpenDatabase*>(file);
}

int FromStatus(const Status& status) {
  if (status.ok()) return SQLITE_OK;
  return status.code() == StatusCode::kResourceExhausted ? SQLITE_FULL : SQLITE_IOERR;
}

int Close(sqlite3_file* raw) {
  OpenDatabase& file = Of(raw);
  if (file.delete_on_close) (void)file.disk->Remove(*file.path);
  delete file.file;
  delete file.path;
  return SQLITE_OK;
}
int Read(sqlite3_file* raw, void* out, int count, sqlite3_int64 offset) {
  const Bytes& now = (*Of(raw).file)->now;
  const auto want = static_cast<size_t>(count), from = static_cast<size_t>(offset);
  const size_t have = from >= now.size() ? 0 : std::min(want, now.size() - from);
  if (have > 0) std::memcpy(out, now.data() + from, have);
  if (have == want) return SQLITE_OK;
  std::memset(static_cast<uint8_t*>(out) + have, 0, want - have);
  return SQLITE_IOERR_SHORT_READ;
}
int Write(sqlite3_file* raw, const void* in, int count, sqlite3_int64 offset) {
  OpenDatabase& file = Of(raw);
  return FromStatus(file.disk->Write(**file.file, *file.path, static_cast<uint64_t>(offset),
                                     {static_cast<const uint8_t*>(in), static_cast<size_t>(count)}));
}
int Truncate(sqlite3_file* raw, sqlite3_int64 size) {
  OpenDatabase& file = Of(raw);
  return FromStatus(file.disk->Cut(**file.file, *file.path, static_cast<uint64_t>(size)));
}
// As os_unix.c: the first sync of a new file syncs its folder, too.
int Sync(sqlite3_file* raw, int) {
  OpenDatabase& file = Of(raw);
  file.disk->Sync(**file.file, *file.path);
  if (std::exchange(file.new_name, false)) (void)file.disk->SyncDirectory(DirectoryOf(*file.path));
  return SQLITE_OK;
}
int FileSize(sqlite3_file* raw, sqlite3_int64* size) {
  *size = static_cast<sqlite3_int64>((*Of(raw).file)->now.size());
  return SQLITE_OK;
}
// One process only has a database open here.
int Lock(sqlite3_file*, int) {
  return SQLITE_OK;
}
int CheckReservedLock(sqlite3_file*, int* out) {
  *out = 0;
  return SQLITE_OK;
}
int FileControl(sqlite3_file*, int, void*) {
  return SQLITE_NOTFOUND;
}
int SectorSize(sqlite3_file*) {
  return 4096;
}
int Characteristics(sqlite3_file*) {
  return SQLITE_IOCAP_POWERSAFE_OVERWRITE;  // as os_unix.c says of every disk
}
int ShmMap(sqlite3_file* raw, int region, int size, int extend, void volatile** out) {
  OpenDatabase& file = Of(raw);
  World::Shared& shared = world.shared[*file.path];
  if (!std::exchange(file.has_shared, true)) ++shared.users;
  const auto wanted = static_cast<size_t>(region);
  if (shared.regions.size() <= wanted && extend == 0) {
    *out = nullptr;
    return SQLITE_OK;
  }
  while (shared.regions.size() <= wanted)
    shared.regions.push_back(std::make_unique<uint8_t[]>(static_cast<size_t>(size)));
  *out = shared.regions[wanted].get();
  return SQLITE_OK;
}
int ShmLock(sqlite3_file*, int, int, int) {
  return SQLITE_OK;
}
void ShmBarrier(sqlite3_file*) {}
int ShmUnmap(sqlite3_file* raw, int) {
  OpenDatabase& file = Of(raw);
  if (std::exchange(file.has_shared, false) && --world.shared[*file.path].users == 0) world.shared.erase(*file.path);
  return SQLITE_OK;
}

constexpr sqlite3_io_methods kMethods = {2,
                                         Close,
                                         Read,
                                         Write,
                                         Truncate,
                                         Sync,
                                         FileSize,
                                         Lock,
                                         Lock,
                                         CheckReservedLock,
                                         FileControl,
                                         SectorSize,
                                         Characteristics,
                                         ShmMap,
                                         ShmLock,
                                         ShmBarrier,
                                         ShmUnmap,
                                         nullptr,
                                         nullptr};

int Open(sqlite3_vfs*, const char* name, sqlite3_file* raw, int flags, int* out_flags) {
  OpenDatabase& file = Of(raw);
  file = {};
  static int temporaries = 0;
  const std::string path = name != nullptr ? name : fmt::format("temporary/{}", ++temporaries);
  Disk* const disk = name != nullptr ? DiskOf(path) : world.disks.begin()->second;
  if (disk == nullptr) return SQLITE_CANTOPEN;
  Disk::FilePtr found = disk->Find(path);
  const bool create = found == nullptr;
  if (create && (flags & SQLITE_OPEN_CREATE) == 0) return SQLITE_CANTOPEN;
  if (create) found = disk->Create(path);
  file.base.pMethods = &kMethods;
  file.disk = disk;
  file.file = new Disk::FilePtr(std::move(found));
  file.path = new std::string(path);
  file.new_name = create;
  file.delete_on_close = (flags & SQLITE_OPEN_DELETEONCLOSE) != 0;
  if (out_flags != nullptr) *out_flags = flags;
  return SQLITE_OK;
}
int Delete(sqlite3_vfs*, const char* name, int sync_folder) {
  Disk* const disk = DiskOf(name);
  if (disk == nullptr || disk->Find(name) == nullptr) return SQLITE_IOERR_DELETE_NOENT;
  if (!disk->Remove(name).ok()) return SQLITE_IOERR_DELETE;
  return sync_folder == 0 || disk->SyncDirectory(DirectoryOf(name)).ok() ? SQLITE_OK : SQLITE_IOERR_DIR_FSYNC;
}
int Access(sqlite3_vfs*, const char* name, int, int* out) {
  Disk* const disk = DiskOf(name);
  // An empty file is none, as os_unix.c says.
  const Disk::FilePtr found = disk == nullptr ? nullptr : disk->Find(name);
  *out = found != nullptr && !found->now.empty() ? 1 : 0;
  return SQLITE_OK;
}
int FullPathname(sqlite3_vfs*, const char* name, int room, char* out) {
  sqlite3_snprintf(room, out, "%s", name);
  return SQLITE_OK;
}
int Randomness(sqlite3_vfs*, int count, char* out) {
  for (int i = 0; i < count; ++i) {
    world.random = world.random * 6364136223846793005ull + 1442695040888963407ull;
    out[i] = static_cast<char>(world.random >> 56);
  }
  return count;
}
int Sleep(sqlite3_vfs*, int micros) {
  return micros;
}
int CurrentTime(sqlite3_vfs*, double* out) {
  *out = 2440587.5 + static_cast<double>(world.clockwork->Now().ms) / 86400000.0;
  return SQLITE_OK;
}
int CurrentTime64(sqlite3_vfs*, sqlite3_int64* out) {
  *out = 210866760000000ll + world.clockwork->Now().ms;
  return SQLITE_OK;
}
int LastError(sqlite3_vfs*, int, char*) {
  return 0;
}

sqlite3_vfs vfs = {2,
                   sizeof(OpenDatabase),
                   512,
                   nullptr,
                   "smki-simulation",
                   nullptr,
                   Open,
                   Delete,
                   Access,
                   FullPathname,
                   nullptr,
                   nullptr,
                   nullptr,
                   nullptr,
                   Randomness,
                   Sleep,
                   CurrentTime,
                   LastError,
                   CurrentTime64,
                   nullptr,
                   nullptr,
                   nullptr};

}  // namespace

Mounted::Mounted(std::map<std::string, Disk*> disks, Clockwork& clockwork) {
  world.disks = std::move(disks);
  world.clockwork = &clockwork;
  world.random = 1;
  SMKI_CHECK(sqlite3_vfs_register(&vfs, 1) == SQLITE_OK);
}

void Mounted::StepAside() {
  sqlite3_vfs_register(sqlite3_vfs_find("unix"), 1);
}

Mounted::~Mounted() {
  StepAside();
  world = World();
}

}  // namespace smki::simulation
