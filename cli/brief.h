// The brief a PMA member reads before signing a Direction: computed here, on the member's side, from the Direction's
// octets, the population files and the Repository. Nothing in it is a server's word.
//
// Pure but for lookups in the Repository. Not thread-safe.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "cli/json.h"
#include "cli/text.h"
#include "pki/certificate.h"
#include "procedures/direction.h"
#include "procedures/evidence/signed_document.h"
#include "procedures/policy.h"
#include "repository/store/store.h"

namespace smki::cli {

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
  Status allowed;    // what the trust policy says (JudgeDirection)
  Status materials;  // what CheckMaterials says of populations and certificates
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

// Appends the warnings (brief_checks.cc). Part of ComputeBrief.
void AddWarnings(const BriefInputs& inputs, Brief& brief);

std::string BriefText(const Brief& brief, const Style& style);
Json BriefJson(const Brief& brief);

}  // namespace smki::cli
