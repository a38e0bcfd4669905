// What keyguard and signer say to each other over their socket (docs/formats/signer-frames.md).
//
//   frame = u32 length of the rest | u8 type | payload
//
// The keyguard asks, the signer answers each frame with kOk or kError, in the order of asking; only the parts of a
// Prepare (kPrepareBegin to the last part before kPrepareEnd) have no answer of their own.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "hsm/signer/gate.h"

namespace smki::hsm {

enum class FrameType : uint8_t {
  kConfigure = 1,
  kPrepareBegin = 2,
  kPopulationPart = 3,
  kCertificate = 4,
  kPrepareEnd = 5,
  kGetCeremony = 6,
  kPresent = 7,
  kSign = 8,
  kProve = 9,
  kClose = 10,
  kStatus = 11,
  kOrder = 12,
  kRefusal = 13,  // the keyguard refused a caller; to be recorded
  kBeginCustody = 14,
  kGetCustody = 15,
  kDestroy = 16,
  kOk = 128,     // payload: the answer
  kError = 129,  // payload: ErrorFrame
};

inline constexpr size_t kMaxFrame = 80 << 20;

struct NamedKey {
  std::string name;  // recovery | contingency | symmetric
  std::string uri;   // of its token
};
// Sent first, once. Nothing in it is secret: the signer reads the identity key itself.
struct ConfigureFrame {
  std::string module, softhsm_config, journal, identity_certificate, identity_key;  // paths
  std::vector<NamedKey> keys;
  Bytes policy;
  uint32_t user = 0, group = 0;  // whom the signer becomes before it opens anything; 0: it stays who it is
};
struct RejectionFrame {
  std::string document;
  Bytes signature;
};
struct PrepareFrame {
  std::string incident, key;
  Bytes direction;
  std::vector<Bytes> approvals;
  std::vector<RejectionFrame> rejections;  // only beside a casting vote
  std::string casting_vote;                // of the Chair; empty: none
  Bytes casting_signature;
  Bytes policy, revocation_list;
  uint64_t ledger_sequence = 0;
  Digest ledger_head{};
};
struct PopulationFrame {
  std::string group;
  Bytes octets;
};
struct CertificateFrame {
  Bytes der;
};
struct CeremonyFrame {
  std::string request;
  Bytes signature;
  std::vector<std::string> presented;
  uint32_t threshold = 0;
  bool open = false;
};
struct PresentFrame {
  std::string presentation;
  Bytes signature, envelope;
};
struct SignFrame {
  Digest direction{};
  std::string group;
  std::vector<SignItem> items;
  uint64_t ledger_sequence = 0;
  Digest ledger_head{};
};
struct SignedItem {
  Eui64 device;
  uint32_t attempt = 0;
  uint64_t counter = 0;
  Bytes command;  // empty if refused
  std::string refusal, detail;
};
struct SignedFrame {
  std::vector<SignedItem> items;
};
struct ProofItem {
  Eui64 device;
  Bytes response, certificate;
};
struct ProveFrame {
  Digest direction{};
  std::vector<ProofItem> proofs;
};
struct ProofRefusal {
  Eui64 device;
  std::string reason, detail;
};
struct ProvedFrame {
  uint64_t outstanding = 0, proven = 0;
  std::vector<ProofRefusal> refused;
};
struct CloseFrame {
  Digest direction{};
  std::string why;
};
// The end of a pair that contingency has used up.
struct DestroyFrame {
  Digest direction{};
};
struct RefusalFrame {
  std::string reason, detail;
};
struct OrderFrame {
  std::string order;
  Bytes signature;
};
struct BeginCustodyFrame {
  std::string change;  // CustodyChange, canonical text
  std::vector<Bytes> approvals;
  Bytes policy, revocation_list;
};
struct GetCustodyFrame {
  std::string person;  // who asks
};
// How far the custody change is, and what a new custodian needs to look at their share and show it back.
struct CustodyFrame {
  std::string change;
  std::vector<Bytes> approvals;
  bool offered = false;    // the old custodians have presented; the rest is here only then
  std::string policy;      // the next version
  CeremonyFrame ceremony;  // the one under way: of the old custodians, then of the new
  Bytes envelope;          // the asking person's new share, to their own agreement certificate; empty if they get none
};
struct RefusalCount {
  std::string code;
  uint64_t count = 0;
};
// May be left out.
struct StatusRequestFrame {
  uint64_t journal_records_seen = 0;  // 0: none; the answer has the journal's head after so many records
  std::optional<Digest> orders_of;    // a Direction: the answer has the newest kMaxShownOrders orders about it
};
inline constexpr size_t kMaxShownOrders = 64;
struct GivenOrderFrame {
  std::string document;
  Bytes signature;
  UtcTime time;
  std::string seat;
};
enum class KeyState : uint8_t { kClosed = 0, kCeremony = 1, kOpen = 2 };
struct StatusFrame {
  KeyState state = KeyState::kClosed;
  std::string environment, estate, key, incident;
  std::optional<Digest> direction;
  std::string direction_id, ceremony;
  std::vector<std::string> presented;
  uint32_t threshold = 0;
  uint64_t signatures = 0, refusals = 0, outstanding = 0, proven = 0, total_limit = 0;
  UtcTime open_until;
  uint64_t journal_records = 0, journal_octets = 0;
  Digest journal_head{};
  std::string closed_because;
  Digest policy_digest{};
  uint64_t policy_version = 0;
  UtcTime time;
  std::vector<RefusalCount> refusal_counts;
  uint64_t counter_floor = 0;
  std::optional<Digest> journal_head_seen;
  uint64_t epoch = 0;
  uint64_t ledger_sequence = 0;
  std::optional<Digest> ledger_head;
  std::vector<GivenOrderFrame> orders;
};
struct ErrorFrame {
  uint32_t code = 0;  // absl::StatusCode
  std::string message, reason;
};

struct EmptyFrame {};

// A whole frame around a message, and a message from a payload; decoding refuses what does not fit exactly.
template <typename T>
Bytes MakeFrame(FrameType type, const T& message);
template <typename T>
StatusOr<T> DecodePayload(ByteSpan payload);

// The answer that carries an error, and the error in it.
Bytes MakeErrorFrame(const Status& status);
Status StatusOf(const ErrorFrame& error);

// Cuts a stream of octets into frames.
struct Frame {
  FrameType type{};
  Bytes payload;
};
class FrameReader {
 public:
  // Room for at least `size` octets to be read into; Filled says how many came.
  std::span<uint8_t> Room(size_t size);
  void Filled(size_t size) { end_ += size; }
  // The next whole frame, or nullopt. kDataLoss for a length beyond kMaxFrame.
  StatusOr<std::optional<Frame>> Next();

 private:
  Bytes buffer_;
  size_t start_ = 0, end_ = 0;
};

}  // namespace smki::hsm
