#include "tests/bench/repository/gzip_blocks.h"

#include <unistd.h>
#include <zlib.h>

#include <cerrno>
#include <cstring>

namespace smki::bench {
namespace {

constexpr int kLevel = 6;
constexpr int kRawDeflate = -15;

std::string LittleEndian(uint32_t number) {
  std::string out;
  for (int shift = 0; shift < 32; shift += 8) out += static_cast<char>(number >> shift);
  return out;
}

std::string Deflate(std::string_view text, int flush) {
  z_stream stream{};
  SMKI_CHECK(deflateInit2(&stream, kLevel, Z_DEFLATED, kRawDeflate, 8, Z_DEFAULT_STRATEGY) == Z_OK);
  std::string out(deflateBound(&stream, text.size()) + 64, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(text.data()));
  stream.avail_in = static_cast<uInt>(text.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  SMKI_CHECK(deflate(&stream, flush) == (flush == Z_FINISH ? Z_STREAM_END : Z_OK) && stream.avail_in == 0 &&
             stream.avail_out > 0);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

}  // namespace

DeflatedBlock DeflateBlock(std::string_view text) {
  return {Deflate(text, Z_SYNC_FLUSH),
          static_cast<uint32_t>(crc32_z(0, reinterpret_cast<const Bytef*>(text.data()), text.size())), text.size()};
}

StatusOr<GzipBlocks> GzipBlocks::Create(const std::string& path) {
  GzipBlocks out;
  out.path_ = path;
  out.file_.reset(std::fopen(path.c_str(), "wb"));
  if (out.file_ == nullptr) return Unavailable("{}: {}", path, std::strerror(errno));
  const std::string name = path.substr(path.rfind('/') + 1);
  // ID, deflate, FNAME, no time, no extra flags, Unix.
  const std::string head("\x1f\x8b\x08\x08\0\0\0\0\0\x03", 10);
  SMKI_RETURN_IF_ERROR(out.Write(head + name.substr(0, name.size() - 3) + '\0'));
  return out;
}

Status GzipBlocks::Write(std::string_view octets) {
  if (std::fwrite(octets.data(), 1, octets.size(), file_.get()) == octets.size()) return OkStatus();
  return Unavailable("{}: {}", path_, std::strerror(errno));
}

Status GzipBlocks::Add(const DeflatedBlock& block) {
  crc_ = static_cast<uint32_t>(crc32_combine(crc_, block.crc, static_cast<z_off_t>(block.size)));
  size_ += block.size;
  return Write(block.octets);
}

Status GzipBlocks::Finish() {
  SMKI_RETURN_IF_ERROR(Write(Deflate("", Z_FINISH) + LittleEndian(crc_) + LittleEndian(static_cast<uint32_t>(size_))));
  if (std::fflush(file_.get()) != 0 || ::fsync(::fileno(file_.get())) != 0) {
    return Unavailable("{}: {}", path_, std::strerror(errno));
  }
  return OkStatus();
}

}  // namespace smki::bench
