#include "repository/extract/record_text.h"

#include <array>
#include <cstring>

#include "repository/extract/schema.h"

namespace smki::repository {
namespace {

constexpr size_t kLineOctets = 48;  // of DER in a line of 64 characters
constexpr size_t kLongestEscape = 5;
constexpr size_t kTags = 1024;  // octets of all tags and of the words of fixed size; checked below
constexpr std::string_view kAlphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

// Base64 of twelve bits: two characters each.
constexpr std::array<char, 2 * 4096> kPairs = [] {
  std::array<char, 2 * 4096> out{};
  for (size_t i = 0; i < 4096; ++i) {
    out[2 * i] = kAlphabet[i >> 6];
    out[2 * i + 1] = kAlphabet[i & 63];
  }
  return out;
}();

struct Tags {
  std::string open, close;
};

const std::array<Tags, schema::kFields>& FieldTags() {
  static const auto tags = [] {
    std::array<Tags, schema::kFields> out;
    size_t octets = 0;
    for (size_t i = 0; i < out.size(); ++i) {
      const std::string element(schema::kFieldRules[i].element);
      out[i] = {"    <" + element + ">", "</" + element + ">\n"};
      octets += out[i].open.size() + out[i].close.size();
    }
    SMKI_CHECK(octets + 2 * (schema::kRecord.size() + 8) + 64 <= kTags);
    return out;
  }();
  return tags;
}

uint8_t* Put(uint8_t* at, std::string_view text) {
  std::memcpy(at, text.data(), text.size());
  return at + text.size();
}

uint8_t* PutEscaped(uint8_t* at, std::string_view text) {
  for (const char c : text) {
    if (c == '&') {
      at = Put(at, "&amp;");
    } else if (c == '<') {
      at = Put(at, "&lt;");
    } else if (c == '>') {
      at = Put(at, "&gt;");
    } else {
      *at++ = static_cast<uint8_t>(c);
    }
  }
  return at;
}

uint8_t* PutHex(uint8_t* at, ByteSpan octets, const char* digits) {
  for (const uint8_t octet : octets) {
    *at++ = static_cast<uint8_t>(digits[octet >> 4]);
    *at++ = static_cast<uint8_t>(digits[octet & 15]);
  }
  return at;
}
constexpr char kLower[] = "0123456789abcdef";
constexpr char kUpper[] = "0123456789ABCDEF";

uint8_t* PutEui(uint8_t* at, Eui64 eui) {
  for (int shift = 56; shift >= 0; shift -= 8) {
    const auto octet = static_cast<uint8_t>(eui.value() >> shift);
    at = PutHex(at, {&octet, 1}, kUpper);
    if (shift > 0) *at++ = '-';
  }
  return at;
}

uint8_t* PutPair(uint8_t* at, uint32_t twelve_bits) {
  std::memcpy(at, kPairs.data() + 2 * twelve_bits, 2);
  return at + 2;
}

uint8_t* PutBase64(uint8_t* at, ByteSpan octets) {
  const size_t whole = octets.size() / 3 * 3;
  for (size_t i = 0; i < whole; i += 3) {
    const uint32_t bits = uint32_t{octets[i]} << 16 | uint32_t{octets[i + 1]} << 8 | octets[i + 2];
    at = PutPair(PutPair(at, bits >> 12), bits & 4095);
  }
  const size_t rest = octets.size() - whole;
  if (rest == 0) return at;
  const uint32_t bits = uint32_t{octets[whole]} << 16 | (rest == 2 ? uint32_t{octets[whole + 1]} << 8 : 0);
  at = PutPair(PutPair(at, bits >> 12), bits & 4095);
  for (size_t i = rest; i < 3; ++i) at[static_cast<ptrdiff_t>(i) - 3] = '=';
  return at;
}

uint8_t* PutFolded(uint8_t* at, ByteSpan octets) {
  *at++ = '\n';
  for (; octets.size() > kLineOctets; octets = octets.subspan(kLineOctets)) {
    at = PutBase64(at, octets.first(kLineOctets));
    *at++ = '\n';
  }
  if (octets.empty()) return at;
  at = PutBase64(at, octets);
  *at++ = '\n';
  return at;
}

void AppendHeader(std::string& out, schema::Header header, std::string_view text) {
  out += fmt::format("  <{0}>{1}</{0}>\n", schema::kHeaderRules[header].element, text);
}

}  // namespace

RecordWords WordsOf(const CertificateRecord& record) {
  return {record.kind, record.status, record.eui,   record.subject_name, record.serial,
          record.der,  record.role,   record.usage, record.manufacturing};
}

size_t RecordRoom(const RecordWords& words) {
  return kTags + kLongestEscape * (words.subject_name.size() + words.usage.size()) + 2 * words.serial.size() +
         (words.der.size() / 3 + 1) * 4 + words.der.size() / kLineOctets + 2;
}

uint8_t* WriteRecord(const RecordWords& words, uint8_t* out) {
  const auto& tags = FieldTags();
  const auto field = [&](schema::Field which, const auto& put) {
    out = Put(out, tags[which].open);
    put();
    out = Put(out, tags[which].close);
  };
  const bool authority =
      words.kind == CertificateKind::kOrganisationAuthority || words.kind == CertificateKind::kDeviceAuthority;
  out = Put(Put(Put(out, "  <"), schema::kRecord), ">\n");
  field(words.kind == CertificateKind::kDevice ? schema::kSubjectAltName : schema::kSubjectName,
        [&] { out = authority ? PutEscaped(out, words.subject_name) : PutEui(out, words.eui); });
  field(schema::kSerial, [&] { out = PutHex(out, words.serial, kLower); });
  field(schema::kStatus, [&] { *out++ = static_cast<uint8_t>(words.status); });
  field(schema::kBody, [&] { out = PutFolded(out, words.der); });
  if (words.role) field(schema::kRole, [&] { out = PutHex(out, {&*words.role, 1}, kUpper); });
  field(schema::kUsage, [&] { out = PutEscaped(out, words.usage); });
  field(schema::kManufacturing, [&] { out = Put(out, words.manufacturing ? "true" : "false"); });
  return Put(Put(Put(out, "  </"), schema::kRecord), ">\n");
}

std::string DocumentHead(std::string_view type, std::string_view date) {
  std::string out = fmt::format("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<{}>\n", schema::kRoot);
  AppendHeader(out, schema::kType, type);
  AppendHeader(out, schema::kDate, date);
  return out;
}

std::string DocumentTail() {
  return fmt::format("</{}>\n", schema::kRoot);
}

}  // namespace smki::repository
