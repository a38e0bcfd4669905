// The XML of an extract file, any octets: cut into chunks anywhere the scanner gives the same; what it accepts, libxml2
// accepts with the same texts; and a record that agrees with its certificate agrees with pki::Certificate.
#include <libxml/parser.h>
#include <libxml/tree.h>

#include "repository/extract/base64_body.h"
#include "repository/profile/record_check.h"
#include "tests/fuzz/same_certificate.h"

namespace smki::repository {
namespace {

constexpr size_t kMostCuts = 40;

struct Seen {
  std::vector<std::optional<std::string>> fields;
  uint64_t offset;
  std::optional<Reject> fault;
  friend bool operator==(const Seen&, const Seen&) = default;
};
struct Document {
  std::array<std::optional<std::string>, schema::kHeaders> headers;
  std::vector<Seen> records;
  bool accepted = false;
};

void CheckBody(std::string_view body) {
  Bytes fast(Base64Room(body.size()));
  const auto size = DecodeBase64(body, fast.data());
  const auto strict = FromBase64(body);
  SMKI_CHECK(size.has_value() == strict.has_value());
  if (size) SMKI_CHECK(SameOctets(ByteSpan(fast).first(*size), *strict));
}

void CheckOne(const ScannedRecord& scanned, size_t chunk) {
  CheckBody(scanned.fields[schema::kBody]);
  OctetBuffer der(Base64Room(chunk));
  CertificateView view;
  RecordState state;
  const auto fault = CheckRecord(scanned, der, view, state);
  SMKI_CHECK(!scanned.fault || (fault && fault->reject == scanned.fault->reject));
  if (fault) return;
  CheckSameCertificate(view);
  SMKI_CHECK(RecordOf(view.der).ok());
}

// Appends the records of one chunk, and says how it ended.
RecordScanner::Step Scan(std::string_view chunk, uint64_t offset, bool first, Document& out) {
  // A copy of its own, so that what is read behind its end is seen.
  const std::vector<char> own(chunk.begin(), chunk.end());
  RecordScanner scanner({own.data(), own.size()}, offset, first);
  ScannedRecord record;
  RecordScanner::Step step;
  while ((step = scanner.Next(record)) == RecordScanner::Step::kRecord) {
    if (offset == 0) CheckOne(record, chunk.size());
    Seen& seen = out.records.emplace_back();
    seen.offset = record.offset;
    if (record.fault) seen.fault = record.fault->reject;
    for (const std::string_view field : record.fields)
      seen.fields.push_back(field.data() == nullptr ? std::nullopt : std::optional(std::string(field)));
  }
  if (step == RecordScanner::Step::kRefused) {
    SMKI_CHECK(!scanner.refusal_detail().empty());
    SMKI_CHECK(scanner.refusal_offset() <= offset + chunk.size());
  }
  if (first) out.headers = scanner.headers();
  return step;
}

// As libxml2 sees it, with line ends as they were made into one (XML 2.11).
std::string OneLineEnd(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '\r' && i + 1 < text.size() && text[i + 1] == '\n') continue;
    out += text[i] == '\r' ? '\n' : text[i];
  }
  return out;
}

std::string TextOf(const xmlNode* node) {
  xmlChar* content = xmlNodeGetContent(node);
  std::string out = reinterpret_cast<const char*>(content);
  xmlFree(content);
  const auto space = " \t\r\n";
  const size_t begin = out.find_first_not_of(space);
  return begin == std::string::npos ? "" : out.substr(begin, out.find_last_not_of(space) - begin + 1);
}

std::vector<const xmlNode*> ElementsOf(const xmlNode* parent) {
  std::vector<const xmlNode*> out;
  for (const xmlNode* node = parent->children; node != nullptr; node = node->next) {
    if (node->type == XML_ELEMENT_NODE) out.push_back(node);
  }
  return out;
}

bool IsNamed(const xmlNode* node, std::string_view name) {
  // A prefix that nothing declares stays in libxml2's name.
  std::string_view own = reinterpret_cast<const char*>(node->name);
  if (const size_t colon = own.find(':'); colon != std::string_view::npos) own.remove_prefix(colon + 1);
  return own == name;
}

void CheckRecordIs(const Seen& seen, const xmlNode* node) {
  SMKI_CHECK(IsNamed(node, schema::kRecord));
  if (seen.fault) return;
  size_t fields = 0;
  const auto elements = ElementsOf(node);
  for (size_t i = 0; i < schema::kFields; ++i) {
    if (!seen.fields[i]) continue;
    SMKI_CHECK(fields < elements.size() && IsNamed(elements[fields], schema::kFieldRules[i].element));
    SMKI_CHECK(OneLineEnd(*seen.fields[i]) == TextOf(elements[fields++]));
  }
  SMKI_CHECK(fields == elements.size());
}

void CheckAgainstLibxml(std::string_view xml, const Document& document) {
  // A body's characters are looked at by DecodeBase64: it rejects the record.
  for (const Seen& seen : document.records) {
    const std::string body = seen.fields[schema::kBody].value_or("");
    Bytes der(Base64Room(body.size()));
    if (!DecodeBase64(body, der.data())) return;
  }
  xmlDoc* parsed = xmlReadMemory(xml.data(), static_cast<int>(xml.size()), "extract.xml", nullptr,
                                 XML_PARSE_NONET | XML_PARSE_NOERROR | XML_PARSE_NOWARNING);
  SMKI_CHECK(parsed != nullptr);
  const xmlNode* root = xmlDocGetRootElement(parsed);
  SMKI_CHECK(IsNamed(root, schema::kRoot));
  const auto elements = ElementsOf(root);
  size_t headers = 0, at = 0;
  for (const auto& header : document.headers) headers += header ? 1 : 0;
  SMKI_CHECK(elements.size() == headers + document.records.size());
  for (; at < headers; ++at) {
    const size_t which = IsNamed(elements[at], schema::kHeaderRules[0].element) ? 0 : 1;
    SMKI_CHECK(IsNamed(elements[at], schema::kHeaderRules[which].element));
    SMKI_CHECK(OneLineEnd(document.headers[which].value()) == TextOf(elements[at]));
  }
  for (const Seen& seen : document.records) CheckRecordIs(seen, elements[at++]);
  xmlFreeDoc(parsed);
}

// Cut behind any record, both pieces are scanned by themselves.
void CheckCuts(std::string_view xml, const Document& whole) {
  // The end of the root, when it is cut off, cannot be held against its prefix.
  if (xml.find(":" + std::string(schema::kRoot)) != std::string_view::npos) return;
  size_t end = xml.size();
  for (size_t cuts = 0; cuts < kMostCuts; ++cuts, --end) {
    end = EndOfLastRecord(xml.substr(0, end));
    if (end == 0) return;
    Document pieces;
    using Step = RecordScanner::Step;
    const Step first = Scan(xml.substr(0, end), 0, true, pieces);
    const Step second = Scan(xml.substr(end), end, false, pieces);
    pieces.accepted = first == Step::kChunkEnd && second == Step::kDocumentEnd;
    SMKI_CHECK(pieces.accepted == whole.accepted);
    if (whole.accepted) SMKI_CHECK(pieces.records == whole.records && pieces.headers == whole.headers);
  }
}

}  // namespace
}  // namespace smki::repository

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace smki::repository;
  const std::string_view xml = smki::AsText({data, size});
  CheckBody(xml);
  Document whole;
  whole.accepted = Scan(xml, 0, true, whole) == RecordScanner::Step::kDocumentEnd;
  CheckCuts(xml, whole);
  if (whole.accepted) CheckAgainstLibxml(xml, whole);
  return 0;
}
