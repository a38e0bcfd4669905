#include "repository/web/answer.h"

#include <algorithm>

#include "base/text.h"
#include "repository/extract/schema.h"
#include "repository/web/request.h"
#include "repository/web/schema.h"

namespace smki::repository::web {
namespace {

using schema::Field;

constexpr size_t kBase64Line = 64;  // as PEM has it
constexpr std::string_view kDeclaration = "<?xml version=\"1.0\" encoding=\"UTF-8\" standalone=\"yes\"?>\n";

// XML has no place for control characters, not even escaped.
std::string Escaped(std::string_view text) {
  size_t at = 0;
  const bool readable = FindUnreadable(text, at) == nullptr;
  std::string out;
  for (const char c : text) {
    if (c == '&') {
      out += "&amp;";
    } else if (c == '<') {
      out += "&lt;";
    } else if (c == '>') {
      out += "&gt;";
    } else if (c == '"') {
      out += "&quot;";
    } else if (c == '\'') {
      out += "&apos;";
    } else {
      out += readable || (c >= ' ' && c <= '~') ? c : '?';
    }
  }
  return out;
}

std::string Element(std::string_view name, std::string_view text) {
  return fmt::format("<{0}>{1}</{0}>\n", name, Escaped(text));
}
std::string Element(Field field, std::string_view text) {
  return Element(schema::kFieldRules[field].element, text);
}

// Of the number: the octet that only keeps an INTEGER positive is none of it.
std::string SerialText(ByteSpan serial) {
  if (serial.size() > 1 && serial.front() == 0) serial = serial.subspan(1);
  std::string out = ToHex(serial);
  for (char& c : out) {
    if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
  }
  return out;
}

std::string Subject(const CertificateRecord& record) {
  switch (record.kind) {
    case CertificateKind::kDevice:
      return Element(schema::kSubjectAltName, record.eui.ToString());
    case CertificateKind::kOrganisation:
      return Element(schema::kSubjectName, record.eui.ToString());
    case CertificateKind::kOrganisationAuthority:
    case CertificateKind::kDeviceAuthority:
      return Element(schema::kSubjectName, record.subject_name);
  }
  return "";
}

std::string StatusElement(const CertificateRecord& record) {
  const char letter = static_cast<char>(record.status);
  return Element(schema::kStatus, {&letter, 1});
}

// The web service writes a role in decimal (the client's table: 135 is XML signing, 0x87 in the certificate).
std::string Properties(const CertificateRecord& record) {
  return (record.role ? Element(schema::kRole, std::to_string(*record.role)) : "") +
         Element(schema::kUsage, record.usage) +
         Element(schema::kManufacturing, record.manufacturing ? "true" : "false");
}

std::string ResultXml(const CertificateRecord& record) {
  return fmt::format("<{0}>\n{1}{2}{3}{4}</{0}>\n", kResult, Element(schema::kSerial, SerialText(record.serial)),
                     Subject(record), StatusElement(record), Properties(record));
}

std::string CertificateXml(const CertificateRecord& record) {
  const std::string base64 = ToBase64(record.der);
  std::string folded;
  for (size_t at = 0; at < base64.size(); at += kBase64Line) folded += "\n" + base64.substr(at, kBase64Line);
  return fmt::format("<{0}>\n{1}{2}{3}{4}{5}</{0}>\n", schema::kRecord, Subject(record),
                     Element(schema::kSerial, SerialText(record.serial)), StatusElement(record),
                     Element(schema::kBody, folded), Properties(record));
}

Answer Xml(std::string_view root, unsigned status, std::string_view message, const std::string& audit_reference,
           const std::string& content = "") {
  Answer out;
  out.status = status;
  if (status == kInvalidParameters) out.reason = "Invalid Parameters";
  if (status == kNoSuchCertificate) out.reason = "No Such Certificate";
  out.content_type = kXmlType;
  out.body = fmt::format("{}<{}>\n{}{}{}{}</{}>\n", kDeclaration, root, Element(kResponseCode, std::to_string(status)),
                         Element(kResponseMessage, message), Element(kAuditReference, audit_reference), content, root);
  return out;
}

Answer StoreFault(std::string_view root, const Status& status, const std::string& audit_reference) {
  Answer out = Xml(root, 500, "Internal error: give the operator the audit reference", audit_reference);
  out.fault = Message(status);
  return out;
}

Answer Search(const Call& call, const Store& store, const std::string& audit_reference) {
  const auto request = ParseSearchRequest(call.body);
  if (!request.ok()) return Xml(kSearchResponse, kInvalidParameters, Message(request.status()), audit_reference);
  auto found = store.ByEui(request->eui);
  if (!found.ok()) return StoreFault(kSearchResponse, found.status(), audit_reference);
  const CertificateKind wanted = request->device ? CertificateKind::kDevice : CertificateKind::kOrganisation;
  std::erase_if(*found, [&](const CertificateRecord& record) { return record.kind != wanted; });
  if (found->empty()) return Xml(kSearchResponse, kNoSuchCertificate, "No certificate found", audit_reference);
  std::string message = "Success";
  if (found->size() > kMaxResults) {
    message += fmt::format(": the newest {} of {}", kMaxResults, found->size());
    found->resize(kMaxResults);
  }
  std::string results;
  for (const CertificateRecord& record : *found) results += ResultXml(record);
  return Xml(kSearchResponse, 200, message, audit_reference, results);
}

Answer Retrieve(const Call& call, const Store& store, const std::string& audit_reference) {
  const auto serial = ParseDataRequest(call.body);
  if (!serial.ok()) return Xml(kDataResponse, kInvalidParameters, Message(serial.status()), audit_reference);
  const auto found = store.BySerial(*serial);
  if (!found.ok()) return StoreFault(kDataResponse, found.status(), audit_reference);
  if (found->empty()) return Xml(kDataResponse, kNoSuchCertificate, "No certificate found", audit_reference);
  // A serial number names one certificate: a rebuild refuses two.
  return Xml(kDataResponse, 200, "Success", audit_reference, CertificateXml(found->front()));
}

Answer Health(const Store& store) {
  const StoreSummary& summary = store.summary();
  Answer out;
  out.content_type = kTextType;
  out.body = fmt::format("full {}\ndelta {}\ncertificates {}\ndigest {}\n", summary.full_date,
                         summary.last_delta_date.empty() ? "none" : summary.last_delta_date, summary.certificates,
                         ToHex(summary.digest));
  return out;
}

// "application/xml; charset=utf-8" is application/xml, in any case.
bool IsXml(std::string_view content_type) {
  std::string type(content_type.substr(0, content_type.find(';')));
  while (!type.empty() && (type.back() == ' ' || type.back() == '\t')) type.pop_back();
  std::transform(type.begin(), type.end(), type.begin(),
                 [](char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; });
  return type == "application/xml" || type == "text/xml";
}

Answer WrongMethod(const std::string& allow, const std::string& audit_reference) {
  Answer out = Refusal(405, "the method is not allowed here, use " + allow, audit_reference);
  out.allow = allow;
  return out;
}

}  // namespace

Answer AnswerCall(const Call& call, const Store& store, const std::string& audit_reference) {
  const std::string_view path = PathOf(call.target);
  if (path == kHealthPath) {
    return call.method == "GET" || call.method == "HEAD" ? Health(store) : WrongMethod("GET, HEAD", audit_reference);
  }
  const bool search = path == kSearchPath;
  if (!search && path != kRetrievePath) return Refusal(404, "there is no such service", audit_reference);
  if (call.method != "POST") return WrongMethod("POST", audit_reference);
  if (!IsXml(call.content_type)) return Refusal(415, "the content type must be application/xml", audit_reference);
  if (call.body.size() > kMaxRequestBody) return Refusal(413, "the request is too large", audit_reference);
  return search ? Search(call, store, audit_reference) : Retrieve(call, store, audit_reference);
}

Answer Refusal(unsigned status, std::string_view why, const std::string& audit_reference) {
  Answer out;
  out.status = status;
  out.content_type = kTextType;
  out.body = fmt::format("{} {}\naudit reference {}\n", status, why, audit_reference);
  return out;
}

std::string_view PathOf(std::string_view target) {
  return target.substr(0, target.find('?'));
}

std::string NewAuditReference(UtcTime now, Random& random) {
  return fmt::format("{:010d}-{}", now.ms / 1000, ToHex(random.Take(8)));
}

}  // namespace smki::repository::web
