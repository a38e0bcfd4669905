// X.509 certificates of the SMKI (../shared design GBCS.md section 6) and of persons, walked once from DER.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"
#include "pki/apex_key.h"
#include "pki/key.h"

namespace smki::pki {

// RFC 5280 KeyUsage bit numbers, as a set of bits (1 << number).
enum KeyUsageBits : uint16_t {
  kDigitalSignature = 1 << 0,
  kKeyAgreement = 1 << 4,
  kKeyCertSign = 1 << 5,
  kCrlSign = 1 << 6,
};

// What is needed of a certificate, with a copy of its DER. Every field has been checked for well-formedness,
// none for trust. Value type.
class Certificate {
 public:
  // Refuses: not strict DER, not v3, signature not ecdsa-with-SHA256, key not P-256 uncompressed, an unknown
  // critical extension, trailing octets, more than 8 KiB.
  static StatusOr<Certificate> Parse(ByteSpan der);
  // The first certificate of a PEM text.
  static StatusOr<Certificate> FromPem(std::string_view pem);

  const Bytes& der() const { return der_; }
  Digest sha256() const { return sha256_; }
  std::string ToPem() const;

  Bytes serial;           // INTEGER contents octets, as encoded
  Bytes issuer;           // DER of the Name
  Bytes subject;          // DER of the Name
  std::string issuer_cn;  // empty if there is none
  std::string subject_cn;
  std::string subject_ou;            // organisation and CA certificates: role as two hexadecimal digits
  std::optional<Eui64> subject_eui;  // x500UniqueIdentifier RDN (2.5.4.45) of organisation certificates
  std::optional<Eui64> device_eui;   // hwSerialNum of the id-on-hardwareModuleName in the SAN of Device certificates
  UtcTime not_before;
  UtcTime not_after;                    // 99991231235959Z allowed
  std::optional<PublicKey> public_key;  // always set after Parse
  uint16_t key_usage = 0;               // 0 if the extension is absent
  bool is_ca = false;
  std::optional<int> path_length;
  Bytes subject_key_identifier;            // empty if absent
  Bytes authority_key_identifier;          // empty if absent
  std::vector<std::string> policies;       // dotted
  std::optional<WrappedApexKey> apex_key;  // of a Root OCA Certificate
  RawSignature signature{};

  // Serial as lower-case hexadecimal.
  std::string SerialHex() const { return ToHex(serial); }
  // "CN (EUI-64), serial ...", for messages to people.
  std::string Describe() const;
  // Octets covered by the signature.
  ByteSpan tbs() const { return ByteSpan(der_).subspan(tbs_offset_, tbs_size_); }
  bool IsSignedBy(const PublicKey& issuer_key) const;
  bool IsValidAt(UtcTime time) const { return not_before <= time && time <= not_after; }
  friend bool operator==(const Certificate& a, const Certificate& b) { return a.der_ == b.der_; }

 private:
  Bytes der_;
  Digest sha256_{};
  size_t tbs_offset_ = 0;
  size_t tbs_size_ = 0;
};

// A trust anchor as a Device's root cell holds it: a key and its name, with or without a certificate.
struct TrustAnchor {
  PublicKey key;
  Bytes name;                // DER of the subject Name; empty: any issuer name is accepted
  KeyIdentifier identifier;  // SKI
};
TrustAnchor AnchorOf(const Certificate& root);

inline constexpr size_t kMaxIntermediates = 3;  // DUIS V5.4 UpdateSecurityCredentials: 1 to 3 path certificates
enum class PathFault { kNone, kMalformed, kNoTrustAnchor, kBadCertificate, kExpired };
struct PathResult {
  PathFault fault = PathFault::kNone;
  std::string detail;
  bool ok() const { return fault == PathFault::kNone; }
};
// end -> intermediate (at most kMaxIntermediates, any order) -> anchor: names chain, AKI = SKI, signatures,
// intermediates are CAs with keyCertSign and a sufficient path length, policies intersect. Validity is checked against
// `time` if given (GBCS applyTimeBasedCPVChecks). kNoTrustAnchor: it does not chain; kBadCertificate: it chains but
// breaks the profile.
PathResult ValidatePath(const Certificate& end, std::span<const Certificate> intermediates, const TrustAnchor& anchor,
                        std::optional<UtcTime> time);

// --- Making certificates, requests and revocation lists. The signer may be in a token. ---
//
// `serial16` is 16 random octets; the first is changed if need be so that the number is positive and has 16 octets
// (read it back from the certificate). What is made is verified and parsed again: nothing unacceptable is returned.

inline constexpr char kOrganisationPolicy[] = "1.2.826.0.1.8641679.1.2.1.4";  // GBCS.md 6.2
inline constexpr char kDevicePolicy[] = "1.2.826.0.1.1800000.1.2.1.4";        // test arc, GBCS.md 6.5
inline constexpr char kPersonPolicy[] = "1.2.826.0.1.1800000.1.9.1";          // test arc, ours

struct IssuerIdentity {
  Signer* signer = nullptr;  // not owned
  Bytes name;                // DER of the issuer Name
};

// Organisation Certificate, GBCS.md 6.2: [CN], OU = role as two hexadecimal digits, x500UniqueIdentifier.
struct OrganisationSubject {
  std::string common_name;  // may be empty
  uint8_t role = 0;         // RemotePartyRole, GBCS.md 1.4
  Eui64 eui;
};
StatusOr<Certificate> IssueOrganisationCertificate(const IssuerIdentity& issuer, const OrganisationSubject& subject,
                                                   const PublicKey& key, KeyUsageBits usage, ByteSpan serial16,
                                                   UtcTime not_before, UtcTime not_after);
// Device Certificate, GBCS.md 6.5: empty subject, critical SAN with the EUI-64, notAfter 99991231235959Z.
StatusOr<Certificate> IssueDeviceCertificate(const IssuerIdentity& issuer, Eui64 device, const PublicKey& key,
                                             KeyUsageBits usage, ByteSpan serial16, UtcTime not_before);
// OCA/DCA certificate. A root is its own issuer (names equal, no AKI); path_length < 0: none. `apex_key`: what a Root
// OCA Certificate carries.
struct AuthoritySubject {
  std::string common_name;
  std::string organisational_unit;  // "00" root, "07" issuing; empty for a DCA
};
Bytes AuthorityName(const AuthoritySubject& subject);  // DER Name, OU before CN, PrintableString
StatusOr<Certificate> IssueAuthorityCertificate(const IssuerIdentity& issuer, const AuthoritySubject& subject,
                                                const PublicKey& key, int path_length, const std::string& policy,
                                                ByteSpan serial16, UtcTime not_before, UtcTime not_after,
                                                const WrappedApexKey* apex_key = nullptr);
// A person's, a keyguard's or a transport certificate: CN = id, O = organisation. `tls` adds EKU
// serverAuth + clientAuth and SAN DNS:localhost, IP:127.0.0.1 (for transport certificates).
StatusOr<Certificate> IssuePersonCertificate(const IssuerIdentity& issuer, const std::string& id,
                                             const std::string& organisation, const PublicKey& key, KeyUsageBits usage,
                                             ByteSpan serial16, UtcTime not_before, UtcTime not_after, bool tls);
// A self-signed keyAgreement certificate for a ceremony key (only keyAgreement usage). `signer` signs; the
// subject key is `key`.
StatusOr<Certificate> SelfSignedAgreementCertificate(PrivateKey& key, const std::string& common_name, ByteSpan serial16,
                                                     UtcTime not_before, UtcTime not_after);

// PKCS#10 with OU = role, x500UniqueIdentifier = EUI-64 and a keyUsage request (DOMAIN.md section 4).
struct CertificateRequest {
  std::string common_name;
  uint8_t role = 0;
  Eui64 eui;
  uint16_t key_usage = 0;
  std::optional<PublicKey> key;
  Bytes der;
};
StatusOr<Bytes> MakeCertificateRequest(PrivateKey& key, const OrganisationSubject& subject, KeyUsageBits usage);
// Parses and verifies the self-signature (proof of possession).
StatusOr<CertificateRequest> ParseCertificateRequest(ByteSpan der);

struct Revoked {
  Bytes serial;
  UtcTime time;
  int reason = 1;  // RFC 5280 CRLReason; 1 keyCompromise
};
struct RevocationList {
  Bytes issuer;
  UtcTime this_update;
  UtcTime next_update;
  uint64_t number = 0;
  std::vector<Revoked> revoked;
  Bytes der;
  RawSignature signature{};
  bool Contains(ByteSpan serial) const;
  bool IsSignedBy(const PublicKey& issuer_key) const;
  size_t tbs_offset = 0, tbs_size = 0;
};
StatusOr<RevocationList> IssueRevocationList(const IssuerIdentity& issuer, uint64_t number, UtcTime this_update,
                                             UtcTime next_update, std::vector<Revoked> revoked);
StatusOr<RevocationList> ParseRevocationList(ByteSpan der);

}  // namespace smki::pki
