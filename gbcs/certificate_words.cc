#include "gbcs/certificate_words.h"

#include <vector>

#include "base/eui64.h"
#include "base/time.h"
#include "gbcs/fields.h"

namespace smki::gbcs {
namespace {

// Contents octets of the object identifiers met in SMKI certificates (GBCS.md section 6).
constexpr uint8_t kCommonName[] = {0x55, 0x04, 0x03};
constexpr uint8_t kOrganisationalUnit[] = {0x55, 0x04, 0x0B};
constexpr uint8_t kUniqueIdentifier[] = {0x55, 0x04, 0x2D};
constexpr uint8_t kSubjectKeyIdentifier[] = {0x55, 0x1D, 0x0E};
constexpr uint8_t kKeyUsage[] = {0x55, 0x1D, 0x0F};
constexpr uint8_t kSubjectAltName[] = {0x55, 0x1D, 0x11};

bool Is(ByteSpan oid, ByteSpan known) {
  return std::equal(oid.begin(), oid.end(), known.begin(), known.end());
}

// A certificate comes from anywhere: control characters and what is not ASCII are shown as '?'.
std::string Printable(ByteSpan text) {
  std::string out;
  for (const uint8_t c : text) out.push_back(c >= 0x20 && c < 0x7F ? static_cast<char>(c) : '?');
  return out;
}

Described Part(const char* name, const std::string& words, const DerValue& at) {
  return {name, words, at.offset, at.whole.size(), {}};
}

struct NameWords {
  std::string text;  // "CN Z1, OU 07"
  std::string eui;
};

// Name ::= SEQUENCE OF SET OF SEQUENCE { type, value }
StatusOr<NameWords> ReadName(const DerValue& name) {
  NameWords out;
  for (DerReader sets(name); !sets.at_end();) {
    SMKI_ASSIGN_OR_RETURN(const DerValue set, sets.Expect(der::kSet, "RelativeDistinguishedName"));
    for (DerReader attributes(set); !attributes.at_end();) {
      SMKI_ASSIGN_OR_RETURN(const DerValue attribute, attributes.Expect(der::kSequence, "AttributeTypeAndValue"));
      DerReader fields(attribute);
      SMKI_ASSIGN_OR_RETURN(const DerValue type, fields.Expect(der::kOid, "type"));
      SMKI_ASSIGN_OR_RETURN(const DerValue value, fields.Next());
      const std::string separator = out.text.empty() ? "" : ", ";
      if (Is(type.content, kUniqueIdentifier) && value.content.size() == 1 + Eui64::kSize) {
        out.eui = Eui64::FromBytes(value.content.subspan(1))->ToString();
      } else if (Is(type.content, kCommonName)) {
        out.text += separator + "CN " + Printable(value.content);
      } else if (Is(type.content, kOrganisationalUnit)) {
        out.text += separator + "OU " + Printable(value.content);
      } else {
        out.text += separator + OidText(type.content) + " " + ToHex(value.content);
      }
    }
  }
  return out;
}

// RFC 5280 4.1.2.5: two digits of the year below 50 mean 20xx.
std::string TimeWords(const DerValue& time) {
  std::string text = ToString(time.content);
  if (time.tag == der::kUtcTime && text.size() == 13) text = (text[0] < '5' ? "20" : "19") + text;
  const std::string words = GeneralizedTimeWords(text);
  return words.empty() ? Printable(time.content) : words;
}

std::string KeyUsageWords(ByteSpan bits) {
  static constexpr const char* kNames[] = {"digitalSignature", "nonRepudiation", "keyEncipherment", "dataEncipherment",
                                           "keyAgreement",     "keyCertSign",    "cRLSign",         "encipherOnly"};
  std::string out;
  for (int bit = 0; bits.size() >= 2 && bit < 8; ++bit) {
    if ((bits[1] & 0x80 >> bit) != 0) out += (out.empty() ? "" : ", ") + std::string(kNames[bit]);
  }
  return out;
}

// GeneralNames with one otherName id-on-hardwareModuleName { hwType, hwSerialNum }: a Device Certificate names its
// Device here.
StatusOr<std::string> DeviceEui(ByteSpan names, size_t offset) {
  SMKI_ASSIGN_OR_RETURN(const DerValue sequence, DerReader(names, offset).Expect(der::kSequence, "GeneralNames"));
  SMKI_ASSIGN_OR_RETURN(const DerValue other, DerReader(sequence).Expect(der::Context(0, true), "otherName"));
  DerReader fields(other);
  SMKI_RETURN_IF_ERROR(fields.Expect(der::kOid, "type-id").status());
  SMKI_ASSIGN_OR_RETURN(const DerValue value, fields.Expect(der::Context(0, true), "value"));
  SMKI_ASSIGN_OR_RETURN(const DerValue module, DerReader(value).Expect(der::kSequence, "HardwareModuleName"));
  DerReader parts(module);
  SMKI_RETURN_IF_ERROR(parts.Expect(der::kOid, "hwType").status());
  SMKI_ASSIGN_OR_RETURN(const DerValue serial, parts.Expect(der::kOctetString, "hwSerialNum"));
  const auto eui = Eui64::FromBytes(serial.content);
  return eui ? eui->ToString() : ToHex(serial.content);
}

// Of the extensions those that people compare; `eui` of a Device Certificate is among them.
Status ReadExtensions(const DerValue& wrapper, Described& out, std::string& eui) {
  SMKI_ASSIGN_OR_RETURN(const DerValue list, DerReader(wrapper).Expect(der::kSequence, "Extensions"));
  for (DerReader extensions(list); !extensions.at_end();) {
    SMKI_ASSIGN_OR_RETURN(const DerValue extension, extensions.Expect(der::kSequence, "Extension"));
    DerReader fields(extension);
    SMKI_ASSIGN_OR_RETURN(const DerValue oid, fields.Expect(der::kOid, "extnID"));
    SMKI_RETURN_IF_ERROR(fields.Optional(der::kBoolean).status());
    SMKI_ASSIGN_OR_RETURN(const DerValue value, fields.Expect(der::kOctetString, "extnValue"));
    const size_t offset = value.offset + value.whole.size() - value.content.size();
    if (Is(oid.content, kSubjectKeyIdentifier)) {
      SMKI_ASSIGN_OR_RETURN(const DerValue ski,
                            DerReader(value.content, offset).Expect(der::kOctetString, "subjectKeyIdentifier"));
      out.parts.push_back(Part("subjectKeyIdentifier", ToHex(ski.content), extension));
    } else if (Is(oid.content, kKeyUsage)) {
      SMKI_ASSIGN_OR_RETURN(const DerValue bits, DerReader(value.content, offset).Expect(der::kBitString, "keyUsage"));
      out.parts.push_back(Part("keyUsage", KeyUsageWords(bits.content), extension));
    } else if (Is(oid.content, kSubjectAltName)) {
      SMKI_ASSIGN_OR_RETURN(eui, DeviceEui(value.content, offset));
    }
  }
  return OkStatus();
}

Status ReadCertificate(const DerValue& certificate, Described& out) {
  SMKI_ASSIGN_OR_RETURN(const DerValue tbs, DerReader(certificate).Expect(der::kSequence, "TBSCertificate"));
  DerReader fields(tbs);
  SMKI_RETURN_IF_ERROR(fields.Optional(der::Context(0, true)).status());
  SMKI_ASSIGN_OR_RETURN(const DerValue serial, fields.Expect(der::kInteger, "serialNumber"));
  SMKI_RETURN_IF_ERROR(fields.Expect(der::kSequence, "signature").status());
  SMKI_ASSIGN_OR_RETURN(const DerValue issuer, fields.Expect(der::kSequence, "issuer"));
  SMKI_ASSIGN_OR_RETURN(const NameWords issuer_words, ReadName(issuer));
  SMKI_ASSIGN_OR_RETURN(const DerValue validity, fields.Expect(der::kSequence, "validity"));
  DerReader times(validity);
  SMKI_ASSIGN_OR_RETURN(const DerValue not_before, times.Next());
  SMKI_ASSIGN_OR_RETURN(const DerValue not_after, times.Next());
  SMKI_ASSIGN_OR_RETURN(const DerValue subject, fields.Expect(der::kSequence, "subject"));
  SMKI_ASSIGN_OR_RETURN(const NameWords subject_words, ReadName(subject));
  SMKI_RETURN_IF_ERROR(fields.Expect(der::kSequence, "subjectPublicKeyInfo").status());

  std::string eui = subject_words.eui;
  out.parts.push_back(Part("serialNumber", ToHex(serial.content), serial));
  out.parts.push_back(Part("issuer", issuer_words.text, issuer));
  out.parts.push_back(Part("validity", TimeWords(not_before) + " to " + TimeWords(not_after), validity));
  SMKI_ASSIGN_OR_RETURN(const std::optional<DerValue> extensions, fields.Optional(der::Context(3, true)));
  if (extensions) SMKI_RETURN_IF_ERROR(ReadExtensions(*extensions, out, eui));

  out.value = subject_words.text;
  if (!eui.empty()) out.value += (out.value.empty() ? "" : ", ") + eui;
  return OkStatus();
}

}  // namespace

void DescribeCertificate(const DerValue& certificate, Described& out) {
  const Status status = ReadCertificate(certificate, out);
  if (!status.ok()) out.value = "not a readable certificate: " + smki::Message(status);
}

}  // namespace smki::gbcs
