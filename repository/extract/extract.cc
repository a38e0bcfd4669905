#include "repository/extract/extract.h"

#include "base/file.h"
#include "repository/extract/gzip.h"
#include "repository/extract/schema.h"

namespace smki::repository {
namespace {

constexpr std::string_view kFullPrefix = "SMKIKR_FULL_";
constexpr std::string_view kDeltaPrefix = "SMKIKR_DELT_";
constexpr std::string_view kFileSuffix = ".xml.gz";
constexpr size_t kDateSize = 10;
constexpr size_t kBase64Line = 64;

void AppendEscaped(std::string& out, std::string_view text) {
  for (const char c : text) {
    switch (c) {
      case '&':
        out += "&amp;";
        break;
      case '<':
        out += "&lt;";
        break;
      case '>':
        out += "&gt;";
        break;
      default:
        out += c;
    }
  }
}

void AppendElement(std::string& out, std::string_view indent, const schema::Rule& rule, std::string_view text) {
  out += fmt::format("{}<{}>", indent, rule.element);
  AppendEscaped(out, text);
  out += fmt::format("</{}>\n", rule.element);
}

std::string Folded(const std::string& base64) {
  std::string out = "\n";
  for (size_t at = 0; at < base64.size(); at += kBase64Line) out += base64.substr(at, kBase64Line) + "\n";
  return out;
}

std::string RecordXml(const CertificateRecord& record) {
  const auto rule = [](schema::Field field) -> const schema::Rule& { return schema::kFieldRules[field]; };
  const std::string_view indent = "    ";
  const bool authority =
      record.kind == CertificateKind::kOrganisationAuthority || record.kind == CertificateKind::kDeviceAuthority;
  std::string out = fmt::format("  <{}>\n", schema::kRecord);
  if (record.kind == CertificateKind::kDevice) {
    AppendElement(out, indent, rule(schema::kSubjectAltName), record.eui.ToString());
  } else {
    AppendElement(out, indent, rule(schema::kSubjectName), authority ? record.subject_name : record.eui.ToString());
  }
  AppendElement(out, indent, rule(schema::kSerial), ToHex(record.serial));
  AppendElement(out, indent, rule(schema::kStatus), std::string(1, static_cast<char>(record.status)));
  AppendElement(out, indent, rule(schema::kBody), Folded(ToBase64(record.der)));
  if (record.role) AppendElement(out, indent, rule(schema::kRole), fmt::format("{:02X}", *record.role));
  AppendElement(out, indent, rule(schema::kUsage), record.usage);
  AppendElement(out, indent, rule(schema::kManufacturing), record.manufacturing ? "true" : "false");
  out += fmt::format("  </{}>\n", schema::kRecord);
  return out;
}

class GzipExtractWriter : public ExtractWriter {
 public:
  explicit GzipExtractWriter(std::unique_ptr<GzipWriter> out) : out_(std::move(out)) {}
  Status Begin(bool full, const std::string& date) {
    std::string text = fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{}>\n", schema::kRoot);
    AppendElement(text, "  ", schema::kHeaderRules[schema::kType], full ? schema::kFull : schema::kDelta);
    AppendElement(text, "  ", schema::kHeaderRules[schema::kDate], date);
    return out_->Write(AsBytes(text));
  }
  Status Add(const CertificateRecord& record) override { return out_->Write(AsBytes(RecordXml(record))); }
  Status Finish() override {
    SMKI_RETURN_IF_ERROR(out_->Write(AsBytes(fmt::format("</{}>\n", schema::kRoot))));
    return out_->Finish();
  }

 private:
  std::unique_ptr<GzipWriter> out_;
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
