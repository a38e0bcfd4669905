#include "repository/transfer/sftp.h"

#include <fcntl.h>
#include <libssh/libssh.h>
#include <libssh/sftp.h>

#include <algorithm>
#include <cstring>

#include "base/wire.h"
#include "repository/extract/shown.h"

namespace smki::repository::transfer {
namespace {

constexpr uint32_t kMaxAnswer = 64 << 10;
constexpr char kPosixRename[] = "posix-rename@openssh.com";

RemoteStat ToStat(const sftp_attributes_struct& attributes) {
  RemoteStat out{attributes.size, attributes.mtime, RemoteStat::Kind::kOther};
  if (attributes.type == SSH_FILEXFER_TYPE_REGULAR) out.kind = RemoteStat::Kind::kFile;
  if (attributes.type == SSH_FILEXFER_TYPE_SYMLINK) out.kind = RemoteStat::Kind::kLink;
  return out;
}

struct FreeAttributes {
  void operator()(sftp_attributes attributes) const { sftp_attributes_free(attributes); }
};
using Attributes = std::unique_ptr<sftp_attributes_struct, FreeAttributes>;

struct CloseFolder {
  void operator()(sftp_dir folder) const { sftp_closedir(folder); }
};

StatusCode CodeOf(int answer) {
  switch (answer) {
    case SSH_FX_NO_SUCH_FILE:
    case SSH_FX_NO_SUCH_PATH:
      return StatusCode::kNotFound;
    case SSH_FX_PERMISSION_DENIED:
    case SSH_FX_WRITE_PROTECT:
      return StatusCode::kPermissionDenied;
    case SSH_FX_FILE_ALREADY_EXISTS:
      return StatusCode::kAlreadyExists;
    default:
      return StatusCode::kFailedPrecondition;
  }
}

const char* WordOf(int answer) {
  switch (answer) {
    case SSH_FX_NO_SUCH_FILE:
    case SSH_FX_NO_SUCH_PATH:
      return "there is no such file";
    case SSH_FX_PERMISSION_DENIED:
    case SSH_FX_WRITE_PROTECT:
      return "it is not permitted to this user";
    case SSH_FX_FILE_ALREADY_EXISTS:
      return "there is such a file already";
    case SSH_FX_OP_UNSUPPORTED:
      return "the server does not know how";
    default:
      return "the server says no more than \"failure\"";
  }
}

}  // namespace

Sftp::~Sftp() {
  const auto limit = AnswerInTime();
  sftp_.reset();
  session_.reset();
  line_->Return(lent_);
}

void Sftp::EndSftp::operator()(sftp_session_struct* sftp) const {
  sftp_free(sftp);
}

Status Sftp::Fault(const char* what, const std::string& path) const {
  const int answer = sftp_get_error(sftp_.get());
  const bool lost = answer == SSH_FX_OK || answer == SSH_FX_NO_CONNECTION || answer == SSH_FX_CONNECTION_LOST ||
                    answer == SSH_FX_EOF || answer == SSH_FX_BAD_MESSAGE;
  if (lost || line_->closed() || ssh_is_connected(session_.get()) == 0) return WithContext(Lost(what), path);
  return Error(CodeOf(answer), "{} cannot be {}: {}", path, what, WordOf(answer));
}

StatusOr<std::vector<RemoteEntry>> Sftp::List(const std::string& path, size_t limit) {
  const auto in_time = AnswerInTime();
  const std::unique_ptr<sftp_dir_struct, CloseFolder> folder(sftp_opendir(sftp_.get(), path.c_str()));
  if (!folder) return Fault("listed", path);
  std::vector<RemoteEntry> out;
  while (const Attributes entry{sftp_readdir(sftp_.get(), folder.get())}) {
    const std::string name = entry->name;
    if (name == "." || name == "..") continue;
    if (out.size() == limit) {
      return Error(StatusCode::kResourceExhausted, "{} has more than {} files; is it the right folder?", path, limit);
    }
    out.push_back({name, ToStat(*entry)});
  }
  if (sftp_dir_eof(folder.get()) == 0) return Fault("listed", path);
  std::sort(out.begin(), out.end(), [](const RemoteEntry& a, const RemoteEntry& b) { return a.name < b.name; });
  return out;
}

StatusOr<RemoteStat> Sftp::Stat(const std::string& path) {
  const auto in_time = AnswerInTime();
  const Attributes attributes(sftp_stat(sftp_.get(), path.c_str()));
  if (!attributes) return Fault("looked at", path);
  constexpr uint32_t kNeeded = SSH_FILEXFER_ATTR_SIZE | SSH_FILEXFER_ATTR_ACMODTIME;
  if ((attributes->flags & kNeeded) != kNeeded) {
    return FailedPrecondition("{}: the server does not tell its size and time, without which nothing can be checked",
                              path);
  }
  return ToStat(*attributes);
}

StatusOr<std::unique_ptr<SftpFile>> Sftp::OpenToRead(const std::string& path) {
  const auto in_time = AnswerInTime();
  sftp_file file = sftp_open(sftp_.get(), path.c_str(), O_RDONLY, 0);
  if (file == nullptr) return Fault("opened", path);
  return std::unique_ptr<SftpFile>(new SftpFile(*this, path, file));
}

StatusOr<std::unique_ptr<SftpFile>> Sftp::OpenToWrite(const std::string& path) {
  const auto in_time = AnswerInTime();
  sftp_file file = sftp_open(sftp_.get(), path.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0644);
  if (file == nullptr) return Fault("created", path);
  return std::unique_ptr<SftpFile>(new SftpFile(*this, path, file));
}

Status Sftp::Rename(const std::string& from, const std::string& to) {
  // The server's rename of version 3 fails over an existing file; looking first only makes the message clear.
  const auto there = Stat(to);
  if (there.ok()) return Error(StatusCode::kAlreadyExists, "{} is there already", to);
  if (there.status().code() != StatusCode::kNotFound) return there.status();
  const auto in_time = AnswerInTime();
  if (sftp_rename(sftp_.get(), from.c_str(), to.c_str()) < 0) return Fault("renamed", from);
  return OkStatus();
}

Status Sftp::Replace(const std::string& from, const std::string& to) {
  if (Offers(kPosixRename)) return PosixRename(from, to);
  const Status removed = Remove(to);
  if (!removed.ok() && removed.code() != StatusCode::kNotFound) return removed;
  return Rename(from, to);
}

Status Sftp::Remove(const std::string& path) {
  const auto in_time = AnswerInTime();
  if (sftp_unlink(sftp_.get(), path.c_str()) < 0) return Fault("removed", path);
  return OkStatus();
}

bool Sftp::Offers(const char* extension) const {
  for (unsigned i = 0; i < sftp_extensions_get_count(sftp_.get()); ++i) {
    if (std::strcmp(sftp_extensions_get_name(sftp_.get(), i), extension) == 0) return true;
  }
  return false;
}

// libssh 0.10 has no call for it, so the packet is made here and its answer read off the channel, while no other
// request is under way (draft-ietf-secsh-filexfer-02 sections 3 and 8; PROTOCOL of OpenSSH, section 4.3).
Status Sftp::PosixRename(const std::string& from, const std::string& to) {
  const auto in_time = AnswerInTime();
  const uint32_t id = ++sftp_->id_counter;
  WireWriter body;
  body.U8(SSH_FXP_EXTENDED);
  body.U32(id);
  for (const std::string& part : {std::string(kPosixRename), from, to}) body.Text(part);
  WireWriter packet;
  packet.Octets(body.bytes());
  const auto length = static_cast<uint32_t>(packet.bytes().size());
  if (ssh_channel_write(sftp_->channel, packet.bytes().data(), length) != static_cast<int>(length))
    return Lost("renamed");
  const auto read = [&](uint32_t size) {
    Bytes out(size);
    for (uint32_t done = 0; done < size;) {
      const int n = ssh_channel_read(sftp_->channel, out.data() + done, size - done, 0);
      if (n <= 0) return Bytes();
      done += static_cast<uint32_t>(n);
    }
    return out;
  };
  const uint32_t size = WireReader(read(4)).U32();
  if (size == 0 || size > kMaxAnswer) return Lost("renamed");
  const Bytes octets = read(size);
  WireReader answer(octets);
  const bool ours = answer.U8() == SSH_FXP_STATUS && answer.U32() == id;
  const int code = static_cast<int>(answer.U32());
  if (!ours || !answer.ok()) return Lost("renamed");
  if (code == SSH_FX_OK) return OkStatus();
  return Error(CodeOf(code), "{} cannot be renamed: {}", from, WordOf(code));
}

}  // namespace smki::repository::transfer
