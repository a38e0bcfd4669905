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
  static const std::vector<Scenario> scenarios = {MethodThree(), FurtherUse()};
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
