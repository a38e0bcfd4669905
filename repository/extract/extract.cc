#include "repository/extract/extract.h"

#include "base/file.h"
#include "repository/extract/gzip.h"
#include "repository/extract/record_text.h"
#include "repository/extract/schema.h"

namespace smki::repository {
namespace {

constexpr std::string_view kFullPrefix = "SMKIKR_FULL_";
constexpr std::string_view kDeltaPrefix = "SMKIKR_DELT_";
using schema::kFileSuffix;
constexpr size_t kDateSize = 10;

class GzipExtractWriter : public ExtractWriter {
 public:
  explicit GzipExtractWriter(std::unique_ptr<GzipWriter> out) : out_(std::move(out)) {}
  Status Begin(bool full, const std::string& date) {
    return out_->Write(AsBytes(DocumentHead(full ? schema::kFull : schema::kDelta, date)));
  }
  Status Add(const CertificateRecord& record) override {
    const RecordWords words = WordsOf(record);
    text_.resize(RecordRoom(words));
    return out_->Write({text_.data(), WriteRecord(words, text_.data())});
  }
  Status Finish() override {
    SMKI_RETURN_IF_ERROR(out_->Write(AsBytes(DocumentTail())));
    return out_->Finish();
  }

 private:
  std::unique_ptr<GzipWriter> out_;
  Bytes text_;  // of one record
};

}  // namespace

std::string ExtractFileName(bool full, const std::string& date) {
  return fmt::format("{}{}{}", full ? kFullPrefix : kDeltaPrefix, date, kFileSuffix);
}

std::optional<ExtractName> ParseExtractName(const std::string& file) {
  const std::string_view text = file;
  const std::string_view prefix = text.substr(0, kFullPrefix.size());
  const bool full = prefix == kFullPrefix;
  if (!full && prefix != kDeltaPrefix) return std::nullopt;
  if (text.size() != prefix.size() + kDateSize + kFileSuffix.size()) return std::nullopt;
  const std::string date = file.substr(prefix.size(), kDateSize);
  if (text.substr(prefix.size() + kDateSize) != kFileSuffix || !ParseDate(date)) return std::nullopt;
  return ExtractName{full, date, file};
}

StatusOr<std::unique_ptr<ExtractWriter>> ExtractWriter::Create(const std::string& directory, bool full,
                                                               const std::string& date) {
  if (!ParseDate(date)) return InvalidArgument("\"{}\" is no date, expected YYYY-MM-DD", date);
  SMKI_ASSIGN_OR_RETURN(auto gzip, GzipWriter::Create(directory + "/" + ExtractFileName(full, date)));
  auto writer = std::make_unique<GzipExtractWriter>(std::move(gzip));
  SMKI_RETURN_IF_ERROR(writer->Begin(full, date));
  return writer;
}

}  // namespace smki::repository
