#include "sample.h"

#include <fstream>
#include <sstream>

namespace smki::procedures::test {
namespace {

Person MakePerson(const std::string& id, const std::string& organisation, std::vector<std::string> roles) {
  return {id, {"Person " + id}, organisation, std::move(roles), {Bytes(3, 1)}, {Bytes(3, 2)}};
}

DirectedGroup MakeGroup(const std::string& name, const std::string& type, uint8_t fill) {
  DirectedGroup g;
  g.name = name;
  g.device_type = type;
  g.population_count = 500;
  g.population_digest = Filled(fill);
  g.replacements = {{"supplier/digitalSignature", Filled(20)},
                    {"supplier/keyAgreement", Filled(21)},
                    {"supplier/keyAgreement/prePaymentTopUp", Filled(22)}};
  g.path_certificates = {Filled(30)};
  g.floors = {{"supplier", 7, 9}};
  return g;
}

}  // namespace

UtcTime Now() {
  return *ParseTime("2026-11-21T03:00:00Z");
}

Digest Filled(uint8_t fill) {
  Digest out;
  out.fill(fill);
  return out;
}

std::string MethodThreeText() {
  std::ifstream file("runbooks/appendix-l/method-3.yaml");  // tests run in the root of the source tree
  SMKI_CHECK(file.good());
  std::ostringstream out;
  out << file.rdbuf();
  return out.str();
}

Runbook MethodThree() {
  auto runbook = LoadRunbook(MethodThreeText(), "method-3.yaml");
  SMKI_CHECK(runbook.ok());
  return *std::move(runbook);
}

FactorAnswers Answers(const Runbook& runbook, const std::string& step) {
  FactorAnswers out;
  for (const Factor& factor : runbook.Find(step)->factors) {
    if (factor.mandatory) out[factor.id] = "as to " + factor.id;
  }
  return out;
}

std::string Replaced(std::string text, const std::string& from, const std::string& to) {
  const size_t at = text.find(from);
  SMKI_CHECK(at != std::string::npos);
  return text.replace(at, from.size(), to);
}

SignatureFinding Signed(const std::string& person) {
  return {std::nullopt, "", person, Now() - std::chrono::minutes(5)};
}

TrustPolicy SamplePolicy() {
  TrustPolicy p;
  p.environment = {"drill", "estate-7"};
  p.issued = Now() - std::chrono::hours(24);
  p.approvals_needed = 3;
  p.chair = "cho";
  p.seats = {{"large-supplier-1", "ann", {"alt"}}, {"large-supplier-2", "bob", {}}, {"network", "cal", {}},
             {"small-supplier", "dee", {}},        {"security", "eve", {}},         {"technical", "pam", {}}};
  p.persons = {
      MakePerson("ann", "org-a", {"pma-member"}),      MakePerson("bob", "org-b", {"pma-member"}),
      MakePerson("cal", "org-c", {"pma-member"}),      MakePerson("dee", "org-a", {"pma-member"}),
      MakePerson("eve", "org-e", {"pma-member"}),      MakePerson("pam", "org-p", {"pma-member", "incident-lead"}),
      MakePerson("alt", "org-x", {"pma-alternate"}),   MakePerson("leo", "dcc", {"incident-lead"}),
      MakePerson("ola", "dcc", {"incident-operator"}), MakePerson("oli", "dcc", {"incident-operator", "auditor"}),
      MakePerson("kim", "org-a", {"key-custodian"}),   MakePerson("kay", "org-b", {"key-custodian"}),
      MakePerson("kit", "org-c", {"key-custodian"}),   MakePerson("cho", "org-h", {"pma-chair"})};
  p.keys = {{"recovery", "smki-recovery", 2, {{"kim", 1, Filled(41)}, {"kay", 2, Filled(42)}, {"kit", 3, Filled(43)}}}};
  p.allowed = {{"method-3", Filled(5), "recovery", {"anyExceptAbnormalRootByRecovery"}}};
  p.conflicts = {{"pma-member", "incident-lead"}, {"incident-operator", "auditor"}, {"pma-chair", "incident-lead"}};
  p.keyguard_certificate = {Bytes(3, 3)};
  p.orchestrator_certificate = {Bytes(3, 4)};
  p.persons_authority = {Bytes(3, 5)};
  p.revocation_list_max_age = std::chrono::hours(24);
  p.organisation_root = {Bytes(3, 6)};
  p.device_authorities = {{Bytes(3, 7)}, {Bytes(3, 8)}};
  return p;
}

Direction SampleDirection() {
  Direction d;
  d.id = "DIR-2026-0001";
  d.environment = {"drill", "estate-7"};
  d.incident = "INC-2026-0001";
  d.ledger_sequence = 12;
  d.ledger_head = Filled(1);
  d.nonce = "00112233445566778899aabbccddeeff";
  d.requested_by = "leo";
  d.drafted = Now() - std::chrono::hours(1);
  d.key = "recovery";
  d.key_certificate = Filled(2);
  d.procedure = "method-3";
  d.procedure_digest = Filled(5);
  d.mode = "anyExceptAbnormalRootByRecovery";
  d.groups = {MakeGroup("supplier-a-esme", "ESME", 10), MakeGroup("supplier-a-gpf", "GPF", 11)};
  d.counter_first = 1000;
  d.counter_last = 4999;
  d.not_before = Now() - std::chrono::hours(1);
  d.not_after = Now() + std::chrono::hours(24 * 7);
  d.limits = {3, 3000, 100, 500};
  d.factors = {{"l10.9-scale", {"1000 Devices of one supplier"}}, {"l10.9-urgency", {"key is in other hands"}}};
  d.rationale = {"The supplier's key is compromised; its new certificates are lodged."};
  return d;
}

}  // namespace smki::procedures::test
