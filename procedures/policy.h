// The trust policy: who the persons are, what they may do, and what it takes (ARCHITECTURE section 5). Canonical text;
// its SHA-256 is the anchor of everything: bound in every token, quoted in the ledger's genesis.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/time.h"
#include "procedures/canonical.h"
#include "procedures/direction.h"
#include "procedures/environment.h"
#include "procedures/reason.h"

namespace smki::procedures {

struct Person {
  std::string id;  // "anna.pma", unique
  Quoted name;
  std::string organisation;
  std::vector<std::string>
      roles;  // pma-member, pma-alternate, pma-chair, key-custodian, incident-lead, incident-operator, auditor
  Base64 signing_certificate;    // DER, digitalSignature
  Base64 agreement_certificate;  // DER, keyAgreement
  bool HasRole(const std::string& role) const;
};
struct Seat {          // one vote
  std::string name;    // "large-supplier-1"
  std::string member;  // person id
  std::vector<std::string> alternates;
};
struct CustodianShare {
  std::string person;
  uint64_t index = 0;   // 1..255, unique
  Digest commitment{};  // HMAC-SHA-256(salt, share), the salt is in the share
};
struct KeyCustody {
  std::string key;         // recovery | contingency | symmetric
  std::string token;       // token label
  uint64_t threshold = 0;  // >= 2, <= custodians
  std::vector<CustodianShare> custodians;
};
struct AllowedUse {
  std::string procedure;  // runbook id, for people
  Digest digest{};
  std::string key;
  std::vector<std::string> modes;
};
struct RoleConflict {  // nobody acts in both in one incident (I4)
  std::string a, b;
};
struct TrustPolicy {
  uint64_t version = 1;
  Environment environment;
  Digest previous{};  // of version - 1; zeros for version 1
  UtcTime issued;
  uint64_t approvals_needed = 0;    // absolute count, >= 2
  uint64_t withdrawals_needed = 1;  // members to withdraw
  bool one_vote_per_organisation = true;
  std::optional<std::string> chair;  // person id: role pma-chair, no seat; votes by casting vote only (quorum.h)
  std::vector<Seat> seats;
  std::vector<Person> persons;
  std::vector<KeyCustody> keys;
  // Key identifiers (GBCS, 16 hexadecimal digits) of keys that were destroyed or compromised: no Direction uses or
  // places them any more, whoever restores them from a backup.
  std::vector<std::string> retired;
  std::vector<AllowedUse> allowed;
  std::vector<RoleConflict> conflicts;
  Base64 keyguard_certificate;      // identity that signs ceremony requests and countersigns heads
  Base64 orchestrator_certificate;  // identity that signs checkpoints
  Base64 persons_authority;         // issues persons' certificates and their revocation list
  Millis revocation_list_max_age{0};
  Base64 organisation_root;                // Root OCA
  std::vector<Base64> device_authorities;  // Root DCA, Issuing DCAs: whom Device Certificates chain to

  const Person* FindPerson(const std::string& id) const;
  // The seat for which `person` may vote, or null.
  const Seat* SeatOf(const std::string& person) const;
  const KeyCustody* FindKey(const std::string& key) const;
};

std::string RenderPolicy(const TrustPolicy& policy);
// kInvalidArgument "line N: ..."; also every rule of the comments above (a threshold of 1, a seat without
// person, a share index twice, ...: "trust policy: ...").
StatusOr<TrustPolicy> ParsePolicy(std::string_view text);

// Static admission of a Direction at `now`: environment, validity, allowed use, incident. OK or a refusal.
Status JudgeDirection(const TrustPolicy& policy, const Direction& direction, const std::string& incident, UtcTime now);

}  // namespace smki::procedures
