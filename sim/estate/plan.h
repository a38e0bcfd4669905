// What a drill's estate consists of: a pure function of counts and seed. Keys are not part of a plan.
#pragma once

#include <string>
#include <vector>

#include "base/eui64.h"
#include "gbcs/credentials.h"
#include "sim/authority/authority.h"

namespace smki::sim {

// The party whose Devices are recovered, and the others.
inline constexpr char kRecoveredSupplier[] = "supplier-a";

struct PartyPlan {
  Party party;
  gbcs::Role role = gbcs::Role::kSupplier;
  // What it holds a certificate for: cells on Devices, and others of its role.
  std::vector<gbcs::TrustAnchorCell> cells;
  bool key_in_token = false;  // recovery's key is nowhere but in the keyguard's token
};
const std::vector<PartyPlan>& PlannedParties();
const PartyPlan* FindPartyPlan(const std::string& id);

struct PersonPlan {
  std::string id;
  std::string name;
  std::string organisation;
  std::vector<std::string> roles;      // of the trust policy
  bool expired = false;                // whose certificates ended yesterday: may not vote
  std::vector<std::string> keys = {};  // of a custodian: which keys' shares
};
const std::vector<PersonPlan>& PlannedPersons();
std::vector<std::string> PlannedCustodians(const std::string& key);

// Extract file 0 is the FULL, 1 to 7 are the deltas.
inline constexpr int kDeltas = 7;

struct DevicePlan {
  Eui64 eui;
  std::string type;
  std::string supplier;  // party ids
  std::string network_operator;
  int file = 0;          // where its certificates are lodged
  int age_days = 0;      // of its certificates when that file was written
  bool renewed = false;  // an earlier digitalSignature certificate is in the FULL, and no longer in use by a delta
};

struct EstatePlan {
  uint64_t seed = 0;
  uint64_t devices = 0;           // of kRecoveredSupplier
  uint64_t bystanders = 0;        // of the other supplier
  std::string estate;             // "estate-7"
  std::vector<DevicePlan> fleet;  // in EUI-64 order
};
inline constexpr uint64_t kMaxPlanned = 10'000'000;

// `bystanders` at least 8: each delta has something to tell.
EstatePlan PlanEstate(uint64_t devices, uint64_t bystanders, uint64_t seed);

// "supplier-keyAgreement-prePaymentTopUp": a cell as part of a file's name.
std::string FileWord(const gbcs::TrustAnchorCell& cell);

}  // namespace smki::sim
