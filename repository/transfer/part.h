// A file on its way here: NAME.part with what has arrived, and NAME.part.json, the note that says of which remote file.
// Whatever ends this process, only these are left, and the next one goes on from them (docs/formats/transfer.md).
//
// Not thread-safe; the folder's lock is held by who uses it.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/bytes.h"
#include "base/file.h"
#include "base/status.h"
#include "repository/transfer/sftp.h"

namespace smki::repository::transfer {

inline constexpr uint64_t kSyncEvery = 256 << 20;

class Part {
 public:
  // Goes on with what is there if the note says that it is of a remote file of this size and time, else starts afresh.
  // After a restart of the machine only what had been synced counts.
  static StatusOr<Part> Open(const std::string& folder, const std::string& name, const RemoteStat& remote);
  // How much of it is in `folder` already, by the same rule; changes nothing.
  static uint64_t Held(const std::string& folder, const std::string& name, const RemoteStat& remote);

  // Removes a note without a part: the process ended just after the file had got its name.
  static void ForgetNote(const std::string& folder, const std::string& name);

  uint64_t size() const { return file_->size(); }
  uint64_t whole() const { return remote_.size; }
  // Synced, with the note brought up to date, every kSyncEvery octets.
  Status Append(ByteSpan octets);
  // Makes durable what has arrived.
  Status Keep();

  using OnChecked = std::function<void(uint64_t octets)>;
  // Checks size and gzip to the end, then gives the file its name, durably. Returns its SHA-256. If it is damaged, it
  // is put aside as damaged/NAME.damaged in the folder and kDataLoss says where it is and what is wrong.
  StatusOr<Digest> Finish(const OnChecked& checked);

 private:
  Part(std::string folder, std::string name, const RemoteStat& remote)
      : folder_(std::move(folder)), name_(std::move(name)), remote_(remote) {}
  std::string path() const { return folder_ + "/" + name_ + ".part"; }
  std::string note_path() const { return path() + ".json"; }
  uint64_t Resumable() const;
  Status WriteNote();
  StatusOr<Digest> CheckGzip(const OnChecked& checked) const;
  Status PutAside(const Status& why);

  std::string folder_, name_;
  RemoteStat remote_;
  std::unique_ptr<AppendFile> file_;
  uint64_t synced_ = 0;
};

}  // namespace smki::repository::transfer
