#include "gbcs/message_mac.h"

#include "base/wire.h"

namespace smki::gbcs {
namespace {

// AlgorithmID: the DLMS name of AES-128-GCM (GBCS.md 2.4).
constexpr uint8_t kAlgorithm[] = {0x60, 0x85, 0x74, 0x06, 0x08, 0x03, 0x00};
constexpr uint8_t kTransactionIdSize = 9;  // CRA flag and counter
// Security control 11, invocation counter 0, and no additional content.
constexpr uint8_t kMacHeaderEnd[] = {0x11, 0, 0, 0, 0, 0};

}  // namespace

MacInputs MacInputsOf(const Message& message) {
  MacInputs out;
  WireWriter info;
  info.Fixed(kAlgorithm);
  info.Eui(message.originator);
  info.U8(kTransactionIdSize);
  info.U8(static_cast<uint8_t>(message.cra));
  info.U64(message.originator_counter);
  info.Eui(message.recipient);
  out.other_info = info.Take();
  WireWriter iv;
  iv.Eui(message.originator);
  iv.U32(0);
  out.iv = iv.Take();
  Message inner = message;
  inner.mac.reset();
  out.authenticated.assign(std::begin(kMacHeaderEnd), std::end(kMacHeaderEnd));
  Append(out.authenticated, EncodeMessage(inner));
  return out;
}

}  // namespace smki::gbcs
