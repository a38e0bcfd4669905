#include <libssh/libssh.h>
#include <libssh/sftp.h>

#include <algorithm>
#include <deque>

#include "repository/transfer/sftp.h"

namespace smki::repository::transfer {
namespace {

// What any server takes at once (draft-ietf-secsh-filexfer-02, section 3), and what OpenSSH's takes.
constexpr size_t kWriteAtOnce = 32 << 10;
constexpr size_t kWriteAtOnceOpenSsh = 192 << 10;

struct Request {
  uint32_t id;
  uint64_t offset;
  uint32_t octets;
};

}  // namespace

SftpFile::~SftpFile() {
  Close().IgnoreError();
}

Status SftpFile::Close() {
  if (file_ == nullptr) return OkStatus();
  const auto in_time = sftp_.AnswerInTime();
  sftp_file file = std::exchange(file_, nullptr);
  if (sftp_close(file) != SSH_NO_ERROR) return sftp_.Fault("closed", path_);
  return OkStatus();
}

// Requests are answered in order. A short answer means that the server gives less at once: what was asked for beyond it
// is thrown away, and from there on less is asked for.
Status SftpFile::Read(uint64_t offset, uint64_t end, const Visit& visit, const ReadShape& shape) {
  uint32_t at_once = shape.octets;
  uint64_t asked = offset;
  std::deque<Request> under_way;
  Bytes buffer(at_once);
  while (offset < end) {
    const auto in_time = sftp_.AnswerInTime();
    while (asked < end && under_way.size() < shape.in_flight) {
      const auto octets = static_cast<uint32_t>(std::min<uint64_t>(at_once, end - asked));
      sftp_seek64(file_, asked);
      const int id = sftp_async_read_begin(file_, octets);
      if (id < 0) return sftp_.Fault("read", path_);
      under_way.push_back({static_cast<uint32_t>(id), asked, octets});
      asked += octets;
    }
    const Request request = under_way.front();
    under_way.pop_front();
    sftp_seek64(file_, asked);  // also forgets an end of file, which would keep libssh from reading the answer
    const int got = sftp_async_read(file_, buffer.data(), request.octets, request.id);
    if (got < 0) return sftp_.Fault("read", path_);
    if (request.offset != offset) continue;  // after a short answer
    if (got == 0) return DataLoss("{} ends at octet {}, where {} were announced", path_, offset, end);
    offset += static_cast<uint64_t>(got);
    SMKI_RETURN_IF_ERROR(visit(ByteSpan(buffer).first(static_cast<size_t>(got))));
    if (static_cast<uint32_t>(got) < request.octets) {
      at_once = static_cast<uint32_t>(got);
      asked = offset;
    }
  }
  return OkStatus();
}

Status SftpFile::Write(ByteSpan octets) {
  const size_t at_once = sftp_.Offers("posix-rename@openssh.com") ? kWriteAtOnceOpenSsh : kWriteAtOnce;
  while (!octets.empty()) {
    const auto in_time = sftp_.AnswerInTime();
    const ssize_t n = sftp_write(file_, octets.data(), std::min(octets.size(), at_once));
    if (n <= 0) return sftp_.Fault("written", path_);
    octets = octets.subspan(static_cast<size_t>(n));
  }
  return OkStatus();
}

Status SftpFile::Sync() {
  if (!sftp_.Offers("fsync@openssh.com")) return OkStatus();
  const auto in_time = sftp_.AnswerInTime();
  if (sftp_fsync(file_) != 0) return sftp_.Fault("made durable", path_);
  return OkStatus();
}

}  // namespace smki::repository::transfer
