// The judgement of one Prepare: each case bends one thing before the Direction is approved, or in what is handed over.
#include "tests/simulation/check/admission.h"

#include <gtest/gtest.h>

#include <algorithm>

#include "pki/digest.h"
#include "tests/unit/hsm/test_estate.h"

namespace smki::simulation {
namespace {

using hsm::test::TestEstate;

struct Case {
  const char* name;
  const char* invariant;
  const char* words;
  void (*before)(TestEstate&);                  // null: nothing
  void (*after)(TestEstate&, Bundle&, Facts&);  // null: nothing
};
std::ostream& operator<<(std::ostream& out, const Case& one) {
  return out << one.name;
}

Bundle Hand(TestEstate& e) {
  const hsm::Bundle from = e.MakeBundle();
  Bundle out;
  out.incident = from.header.incident;
  out.key = from.header.key;
  out.direction = ToString(from.header.direction);
  out.digest = pki::Sha256(out.direction);
  out.approvals = from.header.approvals;
  out.policy = ToString(from.header.policy);
  out.revocation_list = from.header.revocation_list;
  out.populations = from.populations;
  out.certificates = from.certificates;
  return out;
}

Checks::World WorldOf(TestEstate& e) {
  Checks::World world;
  world.policy = e.PolicyText();
  world.token_public_points["recovery"] = ToBytes(e.token("recovery").key.public_key().point());
  return world;
}

void TakePolicy(Facts& facts) {
  facts.anchor = pki::Sha256(facts.world.policy);
  facts.policies.emplace(facts.anchor, *ReadPolicy(facts.world.policy));
}

std::vector<Violation> Judge(const Case& one) {
  TestEstate e;
  if (one.before != nullptr) one.before(e);
  Bundle bundle = Hand(e);
  Facts facts(WorldOf(e));
  TakePolicy(facts);
  for (const std::string& person : e.approvers) facts.signed_by.insert({person, bundle.digest});
  if (one.after != nullptr) one.after(e, bundle, facts);
  Admission admission(facts);
  admission.Judge(bundle, e.clock.Now(), e.clock.Now());
  return admission.faults();
}

constexpr char kTwoVotes[] = "admitted with 2 approvals that count";
const std::string kSupplierDs = "supplier/digitalSignature";

std::string IdentifierOf(TestEstate& e, const char* certificate) {
  return ToHex(e.certificates.at(certificate).public_key->identifier());
}

const std::vector<Case> kCases = {
    {"UnderAnotherPolicy", "I1", "neither the anchor nor made of it", nullptr,
     [](TestEstate& e, Bundle& b, Facts&) {
       e.policy.approvals_needed = 2;
       b.policy = e.PolicyText();
     }},
    {"NotCanonical", "I1", "its text is not canonical: line", nullptr,
     [](TestEstate&, Bundle& b, Facts&) { b.direction += " \n"; }},
    {"Counters", "I1", "counters 0 to", [](TestEstate& e) { e.direction.counter_first = 0; }, nullptr},
    {"CountersOfTwoLengths", "I1", "counters 100 to", [](TestEstate& e) { e.direction.counter_first = 100; }, nullptr},
    {"Limits", "I1", "limits 11", [](TestEstate& e) { e.direction.limits.attempts_per_device = 11; }, nullptr},
    {"TotalBeyondCounters", "I1", "limits 3, 2000", [](TestEstate& e) { e.direction.limits.total = 2000; }, nullptr},
    {"Validity", "I1", "its validity",
     [](TestEstate& e) { e.direction.not_after = e.start + std::chrono::hours(24 * 40); }, nullptr},
    {"NoGroups", "I1", "0 groups", [](TestEstate& e) { e.direction.groups.clear(); }, nullptr},
    {"GroupsOutOfOrder", "I1", "group esme after gpf",
     [](TestEstate& e) { std::swap(e.direction.groups[0], e.direction.groups[1]); }, nullptr},
    {"NoReplacements", "I1", "has 0 replacements", [](TestEstate& e) { e.direction.groups[0].replacements.clear(); },
     nullptr},
    {"CellTwice", "I1", "is not after",
     [](TestEstate& e) { e.direction.groups[0].replacements.push_back(e.direction.groups[0].replacements[1]); },
     nullptr},
    {"FloorOfOtherRole", "I1", "a floor of networkOperator",
     [](TestEstate& e) {
       e.direction.groups[0].floors = {{"networkOperator", 0, std::nullopt}};
     },
     nullptr},
    {"FloorOfKeyThatStays", "I1", "a floor of the authorising role",
     [](TestEstate& e) { e.direction.groups[0].authorising_floor = 0; }, nullptr},
    {"Nonce", "I1", "nonce abc", [](TestEstate& e) { e.direction.nonce = "abc"; }, nullptr},
    {"OtherEstate", "I8", "it is of drill/estate-8", [](TestEstate& e) { e.direction.environment.estate = "estate-8"; },
     nullptr},
    {"OtherIncident", "I1", "it belongs to INC-1", nullptr,
     [](TestEstate&, Bundle& b, Facts&) { b.incident = "INC-2"; }},
    {"OtherKey", "I1", "it directs the recovery key", nullptr,
     [](TestEstate&, Bundle& b, Facts&) { b.key = "contingency"; }},
    {"OtherMode", "I1", "key recovery with mode", [](TestEstate& e) { e.direction.mode = "anyByContingency"; },
     nullptr},
    {"ProcedureNotAllowed", "I1", "the trust policy allows no method-3",
     [](TestEstate& e) { e.direction.procedure_digest[0] ^= 1; }, nullptr},
    {"NotYetValid", "I1", "before it is valid",
     [](TestEstate& e) { e.direction.not_before = e.start + std::chrono::hours(1); }, nullptr},
    {"Expired", "I1", "after it was valid",
     [](TestEstate& e) { e.direction.not_after = e.start - std::chrono::minutes(10); }, nullptr},
    {"NoRevocationList", "I10", "without a revocation list", nullptr,
     [](TestEstate&, Bundle& b, Facts&) { b.revocation_list.clear(); }},
    {"RevocationListStale", "I10", "with a revocation list of 2026-11-21T02:00:00Z",
     [](TestEstate& e) { e.policy.revocation_list_max_age = std::chrono::minutes(30); }, nullptr},
    {"RevocationListGoesBack", "I10", "was relied on", nullptr,
     [](TestEstate& e, Bundle&, Facts& f) { f.newest_list = e.start; }},

    {"TwoApprovals", "I1", kTwoVotes, [](TestEstate& e) { e.approvers.pop_back(); }, nullptr},
    {"ApprovalOfNobodysWill", "I1", kTwoVotes, nullptr,
     [](TestEstate&, Bundle&, Facts& f) { f.signed_by.erase(f.signed_by.begin()); }},
    {"ApprovalByRequester", "I1", kTwoVotes, [](TestEstate& e) { e.direction.requested_by = "anna.pma"; }, nullptr},
    {"ApprovalsOfOneOrganisation", "I1", kTwoVotes,
     [](TestEstate& e) {
       e.approvers = {"anna.pma", "bruno.pma", "greta.pma"};
     },
     nullptr},
    {"ApprovalsOfOneSeat", "I1", kTwoVotes,
     [](TestEstate& e) {
       e.approvers = {"anna.pma", "felix.pma", "carla.pma"};
     },
     nullptr},
    {"ApprovalWithoutSeat", "I1", kTwoVotes,
     [](TestEstate& e) {
       e.approvers = {"anna.pma", "kira.custodian", "carla.pma"};
     },
     nullptr},
    {"OneApprovalThreeTimes", "I1", "admitted with 1 approvals", nullptr,
     [](TestEstate&, Bundle& b, Facts&) {
       b.approvals = {b.approvals[0], b.approvals[0], b.approvals[0]};
     }},
    {"ApprovalRevoked", "I1", kTwoVotes, nullptr,
     [](TestEstate& e, Bundle& b, Facts&) { b.revocation_list = e.RevocationList({"anna.pma"}); }},
    {"ApprovalRevokedEarlier", "I1", kTwoVotes, nullptr,
     [](TestEstate& e, Bundle&, Facts& f) { f.revoked.insert(e.persons.at("anna.pma").sign->certificate.serial); }},
    {"ApprovalBeforeDraft", "I1", "admitted with 0 approvals",
     [](TestEstate& e) { e.direction.drafted = e.start - std::chrono::minutes(10); }, nullptr},
    {"ApprovalFromTheFuture", "I1", kTwoVotes, nullptr,
     [](TestEstate& e, Bundle& b, Facts&) {
       hsm::test::Identity& anna = *e.persons.at("anna.pma").sign;
       b.approvals[0] =
           *pki::SignDetached(AsBytes(b.direction), anna.key, anna.certificate, e.start + std::chrono::minutes(10), "");
     }},
    {"ApprovalOfOtherText", "I1", kTwoVotes, nullptr,
     [](TestEstate& e, Bundle& b, Facts&) { b.approvals[0] = e.Approve("anna.pma", "other", ""); }},

    {"PopulationMissing", "I1", "the population of esme was not handed over", nullptr,
     [](TestEstate&, Bundle& b, Facts&) { b.populations.erase("esme"); }},
    {"PopulationUnreadable", "I1", "the population of esme: no SMKIPOP1", nullptr,
     [](TestEstate&, Bundle& b, Facts&) { b.populations["esme"] = {1}; }},
    {"PopulationOther", "I1", "the population of esme is not the one directed", nullptr,
     [](TestEstate& e, Bundle& b, Facts&) {
       auto population = e.populations.at("esme");
       population.devices.back() = Eui64(population.devices.back().value() + 7);
       b.populations["esme"] = EncodePopulation(population);
     }},
    {"PopulationOfOtherEstate", "I8", "the population of esme is of drill/estate-8",
     [](TestEstate& e) {
       e.populations.at("esme").environment.estate = "estate-8";
       e.DirectPopulations();
     },
     nullptr},
    {"PopulationOfOtherGroup", "I1", "the population of esme is that of x",
     [](TestEstate& e) {
       e.populations.at("esme").group = "x";
       e.DirectPopulations();
     },
     nullptr},
    {"DeviceInTwoGroups", "I1", "is in two groups",
     [](TestEstate& e) {
       e.populations.at("gpf").devices = e.populations.at("esme").devices;
       e.DirectPopulations();
     },
     nullptr},
    {"PathCertificateMissing", "I1", "path certificate", nullptr,
     [](TestEstate& e, Bundle& b, Facts&) { b.certificates.erase(e.issuing_oca.certificate.sha256()); }},
    {"CertificateMissing", "I1", "for supplier/digitalSignature: not handed over", nullptr,
     [](TestEstate& e, Bundle& b, Facts&) { b.certificates.erase(e.certificates.at("supplier-ds").sha256()); }},
    {"CertificateForOtherUsage", "I1", "does not fit supplier/digitalSignature",
     [](TestEstate& e) {
       e.direction.groups[0].replacements[0].certificate = e.certificates.at("supplier-ka").sha256();
     },
     nullptr},
    {"CertificateOfOtherRole", "I1", "does not fit supplier/digitalSignature",
     [](TestEstate& e) { e.direction.groups[0].replacements[0].certificate = e.certificates.at("recovery").sha256(); },
     nullptr},
    {"PlacesRetiredKey", "I1", "it places the retired key",
     [](TestEstate& e) { e.policy.retired = {IdentifierOf(e, "supplier-ds")}; }, nullptr},
    {"UsesRetiredKey", "I1", "it uses the retired key",
     [](TestEstate& e) { e.policy.retired = {IdentifierOf(e, "recovery")}; }, nullptr},
    {"KeyCertificateMissing", "I1", "the certificate of the directed key: not handed over", nullptr,
     [](TestEstate& e, Bundle& b, Facts&) { b.certificates.erase(e.certificates.at("recovery").sha256()); }},
    {"KeyOfOtherToken", "I1", "is not that of the recovery token",
     [](TestEstate& e) { e.direction.key_certificate = e.certificates.at("contingency").sha256(); }, nullptr},
};

class Admitting : public testing::TestWithParam<Case> {};

TEST_P(Admitting, IsSaid) {
  std::string all;
  bool said = false;
  for (const Violation& fault : Judge(GetParam())) {
    all += "\n  " + fault.invariant + ": " + fault.what;
    said = said || (fault.invariant == GetParam().invariant && fault.what.find(GetParam().words) != std::string::npos);
  }
  EXPECT_TRUE(said) << "what was said:" << all;
}

INSTANTIATE_TEST_SUITE_P(, Admitting, testing::ValuesIn(kCases),
                         [](const auto& info) { return std::string(info.param.name); });

TEST(Admission, AnHonestPrepareHasNoFault) {
  for (const Violation& fault : Judge({"", "", "", nullptr, nullptr})) ADD_FAILURE() << fault.what;
}

// --- custody changes ---

class Following : public testing::Test {
 protected:
  Following() : facts_(WorldOf(estate_)) {
    TakePolicy(facts_);
    estate_.policy.version = 2;
    estate_.policy.previous = facts_.anchor;
    estate_.policy.keys[0].threshold = 2;
  }
  bool Follows() {
    const std::string next = estate_.PolicyText();
    if (in_journal_) facts_.successions.insert({facts_.anchor, pki::Sha256(next)});
    return facts_.Follow(next) != nullptr;
  }
  TestEstate estate_;
  Facts facts_;
  bool in_journal_ = true;
};

TEST_F(Following, AChangeInTheJournalMakesTheNextPolicy) {
  EXPECT_TRUE(Follows());
}
TEST_F(Following, NotWithoutAChangeInTheJournal) {
  in_journal_ = false;
  EXPECT_FALSE(Follows());
}
TEST_F(Following, NotIfAnythingElseChanges) {
  estate_.policy.approvals_needed = 2;
  EXPECT_FALSE(Follows());
}
TEST_F(Following, NotIfAPersonChanges) {
  estate_.policy.persons[0].roles.push_back("auditor");
  EXPECT_FALSE(Follows());
}
TEST_F(Following, NotIfAVersionIsLeftOut) {
  estate_.policy.version = 3;
  EXPECT_FALSE(Follows());
}

}  // namespace
}  // namespace smki::simulation
