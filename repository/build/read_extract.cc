// One extract by itself: for those who look into a file without a store.
#include "repository/build/file_reader.h"
#include "repository/extract/base64_body.h"
#include "repository/extract/gzip_name.h"
#include "repository/profile/record_check.h"

namespace smki::repository {

Status ReadExtract(const std::string& path, const std::function<Status(CertificateRecord)>& visit) {
  const auto name = ParseExtractName(FileNameOf(path));
  if (!name) {
    return Refuse(Refusal::kNAME_WRONG,
                  fmt::format("{}: is not named as an extract, expected SMKIKR_FULL_YYYY-MM-DD.xml.gz or "
                              "SMKIKR_DELT_YYYY-MM-DD.xml.gz",
                              path),
                  StatusCode::kInvalidArgument);
  }
  SMKI_ASSIGN_OR_RETURN(auto reader, FileReader::Open(path, 0, /*digest=*/false));
  Chunk chunk;
  while (true) {
    SMKI_ASSIGN_OR_RETURN(const bool more, reader.Next(chunk));
    if (!more) return OkStatus();
    Examined document;
    document.first = chunk.first;
    document.last = chunk.last;
    RecordScanner scanner(AsText(chunk.xml.octets()), chunk.offset, chunk.first);
    ScannedRecord scanned;
    while ((document.end = scanner.Next(scanned)) == RecordScanner::Step::kRecord) {
      OctetBuffer der(Base64Room(chunk.xml.size()));
      CertificateView view;
      RecordState state;
      if (const auto fault = CheckRecord(scanned, der, view, state)) {
        return WithReason(
            DataLoss("{}: octet {} of its XML: {}: {}{}{}; fetch the file again", name->file, scanned.offset,
                     Name(fault->reject), Text(fault->reject), *fault->detail != 0 ? ": " : "", fault->detail),
            Name(fault->reject));
      }
      CertificateRecord record = RecordOf(view, state);
      record.lodged = name->date;
      SMKI_RETURN_IF_ERROR(visit(std::move(record)));
    }
    document.headers = scanner.headers();
    document.refusal = scanner.refusal();
    document.refusal_detail = scanner.refusal_detail();
    document.refusal_offset = scanner.refusal_offset();
    SMKI_RETURN_IF_ERROR(CheckDocument(document, *name, name->file));
  }
}

}  // namespace smki::repository
