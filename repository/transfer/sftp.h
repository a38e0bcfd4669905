// SFTP through libssh, with what this program may rely on: the host key compared with the pinned one before anything of
// ours is sent, public-key authentication only, strong algorithms only, no configuration file of libssh or OpenSSH, no
// wait without end, and many reads under way at once.
//
// Not thread-safe. kUnavailable always means that the connection is lost or silent: connect again. Every other error
// concerns the one thing that was asked for, and the connection can still be used.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "repository/transfer/access.h"
#include "repository/transfer/line.h"

struct ssh_session_struct;
struct sftp_session_struct;
struct sftp_file_struct;

namespace smki::repository::transfer {

struct RemoteStat {
  uint64_t size = 0;
  int64_t mtime = 0;  // seconds since 1970; version 3 of the protocol knows no finer ones
  enum class Kind { kFile, kLink, kOther } kind = Kind::kOther;
  friend bool operator==(const RemoteStat&, const RemoteStat&) = default;
};
struct RemoteEntry {
  std::string name;
  RemoteStat stat;  // of the entry itself: a link is a link
};

struct Patience {
  Millis connect{20'000};  // until the TCP connection stands
  Millis answer{60'000};   // for any one answer of the server
};

// How reads are asked for. Measured in docs/benchmarks.md; a server that gives less at once is asked for less.
struct ReadShape {
  uint32_t octets = 32 << 10;
  size_t in_flight = 64;
};

class SftpFile;

class Sftp {
 public:
  // kPermissionDenied if the host key is another one (nothing was sent but the key exchange), or if the server does not
  // take our key. kFailedPrecondition if it offers no algorithm that is strong enough.
  static StatusOr<std::unique_ptr<Sftp>> Connect(const Access& access, const Patience& patience);
  ~Sftp();
  Sftp(const Sftp&) = delete;
  Sftp& operator=(const Sftp&) = delete;

  // kResourceExhausted above `limit` entries. Without "." and "..". In byte order of the names.
  StatusOr<std::vector<RemoteEntry>> List(const std::string& path, size_t limit);
  // Follows links. kNotFound.
  StatusOr<RemoteStat> Stat(const std::string& path);
  StatusOr<std::unique_ptr<SftpFile>> OpenToRead(const std::string& path);
  // Empty, whatever was there.
  StatusOr<std::unique_ptr<SftpFile>> OpenToWrite(const std::string& path);
  // kAlreadyExists if there is something under `to` already.
  Status Rename(const std::string& from, const std::string& to);
  // Replaces `to`: at once if the server knows posix-rename@openssh.com, else by removing it first.
  Status Replace(const std::string& from, const std::string& to);
  // kNotFound.
  Status Remove(const std::string& path);

 private:
  friend class SftpFile;
  struct EndSession {
    void operator()(ssh_session_struct* session) const;
  };
  struct EndSftp {
    void operator()(sftp_session_struct* sftp) const;
  };
  Sftp(std::unique_ptr<Line> line, const Access& access, const Patience& patience);

  Status Handshake(const Access& access);
  Status CheckHostKey(const Access& access);
  Status Authenticate(const Access& access);
  Status Begin();
  // What went wrong with the last request.
  Status Fault(const char* what, const std::string& path) const;
  // What went wrong before requests could be made.
  Status Lost(const char* what) const;
  Status PosixRename(const std::string& from, const std::string& to);
  bool Offers(const char* extension) const;
  Line::Limit AnswerInTime() { return {*line_, patience_.answer}; }

  std::unique_ptr<Line> line_;
  int lent_ = -1;
  const std::string at_;
  const Patience patience_;
  std::unique_ptr<ssh_session_struct, EndSession> session_;
  std::unique_ptr<sftp_session_struct, EndSftp> sftp_;
};

// An open remote file; it ends before its Sftp.
class SftpFile {
 public:
  ~SftpFile();
  SftpFile(const SftpFile&) = delete;
  SftpFile& operator=(const SftpFile&) = delete;

  using Visit = std::function<Status(ByteSpan octets)>;
  // Gives [offset, end) to `visit`, in order, and asks for nothing else. kDataLoss if the file ends before; an error of
  // `visit` ends it and is returned as it is (then this file is of no more use).
  Status Read(uint64_t offset, uint64_t end, const Visit& visit, const ReadShape& shape = {});
  // At the end of what was written before.
  Status Write(ByteSpan octets);
  // Through fsync@openssh.com; where the server does not offer it, nothing can be done.
  Status Sync();
  // Closes it; the errors of writing that only come then.
  Status Close();

 private:
  friend class Sftp;
  SftpFile(Sftp& sftp, std::string path, sftp_file_struct* file) : sftp_(sftp), path_(std::move(path)), file_(file) {}

  Sftp& sftp_;
  const std::string path_;
  sftp_file_struct* file_;
};

}  // namespace smki::repository::transfer
