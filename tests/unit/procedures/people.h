// The sample policy with real certificates: persons, their authority and its revocation lists, and a small organisation
// hierarchy whose certificates a Direction can name.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "pki/certificate.h"
#include "pki/cms.h"
#include "procedures/direction.h"
#include "procedures/evidence/materials.h"
#include "procedures/evidence/signed_document.h"
#include "procedures/policy.h"
#include "procedures/population.h"

namespace smki::procedures::test {

// `certificate` with the octets `from`, which must occur, as `to` (hexadecimal, same length): fields that cannot be
// issued. Its signature is wrong then.
pki::Certificate Patched(const pki::Certificate& certificate, const std::string& from, const std::string& to);

// How a signature is made wrong.
struct CmsForm {
  bool attributes = true;
  bool signing_time = true;
  bool sha256 = true;
  int signers = 1;
};

class People {
 public:
  People();

  pki::PrivateKey& KeyOf(const std::string& person) { return keys_.at(person); }
  pki::Certificate Issue(const std::string& person, pki::KeyUsageBits usage, const pki::PublicKey& key, UtcTime from,
                         UtcTime to);
  // As `person` signs it, at Now() - 5 min.
  Bytes Sign(const std::string& person, ByteSpan document, const std::string& hint);
  Bytes Sign(const std::string& person, ByteSpan document, const std::string& hint, UtcTime time);
  // A signature of another form, correctly signed.
  Bytes SignOddly(const std::string& person, ByteSpan document, const CmsForm& form);
  Bytes RevocationList(std::vector<std::string> revoked, UtcTime issued, UtcTime next);
  Bytes FreshList(std::vector<std::string> revoked = {});
  // With a fresh list in use.
  PolicyVerifier Verifier(std::vector<std::string> revoked = {});

  TrustPolicy policy;
  pki::PrivateKey authority_key;
  pki::IssuerIdentity authority;

 private:
  std::map<std::string, pki::PrivateKey> keys_;
};

// A Direction over one group of two Devices, with everything it names.
class Estate {
 public:
  explicit Estate(People& people);
  // Issued by the Issuing OCA.
  const pki::Certificate& issuing_certificate() const { return *issuing_certificate_; }
  pki::Certificate Organisation(uint8_t role, Eui64 eui, pki::KeyUsageBits usage);
  // Puts `certificate` into `cell` of the first group, replacing what was directed there.
  void Direct(const std::string& cell, const pki::Certificate& certificate);
  Digest Add(const pki::Certificate& certificate);
  void SetPopulation(size_t group, Population population);
  Materials materials() const;

  Direction direction;
  std::map<std::string, Bytes> populations;
  std::map<Digest, Bytes> certificates;
  pki::PrivateKey root_key, issuing_key;
  pki::IssuerIdentity root, issuing;

 private:
  std::optional<pki::Certificate> issuing_certificate_;
};

}  // namespace smki::procedures::test
