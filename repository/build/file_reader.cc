#include "repository/build/file_reader.h"

#include <filesystem>

#include "repository/extract/gzip_name.h"
#include "repository/extract/shown.h"

namespace smki::repository {
namespace {

constexpr size_t kChunk = 1 << 20;
constexpr size_t kPeek = 4096;

}  // namespace

StatusOr<FileReader> FileReader::Open(const std::string& path, uint16_t file, bool digest) {
  SMKI_ASSIGN_OR_RETURN(auto gunzip, GunzipStream::Open(path, digest));
  return FileReader(FileNameOf(path), file, std::move(gunzip));
}

StatusOr<bool> FileReader::Next(Chunk& chunk) {
  if (ended_) return false;
  chunk.file = file_;
  chunk.first = first_;
  chunk.offset = offset_;
  chunk.xml = OctetBuffer(kChunk);
  chunk.xml.Append(carried_);
  SMKI_ASSIGN_OR_RETURN(const size_t count, gunzip_->Read({chunk.xml.end(), chunk.xml.room()}));
  chunk.xml.Grow(count);
  carried_.clear();
  first_ = false;
  if (chunk.xml.room() > 0) {
    chunk.last = ended_ = true;
    return true;
  }
  const size_t end = EndOfLastRecord(AsText(chunk.xml.octets()));
  if (end == 0)
    return Refuse(Refusal::kXML_TOO_LONG, fmt::format("{}: octet {} of its XML: {}; fetch it again", name_, offset_,
                                                      Text(Refusal::kXML_TOO_LONG)));
  carried_ = ToBytes(chunk.xml.octets().subspan(end));
  chunk.xml.ShrinkTo(end);
  offset_ += end;
  return true;
}

namespace {

Status Refused(Refusal refusal, const std::string& file, uint64_t offset, const std::string& detail) {
  return Refuse(refusal, fmt::format("{}: octet {} of its XML: {}: {}; fetch the file again", file, offset,
                                     Text(refusal), detail));
}

Status CheckHeaders(const std::array<std::optional<std::string>, schema::kHeaders>& headers, const ExtractName& name,
                    const std::string& file) {
  const std::string_view expected[] = {name.full ? schema::kFull : schema::kDelta, name.date};
  for (size_t i = 0; i < schema::kHeaders; ++i) {
    const schema::Rule& rule = schema::kHeaderRules[i];
    if (!headers[i] && !rule.required) continue;
    if (!headers[i]) {
      return Refuse(Refusal::kHEADER_WRONG, fmt::format("{}: <{}> is missing before the first record; fetch the file "
                                                        "again",
                                                        file, rule.element));
    }
    if (*headers[i] == expected[i]) continue;
    return Refuse(Refusal::kHEADER_WRONG,
                  fmt::format("{}: <{}> is \"{}\", but the file's name says \"{}\"; fetch the file again, and do not "
                              "rename it",
                              file, rule.element, Shown(*headers[i]), expected[i]));
  }
  return OkStatus();
}

}  // namespace

Status CheckDocument(const Examined& examined, const ExtractName& name, const std::string& file) {
  using Step = RecordScanner::Step;
  if (examined.end == Step::kRefused)
    return Refused(examined.refusal, file, examined.refusal_offset, examined.refusal_detail);
  if (examined.first) SMKI_RETURN_IF_ERROR(CheckHeaders(examined.headers, name, file));
  if (examined.last && examined.end != Step::kDocumentEnd)
    return Refuse(Refusal::kXML_TRUNCATED,
                  fmt::format("{}: {}; fetch the file again", file, Text(Refusal::kXML_TRUNCATED)));
  if (!examined.last && examined.end == Step::kDocumentEnd)
    return Refuse(Refusal::kXML_MALFORMED, fmt::format("{}: records follow the end of the document; fetch the file "
                                                       "again",
                                                       file));
  return OkStatus();
}

StatusOr<uint64_t> PeekExtract(const std::string& path, const ExtractName& name) {
  SMKI_ASSIGN_OR_RETURN(const auto gunzip, GunzipStream::Open(path, /*digest=*/false));
  Bytes begin(kPeek);
  SMKI_ASSIGN_OR_RETURN(const size_t count, gunzip->Read(begin));
  begin.resize(count);
  const bool whole = count < kPeek;
  // A page ends anywhere, but what is looked at behind a tag.
  const std::string_view page = AsText(begin);
  RecordScanner scanner(whole ? page : page.substr(0, page.rfind('>') + 1), 0, /*first=*/true);
  ScannedRecord ignored;
  const auto step = scanner.Next(ignored);
  // What does not end within the first page will be judged when the file is read.
  using Step = RecordScanner::Step;
  const bool refused = step == Step::kRefused;
  const bool cut =
      refused ? scanner.refusal() == Refusal::kXML_TRUNCATED || (!whole && scanner.refusal() == Refusal::kXML_MALFORMED)
              : !whole && step == Step::kChunkEnd;
  const std::string file = FileNameOf(path);
  if (refused && !cut) return Refused(scanner.refusal(), file, scanner.refusal_offset(), scanner.refusal_detail());
  if (!cut) SMKI_RETURN_IF_ERROR(CheckHeaders(scanner.headers(), name, file));
  std::error_code error;
  const uint64_t size = std::filesystem::file_size(path, error);
  if (error) return NotFound("cannot read {}: {}", path, error.message());
  return size;
}

std::string RejectLines(const std::vector<RejectedRecord>& rejects) {
  // Nothing here needs escaping: codes, hexadecimal, file names of the extracts' form, our own words.
  std::string out;
  for (const RejectedRecord& r : rejects) {
    out += fmt::format("{{\"code\":\"{}\",\"file\":\"{}\",\"offset\":{},\"serial\":\"{}\",\"reason\":\"{}{}{}\"}}\n",
                       Name(r.code), r.file, r.offset, r.serial, Text(r.code), r.detail.empty() ? "" : ": ", r.detail);
  }
  return out;
}

}  // namespace smki::repository
