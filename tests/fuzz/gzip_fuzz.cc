// gzip, any octets: GunzipStream gives what zlib gives, or both refuse; and in pieces of any size the same.
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cstdio>

#include "repository/extract/gzip.h"

namespace smki::repository {
namespace {

// More than this is not inflated, by neither: it would only be slow.
constexpr size_t kMost = 4 << 20;

struct Result {
  bool refused = false, too_much = false;
  Bytes content;
};

// The rules of gzip.h, by zlib: members one after the other, then zeros; a name is the file's own.
Result ByZlib(ByteSpan file, const std::string& inner_name) {
  Result out;
  out.refused = true;
  z_stream stream{};
  SMKI_CHECK(inflateInit2(&stream, MAX_WBITS + 16) == Z_OK);
  stream.next_in = const_cast<Bytef*>(file.data());
  stream.avail_in = static_cast<uInt>(file.size());
  for (size_t members = 0;; ++members) {
    if (members > 0 && (stream.avail_in == 0 || *stream.next_in == 0)) {
      out.refused = !std::all_of(stream.next_in, stream.next_in + stream.avail_in, [](Bytef o) { return o == 0; });
      break;
    }
    Bytef name[512] = {};
    gz_header header{};
    header.name = name;
    header.name_max = sizeof name - 1;
    SMKI_CHECK(inflateReset(&stream) == Z_OK && inflateGetHeader(&stream, &header) == Z_OK);
    int code = Z_OK;
    while (code == Z_OK && out.content.size() <= kMost) {
      Bytef piece[16384];
      stream.next_out = piece;
      stream.avail_out = sizeof piece;
      code = inflate(&stream, Z_NO_FLUSH);
      Append(out.content, {piece, sizeof piece - stream.avail_out});
    }
    out.too_much = out.content.size() > kMost;
    if (code != Z_STREAM_END) break;
    if (name[0] != 0 && inner_name != reinterpret_cast<const char*>(name)) break;
  }
  inflateEnd(&stream);
  return out;
}

Result ByStream(const std::string& path, size_t piece) {
  Result out;
  const auto stream = GunzipStream::Open(path, /*digest=*/true);
  SMKI_CHECK(stream.ok());
  Bytes buffer(piece);
  while (out.content.size() <= kMost) {
    const auto count = (*stream)->Read(buffer);
    out.refused = !count.ok();
    if (out.refused) {
      SMKI_CHECK(!ReasonOf(count.status()).empty());
      return out;
    }
    Append(out.content, ByteSpan(buffer).first(*count));
    if (*count < piece) return out;
  }
  out.too_much = true;
  return out;
}

}  // namespace
}  // namespace smki::repository

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace smki;
  using namespace smki::repository;
  static const std::string& path = *new std::string(fmt::format("/dev/shm/smki-gzip-fuzz-{}/fuzz.gz", ::getpid()));
  static const bool made = ::mkdir(path.substr(0, path.rfind('/')).c_str(), 0700) == 0;
  SMKI_CHECK(made);
  FILE* file = std::fopen(path.c_str(), "wb");
  SMKI_CHECK(file != nullptr && std::fwrite(data, 1, size, file) == size && std::fclose(file) == 0);
  const Result expected = ByZlib({data, size}, "fuzz");
  if (expected.too_much) return 0;
  for (const size_t piece : {size_t{1} << 16, 1 + size % 977, size_t{1}}) {
    if (piece == 1 && expected.content.size() > 4096) continue;
    const Result got = ByStream(path, piece);
    if (got.too_much) continue;
    SMKI_CHECK(got.refused == expected.refused);
    SMKI_CHECK(got.refused || got.content == expected.content);
  }
  return 0;
}
