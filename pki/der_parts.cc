#include "pki/der_parts.h"

#include <algorithm>

#include "base/text.h"
#include "pki/digest.h"

namespace smki::pki {
namespace {

// SEQUENCE { OID 1.2.840.10045.4.3.2 }, without parameters (RFC 5758 3.2).
constexpr uint8_t kEcdsaWithSha256[] = {0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02};

constexpr size_t kMaxExtensions = 32;
constexpr size_t kMaxRdns = 32;

bool ReadTwoDigits(ByteSpan text, size_t at, int& out) {
  const auto digit = [&](size_t i) { return text[i] >= '0' && text[i] <= '9'; };
  if (!digit(at) || !digit(at + 1)) return false;
  out = (text[at] - '0') * 10 + (text[at + 1] - '0');
  return true;
}

bool IsText(uint8_t tag) {
  constexpr uint8_t kIa5String = 0x16;
  return tag == der::kUtf8String || tag == der::kPrintableString || tag == kIa5String;
}

Status ReadAttribute(const DerValue& attribute, NameParts& out) {
  DerReader in(attribute);
  SMKI_ASSIGN_OR_RETURN(const DerValue type, in.Expect(der::kOid, "attribute type of a name"));
  SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Next());
  SMKI_RETURN_IF_ERROR(in.Finish("attribute of a name"));
  const bool common_name = SameOctets(type.content, oid::kCommonName);
  if (common_name || SameOctets(type.content, oid::kOrganisationalUnit)) {
    std::string& text = common_name ? out.common_name : out.organisational_unit;
    const char* what = common_name ? "common name" : "organisational unit";
    if (!text.empty()) return InvalidArgument("DER at octet {}: a second {} in one name", value.offset, what);
    if (!IsText(value.tag) || value.content.empty() || !IsReadableLine(AsText(value.content))) {
      return InvalidArgument(
          "DER at octet {}: the {} must be a readable text (UTF-8, no control or invisible characters)", value.offset,
          what);
    }
    text = ToString(value.content);
  } else if (SameOctets(type.content, oid::kX500UniqueIdentifier)) {
    if (out.eui) return InvalidArgument("DER at octet {}: a second x500UniqueIdentifier in one name", value.offset);
    if (value.tag != der::kBitString || value.content.size() != 1 + Eui64::kSize || value.content[0] != 0) {
      return InvalidArgument("DER at octet {}: x500UniqueIdentifier must be a BIT STRING of an EUI-64", value.offset);
    }
    out.eui = Eui64::FromBytes(value.content.subspan(1));
  }
  return OkStatus();
}

}  // namespace

bool SameOctets(ByteSpan a, ByteSpan b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end());
}

StatusOr<UtcTime> ReadTime(DerReader& in, std::string_view what) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Next());
  const auto wrong = [&] {
    return InvalidArgument("DER at octet {}: {} must be a UTCTime YYMMDDhhmmssZ or a GeneralizedTime YYYYMMDDhhmmssZ",
                           value.offset, what);
  };
  ByteSpan text = value.content;
  CivilTime c;
  if (value.tag == der::kGeneralizedTime && text.size() == 15) {
    int century = 0;
    int year = 0;
    if (!ReadTwoDigits(text, 0, century) || !ReadTwoDigits(text, 2, year)) return wrong();
    c.year = century * 100 + year;
    text = text.subspan(4);
  } else if (value.tag == der::kUtcTime && text.size() == 13) {
    if (!ReadTwoDigits(text, 0, c.year)) return wrong();
    c.year += c.year >= 50 ? 1900 : 2000;
    text = text.subspan(2);
  } else {
    return wrong();
  }
  if (!ReadTwoDigits(text, 0, c.month) || !ReadTwoDigits(text, 2, c.day) || !ReadTwoDigits(text, 4, c.hour) ||
      !ReadTwoDigits(text, 6, c.minute) || !ReadTwoDigits(text, 8, c.second) || text[10] != 'Z') {
    return wrong();
  }
  if (c.month < 1 || c.month > 12 || c.hour > 23 || c.minute > 59 || c.second > 59) return wrong();
  const UtcTime time = FromCivil(c);
  const CivilTime back = ToCivil(time);
  if (back.month != c.month || back.day != c.day) return wrong();
  return time;
}

void WriteTime(DerWriter& out, UtcTime time) {
  const CivilTime c = ToCivil(time);
  const bool short_form = c.year >= 1950 && c.year <= 2049;
  const std::string year = short_form ? fmt::format("{:02}", c.year % 100) : fmt::format("{:04}", c.year);
  out.Text(short_form ? der::kUtcTime : der::kGeneralizedTime,
           fmt::format("{}{:02}{:02}{:02}{:02}{:02}Z", year, c.month, c.day, c.hour, c.minute, c.second));
}

UtcTime NoExpiry() {
  CivilTime end;
  end.year = 9999;
  end.month = 12;
  end.day = 31;
  end.hour = 23;
  end.minute = 59;
  end.second = 59;
  return FromCivil(end);
}

StatusOr<NameParts> ReadName(const DerValue& name) {
  NameParts out;
  DerReader rdns(name);
  for (size_t count = 0; !rdns.at_end(); ++count) {
    if (count == kMaxRdns)
      return InvalidArgument("DER at octet {}: more than {} parts in a name", rdns.offset(), kMaxRdns);
    SMKI_ASSIGN_OR_RETURN(const DerValue rdn, rdns.Expect(der::kSet, "RelativeDistinguishedName"));
    DerReader attributes(rdn);
    do {
      SMKI_ASSIGN_OR_RETURN(const DerValue attribute, attributes.Expect(der::kSequence, "attribute of a name"));
      SMKI_RETURN_IF_ERROR(ReadAttribute(attribute, out));
    } while (!attributes.at_end());
  }
  return out;
}

void WriteRdn(DerWriter& name, ByteSpan attribute_oid, uint8_t tag, ByteSpan value) {
  DerWriter pair;
  pair.Value(der::kOid, attribute_oid);
  pair.Value(tag, value);
  DerWriter attribute;
  attribute.Wrap(der::kSequence, pair);
  name.Wrap(der::kSet, attribute);
}

void WriteOrganisationSubject(DerWriter& rdns, const OrganisationSubject& subject) {
  if (!subject.common_name.empty()) {
    WriteRdn(rdns, oid::kCommonName, der::kUtf8String, AsBytes(subject.common_name));
  }
  WriteRdn(rdns, oid::kOrganisationalUnit, der::kUtf8String, AsBytes(fmt::format("{:02X}", subject.role)));
  Bytes identifier{0};  // no unused bits
  Append(identifier, subject.eui.bytes());
  WriteRdn(rdns, oid::kX500UniqueIdentifier, der::kBitString, identifier);
}

StatusOr<ByteSpan> ReadBitString(DerReader& in, std::string_view what) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Expect(der::kBitString, what));
  if (value.content.empty() || value.content[0] != 0) {
    return InvalidArgument("DER at octet {}: {} must be a BIT STRING of whole octets", value.offset, what);
  }
  return value.content.subspan(1);
}

void WriteBitString(DerWriter& out, ByteSpan octets) {
  Bytes content{0};
  Append(content, octets);
  out.Value(der::kBitString, content);
}

StatusOr<uint16_t> ReadKeyUsage(const DerValue& extension_value) {
  DerReader in(extension_value);
  SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Expect(der::kBitString, "keyUsage"));
  SMKI_RETURN_IF_ERROR(in.Finish("keyUsage"));
  const ByteSpan c = value.content;
  // A named bit list ends with a one bit (X.690 11.2.2); RFC 5280 knows bits 0 to 8.
  const bool good = c.size() >= 2 && c.size() <= 3 && c[0] <= 7 && (c.back() >> c[0] & 1) != 0 &&
                    (c.back() & ((1 << c[0]) - 1)) == 0 && (c.size() == 2 || c[0] == 7);
  if (!good)
    return InvalidArgument("DER at octet {}: keyUsage is not a BIT STRING of some of the bits 0 to 8", value.offset);
  uint16_t out = 0;
  for (size_t bit = 0; bit < (c.size() - 1) * 8; ++bit) {
    if ((c[1 + bit / 8] >> (7 - bit % 8) & 1) != 0) out = static_cast<uint16_t>(out | 1 << bit);
  }
  return out;
}

DerWriter KeyUsageValue(uint16_t usage) {
  Bytes octets(usage >= 0x100 ? 2 : 1);
  int last = 0;
  for (int bit = 0; bit < 9; ++bit) {
    if ((usage >> bit & 1) == 0) continue;
    octets[static_cast<size_t>(bit / 8)] = static_cast<uint8_t>(octets[static_cast<size_t>(bit / 8)] | 0x80 >> bit % 8);
    last = bit;
  }
  Bytes content{static_cast<uint8_t>(7 - last % 8)};
  Append(content, octets);
  DerWriter out;
  out.Value(der::kBitString, content);
  return out;
}

StatusOr<std::vector<Extension>> ReadExtensions(const DerValue& sequence) {
  std::vector<Extension> out;
  DerReader in(sequence);
  do {
    SMKI_ASSIGN_OR_RETURN(const DerValue item, in.Expect(der::kSequence, "extension"));
    if (out.size() == kMaxExtensions) {
      return InvalidArgument("DER at octet {}: more than {} extensions", item.offset, kMaxExtensions);
    }
    DerReader parts(item);
    Extension extension;
    SMKI_ASSIGN_OR_RETURN(const DerValue id, parts.Expect(der::kOid, "extnID"));
    extension.oid = id.content;
    SMKI_ASSIGN_OR_RETURN(const auto critical, parts.Optional(der::kBoolean));
    if (critical) {
      if (critical->content.size() != 1 || critical->content[0] != 0xFF) {
        return InvalidArgument("DER at octet {}: critical must be TRUE (FF) or absent", critical->offset);
      }
      extension.critical = true;
    }
    SMKI_ASSIGN_OR_RETURN(extension.value, parts.Expect(der::kOctetString, "extnValue"));
    SMKI_RETURN_IF_ERROR(parts.Finish("extension"));
    for (const Extension& other : out) {
      if (SameOctets(other.oid, extension.oid)) {
        return InvalidArgument("DER at octet {}: extension {} a second time", item.offset, OidText(extension.oid));
      }
    }
    out.push_back(extension);
  } while (!in.at_end());
  return out;
}

void WriteExtension(DerWriter& extensions, ByteSpan extension_oid, bool critical, const DerWriter& value) {
  DerWriter parts;
  parts.Value(der::kOid, extension_oid);
  if (critical) parts.Value(der::kBoolean, Bytes{0xFF});
  parts.Wrap(der::kOctetString, value);
  extensions.Wrap(der::kSequence, parts);
}

void WriteKeyIdentifierExtensions(DerWriter& extensions, const KeyIdentifier* subject, const KeyIdentifier* authority) {
  if (subject != nullptr) {
    DerWriter value;
    value.Value(der::kOctetString, *subject);
    WriteExtension(extensions, oid::kSubjectKeyIdentifier, false, value);
  }
  if (authority != nullptr) {
    DerWriter identifier;
    identifier.Value(der::Context(0, false), *authority);
    DerWriter value;
    value.Wrap(der::kSequence, identifier);
    WriteExtension(extensions, oid::kAuthorityKeyIdentifier, false, value);
  }
}

Status ReadEcdsaWithSha256(DerReader& in, std::string_view what) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Expect(der::kSequence, what));
  if (SameOctets(value.whole, kEcdsaWithSha256)) return OkStatus();
  return InvalidArgument("DER at octet {}: {} must be ecdsa-with-SHA256 without parameters", value.offset, what);
}

void WriteEcdsaWithSha256(DerWriter& out) {
  out.Raw(kEcdsaWithSha256);
}

StatusOr<SignedParts> ReadSigned(ByteSpan encoded, size_t limit, std::string_view what) {
  if (encoded.size() > limit)
    return InvalidArgument("a {} of {} octets; at most {} are accepted", what, encoded.size(), limit);
  DerReader outer(encoded);
  SMKI_ASSIGN_OR_RETURN(const DerValue whole, outer.Expect(der::kSequence, what));
  SMKI_RETURN_IF_ERROR(outer.Finish(what));
  DerReader in(whole);
  SignedParts out;
  SMKI_ASSIGN_OR_RETURN(out.tbs, in.Expect(der::kSequence, "the signed part"));
  SMKI_RETURN_IF_ERROR(ReadEcdsaWithSha256(in, "the signature algorithm"));
  SMKI_ASSIGN_OR_RETURN(const ByteSpan signature, ReadBitString(in, "the signature"));
  SMKI_RETURN_IF_ERROR(in.Finish(what));
  const auto raw = SignatureFromDer(signature);
  if (!raw.ok()) return WithContext(raw.status(), "in the signature");
  out.signature = *raw;
  return out;
}

StatusOr<Bytes> SignTbs(const DerWriter& tbs, Signer& signer) {
  DerWriter signed_part;
  signed_part.Wrap(der::kSequence, tbs);
  const Digest digest = Sha256(signed_part.bytes());
  SMKI_ASSIGN_OR_RETURN(const RawSignature signature, signer.SignDigest(digest));
  if (!signer.public_key().VerifyDigest(digest, signature)) {
    return Internal(
        "the signer returned a signature that its own public key does not verify; is it the right token object?");
  }
  WriteEcdsaWithSha256(signed_part);
  WriteBitString(signed_part, SignatureToDer(signature));
  DerWriter out;
  out.Wrap(der::kSequence, signed_part);
  return out.Take();
}

StatusOr<Bytes> ReadSerial(DerReader& in, std::string_view what) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, in.Expect(der::kInteger, what));
  const ByteSpan c = value.content;
  const bool shortest = !c.empty() && (c[0] != 0 || (c.size() > 1 && c[1] >= 0x80));
  if (!shortest || c[0] >= 0x80 || c.size() > 20) {
    return InvalidArgument("DER at octet {}: {} must be a positive INTEGER of at most 20 octets, shortest form",
                           value.offset, what);
  }
  return ToBytes(c);
}

}  // namespace smki::pki
