// Any octets as a GBCS message and as each of its payloads: no crash, no over-read, and what is read is written back
// the same. Seeds: the messages of tests/unit/gbcs/golden, as octets.
#include "base/status.h"
#include "gbcs/credential_details.h"
#include "gbcs/credentials.h"
#include "gbcs/describe.h"
#include "gbcs/message.h"

namespace smki::gbcs {
namespace {

template <typename Payload>
void RoundTrip(ByteSpan octets, StatusOr<Payload> (*parse)(ByteSpan), Bytes (*encode)(const Payload&)) {
  const StatusOr<Payload> payload = parse(octets);
  if (payload.ok()) SMKI_CHECK(encode(*payload) == ToBytes(octets));
}

void ReadPayload(ByteSpan octets) {
  RoundTrip(octets, ParseCommandPayload, EncodeCommandPayload);
  RoundTrip(octets, ParseResponsePayload, EncodeResponsePayload);
  RoundTrip(octets, ParseAlertPayload, EncodeAlertPayload);
  RoundTrip(octets, ParseCredentialDetailsCommand, EncodeCredentialDetailsCommand);
  RoundTrip(octets, ParseCredentialDetailsResponse, EncodeCredentialDetailsResponse);
}

}  // namespace
}  // namespace smki::gbcs

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  using namespace smki::gbcs;
  const smki::ByteSpan octets(data, size);
  const auto message = ParseMessage(octets);
  if (message.ok()) {
    SMKI_CHECK(EncodeMessage(*message) == smki::ToBytes(octets));
    ReadPayload(message->payload);
  }
  // Payloads are reached by themselves too, without a header to get right first.
  ReadPayload(octets);
  const auto described = Describe(octets);
  SMKI_CHECK(described.ok() || !message.ok());
  if (described.ok()) SMKI_CHECK(!ToText(*described).empty());
  return 0;
}
