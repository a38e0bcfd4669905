// A Key Custodian's share, and how it is shown to a ceremony (docs/formats/share.md).
//
//   record     = "SMKISHR1" | u32+environment kind | u32+estate | u32+key | u32+person | u8 index | u32+share |
//   32-octet salt commitment = HMAC-SHA-256(salt, the record without its salt); it stands in the trust policy
//
// At rest a record is enveloped to the custodian's own agreement certificate (pki::Envelop). It is shown enveloped to a
// ceremony's fresh key, under a signature that binds it to that one request.
#pragma once

#include <string>

#include "base/bytes.h"
#include "pki/cms.h"
#include "procedures/documents.h"
#include "procedures/policy.h"

namespace smki::procedures {

struct ShareRecord {
  Environment environment;
  std::string key;  // recovery | contingency | symmetric
  std::string person;
  uint8_t index = 0;  // of the share, from 1
  Secret share;
  Secret salt;  // 32 octets; a commitment without it says nothing about the share
};
inline constexpr size_t kShareSalt = 32;
inline constexpr size_t kMaxShareRecord = 1024;

Secret EncodeShareRecord(const ShareRecord& record);
StatusOr<ShareRecord> DecodeShareRecord(ByteSpan octets);
Digest CommitmentOf(const ShareRecord& record);
// OK, or SHARE_WRONG: the record is `person`'s of `custody` in `environment` and matches its commitment.
Status CheckShare(const ShareRecord& record, const Environment& environment, const KeyCustody& custody,
                  const std::string& person);

// What a custodian's tool checks before it shows anything: the request is signed by the policy's keyguard, is of the
// policy's environment, names this very policy and its threshold, asks for a key of which `person` is a custodian, and
// has not expired. Refusals carry their reason code.
StatusOr<CeremonyRequest> CheckCeremonyRequest(const TrustPolicy& policy, std::string_view policy_text,
                                               std::string_view request_text, ByteSpan cms, const std::string& person,
                                               UtcTime now);

inline constexpr char kCeremonyHint[] = "smki ceremony request";
inline constexpr char kPresentationHint[] = "smki share presentation";

struct PresentedShare {
  std::string document;  // SharePresentation, canonical text
  Bytes signature;       // detached CMS over it
  Bytes envelope;        // the record, to the ceremony certificate
};
// Opens `share_envelope` with the custodian's agreement key and shows its share to `request`, which
// CheckCeremonyRequest has accepted. SHARE_WRONG if the share in the file is not `person`'s share of the key that is
// asked for.
struct CustodianKeys {
  const pki::PrivateKey& agreement_key;
  const pki::Certificate& agreement_certificate;
  pki::Signer& signing_key;
  const pki::Certificate& signing_certificate;
};
StatusOr<PresentedShare> PresentShare(const TrustPolicy& policy, const CeremonyRequest& request,
                                      std::string_view request_text, const std::string& person, ByteSpan share_envelope,
                                      const CustodianKeys& keys, UtcTime now);

}  // namespace smki::procedures
