// A certificate's fields where they stand in its DER, found by one walk without a copy: about a quarter of a
// microsecond, where building pki::Certificate takes some hundred. What is read here pki::Certificate::Parse reads too,
// with the same values (tests/fuzz/extract_fuzz.cc holds the two against each other); the other way round not: this
// one knows the SMKI profile only (../shared design GBCS.md section 6). Any thread.
#pragma once

#include <optional>

#include "base/eui64.h"
#include "base/time.h"
#include "pki/key.h"
#include "repository/reason.h"
#include "repository/record.h"

namespace smki::repository {

// Why a certificate, or its record, is rejected. `detail` is a literal.
struct Fault {
  Reject reject;
  const char* detail;
};

struct CertificateView {
  ByteSpan der;
  ByteSpan tbs;              // what the signature covers
  ByteSpan serial;           // contents octets of the INTEGER
  ByteSpan issuer, subject;  // DER of the Names
  UtcTime not_before, not_after;
  ByteSpan common_name;          // of the subject, empty if it has none
  ByteSpan organisational_unit;  // of the subject
  std::optional<Eui64> subject_eui, device_eui;
  uint16_t key_usage = 0;  // pki::KeyUsageBits
  bool is_ca = false;
  int path_length = -1;                                       // -1: none
  ByteSpan subject_key_identifier, authority_key_identifier;  // empty if absent
  ByteSpan policy;                                            // contents octets of the OID, empty if absent
  ByteSpan point;                                             // of the key: 04 || x || y
  ByteSpan not_before_text;                                   // contents octets
  ByteSpan device_eui_octets;                                 // empty if there is no device_eui
  pki::RawSignature signature{};
  CertificateKind kind = CertificateKind::kDevice;
};

// Reads `der` strictly and checks it against the profile of its kind: version, algorithm, a point of P-256, one
// usage, policy, lifetime. The views point into `der`. Nothing is verified.
std::optional<Fault> ReadCertificate(ByteSpan der, CertificateView& out);

// DS, KA, or CA for an authority; of a certificate that ReadCertificate accepted.
const char* UsageOf(const CertificateView& view);
// The role in an organisation's OU; nullopt if it has none.
std::optional<uint8_t> RoleOf(const CertificateView& view);

}  // namespace smki::repository
