#include "gbcs/message.h"

#include <algorithm>

#include "base/wire.h"
#include "gbcs/frame.h"

namespace smki::gbcs {
namespace {

constexpr uint8_t kEuiSize = 8;
constexpr uint8_t kTransactionIdSize = 9;  // CRA flag and Originator Counter
constexpr uint8_t kDateTimeSize = 12;      // DLMS date-time
constexpr uint8_t kMessageCodeSize = 2;
constexpr size_t kMaxSupplementary = 24;  // three octet strings of eight
constexpr uint8_t kSignatureSize = 64;
constexpr size_t kMacSize = 12;
// GBCS.md 2.4. Between the two parts: the length of everything that follows.
constexpr std::array<uint8_t, 7> kMacHeaderStart = {kGeneralCiphering, 0, 0, 0, 0, 0, 0};
constexpr std::array<uint8_t, 5> kMacHeaderEnd = {0x11, 0, 0, 0, 0};

// Reads forward; each failure names the octet at which the missing or wrong part begins.
class Cursor {
 public:
  explicit Cursor(ByteSpan in) : in_(in), end_(in.size()) {}

  size_t at() const { return at_; }
  size_t left() const { return end_ - at_; }
  void HoldBack(size_t count) { end_ -= count; }
  void Release() { end_ = in_.size(); }

  template <typename... Args>
  Status Fail(size_t offset, fmt::format_string<Args...> format, Args&&... args) const {
    return InvalidArgument("GBCS message at octet {}: {}", offset, fmt::format(format, std::forward<Args>(args)...));
  }
  StatusOr<ByteSpan> Take(size_t count, const char* what) {
    if (left() < count) return Fail(at_, "{} takes {} octets, {} are left", what, count, left());
    at_ += count;
    return in_.subspan(at_ - count, count);
  }
  StatusOr<uint8_t> Octet(const char* what) {
    SMKI_ASSIGN_OR_RETURN(const ByteSpan octet, Take(1, what));
    return octet[0];
  }
  Status Expect(ByteSpan expected, const char* what) {
    const size_t start = at_;
    SMKI_ASSIGN_OR_RETURN(const ByteSpan found, Take(expected.size(), what));
    const size_t same =
        static_cast<size_t>(std::mismatch(found.begin(), found.end(), expected.begin()).first - found.begin());
    if (same == found.size()) return OkStatus();
    return Fail(start + same, "{} must have {:02X} here, found {:02X}", what, expected[same], found[same]);
  }
  // An octet string of exactly eight octets behind its length.
  StatusOr<Eui64> Eui(const char* what) {
    SMKI_RETURN_IF_ERROR(Expect(std::array<uint8_t, 1>{kEuiSize}, what));
    SMKI_ASSIGN_OR_RETURN(const ByteSpan octets, Take(kEuiSize, what));
    return *Eui64::FromBytes(octets);
  }
  // A DLMS (A-XDR) length: one octet below 128, else 81 xx or 82 xx xx, whichever is the shortest.
  StatusOr<size_t> Length(const char* what) {
    const size_t start = at_;
    SMKI_ASSIGN_OR_RETURN(const uint8_t first, Octet(what));
    if (first < 0x80) return size_t{first};
    if (first != 0x81 && first != 0x82)
      return Fail(start, "{} begins with {:02X}; at most two octets of length occur", what, first);
    SMKI_ASSIGN_OR_RETURN(const ByteSpan octets, Take(first & 0x7F, what));
    const size_t length = octets.size() == 1 ? octets[0] : size_t{octets[0]} << 8 | octets[1];
    if (length < (first == 0x81 ? 0x80 : 0x100))
      return Fail(start, "{} {} is not written in the shortest form", what, length);
    return length;
  }

 private:
  ByteSpan in_;
  size_t end_;
  size_t at_ = 0;
};

void PutLength(WireWriter& out, size_t length) {
  if (length >= 0x10000) {
    out.U8(0x83);
    out.U8(static_cast<uint8_t>(length >> 16));
    out.U16(static_cast<uint16_t>(length));
  } else if (length >= 0x100) {
    out.U8(0x82);
    out.U16(static_cast<uint16_t>(length));
  } else {
    if (length >= 0x80) out.U8(0x81);
    out.U8(static_cast<uint8_t>(length));
  }
}

// From the tag DF through the last payload octet.
Bytes EncodeUpToPayload(const Message& m) {
  SMKI_CHECK(m.date_time.empty() || m.date_time.size() == kDateTimeSize);
  SMKI_CHECK(m.supplementary.size() <= kMaxSupplementary && m.supplementary.size() % kEuiSize == 0);
  WireWriter out;
  out.U8(kGeneralSigning);
  out.U8(kTransactionIdSize);
  out.U8(static_cast<uint8_t>(m.cra));
  out.U64(m.originator_counter);
  out.U8(kEuiSize);
  out.Eui(m.originator);
  out.U8(kEuiSize);
  out.Eui(m.recipient);
  out.U8(static_cast<uint8_t>(m.date_time.size()));
  out.Fixed(m.date_time);
  out.U8(static_cast<uint8_t>(kMessageCodeSize + m.supplementary.size()));
  out.U16(m.message_code);
  out.Fixed(m.supplementary);
  PutLength(out, m.payload.size());
  out.Fixed(m.payload);
  return out.Take();
}

Status ReadGroupingHeader(Cursor& in, Frame& frame) {
  Message& m = frame.message;
  frame.header = in.at();
  SMKI_RETURN_IF_ERROR(in.Expect(std::array<uint8_t, 2>{kGeneralSigning, kTransactionIdSize}, "the Grouping Header"));
  SMKI_ASSIGN_OR_RETURN(const uint8_t cra, in.Octet("the CRA Flag"));
  if (cra < 1 || cra > 3) return in.Fail(in.at() - 1, "the CRA Flag must be 1, 2 or 3, found {}", cra);
  m.cra = static_cast<Cra>(cra);
  SMKI_ASSIGN_OR_RETURN(const ByteSpan counter, in.Take(8, "the Originator Counter"));
  m.originator_counter = WireReader(counter).U64();
  SMKI_ASSIGN_OR_RETURN(m.originator, in.Eui("the Business Originator ID"));
  SMKI_ASSIGN_OR_RETURN(m.recipient, in.Eui("the Business Target ID"));

  const size_t date_time = in.at();
  SMKI_ASSIGN_OR_RETURN(const uint8_t date_time_size, in.Octet("the date-time"));
  if (date_time_size != 0 && date_time_size != kDateTimeSize) {
    return in.Fail(date_time, "the date-time must have 0 or {} octets, found {}", kDateTimeSize, date_time_size);
  }
  SMKI_ASSIGN_OR_RETURN(const ByteSpan date_time_octets, in.Take(date_time_size, "the date-time"));
  m.date_time = ToBytes(date_time_octets);

  const size_t other = in.at();
  SMKI_ASSIGN_OR_RETURN(const uint8_t other_size, in.Octet("the other-information"));
  if (other_size < kMessageCodeSize || other_size > kMessageCodeSize + kMaxSupplementary ||
      (other_size - kMessageCodeSize) % kEuiSize != 0) {
    return in.Fail(other, "the other-information must have 2, 10, 18 or 26 octets, found {}", other_size);
  }
  SMKI_ASSIGN_OR_RETURN(const ByteSpan code, in.Take(kMessageCodeSize, "the Message Code"));
  m.message_code = WireReader(code).U16();
  SMKI_ASSIGN_OR_RETURN(const ByteSpan supplementary,
                        in.Take(other_size - kMessageCodeSize, "the supplementary identifiers"));
  m.supplementary = ToBytes(supplementary);
  frame.date_time = date_time;
  frame.other_information = other;
  frame.content_length = in.at();
  return OkStatus();
}

}  // namespace

Status ReadFrame(ByteSpan octets, Frame& frame) {
  Cursor in(octets);
  if (octets.size() > kMaxMessage)
    return in.Fail(kMaxMessage, "the message has {} octets, at most {} are read", octets.size(), kMaxMessage);
  const bool wrapped = !octets.empty() && octets[0] == kGeneralCiphering;
  if (wrapped) {
    SMKI_RETURN_IF_ERROR(in.Expect(kMacHeaderStart, "the MAC Header"));
    const size_t start = in.at();
    SMKI_ASSIGN_OR_RETURN(const size_t length, in.Length("the length in the MAC Header"));
    SMKI_RETURN_IF_ERROR(in.Expect(kMacHeaderEnd, "the MAC Header"));
    const size_t rest = in.left() + kMacHeaderEnd.size();
    // Read on even so: a shortened message is still shown to people as far as it goes.
    const Status header = ReadGroupingHeader(in, frame);
    if (length != rest) return in.Fail(start, "the MAC Header announces {} octets, {} follow", length, rest);
    SMKI_RETURN_IF_ERROR(header);
    if (in.left() < kMacSize) return in.Fail(in.at(), "the MAC takes {} octets, {} are left", kMacSize, in.left());
    in.HoldBack(kMacSize);
  } else {
    SMKI_RETURN_IF_ERROR(ReadGroupingHeader(in, frame));
  }

  Message& m = frame.message;
  SMKI_ASSIGN_OR_RETURN(const size_t payload_size, in.Length("the content length"));
  const size_t payload = in.at();
  SMKI_ASSIGN_OR_RETURN(const ByteSpan payload_octets, in.Take(payload_size, "the payload"));
  m.payload = ToBytes(payload_octets);
  frame.payload = payload;

  const size_t signature = in.at();
  SMKI_ASSIGN_OR_RETURN(const uint8_t signature_size, in.Octet("the signature length"));
  if (signature_size != 0 && signature_size != kSignatureSize) {
    return in.Fail(signature, "the signature must have 0 or {} octets, found {}", kSignatureSize, signature_size);
  }
  SMKI_ASSIGN_OR_RETURN(const ByteSpan signature_octets, in.Take(signature_size, "the signature"));
  if (signature_size != 0) std::copy(signature_octets.begin(), signature_octets.end(), m.signature.emplace().begin());
  frame.signature = signature;
  if (in.left() != 0) return in.Fail(in.at(), "{} octets too many", in.left());

  if (wrapped) {
    in.Release();
    frame.mac = in.at();
    SMKI_ASSIGN_OR_RETURN(const ByteSpan mac, in.Take(kMacSize, "the MAC"));
    std::copy(mac.begin(), mac.end(), m.mac.emplace().begin());
  }
  return OkStatus();
}

StatusOr<Message> ParseMessage(ByteSpan octets) {
  Frame frame;
  SMKI_RETURN_IF_ERROR(ReadFrame(octets, frame));
  return std::move(frame.message);
}

Bytes EncodeMessage(const Message& message) {
  WireWriter inner;
  inner.Fixed(EncodeUpToPayload(message));
  inner.U8(message.signature ? kSignatureSize : 0);
  if (message.signature) inner.Fixed(*message.signature);
  if (!message.mac) return inner.Take();

  WireWriter out;
  out.Fixed(kMacHeaderStart);
  PutLength(out, kMacHeaderEnd.size() + inner.bytes().size() + kMacSize);
  out.Fixed(kMacHeaderEnd);
  out.Fixed(inner.bytes());
  out.Fixed(*message.mac);
  return out.Take();
}

Bytes SignedOctets(const Message& message) {
  Bytes out = EncodeUpToPayload(message);
  out.erase(out.begin());
  return out;
}

}  // namespace smki::gbcs
