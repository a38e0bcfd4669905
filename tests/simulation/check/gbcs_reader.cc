#include "tests/simulation/check/gbcs_reader.h"

#include <algorithm>
#include <array>

#include "pki/digest.h"

namespace smki::simulation {
namespace {

// GBCS.md 1.4.
constexpr std::array<const char*, 9> kRoles = {
    "root",        "recovery",         "supplier",      "networkOperator", "accessControlBroker", "transitionalCoS",
    "wanProvider", "issuingAuthority", "loadController"};
struct Usage {
  const char* name;
  uint8_t unused, bits;  // BIT STRING
};
constexpr std::array<Usage, 3> kUsages = {Usage{"digitalSignature", 7, 0x80}, Usage{"keyAgreement", 3, 0x08},
                                          Usage{"keyCertSign", 2, 0x04}};

constexpr uint8_t kMode8 = 8;
constexpr uint8_t kDisapply = 1;

// --- reading ---

struct Value {
  uint8_t tag = 0;
  ByteSpan content;
  ByteSpan whole;
};

// One level of DER. After the first thing that does not fit, everything is empty and `bad` is set.
class Der {
 public:
  // Devices may write lengths from 128 to 255 as 82 00 xx (gbcs-messages.md, Lengths within a payload).
  explicit Der(ByteSpan in, bool long_lengths = false) : in_(in), long_lengths_(long_lengths) {}

  bool end() const { return bad_ || at_ == in_.size(); }
  bool bad() const { return bad_; }
  bool clean() const { return !bad_ && at_ == in_.size(); }
  uint8_t Peek() const { return end() ? 0 : in_[at_]; }
  Value Next() {
    Value out;
    const size_t start = at_;
    out.tag = Octet();
    size_t length = Octet();
    if (length >= 0x80) length = Long(length);
    if (bad_ || length > in_.size() - at_) return Fail();
    out.content = in_.subspan(at_, length);
    at_ += length;
    out.whole = in_.subspan(start, at_ - start);
    return out;
  }
  Value Take(uint8_t tag) {
    Value out = Next();
    return bad_ || out.tag != tag ? Fail() : out;
  }
  std::optional<Value> Maybe(uint8_t tag) {
    if (Peek() != tag) return std::nullopt;
    return Take(tag);
  }
  uint64_t Unsigned(uint8_t tag = 0x02) { return Number(Take(tag)); }
  uint64_t Number(const Value& value) {
    const ByteSpan c = value.content;
    if (c.empty() || c.size() > 8 || (c[0] & 0x80) != 0 || (c.size() > 1 && c[0] == 0 && (c[1] & 0x80) == 0)) {
      bad_ = true;
      return 0;
    }
    uint64_t out = 0;
    for (uint8_t octet : c) out = out << 8 | octet;
    return out;
  }
  Der Into(const Value& value) const { return Der(value.content, long_lengths_); }

 private:
  uint8_t Octet() {
    if (bad_ || at_ == in_.size()) {
      bad_ = true;
      return 0;
    }
    return in_[at_++];
  }
  size_t Long(size_t first) {
    const size_t octets = first - 0x80;
    if (octets == 0 || octets > 3) bad_ = true;
    size_t out = 0;
    for (size_t i = 0; i < octets; ++i) out = out << 8 | Octet();
    const size_t shortest = out < 0x80 ? 0 : out < 0x100 ? 1 : out < 0x10000 ? 2 : 3;
    const bool as_devices_do = long_lengths_ && octets == 2 && shortest == 1;
    if (octets != shortest && !as_devices_do) bad_ = true;
    return out;
  }
  Value Fail() {
    bad_ = true;
    return {};
  }
  ByteSpan in_;
  size_t at_ = 0;
  bool long_lengths_;
  bool bad_ = false;
};

std::string ReadCell(Der cell) {
  const uint64_t role = cell.Unsigned();
  const Value bits = cell.Take(0x03);
  std::string usage;
  for (const Usage& known : kUsages) {
    if (bits.content.size() == 2 && bits.content[0] == known.unused && bits.content[1] == known.bits)
      usage = known.name;
  }
  const bool prepayment = !cell.end();
  if (prepayment && cell.Unsigned() != 1) return "";
  if (!cell.clean() || usage.empty() || role >= kRoles.size()) return "";
  return std::string(kRoles[role]) + "/" + usage + (prepayment ? "/prePaymentTopUp" : "");
}

ReadFloor ReadOneFloor(Der floor, bool& bad) {
  ReadFloor out;
  out.role = floor.Unsigned();
  out.floor = floor.Unsigned();
  if (!floor.end()) {
    Der list = floor.Into(floor.Take(0x30));
    Der one = list.Into(list.Take(0x30));
    bad = bad || one.Unsigned() != 0;  // prepaymentTopUp
    out.prepayment = one.Unsigned();
    bad = bad || !one.clean() || !list.clean();
  }
  bad = bad || !floor.clean();
  return out;
}

bool ReadControl(Der control, CommandPayload& out) {
  bool bad = false;
  out.mode = control.Unsigned();
  out.symmetric_key = control.Maybe(0x80).has_value();
  if (control.Peek() == 0x81) {
    out.disapply_time_checks = true;
    bad = control.Unsigned(0x81) != kDisapply;  // a DEFAULT is not written
  }
  if (const auto cell = control.Maybe(0xA2)) out.authorising_cell = ReadCell(control.Into(*cell));
  out.counter = control.Unsigned(0x83);
  if (control.Peek() == 0x84) out.authorising_floor = control.Unsigned(0x84);
  out.specialist_floors = control.Maybe(0xA5).has_value();
  if (const auto floors = control.Maybe(0xA6)) {
    Der list = control.Into(*floors);
    bad = bad || list.end();
    while (!list.end()) out.floors.push_back(ReadOneFloor(list.Into(list.Take(0x30)), bad));
    bad = bad || !list.clean();
  }
  return !bad && control.clean();
}

// --- writing ---

Bytes Tlv(uint8_t tag, ByteSpan content) {
  Bytes out{tag};
  const size_t n = content.size();
  if (n < 0x80) {
    out.push_back(static_cast<uint8_t>(n));
  } else if (n < 0x100) {
    out.insert(out.end(), {0x81, static_cast<uint8_t>(n)});
  } else {
    out.insert(out.end(), {0x82, static_cast<uint8_t>(n >> 8), static_cast<uint8_t>(n)});
  }
  Append(out, content);
  return out;
}

Bytes Integer(uint8_t tag, uint64_t value) {
  Bytes content;
  do {
    content.insert(content.begin(), static_cast<uint8_t>(value));
    value >>= 8;
  } while (value != 0);
  if ((content[0] & 0x80) != 0) content.insert(content.begin(), 0);
  return Tlv(tag, content);
}

void Put(Bytes& out, const Bytes& more) {
  Append(out, more);
}

// Contents of a TrustAnchorCellIdentifier.
std::optional<Bytes> CellContents(const std::string& cell) {
  const size_t slash = cell.find('/');
  if (slash == std::string::npos) return std::nullopt;
  const auto role = RoleNumber(cell.substr(0, slash));
  std::string usage = cell.substr(slash + 1);
  const bool prepayment = usage.ends_with("/prePaymentTopUp");
  if (prepayment) usage.resize(usage.size() - std::string_view("/prePaymentTopUp").size());
  for (const Usage& known : kUsages) {
    if (!role || usage != known.name) continue;
    Bytes out = Integer(0x02, *role);
    Put(out, Tlv(0x03, Bytes{known.unused, known.bits}));
    if (prepayment) Put(out, Integer(0x02, 1));
    return out;
  }
  return std::nullopt;
}

StatusOr<Bytes> Control(const Group& group, uint64_t counter) {
  Bytes out = Integer(0x02, kMode8);
  if (!group.time_checks) Put(out, Integer(0x81, kDisapply));
  Put(out, Tlv(0xA2, *CellContents("recovery/digitalSignature")));
  Put(out, Integer(0x83, counter));
  if (group.authorising_floor) Put(out, Integer(0x84, *group.authorising_floor));
  Bytes floors;
  for (const Floor& floor : group.floors) {
    const auto role = RoleNumber(floor.role);
    if (!role) return NotFound("role {}", floor.role);
    Bytes one = Integer(0x02, *role);
    Put(one, Integer(0x02, floor.floor));
    if (floor.prepayment) {
      Bytes specialist = Integer(0x02, 0);
      Put(specialist, Integer(0x02, *floor.prepayment));
      Put(one, Tlv(0x30, Tlv(0x30, specialist)));
    }
    Put(floors, Tlv(0x30, one));
  }
  if (!floors.empty()) Put(out, Tlv(0xA6, floors));
  return Tlv(0x30, out);
}

void PutNumber(Bytes& out, uint64_t value, int octets) {
  for (int shift = (octets - 1) * 8; shift >= 0; shift -= 8) out.push_back(static_cast<uint8_t>(value >> shift));
}

}  // namespace

std::optional<uint64_t> RoleNumber(const std::string& role) {
  const auto found = std::find(kRoles.begin(), kRoles.end(), role);
  if (found == kRoles.end()) return std::nullopt;
  return static_cast<uint64_t>(found - kRoles.begin());
}

StatusOr<Frame> ReadFrame(ByteSpan message) {
  Frame out;
  size_t at = 0;
  bool good = true;
  const auto number = [&](size_t octets) {
    uint64_t value = 0;
    if (!good || message.size() - at < octets) {
      good = false;
      return value;
    }
    for (size_t i = 0; i < octets; ++i) value = value << 8 | message[at++];
    return value;
  };
  const auto expect = [&](uint64_t octet) { good = number(1) == octet && good; };
  if (!message.empty() && message[0] == 0xDD) return InvalidArgument("a MAC Header");
  expect(0xDF);
  expect(9);
  out.cra = static_cast<uint8_t>(number(1));
  out.counter = number(8);
  expect(8);
  out.originator = Eui64(number(8));
  expect(8);
  out.recipient = Eui64(number(8));
  const uint64_t date_time = number(1);
  if (date_time != 0 && date_time != 12) return InvalidArgument("a date-time of {} octets", date_time);
  for (uint64_t i = 0; i < date_time; ++i) out.date_time.push_back(static_cast<uint8_t>(number(1)));
  expect(2);
  out.code = static_cast<uint16_t>(number(2));
  uint64_t length = number(1);
  if (length == 0x81) {
    length = number(1);
    good = good && length >= 0x80;
  } else if (length == 0x82) {
    length = number(2);
    good = good && length >= 0x100;
  } else {
    good = good && length < 0x80;
  }
  if (!good || message.size() - at < length) return InvalidArgument("no Grouping Header that fits, at octet {}", at);
  out.payload = ToBytes(message.subspan(at, length));
  at += length;
  out.to_be_signed = ToBytes(message.subspan(1, at - 1));
  const uint64_t signature = number(1);
  if (signature == 0x40 && message.size() - at >= 64) {
    out.signature.emplace();
    std::copy_n(message.begin() + static_cast<std::ptrdiff_t>(at), 64, out.signature->begin());
    at += 64;
  } else if (signature != 0 || !good) {
    return InvalidArgument("a signature length of {}", signature);
  }
  if (at != message.size()) return InvalidArgument("{} octets behind the signature", message.size() - at);
  return out;
}

StatusOr<CommandPayload> ReadCommandPayload(ByteSpan payload) {
  CommandPayload out;
  Der outer(payload);
  Der command = outer.Into(outer.Take(0x30));
  if (!outer.clean()) return InvalidArgument("octets behind the payload, or none");
  if (!ReadControl(command.Into(command.Take(0x30)), out)) return InvalidArgument("authorisingRemotePartyControl");
  Der replacements = command.Into(command.Take(0x30));
  while (!replacements.end()) {
    Der one = replacements.Into(replacements.Take(0x30));
    const Value certificate = one.Take(0x30);
    const std::string cell = ReadCell(one.Into(one.Take(0x30)));
    if (!one.clean() || cell.empty()) return InvalidArgument("replacement {}", out.replacements.size());
    out.replacements.emplace_back(cell, pki::Sha256(certificate.whole));
  }
  Der path = command.Into(command.Take(0x30));
  while (!path.end()) out.path.push_back(pki::Sha256(path.Take(0x30).whole));
  out.execution_time = command.Maybe(0x18).has_value();
  if (!command.clean() || !replacements.clean() || !path.clean())
    return InvalidArgument("more, or less, than expected");
  return out;
}

StatusOr<ResponsePayload> ReadResponsePayload(ByteSpan payload) {
  ResponsePayload out;
  Der outer(payload, true);
  Der response = outer.Into(outer.Take(0x30));
  if (!response.Take(0x05).content.empty()) return InvalidArgument("commandAccepted");
  if (response.end()) return InvalidArgument("no outcome");
  Der outcome = response.Into(response.Take(0x30));
  out.counter = outcome.Unsigned();
  out.mode = outcome.Unsigned();
  outcome.Take(0x30);  // remotePartySeqNumberChanges
  Der list = outcome.Into(outcome.Take(0x30));
  while (!list.end()) {
    Der one = list.Into(list.Take(0x30));
    ReadOutcome cell;
    cell.cell = ReadCell(one.Into(one.Take(0x30)));
    cell.status = one.Unsigned(0x0A);
    const ByteSpan existing = one.Take(0x04).content, existing_key = one.Take(0x04).content;
    const ByteSpan replacing = one.Take(0x04).content;
    cell.key_identifier = ToBytes(one.Take(0x04).content);
    cell.replacing = Eui64::FromBytes(replacing).value_or(Eui64());
    const bool sizes = existing.size() == 8 && existing_key.size() == 8 && replacing.size() == 8;
    if (!one.clean() || !sizes || cell.key_identifier.size() != 8 || cell.cell.empty())
      return InvalidArgument("replacement outcome {}", out.outcomes.size());
    out.outcomes.push_back(std::move(cell));
  }
  if (!list.clean() || !outcome.clean() || !response.clean() || !outer.clean())
    return InvalidArgument("more, or less, than expected");
  return out;
}

StatusOr<Bytes> DirectedOctets(const Group& group, const std::map<Digest, Bytes>& certificates, Eui64 originator,
                               Eui64 device, uint64_t counter) {
  SMKI_ASSIGN_OR_RETURN(Bytes command, Control(group, counter));
  Bytes replacements, path;
  for (const auto& [cell, digest] : group.replacements) {
    const auto certificate = certificates.find(digest);
    const auto contents = CellContents(cell);
    if (certificate == certificates.end() || !contents) return NotFound("certificate or name of {}", cell);
    Bytes one = certificate->second;
    Put(one, Tlv(0x30, *contents));
    Put(replacements, Tlv(0x30, one));
  }
  for (const Digest& digest : group.path) {
    const auto certificate = certificates.find(digest);
    if (certificate == certificates.end()) return NotFound("path certificate {}", ToHex(digest));
    Put(path, certificate->second);
  }
  Put(command, Tlv(0x30, replacements));
  Put(command, Tlv(0x30, path));
  Bytes out{9, 1};
  PutNumber(out, counter, 8);
  out.push_back(8);
  PutNumber(out, originator.value(), 8);
  out.push_back(8);
  PutNumber(out, device.value(), 8);
  Put(out, Bytes{0, 2, 0x01, 0x08});
  const Bytes payload = Tlv(0x30, command);
  // Content length as in the frame: one octet, 81 xx, 82 xx xx; the same rule as DER's.
  const Bytes framed = Tlv(0, payload);
  out.insert(out.end(), framed.begin() + 1, framed.end());
  return out;
}

}  // namespace smki::simulation
