// Reading; writing is in gzip.cc.
#include <fcntl.h>
#include <isa-l/igzip_lib.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "pki/digest.h"
#include "repository/extract/gzip.h"
#include "repository/extract/gzip_name.h"
#include "repository/extract/shown.h"
#include "repository/reason.h"

namespace smki::repository {
namespace {

constexpr size_t kInput = 1 << 20;
constexpr size_t kMaxName = 255;
// Certificates hardly shrink: a FULL inflates to three or four times its size. What inflates to much more is none.
constexpr uint64_t kFreeOctets = 64 << 20;
constexpr uint64_t kMostTimes = 100;

class IsalGunzip : public GunzipStream {
 public:
  IsalGunzip(const std::string& path, int fd, bool digest)
      : file_(FileNameOf(path)), inner_name_(InnerName(path)), fd_(fd), input_(kInput) {
    if (digest) hash_.emplace();
    isal_inflate_init(&state_);
  }
  ~IsalGunzip() override { ::close(fd_); }
  IsalGunzip(const IsalGunzip&) = delete;
  IsalGunzip& operator=(const IsalGunzip&) = delete;

  StatusOr<size_t> Read(std::span<uint8_t> out) override {
    size_t made = 0;
    while (made < out.size() && !ended_) {
      if (!in_member_) {
        SMKI_RETURN_IF_ERROR(BeginMember());
        continue;
      }
      SMKI_ASSIGN_OR_RETURN(const size_t more, Inflate(out.subspan(made)));
      made += more;
    }
    made_ += made;
    if (made_ > kFreeOctets && made_ > kMostTimes * read_)
      return Refusing(Refusal::kGZIP_BOMB, fmt::format("it inflates to more than {} times its size", kMostTimes));
    return made;
  }
  uint64_t octets_read() const override { return read_ - state_.avail_in; }
  Digest Sha256() override { return hash_->Finish(); }

 private:
  Status Refusing(Refusal refusal, const std::string& what) const {
    return Refuse(refusal, fmt::format("{}: {} (before octet {}: {}); fetch the file again", file_, Text(refusal),
                                       octets_read(), what));
  }

  // More input behind what is left; false at the end of the file.
  StatusOr<bool> Fill() {
    std::memmove(input_.data(), state_.next_in, state_.avail_in);
    state_.next_in = input_.data();
    ssize_t count = 0;
    do {
      count = ::read(fd_, input_.data() + state_.avail_in, input_.size() - state_.avail_in);
    } while (count < 0 && errno == EINTR);
    if (count < 0) {
      return Refuse(Refusal::kFILE_UNREADABLE, fmt::format("cannot read {}: {}", file_, std::strerror(errno)),
                    StatusCode::kUnavailable);
    }
    if (hash_) hash_->Update(ByteSpan(input_).subspan(state_.avail_in, static_cast<size_t>(count)));
    state_.avail_in += static_cast<uint32_t>(count);
    read_ += static_cast<uint64_t>(count);
    return count > 0;
  }

  // Between members: the next one starts here, or zero padding goes on to the end of the file.
  Status BeginMember() {
    bool more = true;
    while (more && state_.avail_in < 4) {
      SMKI_ASSIGN_OR_RETURN(more, Fill());
    }
    if (state_.avail_in == 0) {
      ended_ = true;
      return members_ > 0 ? OkStatus() : Refusing(Refusal::kFILE_EMPTY, "it has no octet");
    }
    if (members_ > 0 && state_.next_in[0] == 0) return Padding();
    const bool magic = state_.avail_in >= 2 && state_.next_in[0] == 0x1F && state_.next_in[1] == 0x8B;
    if (!magic && members_ == 0 && (state_.avail_in >= 2 || state_.next_in[0] != 0x1F))
      return Refusing(Refusal::kGZIP_NOT, "it does not begin with 1F 8B");
    if (!magic && members_ > 0) return Refusing(Refusal::kGZIP_TRAILING, "1F 8B or nothing is expected");
    // RFC 1952 2.3.1.2: they would mean what this reader does not know, and ISA-L does not look at them.
    if (state_.avail_in >= 4 && (state_.next_in[3] & 0xE0) != 0)
      return Refusing(Refusal::kGZIP_DAMAGED, "the header of a member has reserved flags");
    return Header();
  }

  Status Padding() {
    while (true) {
      if (!std::all_of(state_.next_in, state_.next_in + state_.avail_in, [](uint8_t o) { return o == 0; }))
        return Refusing(Refusal::kGZIP_TRAILING, "only zeros may follow zeros");
      state_.next_in += state_.avail_in;
      state_.avail_in = 0;
      SMKI_ASSIGN_OR_RETURN(const bool more, Fill());
      if (!more) break;
    }
    ended_ = true;
    return OkStatus();
  }

  Status Header() {
    isal_inflate_reset(&state_);
    state_.crc_flag = ISAL_GZIP_NO_HDR_VER;
    isal_gzip_header header;
    isal_gzip_header_init(&header);
    char name[kMaxName + 1] = {};
    header.name = name;
    header.name_buf_len = sizeof name;
    while (true) {
      const int code = isal_read_gzip_header(&state_, &header);
      if (code == ISAL_DECOMP_OK) break;
      if (code == ISAL_NAME_OVERFLOW) return Refusing(Refusal::kINNER_NAME_WRONG, "it is too long");
      if (code != ISAL_END_INPUT) return Refusing(Refusal::kGZIP_DAMAGED, "the header of a member");
      SMKI_ASSIGN_OR_RETURN(const bool more, Fill());
      if (!more) return Refusing(Refusal::kGZIP_TRUNCATED, "the file ends inside the header of a member");
    }
    name[kMaxName] = 0;
    if (name[0] != 0 && inner_name_ != name) {
      return Refuse(Refusal::kINNER_NAME_WRONG,
                    fmt::format("{}: holds a file named {}, expected {}; fetch the file again, and do not rename it",
                                file_, Shown(name), inner_name_));
    }
    in_member_ = true;
    return OkStatus();
  }

  StatusOr<size_t> Inflate(std::span<uint8_t> out) {
    const uint32_t room = static_cast<uint32_t>(std::min<size_t>(out.size(), 1u << 30));
    state_.next_out = out.data();
    state_.avail_out = room;
    const uint32_t had = state_.avail_in;
    const int code = isal_inflate(&state_);
    const size_t made = room - state_.avail_out;
    if (code == ISAL_INCORRECT_CHECKSUM) return Refusing(Refusal::kGZIP_CHECKSUM, "CRC-32 or length");
    if (code < 0) return Refusing(Refusal::kGZIP_DAMAGED, "a deflate block");
    if (state_.block_state == ISAL_BLOCK_FINISH) {
      in_member_ = false;
      ++members_;
      return made;
    }
    if (made == 0 && (state_.avail_in == 0 || state_.avail_in == had)) {
      SMKI_ASSIGN_OR_RETURN(const bool more, Fill());
      if (!more) return Refusing(Refusal::kGZIP_TRUNCATED, "the file ends inside a member");
    }
    return made;
  }

  const std::string file_, inner_name_;
  const int fd_;
  Bytes input_;
  inflate_state state_;
  std::optional<pki::Sha256Stream> hash_;
  bool in_member_ = false, ended_ = false;
  uint64_t members_ = 0, read_ = 0, made_ = 0;
};

}  // namespace

StatusOr<std::unique_ptr<GunzipStream>> GunzipStream::Open(const std::string& path, bool digest) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) {
    return Refuse(Refusal::kFILE_UNREADABLE, fmt::format("cannot open {}: {}", path, std::strerror(errno)),
                  errno == ENOENT ? StatusCode::kNotFound : StatusCode::kUnavailable);
  }
  ::posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL);
  return std::make_unique<IsalGunzip>(path, fd, digest);
}

StatusOr<Digest> InflateFile(const std::string& path, const InflateVisitor& visit) {
  SMKI_ASSIGN_OR_RETURN(const auto stream, GunzipStream::Open(path, /*digest=*/true));
  Bytes buffer(256 << 10);
  while (true) {
    SMKI_ASSIGN_OR_RETURN(const size_t count, stream->Read(buffer));
    if (count == 0) return stream->Sha256();
    SMKI_RETURN_IF_ERROR(visit(ByteSpan(buffer).first(count), stream->octets_read()));
  }
}

}  // namespace smki::repository
