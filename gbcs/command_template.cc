#include <algorithm>
#include <limits>

#include "gbcs/credentials.h"

namespace smki::gbcs {
namespace {

constexpr uint64_t kMaxSeqNumber = std::numeric_limits<int64_t>::max();  // GBCS.md 1.4
// GBCS.md 2.2: tag, transaction-id length, CRA flag; counter, length, originator, length.
constexpr size_t kHeaderCounter = 3;
constexpr size_t kHeaderTarget = 21;

size_t IntegerSize(uint64_t value) {
  DerWriter out;
  out.Unsigned(value);
  return out.bytes().size() - 2;
}

constexpr uint8_t kPlaintextSymmetricKey = 0, kSeqNumber = 3;  // GBCS.md 1.2

// Contents of a field of AuthorisingRemotePartyControl within a payload that ParseCommandPayload reads.
StatusOr<DerValue> FindField(ByteSpan payload, uint8_t number) {
  std::optional<DerLengths> lengths;
  SMKI_ASSIGN_OR_RETURN(const DerValue top, DerReader(payload, 0, &lengths).Next());
  SMKI_ASSIGN_OR_RETURN(const DerValue control, DerReader(top, &lengths).Next());
  DerReader fields(control, &lengths);
  while (fields.PeekTag() != der::Context(number, false)) SMKI_RETURN_IF_ERROR(fields.Next().status());
  return fields.Next();
}

void PutBigEndian(uint8_t* out, size_t size, uint64_t value) {
  for (size_t i = size; i-- > 0; value >>= 8) out[i] = static_cast<uint8_t>(value);
}

Status CheckContent(const CommandPayload& payload) {
  const bool contingency = payload.mode == Mode::kAnyByContingency;
  if (!contingency && payload.mode != Mode::kAnyExceptAbnormalRootByRecovery) {
    return InvalidArgument("a command of mode {} cannot be made here, only recovery (8) and contingency (9)",
                           Name(payload.mode));
  }
  // GBCS 13.3.5: the key is required in mode 9 and has no meaning in any other.
  if (contingency != payload.plaintext_symmetric_key.has_value()) {
    return InvalidArgument("mode {} {} plaintextSymmetricKey", Name(payload.mode),
                           contingency ? "needs the" : "must not carry a");
  }
  if (!payload.authorising_cell) return InvalidArgument("the command needs an authorising Trust Anchor Cell");
  if (payload.replacements.empty())
    return InvalidArgument("the command replaces nothing: give at least one Trust Anchor Cell");
  // I1: no execution time.
  if (payload.execution_date_time)
    return InvalidArgument("a recovery command executes at once: leave out the execution time");
  return OkStatus();
}

}  // namespace

StatusOr<CommandTemplate> CommandTemplate::Make(Eui64 originator, CommandPayload payload, uint64_t first_counter,
                                                uint64_t last_counter) {
  SMKI_RETURN_IF_ERROR(CheckContent(payload));
  if (first_counter > last_counter || last_counter > kMaxSeqNumber) {
    return InvalidArgument("counters {} to {} are no range within 0 to 2^63-1", first_counter, last_counter);
  }
  CommandTemplate out;
  out.first_ = first_counter;
  out.last_ = last_counter;
  out.payload_counter_size_ = IntegerSize(first_counter);
  if (IntegerSize(last_counter) != out.payload_counter_size_) {
    return InvalidArgument("counters {} to {} take {} and {} octets; a range must keep one length, so split it",
                           first_counter, last_counter, out.payload_counter_size_, IntegerSize(last_counter));
  }

  payload.seq_number = first_counter;
  Message message;
  message.cra = Cra::kCommand;
  message.originator_counter = first_counter;
  message.originator = originator;
  message.message_code = MessageCodeOf(payload.mode);
  message.payload = EncodeCommandPayload(payload);
  // A Device must read what was meant: certificates whole, counts within bounds, numbers in range.
  StatusOr<CommandPayload> read_back = ParseCommandPayload(message.payload);
  if (!read_back.ok()) return WithContext(read_back.status(), "the command would not be readable");
  read_back->lengths = payload.lengths;
  if (*read_back != payload) {
    return InvalidArgument(
        "the command would not be read as it was meant: each certificate must be one whole DER SEQUENCE");
  }
  SMKI_ASSIGN_OR_RETURN(const DerValue seq_number, FindField(message.payload, kSeqNumber));

  out.octets_ = EncodeMessage(message);
  out.octets_.pop_back();  // the length of the signature, which is not there yet
  if (out.octets_.size() + 1 + std::tuple_size_v < Signature >> kMaxMessage) {
    return InvalidArgument("the command would have {} octets, at most {} are allowed: replace fewer cells at once",
                           out.octets_.size() + 1 + std::tuple_size_v<Signature>, kMaxMessage);
  }
  out.header_counter_ = kHeaderCounter;
  out.target_ = kHeaderTarget;
  const size_t payload_start = out.octets_.size() - message.payload.size();
  const auto contents = [&](const DerValue& value) {
    return payload_start + value.offset + value.whole.size() - value.content.size();
  };
  out.payload_counter_ = contents(seq_number);
  if (payload.plaintext_symmetric_key) {
    SMKI_ASSIGN_OR_RETURN(const DerValue key, FindField(message.payload, kPlaintextSymmetricKey));
    out.symmetric_key_ = contents(key);
    out.symmetric_key_size_ = key.content.size();
  }
  return out;
}

Status CommandTemplate::SetSymmetricKey(ByteSpan key) {
  if (symmetric_key_size_ == 0) return InvalidArgument("this command carries no Symmetric Key");
  if (key.size() != symmetric_key_size_)
    return InvalidArgument("the Symmetric Key has {} octets, expected {}", key.size(), symmetric_key_size_);
  std::copy(key.begin(), key.end(), octets_.begin() + static_cast<ptrdiff_t>(symmetric_key_));
  return OkStatus();
}

Bytes CommandTemplate::Encode(Eui64 target, uint64_t counter) const {
  SMKI_CHECK(counter >= first_ && counter <= last_);
  Bytes out;
  out.reserve(octets_.size() + 1 + std::tuple_size_v<Signature>);
  out = octets_;
  PutBigEndian(&out[header_counter_], sizeof(counter), counter);
  PutBigEndian(&out[target_], Eui64::kSize, target.value());
  PutBigEndian(&out[payload_counter_], payload_counter_size_, counter);
  return out;
}

void CommandTemplate::AppendSignature(Bytes& command, const Signature& signature) {
  command.push_back(static_cast<uint8_t>(signature.size()));
  Append(command, signature);
}

}  // namespace smki::gbcs
