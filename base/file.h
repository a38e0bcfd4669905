// Every effect on a disk goes through here, so that a later FileSystem can lose what was not synced.
//
// Durability: a file's bytes are durable after Sync(); a name is durable after SyncDirectory() of the folder
// it is in. WriteDurably does both (temporary file, fsync, rename, fsync of the directory). A failed fsync
// ends the process (I10): after it the page cache may lie.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"

namespace smki {

// An append-only file. Not thread-safe.
class AppendFile {
 public:
  virtual ~AppendFile() = default;
  // Writes all of `bytes` at the end, or returns an error and leaves size() as it was before (after a crash
  // a torn record may be on disk above it; the reader cuts it).
  virtual Status Append(ByteSpan bytes) = 0;
  // fdatasync. On failure the process ends.
  virtual void Sync() = 0;
  virtual uint64_t size() const = 0;
  // Exactly `count` octets from `offset`, or kOutOfRange.
  virtual StatusOr<Bytes> ReadAt(uint64_t offset, size_t count) const = 0;
  virtual Status Truncate(uint64_t size) = 0;
};

inline constexpr size_t kMaxHint = 512;

class FileSystem {
 public:
  virtual ~FileSystem() = default;
  // Opens for appending, creating it (mode 0600, directory synced) if absent.
  virtual StatusOr<std::unique_ptr<AppendFile>> OpenAppend(const std::string& path) = 0;
  // The whole file; kResourceExhausted above `limit` octets, kNotFound if absent.
  virtual StatusOr<Bytes> Read(const std::string& path, size_t limit) = 0;
  // Replaces `path` atomically and durably. Mode 0600 if `secret`, else 0644.
  virtual Status WriteDurably(const std::string& path, ByteSpan bytes, bool secret = false) = 0;
  // Replaces the first octets of `path` in place, creating it (0600) if absent. Never synced: what a reader finds after
  // a power cut may be older, so it may only ever help. At most kMaxHint octets, so that no reader finds half of them.
  virtual Status WriteHint(const std::string& path, ByteSpan bytes) = 0;
  virtual bool Exists(const std::string& path) = 0;
  // Names (not paths) in byte order, without "." and "..".
  virtual StatusOr<std::vector<std::string>> List(const std::string& directory) = 0;
  virtual Status CreateDirectories(const std::string& path) = 0;
  virtual Status Rename(const std::string& from, const std::string& to) = 0;
  virtual Status Remove(const std::string& path) = 0;
  virtual Status SyncDirectory(const std::string& path) = 0;
};

// The machine's file system. Any thread.
FileSystem& PosixFiles();

// The folder part of a path ("." if there is none).
std::string DirectoryOf(const std::string& path);

}  // namespace smki
