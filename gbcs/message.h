// A GBCS message as octets: [MAC Header] Grouping Header, payload, [signature], [MAC] (GBCS 13.3.5, DLMS
// general-signing). Pure functions over spans; parsing reads any octets without over-reading and says where it stopped.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"

namespace smki::gbcs {

enum class Cra : uint8_t { kCommand = 1, kResponse = 2, kAlert = 3 };

// Message Codes, GBCS.md 1.3, 1.7, 5.3.
inline constexpr uint16_t kCs02aCode = 0x0008;
inline constexpr uint16_t kFutureDatedAlertCode = 0x00CB;
inline constexpr uint16_t kAnyExceptAbnormalRootByRecoveryCode = 0x0108;
inline constexpr uint16_t kAnyByContingencyCode = 0x0109;

// The largest message read or made here, in octets.
inline constexpr size_t kMaxMessage = 64 * 1024;

using Signature = std::array<uint8_t, 64>;  // r || s
using Mac = std::array<uint8_t, 12>;

struct Message {
  Cra cra = Cra::kCommand;
  uint64_t originator_counter = 0;
  Eui64 originator;
  Eui64 recipient;
  Bytes date_time;  // empty (commands) or 12 octets (DLMS date-time)
  uint16_t message_code = 0;
  Bytes supplementary;  // other-information after the Message Code: 0, 8, 16 or 24 octets
  Bytes payload;
  std::optional<Signature> signature;
  std::optional<Mac> mac;  // with it, the message is wrapped in a MAC Header
  friend bool operator==(const Message&, const Message&) = default;
};

// Refuses trailing octets, lengths that are not minimal, kMaxMessage exceeded. Errors name the offset.
// Nothing is said about the payload, nor whether signature or MAC are right or wanted: that is the caller's to ask.
StatusOr<Message> ParseMessage(ByteSpan octets);
// ParseMessage(EncodeMessage(m)) == m up to kMaxMessage, and EncodeMessage(ParseMessage(b)) == b for every b that
// parses. The sizes of date_time and supplementary must be those named above.
Bytes EncodeMessage(const Message& message);
// What is signed: from the transaction-id length octet (after tag DF) through the last payload octet (GBCS.md 2.3).
Bytes SignedOctets(const Message& message);

}  // namespace smki::gbcs
