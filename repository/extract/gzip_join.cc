#include "repository/extract/gzip_join.h"

#include <isa-l/crc.h>
#include <isa-l/igzip_lib.h>
#include <zlib.h>

#include <algorithm>
#include <array>

#include "base/file.h"
#include "repository/extract/gzip_name.h"
#include "repository/store/table.h"

namespace smki::repository {
namespace {

constexpr int kLevel = 1;
constexpr size_t kCompared = 1 << 20;  // octets of two files compared at once

// RFC 1952 2.3: deflate, a name follows, no time, "fastest", Unix.
constexpr std::array<uint8_t, 10> kHeader = {0x1F, 0x8B, 8, 8, 0, 0, 0, 0, 4, 3};
constexpr std::array<uint8_t, 2> kLastBlock = {3, 0};  // an empty block of fixed codes, the last one

// Deflate never makes it longer than stored blocks would: 5 octets each. The rest is for what marks the piece's end.
constexpr size_t DeflatedRoom(size_t size) {
  return size + size / 1024 + 4096;
}

}  // namespace

DeflatedPiece DeflatePiece(ByteSpan text) {
  DeflatedPiece out{OctetBuffer(DeflatedRoom(text.size())), crc32_gzip_refl(0, text.data(), text.size()), text.size()};
  OctetBuffer level(ISAL_DEF_LVL1_DEFAULT);
  isal_zstream stream;
  isal_deflate_stateless_init(&stream);
  stream.level = kLevel;
  stream.level_buf = level.end();
  stream.level_buf_size = static_cast<uint32_t>(level.room());
  stream.flush = FULL_FLUSH;
  stream.end_of_stream = 0;
  stream.next_in = const_cast<uint8_t*>(text.data());
  stream.avail_in = static_cast<uint32_t>(text.size());
  stream.next_out = out.octets.end();
  stream.avail_out = static_cast<uint32_t>(out.octets.room());
  SMKI_CHECK(isal_deflate_stateless(&stream) == COMP_OK && stream.avail_in == 0);
  out.octets.Grow(out.octets.room() - stream.avail_out);
  return out;
}

JoinedGzip::JoinedGzip(std::string folder, std::string file, bool digest)
    : folder_(std::move(folder)),
      file_(std::move(file)),
      path_(folder_ + "/" + file_),
      temporary_(folder_ + "/." + file_ + ".new"),
      hash_(digest ? std::make_unique<pki::Sha256Stream>() : nullptr) {}

StatusOr<std::unique_ptr<JoinedGzip>> JoinedGzip::Create(const std::string& folder, const std::string& file,
                                                         bool digest) {
  const std::string inner = InnerName(file);
  if (inner.empty()) return InvalidArgument("{}: the name of a gzip file ends in .gz", file);
  auto out = std::unique_ptr<JoinedGzip>(new JoinedGzip(folder, file, digest));
  SMKI_ASSIGN_OR_RETURN(out->out_, Output::Create(out->temporary_, 0644));
  SMKI_RETURN_IF_ERROR(out->Write(kHeader));
  SMKI_RETURN_IF_ERROR(out->Write({reinterpret_cast<const uint8_t*>(inner.c_str()), inner.size() + 1}));
  return out;
}

JoinedGzip::~JoinedGzip() {
  if (out_ && !appeared_) PosixFiles().Remove(temporary_).IgnoreError();
}

Status JoinedGzip::Write(ByteSpan octets) {
  if (hash_) hash_->Update(octets);
  return out_->Append(octets);
}

Status JoinedGzip::Append(const DeflatedPiece& piece) {
  crc_ = static_cast<uint32_t>(crc32_combine(crc_, piece.crc32, static_cast<z_off_t>(piece.size)));
  size_ += piece.size;
  return Write(piece.octets.octets());
}

Status JoinedGzip::Finish() {
  std::array<uint8_t, 8> trailer;
  for (size_t i = 0; i < 4; ++i) {
    trailer[i] = static_cast<uint8_t>(crc_ >> (8 * i));
    trailer[4 + i] = static_cast<uint8_t>(size_ >> (8 * i));
  }
  SMKI_RETURN_IF_ERROR(Write(kLastBlock));
  SMKI_RETURN_IF_ERROR(Write(trailer));
  return out_->Sync();
}

bool JoinedGzip::IsThere() const {
  return PosixFiles().Exists(path_);
}

StatusOr<bool> JoinedGzip::IsSame() const {
  SMKI_ASSIGN_OR_RETURN(const auto other, StoreFile::Open(path_));
  if (other->size() != out_->size()) return false;
  Bytes own(kCompared), others(kCompared);
  for (uint64_t at = 0; at < out_->size(); at += kCompared) {
    const size_t size = std::min<uint64_t>(kCompared, out_->size() - at);
    SMKI_RETURN_IF_ERROR(other->ReadInto(at, std::span(others).first(size)));
    SMKI_RETURN_IF_ERROR(out_->ReadAt(at, std::span(own).first(size)));
    if (!std::equal(own.begin(), own.begin() + static_cast<ptrdiff_t>(size), others.begin())) return false;
  }
  return true;
}

Status JoinedGzip::Appear() {
  SMKI_RETURN_IF_ERROR(PosixFiles().Rename(temporary_, path_));
  appeared_ = true;
  return OkStatus();
}

Digest JoinedGzip::Sha256() {
  return hash_ ? hash_->Finish() : Digest{};
}

}  // namespace smki::repository
