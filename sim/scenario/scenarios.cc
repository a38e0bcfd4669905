#include "sim/scenario/scenarios.h"

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

}  // namespace

const std::vector<Scenario>& Scenarios() {
  static const std::vector<Scenario> scenarios = {MethodOne(), MethodTwo(), MethodThree(), FurtherUse()};
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
