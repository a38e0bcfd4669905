// The brief a PMA member reads before signing a Direction: computed here, on the member's side, from the Direction's
// octets, the population files and the Repository. Nothing in it is a server's word.
//
// Pure but for lookups in the Repository. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/random.h"
#include "cli/json.h"
#include "cli/pma_acts.h"
#include "cli/text.h"
#include "pki/certificate.h"
#include "procedures/direction.h"
#include "procedures/evidence/signed_document.h"
#include "procedures/policy.h"
#include "repository/store/store.h"

namespace smki::cli {

// How many Devices are drawn for the reader to look up elsewhere.
inline constexpr size_t kSampled = 5;

// A Direction of another incident, and what its votes and the orders about it amount to (pma_acts.h).
struct EarlierUse {
  procedures::Direction direction;
  PmaActs acts;
};

struct BriefInputs {
  const procedures::TrustPolicy* policy = nullptr;
  const procedures::PolicyVerifier* verifier = nullptr;  // null: approvals are counted, not judged
  Bytes direction;                                       // exact octets
  std::map<std::string, Bytes> populations;              // group -> file
  std::vector<Bytes> certificates;                       // DER, as handed over; the Repository is asked first
  std::vector<Bytes> approvals;                          // detached CMS
  std::vector<std::pair<Bytes, Bytes>> rejections;       // document, detached CMS
  const repository::Store* store = nullptr;              // null: no Repository at hand
  std::string incident;                                  // the one the Direction is read for; empty: its own
  std::string reader;                                    // person id
  Bytes runbook;                                         // the one that the Direction names; empty: not at hand
  std::optional<std::vector<EarlierUse>> earlier;        // absent: nobody was asked
  uint64_t earlier_left_out = 0;                         // others that could not be shown
  Random* random = &SystemRandom();                      // draws the sample: the reader's own, never a server's
  UtcTime now;
};

// What the Repository knows of a certificate.
struct RepositoryFact {
  bool known = false;  // found there by its digest
  bool in_use = false;
  std::string lodged;  // YYYY-MM-DD
};
struct BriefCell {
  std::string cell;  // "supplier/digitalSignature"
  Digest digest{};
  std::optional<pki::Certificate> certificate;  // absent: nobody could show it
  RepositoryFact repository;
  // What the Repository holds In-Use for the same organisation, role and usage, and this replaces.
  std::vector<pki::Certificate> old;
};
struct BriefGroup {
  const procedures::DirectedGroup* directed = nullptr;
  bool population_given = false;
  bool population_equal = false;  // digest, count, group and environment are the directed ones
  std::optional<Eui64> first, last;
  uint64_t with_certificate = 0;  // Devices with an In-Use digitalSignature certificate in the Repository
  std::vector<BriefCell> cells;
  std::vector<BriefCell> path;  // cell empty
};
// Of one device type, as the Direction says; a Device Certificate names none.
struct BriefKind {
  std::string device_type;
  uint64_t devices = 0;
};
// Whom the Devices belong to, as far as the certificates for their supplier cells tell.
struct BriefOwner {
  std::optional<Eui64> organisation;  // absent: the Direction replaces no supplier's certificate on them
  std::string name;
  uint64_t devices = 0;
};
struct BriefSample {
  Eui64 device;
  std::string group;
  std::string serial;  // of its In-Use digitalSignature certificate; empty: the Repository has none
};
// A factor of the runbook that the Direction names.
struct BriefFactor {
  std::string id, question;
  bool mandatory = true;
  std::string answer;  // empty: not answered
};
struct BriefEarlier {
  EarlierUse use;
  uint64_t devices = 0;
  std::vector<std::string> approved_by;
};
struct BriefApproval {
  std::string person;  // empty: unknown
  UtcTime signing_time;
  std::string fault;  // reason code; empty: it counts
  std::string detail;
};
struct BriefRejection {
  std::string person, reason;
  std::string fault;  // why it may not be this member's word; empty: it is
};
struct Brief {
  procedures::Direction direction;
  Digest digest{};  // SHA-256 of the octets: what the member is about to sign
  std::optional<pki::Certificate> key_certificate;
  std::vector<BriefGroup> groups;
  std::vector<BriefApproval> approvals;
  std::vector<BriefRejection> rejections;
  uint64_t approvals_needed = 0;
  uint64_t devices = 0;
  std::vector<BriefKind> kinds;
  std::vector<BriefOwner> owners;
  std::vector<BriefSample> sample;               // of the populations that are the directed ones, in increasing order
  Status runbook;                                // why the factors cannot be told apart; OK: they can
  std::vector<BriefFactor> factors;              // in the runbook's order
  std::vector<procedures::GuidanceFactor> said;  // what else was said on the way: id is the step
  std::vector<std::string> cannot;               // sentences
  bool earlier_asked = false;
  uint64_t earlier_left_out = 0;
  std::vector<BriefEarlier> earlier;  // those that still allow something
  Status allowed;                     // what the trust policy says (JudgeDirection)
  Status materials;                   // what CheckMaterials says of populations and certificates
  repository::StoreSummary repository;
  bool repository_given = false;
  // Plain words, worst first. `grave`: do not sign before it is explained.
  struct Warning {
    bool grave = false;
    std::string text;
  };
  std::vector<Warning> warnings;
  bool grave() const;
};

// Fails only if the octets are no Direction at all (DIRECTION_NOT_CANONICAL, DIRECTION_MALFORMED) or the Repository
// cannot be read. Everything else becomes a warning. The result refers into itself: it is not copied after.
StatusOr<std::unique_ptr<Brief>> ComputeBrief(const BriefInputs& inputs);

// Parts of ComputeBrief: warnings (brief_checks.cc); who and what is concerned, and what stays out of reach
// (brief_scope.cc); the factors and the earlier Directions (brief_reasons.cc).
void AddWarnings(const BriefInputs& inputs, Brief& brief);
void AddKindsAndOwners(Brief& brief);
std::vector<std::string> CannotDo(const Brief& brief);
void AddFactors(const BriefInputs& inputs, Brief& brief);
void AddEarlier(const BriefInputs& inputs, Brief& brief);

std::string BriefText(const Brief& brief, const Style& style);
Json BriefJson(const Brief& brief);

}  // namespace smki::cli
