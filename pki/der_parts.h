// The DER that certificates, requests, revocation lists and CMS have in common. Private to pki/*.cc.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/der.h"
#include "base/eui64.h"
#include "base/time.h"
#include "pki/certificate.h"

namespace smki::pki {

// Contents octets of object identifiers.
namespace oid {
inline constexpr uint8_t kCommonName[] = {0x55, 0x04, 0x03};                                        // 2.5.4.3
inline constexpr uint8_t kOrganisation[] = {0x55, 0x04, 0x0A};                                      // 2.5.4.10
inline constexpr uint8_t kOrganisationalUnit[] = {0x55, 0x04, 0x0B};                                // 2.5.4.11
inline constexpr uint8_t kX500UniqueIdentifier[] = {0x55, 0x04, 0x2D};                              // 2.5.4.45
inline constexpr uint8_t kSubjectKeyIdentifier[] = {0x55, 0x1D, 0x0E};                              // 2.5.29.14
inline constexpr uint8_t kKeyUsage[] = {0x55, 0x1D, 0x0F};                                          // 2.5.29.15
inline constexpr uint8_t kSubjectAltName[] = {0x55, 0x1D, 0x11};                                    // 2.5.29.17
inline constexpr uint8_t kBasicConstraints[] = {0x55, 0x1D, 0x13};                                  // 2.5.29.19
inline constexpr uint8_t kCrlNumber[] = {0x55, 0x1D, 0x14};                                         // 2.5.29.20
inline constexpr uint8_t kCrlReason[] = {0x55, 0x1D, 0x15};                                         // 2.5.29.21
inline constexpr uint8_t kCertificatePolicies[] = {0x55, 0x1D, 0x20};                               // 2.5.29.32
inline constexpr uint8_t kAuthorityKeyIdentifier[] = {0x55, 0x1D, 0x23};                            // 2.5.29.35
inline constexpr uint8_t kExtendedKeyUsage[] = {0x55, 0x1D, 0x25};                                  // 2.5.29.37
inline constexpr uint8_t kHardwareModuleName[] = {0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x08, 0x04};  // 1.3.6.1.5.5.7.8.4
inline constexpr uint8_t kWrappedApexKey[] = {0x2B, 0x06, 0x01, 0x05, 0x05, 0x07, 0x01, 0x14};  // 1.3.6.1.5.5.7.1.20
}  // namespace oid

bool SameOctets(ByteSpan a, ByteSpan b);

// --- Times: UTCTime from 1950 through 2049, GeneralizedTime otherwise (RFC 5280 4.1.2.5); whole seconds, Z. ---
StatusOr<UtcTime> ReadTime(DerReader& in, std::string_view what);
void WriteTime(DerWriter& out, UtcTime time);
// 99991231235959Z: "no well-defined expiration" (RFC 5280 4.1.2.5).
UtcTime NoExpiry();

// --- Names ---
struct NameParts {
  std::string common_name;
  std::string organisational_unit;
  std::optional<Eui64> eui;  // x500UniqueIdentifier
};
// Each of the three at most once; text that people can read (base/text.h).
StatusOr<NameParts> ReadName(const DerValue& name);
// One RDN of one attribute.
void WriteRdn(DerWriter& name, ByteSpan attribute_oid, uint8_t tag, ByteSpan value);
// The RDNs of an Organisation's subject, GBCS.md 6.2.
void WriteOrganisationSubject(DerWriter& rdns, const OrganisationSubject& subject);

// --- Bit strings ---
// Whole octets.
StatusOr<ByteSpan> ReadBitString(DerReader& in, std::string_view what);
void WriteBitString(DerWriter& out, ByteSpan octets);
// A KeyUsage, RFC 5280 4.2.1.3, as bits 1 << number; never 0.
StatusOr<uint16_t> ReadKeyUsage(const DerValue& extension_value);
DerWriter KeyUsageValue(uint16_t usage);

// --- Extensions: at most 32, each kind once ---
struct Extension {
  ByteSpan oid;
  bool critical = false;
  DerValue value;  // the OCTET STRING; DerReader(value) reads inside it
};
StatusOr<std::vector<Extension>> ReadExtensions(const DerValue& sequence);
void WriteExtension(DerWriter& extensions, ByteSpan oid, bool critical, const DerWriter& value);
void WriteKeyIdentifierExtensions(DerWriter& extensions, const KeyIdentifier* subject, const KeyIdentifier* authority);

// --- Whatever is signed: SEQUENCE { tbs, ecdsa-with-SHA256, BIT STRING } ---
Status ReadEcdsaWithSha256(DerReader& in, std::string_view what);
void WriteEcdsaWithSha256(DerWriter& out);
struct SignedParts {
  DerValue tbs;
  RawSignature signature{};
};
StatusOr<SignedParts> ReadSigned(ByteSpan der, size_t limit, std::string_view what);
// Signs, and verifies what the signer returned before anybody gets it.
StatusOr<Bytes> SignTbs(const DerWriter& tbs, Signer& signer);

// A positive serial number of at most 20 octets (RFC 5280 4.1.2.2), its contents octets.
StatusOr<Bytes> ReadSerial(DerReader& in, std::string_view what);

}  // namespace smki::pki
