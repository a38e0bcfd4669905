// The disk of one machine, with what a real one does to those who do not sync (base/file.h says what is durable when):
// after a power cut unsynced writes are there, or not, or some of them, the last perhaps torn; so are unsynced names.
// It fills up, it is slow, it gives a wrong bit, its sync fails. SQLite's files live here too (sqlite_files.h).
//
// Whatever is done here is a moment at which the process may be killed or the machine lose its power.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/file.h"
#include "tests/simulation/world/clockwork.h"
#include "tests/simulation/world/fates.h"

namespace smki::simulation {

class Disk : public FileSystem {
 public:
  // `on_death`: the fault that ends who is running now (kKill), or the machine (kPowerCut, kSyncFails).
  Disk(std::string machine, Clockwork& clockwork, Fates& fates, std::function<void(Fault)> on_death)
      : machine_(std::move(machine)), clockwork_(clockwork), fates_(fates), on_death_(std::move(on_death)) {}

  // --- FileSystem ---
  StatusOr<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override;
  StatusOr<Bytes> Read(const std::string& path, size_t limit) override;
  Status WriteDurably(const std::string& path, ByteSpan bytes, bool secret) override;
  Status WriteHint(const std::string& path, ByteSpan bytes) override;
  bool Exists(const std::string& path) override;
  StatusOr<std::vector<std::string>> List(const std::string& directory) override;
  Status CreateDirectories(const std::string& path) override;
  Status Rename(const std::string& from, const std::string& to) override;
  Status Remove(const std::string& path) override;
  Status SyncDirectory(const std::string& path) override;

  // --- One file, for SQLite and for OpenAppend ---
  struct Change {
    uint64_t offset = 0;
    Bytes octets;
    bool cut = false;  // the file ends at `offset` from now on
  };
  struct File {
    Bytes now, durable;
    std::vector<Change> pending;  // between the two
  };
  using FilePtr = std::shared_ptr<File>;  // null: a folder
  FilePtr Find(const std::string& path) const;
  FilePtr Create(const std::string& path);
  Status Write(File& file, const std::string& path, uint64_t offset, ByteSpan octets);
  Status Cut(File& file, const std::string& path, uint64_t size);
  void Sync(File& file, const std::string& path);

  // --- For the world ---
  // Files below `folder` of the real machine are seen through to, for reading: the Repository's.
  void SeeThrough(std::string folder) { seen_through_ = std::move(folder); }
  // There, and durable, without a moment at which anything goes wrong.
  void Put(const std::string& path, Bytes octets);
  // What a power cut would leave of it for certain; nothing if its name is not durable.
  std::optional<Bytes> Durable(const std::string& path) const;
  // Everything below `folder` as it is now.
  std::map<std::string, Bytes> Below(const std::string& folder) const;
  // While a process starts, what it reads may have a wrong bit.
  void SetStarting(bool starting) { starting_ = starting; }

  struct Naming {
    std::vector<std::pair<std::string, std::optional<FilePtr>>> changes;  // nothing: removed
  };
  struct Image {
    std::map<std::string, FilePtr> names, durable_names;
    std::vector<Naming> pending;
  };
  // What is left when the power is cut now; `whole`: when a process is killed, whose page cache stays.
  Image Left(bool whole);
  void Become(Image image);
  // For a killed process that shares the disk with one that lives on: as a ghost it writes nothing. It must not rely on
  // reading what it wrote.
  void Mute(const Process& ghost) { muted_ = &ghost; }

 private:
  friend class OpenFile;
  // A moment at which somebody may die.
  void Moment(std::string_view what, const std::string& path);
  bool Full(const std::string& path);
  bool Muted() const;
  void MayFlip(Bytes& octets, const std::string& path);
  void Name(Naming naming);
  static void Rename(const Naming& naming, std::map<std::string, FilePtr>& names);
  FilePtr Survivor(const File& file);
  std::string Place(std::string_view what, const std::string& path) const;
  bool IsSeenThrough(const std::string& path) const;
  static Bytes Survived(const File& file, uint64_t how, uint64_t which);

  const std::string machine_;
  Clockwork& clockwork_;
  Fates& fates_;
  std::function<void(Fault)> on_death_;
  std::string seen_through_;
  bool starting_ = false;
  const Process* muted_ = nullptr;
  Nanos full_until_{0};
  std::map<std::string, FilePtr> names_, durable_names_;
  std::vector<Naming> pending_;
};

}  // namespace smki::simulation
