// The machine's disk, except that it may be full, and that it knows whether something was written and not yet synced.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "base/file.h"

namespace smki::test {

class Disk : public FileSystem {
 public:
  bool full = false;                       // nothing can be appended or written
  int full_for_appends = 0;                // so many appends fail, then there is room again
  int appends_before_full = 0;             // so many succeed before those that fail
  std::map<std::string, uint64_t> synced;  // size of each appended file when it was last synced
  bool unsynced = false;                   // appended, but not synced

  StatusOr<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) override {
    SMKI_ASSIGN_OR_RETURN(auto file, PosixFiles().OpenAppend(path));
    return std::make_unique<File>(path, std::move(file), *this);
  }
  StatusOr<Bytes> Read(const std::string& path, size_t limit) override { return PosixFiles().Read(path, limit); }
  Status WriteDurably(const std::string& path, ByteSpan bytes, bool secret) override {
    return full ? NoSpace() : PosixFiles().WriteDurably(path, bytes, secret);
  }
  Status WriteHint(const std::string& path, ByteSpan bytes) override {
    return full ? NoSpace() : PosixFiles().WriteHint(path, bytes);
  }
  bool Exists(const std::string& path) override { return PosixFiles().Exists(path); }
  StatusOr<std::vector<std::string>> List(const std::string& folder) override { return PosixFiles().List(folder); }
  Status CreateDirectories(const std::string& path) override { return PosixFiles().CreateDirectories(path); }
  Status Rename(const std::string& from, const std::string& to) override { return PosixFiles().Rename(from, to); }
  Status Remove(const std::string& path) override { return PosixFiles().Remove(path); }
  Status SyncDirectory(const std::string& path) override { return PosixFiles().SyncDirectory(path); }

 private:
  class File : public AppendFile {
   public:
    File(std::string path, std::unique_ptr<AppendFile> file, Disk& disk)
        : path_(std::move(path)), file_(std::move(file)), disk_(disk) {}
    Status Append(ByteSpan bytes) override {
      if (disk_.full || disk_.IsFullForThisAppend()) return NoSpace();
      disk_.unsynced = true;
      return file_->Append(bytes);
    }
    void Sync() override {
      file_->Sync();
      disk_.unsynced = false;
      disk_.synced[path_] = file_->size();
    }
    uint64_t size() const override { return file_->size(); }
    StatusOr<Bytes> ReadAt(uint64_t offset, size_t count) const override { return file_->ReadAt(offset, count); }
    Status Truncate(uint64_t size) override { return file_->Truncate(size); }

   private:
    std::string path_;
    std::unique_ptr<AppendFile> file_;
    Disk& disk_;
  };
  bool IsFullForThisAppend() {
    if (full_for_appends == 0) return false;
    if (appends_before_full > 0) {
      --appends_before_full;
      return false;
    }
    --full_for_appends;
    return true;
  }
  static Status NoSpace() { return Error(StatusCode::kResourceExhausted, "no space left on device"); }
};

}  // namespace smki::test
