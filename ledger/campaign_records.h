// The records of the campaign log, as orchestrator and auditor both read them (docs/formats/campaign-log.md). The file
// is a RecordLog of kind "campaign"; payloads are base/wire.h encodings. What happened to each Device, in order:
// no state is kept anywhere that is not a fold over these.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"

namespace smki::ledger {

inline constexpr char kCampaignKind[] = "campaign";

enum class CampaignType : uint8_t {
  kOpened = 1,    // always the first record
  kWave = 2,      // a wave began
  kSigned = 3,    // what the keyguard signed of one batch
  kRefused = 4,   // what it will never sign of one batch
  kSent = 5,      // the gateway took these commands
  kResponse = 6,  // a Device's own validly signed response to one of our commands, and what it proves (I6)
  kIgnored = 7,   // a response that proves nothing
  kEnded = 8,     // a Device ended without a response that decides it
  kProven = 9,    // the keyguard accepted these Devices as proven
  kWaveDone = 10,
};

// Where a Device stands. The numbers are stored.
enum class DeviceOutcome : uint8_t {
  kNone = 0,          // nothing known
  kRecovered = 1,     // every in-scope cell holds the intended key, on the Device's own word
  kHalfReplaced = 2,  // some of them
  kRefused = 3,       // none of them, or no command could be made for it
  kSilent = 4,        // no valid response to any attempt
};
std::string Name(DeviceOutcome outcome);  // recovered, half-replaced, refused, silent, none

struct CampaignGroup {
  std::string name;
  uint64_t count = 0;
  Digest population{};
};
struct CampaignOpened {
  UtcTime time;
  std::string incident;
  Digest direction{};
  std::vector<CampaignGroup> groups;  // in the Direction's order: a Device's rank counts through them
};
struct CampaignWave {
  UtcTime time;
  std::string wave;             // canary | main
  std::vector<uint32_t> ranks;  // empty: every Device not yet begun
};
struct CampaignSignedItem {
  Eui64 device;
  uint32_t attempt = 0;
  uint64_t counter = 0;
  Digest command{};  // SHA-256 of the whole signed message
};
struct CampaignSigned {
  uint64_t batch = 0;  // as in the ledger's campaign.intent
  std::vector<CampaignSignedItem> items;
};
struct CampaignRefusedItem {
  Eui64 device;
  uint32_t attempt = 0;
  std::string reason, detail;
};
struct CampaignRefused {
  uint64_t batch = 0;
  std::vector<CampaignRefusedItem> items;
};
struct CampaignSentItem {
  Eui64 device;
  uint32_t attempt = 0;
};
struct CampaignSent {
  UtcTime time;
  std::vector<CampaignSentItem> items;
};
struct CampaignResponse {
  uint64_t sequence = 0;  // of the gateway
  UtcTime time;
  Eui64 device;
  uint32_t attempt = 0;
  uint64_t counter = 0;
  DeviceOutcome outcome = DeviceOutcome::kNone;  // recovered, half-replaced or refused
  std::string reason;                            // of the first cell that is not as intended; empty if recovered
  Bytes octets;                                  // last, so that it can be read back alone
};
struct CampaignIgnored {
  uint64_t sequence = 0;
  UtcTime time;
  Eui64 device;  // as the gateway named it
  std::string reason, detail;
  Bytes octets;
};
struct CampaignEnded {
  Eui64 device;
  DeviceOutcome outcome = DeviceOutcome::kNone;
  std::string reason;
};
struct CampaignProven {
  std::vector<Eui64> devices;
};
struct CampaignWaveDone {
  UtcTime time;
  std::string wave;
  uint64_t total = 0, recovered = 0, half_replaced = 0, refused = 0, silent = 0;  // of all Devices begun so far
};

inline constexpr size_t kMaxCampaignItems = 1024;  // of one batch
inline constexpr size_t kMaxResponseOctets = 64 * 1024;

Bytes Encode(const CampaignOpened&);
Bytes Encode(const CampaignWave&);
Bytes Encode(const CampaignSigned&);
Bytes Encode(const CampaignRefused&);
Bytes Encode(const CampaignSent&);
Bytes Encode(const CampaignResponse&);
Bytes Encode(const CampaignIgnored&);
Bytes Encode(const CampaignEnded&);
Bytes Encode(const CampaignProven&);
Bytes Encode(const CampaignWaveDone&);
// kDataLoss if the octets are not exactly one such record within the limits above.
StatusOr<CampaignOpened> DecodeCampaignOpened(ByteSpan);
StatusOr<CampaignWave> DecodeCampaignWave(ByteSpan);
StatusOr<CampaignSigned> DecodeCampaignSigned(ByteSpan);
StatusOr<CampaignRefused> DecodeCampaignRefused(ByteSpan);
StatusOr<CampaignSent> DecodeCampaignSent(ByteSpan);
StatusOr<CampaignResponse> DecodeCampaignResponse(ByteSpan);
StatusOr<CampaignIgnored> DecodeCampaignIgnored(ByteSpan);
StatusOr<CampaignEnded> DecodeCampaignEnded(ByteSpan);
StatusOr<CampaignProven> DecodeCampaignProven(ByteSpan);
StatusOr<CampaignWaveDone> DecodeCampaignWaveDone(ByteSpan);

}  // namespace smki::ledger
