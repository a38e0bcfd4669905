#include "gbcs/fields.h"

#include <algorithm>

#include "base/time.h"
#include "gbcs/certificate_words.h"

namespace smki::gbcs {

std::string GeneralizedTimeWords(std::string_view text) {
  if (text.size() != 15 || text[14] != 'Z') return "";
  const auto part = [&](size_t from, size_t count) { return std::string(text.substr(from, count)); };
  const std::string date = part(0, 4) + "-" + part(4, 2) + "-" + part(6, 2);
  const std::string time = part(8, 2) + ":" + part(10, 2) + ":" + part(12, 2);
  return ParseTime(date + "T" + time + "Z") ? date + " " + time + " UTC" : "";
}

StatusOr<DerValue> Fields::Expect(const char* name, uint8_t tag) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, reader_.Expect(tag, name));
  if (node_ != nullptr) node_->parts.push_back({name, "", value.offset, value.whole.size(), {}});
  return value;
}

StatusOr<Fields> Fields::Enter(const char* name, uint8_t tag) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, Expect(name, tag));
  return Fields(value, lengths_, node_ == nullptr ? nullptr : &node_->parts.back(), name);
}

StatusOr<Fields> Fields::EnterCertificates(const char* name) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, Expect(name, der::kSequence));
  return Fields(value, nullptr, node_ == nullptr ? nullptr : &node_->parts.back(), name);
}

StatusOr<uint64_t> Fields::Unsigned(const char* name, uint8_t tag) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, Expect(name, tag));
  SMKI_ASSIGN_OR_RETURN(const uint64_t number, DerUnsigned(value, name));
  Note([&] { return fmt::format("{}", number); });
  return number;
}

StatusOr<uint8_t> Fields::Small(const char* name, uint8_t tag) {
  const size_t offset = reader_.offset();
  SMKI_ASSIGN_OR_RETURN(const uint64_t number, Unsigned(name, tag));
  if (number > 255) return InvalidArgument("DER at octet {}: {} is {}, at most 255 is known", offset, name, number);
  return static_cast<uint8_t>(number);
}

StatusOr<ByteSpan> Fields::Octets(const char* name, uint8_t tag, size_t least, size_t most) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, Expect(name, tag));
  if (value.content.size() < least || value.content.size() > most) {
    return InvalidArgument("DER at octet {}: {} has {} octets, expected {}", value.offset, name, value.content.size(),
                           least == most ? fmt::format("{}", most) : fmt::format("{} to {}", least, most));
  }
  Note([&] { return ToHex(value.content); });
  return value.content;
}

StatusOr<Eui64> Fields::Eui(const char* name) {
  SMKI_ASSIGN_OR_RETURN(const ByteSpan octets, Octets(name, der::kOctetString, 8, 8));
  const Eui64 eui = *Eui64::FromBytes(octets);
  Note([&] { return eui.value() == 0 ? "none (root)" : eui.ToString(); });
  return eui;
}

StatusOr<std::array<uint8_t, 8>> Fields::KeyIdentifier(const char* name) {
  SMKI_ASSIGN_OR_RETURN(const ByteSpan octets, Octets(name, der::kOctetString, 8, 8));
  std::array<uint8_t, 8> out;
  std::copy(octets.begin(), octets.end(), out.begin());
  return out;
}

Status Fields::Null(const char* name) {
  SMKI_ASSIGN_OR_RETURN(const ByteSpan octets, Octets(name, der::kNull, 0, 0));
  static_cast<void>(octets);
  Note([] { return "yes"; });
  return OkStatus();
}

StatusOr<std::string> Fields::Time(const char* name) {
  const size_t offset = reader_.offset();
  SMKI_ASSIGN_OR_RETURN(const ByteSpan octets, Octets(name, der::kGeneralizedTime, 15, 15));
  std::string words = GeneralizedTimeWords(AsText(octets));
  if (words.empty())
    return InvalidArgument("DER at octet {}: {} must be YYYYMMDDhhmmssZ, a date that exists", offset, name);
  Note([&] { return words; });
  return ToString(octets);
}

StatusOr<Bytes> Fields::Certificate(const char* name) {
  SMKI_ASSIGN_OR_RETURN(const DerValue value, Expect(name, der::kSequence));
  if (node_ != nullptr) DescribeCertificate(value, node_->parts.back());
  return ToBytes(value.whole);
}

StatusOr<KeyUsage> Fields::Usage(const char* name) {
  const size_t offset = reader_.offset();
  SMKI_ASSIGN_OR_RETURN(const ByteSpan octets, Octets(name, der::kBitString, 2, 2));
  // GBCS.md 1.4: one bit, and DER leaves no zero bits behind it.
  const uint8_t unused = octets[0];
  if (unused > 7 || octets[1] != 1u << unused) {
    return InvalidArgument("DER at octet {}: {} must be one bit, written in DER; found {}", offset, name,
                           ToHex(octets));
  }
  const auto usage = static_cast<KeyUsage>(7 - unused);
  Note([&] { return Name(usage); });
  return usage;
}

StatusOr<CellUsage> Fields::CellUsageOrDefault(const char* name) {
  if (!NextIs(der::kInteger)) return CellUsage::kManagement;
  const size_t offset = reader_.offset();
  SMKI_ASSIGN_OR_RETURN(const CellUsage usage, Named<CellUsage>(name));
  if (usage == CellUsage::kManagement) {
    return InvalidArgument("DER at octet {}: {} management is the DEFAULT and must be left out", offset, name);
  }
  return usage;
}

StatusOr<TrustAnchorCell> Fields::Cell(const char* name, uint8_t tag) {
  SMKI_ASSIGN_OR_RETURN(Fields in, Enter(name, tag));
  TrustAnchorCell cell;
  SMKI_ASSIGN_OR_RETURN(cell.role, in.Named<Role>("remotePartyRole"));
  SMKI_ASSIGN_OR_RETURN(cell.key_usage, in.Usage("keyUsage"));
  SMKI_ASSIGN_OR_RETURN(cell.cell_usage, in.CellUsageOrDefault("cellUsage"));
  SMKI_RETURN_IF_ERROR(in.Finish());
  in.SayInsteadOfParts([&] { return cell.ToString(); });
  return cell;
}

}  // namespace smki::gbcs
