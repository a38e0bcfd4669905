#include "sim/scenario/scenarios.h"

#include <fmt/format.h>

namespace smki::sim {
namespace {

constexpr char kSupplierA[] = "90-B3-D5-1F-30-01-00-00", kSupplierB[] = "90-B3-D5-1F-30-03-00-00";

Scenario MethodThree() {
  Scenario out;
  out.name = out.runbook = "method-3";
  out.party = out.holder = out.listed_under = "supplier-a";
  out.organisation = kSupplierA;
  out.what = "supplier-a reports that its signing keys were copied from a lost server";
  out.acts = {{"new-certificates", "supplier-a", {"supplier", "new-certificates"}}};
  out.phases = {{"incident opened and confirmed", "notify-pma"},
                {"repository and new certificates", "certificates-lodged"},
                {"direction drafted and approved", "direction"},
                {"key opened by custodians", "ceremony"},
                {"canary", "canary"},
                {"campaign", "campaign"},
                {"key closed, revocation, report", ""}};
  out.status = "Recovered";
  return out;
}

// The Subscriber does it itself: no key of ours, no word of the PMA.
Scenario MethodOne() {
  Scenario out;
  out.name = out.runbook = "method-1";
  out.party = out.holder = out.listed_under = "supplier-a";
  out.organisation = kSupplierA;
  out.what = "supplier-a has lost a backup of its signing keys and replaces them; it still has them itself";
  out.acts = {{"new-certificates", "supplier-a", {"supplier", "new-certificates"}},
              {"replace", "supplier-a", {"supplier", "replace"}}};
  out.phases = {{"incident opened and confirmed", "notify-pma"},
                {"repository and new certificates", "certificates-lodged"},
                {"supplier replaces its certificates", "replace"},
                {"Devices prove it", "proven"},
                {"revocation, report", ""}};
  out.directed = false;
  out.proven = true;
  out.status = "Commissioned";
  return out;
}

// The Access Control Broker stands in until it hands over.
Scenario MethodTwo() {
  Scenario out;
  out.name = out.runbook = "method-2";
  out.party = out.holder = out.listed_under = "supplier-a";
  out.organisation = kSupplierA;
  out.what = "supplier-a reports that its signing keys are in use by somebody else; it has lost its own systems";
  out.acts = {{"new-certificates", "supplier-a", {"supplier", "new-certificates"}},
              {"hand-over", "supplier-a", {"supplier", "hand-over"}}};
  out.phases = {{"incident opened and confirmed", "notify-pma"},
                {"repository, broker's certificates", "broker-certificates"},
                {"direction drafted and approved", "direction"},
                {"key opened by custodians", "ceremony"},
                {"canary", "canary"},
                {"campaign", "campaign"},
                {"key closed, revocation", "publish-crl"},
                {"new certificates, handover proven", "handed-over"},
                {"report", ""}};
  out.proven = true;
  out.status = "Recovered";
  return out;
}

// The Supplier of Last Resort: nobody's key is lost, and nothing is revoked.
Scenario FurtherUse() {
  Scenario out;
  out.name = out.runbook = "further-use";
  out.party = "supplier-a";
  out.organisation = kSupplierA;
  out.successor = out.holder = out.listed_under = "supplier-b";
  out.successor_organisation = kSupplierB;
  out.what = "supplier-a has failed; supplier-b is its Supplier of Last Resort and cannot reach its Devices";
  out.phases = {{"request recorded and confirmed", "notify-pma"},
                {"repository, successor's certificates", "successor-certificates"},
                {"direction drafted and approved", "direction"},
                {"key opened by custodians", "ceremony"},
                {"canary", "canary"},
                {"campaign", "campaign"},
                {"key closed, inventory, report", ""}};
  out.status = "Recovered";
  return out;
}

// What the staff do so that there is a new hierarchy: four key ceremonies, each seen by two.
std::vector<StaffAct> KeyCeremonies(const std::string& step) {
  std::vector<StaffAct> out;
  for (const char* id : {"contingency-2", "root-oca-2", "issuing-oca-2", "recovery-2"}) {
    out.push_back({step,
                   "smki-key-ceremony",
                   {"hold", fmt::format("{{runbooks}}/ceremonies/{}.yaml", id), "--site", "{estate}/ceremonies.yaml"}});
    for (const char* person : {"owen.operator", "ada.auditor"}) {
      const std::string stem = fmt::format("{{estate}}/persons/{}/sign", person);
      out.push_back({step,
                     "smki-key-ceremony",
                     {"sign", id, "--site", "{estate}/ceremonies.yaml", "--person", person, "--certificate",
                      stem + ".crt.pem", "--key", stem + ".key.pem"}});
    }
  }
  out.push_back({step, "smki-sim", {"authority", "adopt", "--estate", "{estate}"}, true});
  return out;
}

Scenario ForContingency(const std::string& name, std::vector<ScenarioPhase> phases) {
  Scenario out;
  out.name = out.runbook = name;
  out.party = "acb";
  out.organisation = "90-B3-D5-1F-30-00-00-02";
  out.what = "the Root OCA key was used outside the secure room";
  out.staff = KeyCeremonies("key-ceremonies");
  for (const char* party : {"supplier-b", "network-a", "network-b", "acb", "trans-cos", "wan-provider"})
    out.acts.push_back({"new-certificates", party, {"supplier", "new-certificates", "--hold"}});
  out.acts.push_back({"new-certificates", "supplier-a", {"supplier", "new-certificates"}});
  out.phases = std::move(phases);
  out.hierarchy = true;
  return out;
}

// Two orders of the same steps: the official one is not public (DOMAIN.md section 3).
Scenario Contingency() {
  return ForContingency("contingency", {{"incident opened and confirmed", "guidance"},
                                        {"new hierarchy in key ceremonies", "accept-hierarchy"},
                                        {"new certificates for everybody", "certificates-lodged"},
                                        {"direction drafted and approved", "direction"},
                                        {"both keys opened by custodians", "ceremony"},
                                        {"canary", "canary"},
                                        {"campaign", "campaign"},
                                        {"old pair destroyed, revocation, report", ""}});
}
Scenario ContingencyPrepared() {
  return ForContingency("contingency-prepared", {{"incident opened", "report-received"},
                                                 {"new hierarchy in key ceremonies", "accept-hierarchy"},
                                                 {"new certificates, decision", "guidance"},
                                                 {"direction drafted and approved", "direction"},
                                                 {"both keys opened by custodians", "ceremony"},
                                                 {"canary", "canary"},
                                                 {"campaign", "campaign"},
                                                 {"revocation, old pair destroyed, report", ""}});
}

}  // namespace

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> scenarios = {MethodOne(),  MethodTwo(),   MethodThree(),
                                                  FurtherUse(), Contingency(), ContingencyPrepared()};
  return scenarios;
}

const Scenario* FindScenario(const std::string& name) {
  for (const Scenario& scenario : Scenarios()) {
    if (scenario.name == name) return &scenario;
  }
  return nullptr;
}

std::string ScenarioNames() {
  std::string out;
  for (const Scenario& scenario : Scenarios()) out += (out.empty() ? "" : ", ") + scenario.name;
  return out;
}

}  // namespace smki::sim
