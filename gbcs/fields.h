// Reads the ASN.1 of a payload and, for Describe, notes each field as it goes: one description of each payload serves
// both. Inside gbcs only.
#pragma once

#include "base/der.h"
#include "gbcs/credential_details.h"
#include "gbcs/credentials.h"
#include "gbcs/describe.h"

namespace smki::gbcs {

// The fields of one level, in order. While a level entered from this one is being read, this one rests: a level
// points into its parent's list of parts.
class Fields {
 public:
  // The top level of a payload that begins at octet `base` of the message. `lengths` outlives all levels. With `node`
  // every field read becomes one of its parts; without, nothing is noted.
  Fields(ByteSpan payload, size_t base, std::optional<DerLengths>* lengths, Described* node)
      : reader_(payload, base, lengths), lengths_(lengths), node_(node), name_("the payload") {}

  bool at_end() const { return reader_.at_end(); }
  bool NextIs(uint8_t tag) const { return reader_.PeekTag() == tag && !at_end(); }

  // The next value as a level of its own.
  StatusOr<Fields> Enter(const char* name, uint8_t tag = der::kSequence);
  // The same for a SEQUENCE that holds certificates, which are strict DER whatever the lengths around them.
  StatusOr<Fields> EnterCertificates(const char* name);
  size_t offset() const { return reader_.offset(); }
  // Exactly the fields read so far may be there.
  Status Finish() const { return reader_.Finish(name_); }
  // What the level as a whole, or the field read last, says in words. Words are functions: nobody asks for them when a
  // Device's response is read on its way to being verified.
  template <typename Words>
  void Say(Words words) {
    if (node_ != nullptr) node_->value = words();
  }
  template <typename Words>
  void SayInsteadOfParts(Words words) {
    Say(words);
    if (node_ != nullptr) node_->parts.clear();
  }
  template <typename Words>
  void Note(Words words) {
    if (node_ != nullptr) node_->parts.back().value = words();
  }

  StatusOr<uint64_t> Unsigned(const char* name, uint8_t tag = der::kInteger);
  // An INTEGER or ENUMERATED of at most one octet's range, with a Name().
  template <typename Enum>
  StatusOr<Enum> Named(const char* name, uint8_t tag = der::kInteger) {
    SMKI_ASSIGN_OR_RETURN(const uint8_t value, Small(name, tag));
    Note([value] { return Name(static_cast<Enum>(value)); });
    return static_cast<Enum>(value);
  }
  StatusOr<uint8_t> Small(const char* name, uint8_t tag);
  // From `least` to `most` octets, shown in hexadecimal.
  StatusOr<ByteSpan> Octets(const char* name, uint8_t tag, size_t least, size_t most);
  StatusOr<Eui64> Eui(const char* name);
  StatusOr<std::array<uint8_t, 8>> KeyIdentifier(const char* name);
  Status Null(const char* name);
  // YYYYMMDDhhmmssZ, a date that exists.
  StatusOr<std::string> Time(const char* name);
  // A whole certificate, unopened.
  StatusOr<Bytes> Certificate(const char* name);
  StatusOr<KeyUsage> Usage(const char* name);
  StatusOr<CellUsage> CellUsageOrDefault(const char* name);
  StatusOr<TrustAnchorCell> Cell(const char* name, uint8_t tag = der::kSequence);

  // Calls read(*this) once for each element, at most `limit` times.
  template <typename Read>
  Status Each(size_t limit, Read read) {
    size_t count = 0;
    for (; !at_end(); ++count) {
      if (count == limit)
        return InvalidArgument("DER at octet {}: {} has more than {} elements", reader_.offset(), name_, limit);
      SMKI_RETURN_IF_ERROR(read(*this));
    }
    return OkStatus();
  }

 private:
  Fields(const DerValue& value, std::optional<DerLengths>* lengths, Described* node, const char* name)
      : reader_(value, lengths), lengths_(lengths), node_(node), name_(name) {}
  StatusOr<DerValue> Expect(const char* name, uint8_t tag);

  DerReader reader_;
  std::optional<DerLengths>* lengths_;
  Described* node_;
  const char* name_;
};

// The payload readers behind the Parse functions of credentials.h and credential_details.h.
StatusOr<CommandPayload> ReadCommandPayload(ByteSpan octets, size_t base, Described* node);
StatusOr<ResponsePayload> ReadResponsePayload(ByteSpan octets, size_t base, Described* node);
StatusOr<AlertPayload> ReadAlertPayload(ByteSpan octets, size_t base, Described* node);

StatusOr<CredentialDetailsCommand> ReadCredentialDetailsCommand(ByteSpan octets, size_t base, Described* node);
StatusOr<CredentialDetailsResponse> ReadCredentialDetailsResponse(ByteSpan octets, size_t base, Described* node);

void WriteUsage(DerWriter& out, KeyUsage key_usage, CellUsage cell_usage);
void WriteCell(DerWriter& out, const TrustAnchorCell& cell, uint8_t tag);

// "2030-01-15 00:00:00 UTC"; empty if `text` is no YYYYMMDDhhmmssZ.
std::string GeneralizedTimeWords(std::string_view text);

}  // namespace smki::gbcs
