// A power cut, as a library that is loaded in front of libc (LD_PRELOAD): kill -9 keeps the page cache, this does not.
//
// It watches every write, truncation, creation, renaming and removal below one folder, whoever makes it (our File,
// SQLite, a library), and what of that has been synced. At a chosen durable write - an fsync or fdatasync of a file or
// of a folder that is about to be asked for - it puts the disk back to what was durable and kills the process. Nothing
// the process does afterwards is heard: every thread that wants to write or send stops for good.
//
//   SMKI_POWERCUT_ROOT    the folder; counters and the log of points are in its .powercut/
//   SMKI_POWERCUT_AT      PROGRAM:N[:HOW],...  at the N-th durable write of all lives of PROGRAM. HOW, of what is
//   unsynced:
//                           lose   all is lost, names and octets (the default)
//                           names  names stay (created, renamed, removed), octets are lost
//                           tear   half of what was appended stays; names are lost
//                           zeros  what was appended reads as zeros; names stay
//   SMKI_POWERCUT_IGNORE  CHAIN,...  durable writes of these call chains do nothing: the mutant without that fsync
//   SMKI_POWERCUT_FAIL    PROGRAM:N:WHAT  from the N-th write on WHAT is
//                           full   no space, until .powercut/space exists
//                           eio    one input/output error
//                           sync   the N-th durable write fails
//
// SIGUSR2 cuts the power at once, at whatever the program is doing (lose).
//
// Not watched: mmap, what stdio writes by itself, and folders named tokens: SoftHSM syncs nothing, where an HSM has a
// memory of its own that does not forget.
#include <dlfcn.h>
#include <errno.h>
#include <execinfo.h>
#include <fcntl.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <utility>
#include <vector>

namespace {

constexpr off_t kBlock = 4096;
constexpr int kSignersSocket = 3;

template <typename F>
F Real(const char* name) {
  return reinterpret_cast<F>(::dlsym(RTLD_NEXT, name));
}
#define REAL(name) static const auto real = Real<decltype(&::name)>(#name)

ssize_t RealWrite(int fd, const void* data, size_t size) {
  REAL(write);
  return real(fd, data, size);
}
ssize_t RealPwrite(int fd, const void* data, size_t size, off_t offset) {
  REAL(pwrite);
  return real(fd, data, size, offset);
}
int RealOpen(const char* path, int flags, mode_t mode) {
  REAL(open);
  return real(path, flags, mode);
}
int RealClose(int fd) {
  REAL(close);
  return real(fd);
}
int RealTruncate(int fd, off_t size) {
  REAL(ftruncate);
  return real(fd, size);
}
int RealRename(const char* from, const char* to) {
  REAL(rename);
  return real(from, to);
}
int RealUnlink(const char* path) {
  REAL(unlink);
  return real(path);
}

std::string Folder(const std::string& path) {
  const size_t slash = path.rfind('/');
  return slash == 0 ? "/" : path.substr(0, slash);
}

// Absolute and without "." and "..", but the last name as it is.
std::string Absolute(const char* path) {
  const std::string text = path;
  const size_t slash = text.rfind('/');
  const std::string folder = slash == std::string::npos ? "." : slash == 0 ? "/" : text.substr(0, slash);
  char real[PATH_MAX];
  if (::realpath(folder.c_str(), real) == nullptr) return "";
  const std::string name = slash == std::string::npos ? text : text.substr(slash + 1);
  return std::string(real) == "/" ? "/" + name : std::string(real) + "/" + name;
}

std::vector<std::string> Split(const std::string& text, char at) {
  std::vector<std::string> out;
  for (size_t start = 0; start <= text.size();) {
    const size_t end = std::min(text.find(at, start), text.size());
    if (end > start) out.push_back(text.substr(start, end - start));
    start = end + 1;
  }
  return out;
}

struct Octets {
  std::vector<char> data;
};

// One file with what it durably holds.
struct File {
  int fd = -1;  // our own, for reading and putting back
  std::string path;
  off_t durable_size = 0;
  std::map<off_t, Octets> before;  // block -> its durable octets
};

// A change of a name in a folder that has not been synced.
struct NameChange {
  enum Kind { kCreated, kRenamed, kRemoved, kFolderMade } kind;
  std::string folder, path, from;
  std::string saved;  // hard link to what was there before
};

struct Counters {
  std::atomic<uint64_t> points, writes;
};

class Watch {
 public:
  // Null before the library is set up, and in programs that are not ours.
  static Watch* Get() { return watch_; }
  static void SetUp() {
    watch_ = Make();
    if (watch_ != nullptr) watch_->WaitForSignal();
  }

  bool dead() const { return dead_.load(std::memory_order_relaxed); }
  // Threads of a process without power.
  void StopIfDead() const {
    while (dead()) dead_.wait(true);
  }
  bool Below(const std::string& path) const {
    return path.size() > root_.size() && path.compare(0, root_.size(), root_) == 0 && path[root_.size()] == '/' &&
           path.compare(0, own_.size(), own_) != 0 && path.find("/tokens/") == std::string::npos;
  }

  int Open(const char* path, int flags, mode_t mode, const std::string& absolute) {
    const std::lock_guard lock(mutex_);
    StopIfDead();
    struct stat before {};
    const bool existed = ::stat(absolute.c_str(), &before) == 0;
    const bool creates = !existed && (flags & O_CREAT) != 0;
    if (creates && WriteFails()) return -1;
    if (existed && (flags & O_TRUNC) != 0 && S_ISREG(before.st_mode)) {
      if (File* const file = Know(absolute)) KeepAll(*file);
    }
    const int fd = RealOpen(path, flags, mode);
    if (fd < 0) return fd;
    struct stat now {};
    if (::fstat(fd, &now) != 0) return fd;
    if (S_ISDIR(now.st_mode)) {
      folders_[fd] = absolute;
      return fd;
    }
    if (!S_ISREG(now.st_mode) || (flags & O_ACCMODE) == O_RDONLY) return fd;
    if (creates) {
      names_.push_back({NameChange::kCreated, Folder(absolute), absolute, "", ""});
      if (File* const file = Know(absolute)) file->durable_size = 0;
    }
    open_[fd] = Know(absolute);
    return fd;
  }

  void Close(int fd) {
    const std::lock_guard lock(mutex_);
    StopIfDead();
    open_.erase(fd);
    folders_.erase(fd);
  }

  // Before `size` octets are written at `offset` (-1: where the file's position is). False if it must fail; errno says
  // why.
  bool BeforeWrite(int fd, off_t offset, size_t size) {
    StopIfDead();
    File* const file = FileOf(fd);
    if (file == nullptr) return true;
    if (WriteFails()) return false;
    if (offset < 0) offset = (::fcntl(fd, F_GETFL) & O_APPEND) != 0 ? SizeOf(*file) : ::lseek(fd, 0, SEEK_CUR);
    Keep(*file, offset, static_cast<off_t>(size));
    return true;
  }
  void BeforeTruncate(int fd, off_t size) {
    StopIfDead();
    File* const file = FileOf(fd);
    if (file != nullptr && size < file->durable_size) Keep(*file, size, file->durable_size - size);
  }
  bool Watches(int fd) { return FileOf(fd) != nullptr; }

  enum class Sync { kReal, kIgnored, kFails };
  Sync BeforeSync(int fd, const char* operation) {
    const std::lock_guard lock(mutex_);
    StopIfDead();
    const auto folder = folders_.find(fd);
    File* const file = FileOf(fd);
    if (file == nullptr && folder == folders_.end()) return Sync::kReal;
    const std::string& path = file != nullptr ? file->path : folder->second;
    const uint64_t point = ++counters_->points;
    const std::string chain = Note(point, folder != folders_.end() ? "folder" : operation, path);
    const auto cut = cuts_.find(point);
    if (cut != cuts_.end()) Cut(cut->second);
    if (fail_ == "sync" && point == fail_at_) {
      Say("failed\tsync");
      errno = EIO;
      return Sync::kFails;
    }
    if (ignored_.count(chain) != 0) return Sync::kIgnored;
    if (file != nullptr) {
      file->before.clear();
      file->durable_size = SizeOf(*file);
    } else {
      const std::string synced = folder->second;
      for (NameChange& change : names_) {
        if (change.folder == synced && !change.saved.empty()) RealUnlink(change.saved.c_str());
      }
      names_.erase(std::remove_if(names_.begin(), names_.end(),
                                  [&](const NameChange& change) { return change.folder == synced; }),
                   names_.end());
    }
    return Sync::kReal;
  }

  int Rename(const char* from, const char* to, const std::string& old_path, const std::string& new_path) {
    const std::lock_guard lock(mutex_);
    StopIfDead();
    if (WriteFails()) return -1;
    const std::string saved = Save(new_path);
    const int result = RealRename(from, to);
    if (result != 0) return result;
    names_.push_back({NameChange::kRenamed, Folder(new_path), new_path, old_path, saved});
    for (auto& [inode, file] : files_) {
      if (file->path == old_path) file->path = new_path;
    }
    return 0;
  }
  int Remove(const char* path, const std::string& absolute, int (*remove)(const char*)) {
    const std::lock_guard lock(mutex_);
    StopIfDead();
    const std::string saved = Save(absolute);
    const int result = remove(path);
    if (result == 0 && !saved.empty()) names_.push_back({NameChange::kRemoved, Folder(absolute), absolute, "", saved});
    return result;
  }
  void FolderMade(const std::string& absolute) {
    const std::lock_guard lock(mutex_);
    StopIfDead();
    names_.push_back({NameChange::kFolderMade, Folder(absolute), absolute, "", ""});
  }

  std::recursive_mutex& mutex() { return mutex_; }

  // The signer has one thread and one reader: what it answers is kept, and must rest on nothing that a power cut could
  // take away (I2).
  void BeforeSend(int fd, const void* data, size_t size) {
    StopIfDead();
    if (program_ != "smki-signer" || fd != kSignersSocket) return;
    const std::lock_guard lock(mutex_);
    StopIfDead();
    for (const auto& [inode, file] : files_) {
      const bool hint = file->path.size() > 10 && file->path.compare(file->path.size() - 10, 10, ".committed") == 0;
      if (!hint && (!file->before.empty() || SizeOf(*file) != file->durable_size)) Say("sent-unsynced\t" + file->path);
    }
    for (const NameChange& change : names_) {
      if (change.path.find(".committed") == std::string::npos) Say("sent-unsynced\t" + change.path);
    }
    if (tap_ < 0) {
      const std::string path = own_ + "/tap-" + std::to_string(::getpid());
      tap_ = RealOpen(path.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    }
    if (RealWrite(tap_, data, size) < 0) ::abort();
  }

 private:
  static Watch* Make() {
    const char* const root = ::getenv("SMKI_POWERCUT_ROOT");
    const std::string program = program_invocation_short_name;
    if (root == nullptr || program.rfind("smki-", 0) != 0) return nullptr;
    auto watch = std::make_unique<Watch>();
    watch->root_ = root;
    watch->own_ = watch->root_ + "/.powercut";
    ::mkdir(watch->own_.c_str(), 0777);
    const int fd = RealOpen((watch->own_ + "/" + program + ".count").c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0666);
    if (fd < 0 || RealTruncate(fd, sizeof(Counters)) != 0) ::abort();
    void* const map = ::mmap(nullptr, sizeof(Counters), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (map == MAP_FAILED) ::abort();
    RealClose(fd);
    watch->counters_ = static_cast<Counters*>(map);
    watch->program_ = program;
    watch->log_ = RealOpen((watch->own_ + "/points").c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    const auto variable = [](const char* name) { return std::string(::getenv(name) == nullptr ? "" : ::getenv(name)); };
    for (const std::string& one : Split(variable("SMKI_POWERCUT_AT"), ',')) {
      const std::vector<std::string> parts = Split(one, ':');
      if (parts.size() < 2) ::abort();
      if (parts[0] == program)
        watch->cuts_[::strtoull(parts[1].c_str(), nullptr, 10)] = parts.size() > 2 ? parts[2] : "lose";
    }
    for (const std::string& chain : Split(variable("SMKI_POWERCUT_IGNORE"), ',')) watch->ignored_.insert(chain);
    const std::vector<std::string> fail = Split(variable("SMKI_POWERCUT_FAIL"), ':');
    if (fail.size() == 3 && fail[0] == program) {
      watch->fail_at_ = ::strtoull(fail[1].c_str(), nullptr, 10);
      watch->fail_ = fail[2];
    }
    void* warm[4];
    ::backtrace(warm, 4);  // its first call allocates and opens a library
    Dl_info info{};
    if (::dladdr(reinterpret_cast<void*>(::getauxval(AT_ENTRY)), &info) == 0) ::abort();
    watch->program_base_ = reinterpret_cast<uintptr_t>(info.dli_fbase);
    return watch.release();
  }

  // A thread of its own: what a handler may not do is done there.
  void WaitForSignal() {
    sigset_t cut;
    ::sigemptyset(&cut);
    ::sigaddset(&cut, SIGUSR2);
    ::pthread_sigmask(SIG_BLOCK, &cut, nullptr);
    std::thread([this, cut] {
      int signal = 0;
      ::sigwait(&cut, &signal);
      const std::lock_guard lock(mutex_);
      Cut("lose");
    }).detach();
  }

  // The file at `path`, remembered from its first change on by its inode.
  File* Know(const std::string& path) {
    struct stat now {};
    if (::stat(path.c_str(), &now) != 0 || !S_ISREG(now.st_mode)) return nullptr;
    auto& file = files_[{now.st_dev, now.st_ino}];
    if (file == nullptr) {
      file = std::make_unique<File>();
      file->fd = RealOpen(path.c_str(), O_RDWR | O_CLOEXEC, 0);
      file->durable_size = now.st_size;
    }
    file->path = path;
    return file.get();
  }
  File* FileOf(int fd) {
    const auto it = open_.find(fd);
    return it == open_.end() ? nullptr : it->second;
  }
  static off_t SizeOf(const File& file) {
    struct stat now {};
    return ::fstat(file.fd, &now) == 0 ? now.st_size : 0;
  }
  static void Keep(File& file, off_t offset, off_t size) {
    for (off_t block = offset / kBlock; block * kBlock < std::min(offset + size, file.durable_size); ++block) {
      if (file.before.count(block) != 0) continue;
      Octets& octets = file.before[block];
      octets.data.resize(static_cast<size_t>(std::min(kBlock, file.durable_size - block * kBlock)));
      const ssize_t got = ::pread(file.fd, octets.data.data(), octets.data.size(), block * kBlock);
      octets.data.resize(static_cast<size_t>(std::max<ssize_t>(got, 0)));
    }
  }
  static void KeepAll(File& file) { Keep(file, 0, file.durable_size); }

  std::string Save(const std::string& path) {
    const std::string saved = own_ + "/saved-" + std::to_string(::getpid()) + "-" + std::to_string(++saves_);
    return ::link(path.c_str(), saved.c_str()) == 0 ? saved : "";
  }

  bool WriteFails() {
    const uint64_t write = ++counters_->writes;
    if (fail_ == "eio" && write == fail_at_) {
      Say("failed\teio");
      errno = EIO;
      return true;
    }
    if (fail_ == "full" && write >= fail_at_ && ::access((own_ + "/space").c_str(), F_OK) != 0) {
      if (write == fail_at_) Say("failed\tfull");
      errno = ENOSPC;
      return true;
    }
    return false;
  }

  // A line of the log: program, point, operation, path below the root, call chain (hash, then offsets in the program).
  std::string Note(uint64_t point, const char* operation, const std::string& path) {
    void* frames[48];
    const int count = ::backtrace(frames, 48);
    std::string offsets;
    uint64_t hash = 1469598103934665603u;
    for (int i = 0, used = 0; i < count && used < 12; ++i) {
      Dl_info info{};
      if (::dladdr(frames[i], &info) == 0 || reinterpret_cast<uintptr_t>(info.dli_fbase) != program_base_) continue;
      const uint64_t offset = reinterpret_cast<uintptr_t>(frames[i]) - program_base_;
      hash = (hash ^ offset) * 1099511628211u;
      char text[24];
      ::snprintf(text, sizeof text, "%s%llx", used == 0 ? "" : ",", static_cast<unsigned long long>(offset));
      offsets += text;
      ++used;
    }
    char chain[20];
    ::snprintf(chain, sizeof chain, "%016llx", static_cast<unsigned long long>(hash));
    const std::string line = program_ + "\t" + std::to_string(point) + "\t" + operation + "\t" +
                             (path.size() > root_.size() ? path.substr(root_.size() + 1) : path) + "\t" + chain + "\t" +
                             offsets + "\n";
    if (RealWrite(log_, line.data(), line.size()) < 0) ::abort();
    return chain;
  }

  [[noreturn]] void Cut(const std::string& how) {
    dead_ = true;
    for (auto& [inode, file] : files_) {
      const off_t size = SizeOf(*file);
      const off_t grown = std::max<off_t>(0, size - file->durable_size);
      for (const auto& [block, octets] : file->before) {
        if (RealPwrite(file->fd, octets.data.data(), octets.data.size(), block * kBlock) < 0) ::abort();
      }
      const off_t end = file->durable_size + (how == "tear" ? grown / 2 : 0);
      if (RealTruncate(file->fd, end) != 0) ::abort();
      if (how == "zeros" && RealTruncate(file->fd, file->durable_size + grown) != 0) ::abort();
    }
    const bool names_stay = how == "names" || how == "zeros";
    for (auto change = names_.rbegin(); !names_stay && change != names_.rend(); ++change) Undo(*change);
    Say("cut\t" + how);
    ::kill(::getpid(), SIGKILL);
    while (true) dead_.wait(true);
  }
  void Say(const std::string& what) {
    const std::string line = program_ + "\t" + what + "\n";
    if (RealWrite(log_, line.data(), line.size()) < 0) ::abort();
  }
  void Undo(const NameChange& change) {
    switch (change.kind) {
      case NameChange::kCreated:
        RealUnlink(change.path.c_str());
        break;
      case NameChange::kRenamed:
        RealRename(change.path.c_str(), change.from.c_str());
        if (!change.saved.empty()) RealRename(change.saved.c_str(), change.path.c_str());
        break;
      case NameChange::kRemoved:
        RealRename(change.saved.c_str(), change.path.c_str());
        break;
      case NameChange::kFolderMade:
        RealRename(change.path.c_str(),
                   (own_ + "/lost-" + std::to_string(::getpid()) + "-" + std::to_string(++saves_)).c_str());
        break;
    }
  }

  static Watch* watch_;
  std::string root_, own_, program_;
  uintptr_t program_base_ = 0;
  Counters* counters_ = nullptr;
  int log_ = -1, tap_ = -1;
  std::map<uint64_t, std::string> cuts_;
  std::set<std::string> ignored_;
  uint64_t fail_at_ = 0;
  std::string fail_;
  std::atomic<bool> dead_{false};
  std::recursive_mutex mutex_;
  std::map<std::pair<dev_t, ino_t>, std::unique_ptr<File>> files_;
  std::map<int, File*> open_;
  std::map<int, std::string> folders_;
  std::vector<NameChange> names_;
  uint64_t saves_ = 0;
};

Watch* Watch::watch_ = nullptr;

[[gnu::constructor]] void SetUp() {
  Watch::SetUp();
}

}  // namespace

// --- What libc's callers find instead ---

extern "C" {

static int OpenAny(const char* path, int flags, mode_t mode) {
  Watch* const watch = Watch::Get();
  if (watch == nullptr) return RealOpen(path, flags, mode);
  const std::string absolute = Absolute(path);
  if (!watch->Below(absolute)) return RealOpen(path, flags, mode);
  return watch->Open(path, flags, mode, absolute);
}
static mode_t ModeOf(int flags, va_list arguments) {
  return (flags & (O_CREAT | O_TMPFILE)) != 0 ? va_arg(arguments, mode_t) : 0;
}
int open(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return OpenAny(path, flags, mode);
}
int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const mode_t mode = ModeOf(flags, arguments);
  va_end(arguments);
  return OpenAny(path, flags, mode);
}
int close(int fd) {
  if (Watch* const watch = Watch::Get()) watch->Close(fd);
  return RealClose(fd);
}
ssize_t pwrite(int fd, const void* data, size_t size, off_t offset) {
  Watch* const watch = Watch::Get();
  if (watch == nullptr) return RealPwrite(fd, data, size, offset);
  const std::lock_guard lock(watch->mutex());
  if (!watch->BeforeWrite(fd, offset, size)) return -1;
  return RealPwrite(fd, data, size, offset);
}
ssize_t pwrite64(int fd, const void* data, size_t size, off64_t offset) {
  return pwrite(fd, data, size, offset);
}
ssize_t write(int fd, const void* data, size_t size) {
  Watch* const watch = Watch::Get();
  if (watch == nullptr) return RealWrite(fd, data, size);
  {
    const std::lock_guard lock(watch->mutex());
    if (!watch->BeforeWrite(fd, -1, size)) return -1;
    if (watch->Watches(fd)) return RealWrite(fd, data, size);
  }
  return RealWrite(fd, data, size);  // a pipe or socket may block
}
ssize_t writev(int fd, const iovec* parts, int count) {
  REAL(writev);
  Watch* const watch = Watch::Get();
  if (watch != nullptr) {
    size_t size = 0;
    for (int i = 0; i < count; ++i) size += parts[i].iov_len;
    const std::lock_guard lock(watch->mutex());
    if (!watch->BeforeWrite(fd, -1, size)) return -1;
    if (watch->Watches(fd)) return real(fd, parts, count);
  }
  return real(fd, parts, count);
}
int ftruncate(int fd, off_t size) {
  if (Watch* const watch = Watch::Get()) {
    const std::lock_guard lock(watch->mutex());
    watch->BeforeTruncate(fd, size);
    return RealTruncate(fd, size);
  }
  return RealTruncate(fd, size);
}
int ftruncate64(int fd, off64_t size) {
  return ftruncate(fd, size);
}

static int SyncAny(int fd, const char* operation, int (*real)(int)) {
  if (Watch* const watch = Watch::Get()) {
    switch (watch->BeforeSync(fd, operation)) {
      case Watch::Sync::kIgnored:
        return 0;
      case Watch::Sync::kFails:
        return -1;
      case Watch::Sync::kReal:
        break;
    }
  }
  return real(fd);
}
int fsync(int fd) {
  REAL(fsync);
  return SyncAny(fd, "fsync", real);
}
int fdatasync(int fd) {
  REAL(fdatasync);
  return SyncAny(fd, "fdatasync", real);
}

int rename(const char* from, const char* to) {
  Watch* const watch = Watch::Get();
  if (watch == nullptr) return RealRename(from, to);
  const std::string old_path = Absolute(from), new_path = Absolute(to);
  if (!watch->Below(old_path) && !watch->Below(new_path)) return RealRename(from, to);
  return watch->Rename(from, to, old_path, new_path);
}
static int RemoveAny(const char* path, int (*real)(const char*)) {
  Watch* const watch = Watch::Get();
  if (watch == nullptr) return real(path);
  const std::string absolute = Absolute(path);
  return watch->Below(absolute) ? watch->Remove(path, absolute, real) : real(path);
}
int unlink(const char* path) {
  REAL(unlink);
  return RemoveAny(path, real);
}
int remove(const char* path) {
  REAL(remove);
  return RemoveAny(path, real);
}
int mkdir(const char* path, mode_t mode) {
  REAL(mkdir);
  const int result = real(path, mode);
  Watch* const watch = result == 0 ? Watch::Get() : nullptr;
  if (watch == nullptr) return result;
  const std::string absolute = Absolute(path);
  if (watch->Below(absolute)) watch->FolderMade(absolute);
  return result;
}

// Nobody hears a process without power.
ssize_t send(int fd, const void* data, size_t size, int flags) {
  REAL(send);
  if (Watch* const watch = Watch::Get()) watch->BeforeSend(fd, data, size);
  return real(fd, data, size, flags);
}
ssize_t sendmsg(int fd, const msghdr* message, int flags) {
  REAL(sendmsg);
  if (const Watch* const watch = Watch::Get()) watch->StopIfDead();
  return real(fd, message, flags);
}

}  // extern "C"
