#include "sim/estate/plan.h"

#include <algorithm>

#include "base/random.h"
#include "sim/fleet/cells.h"

namespace smki::sim {
namespace {

using gbcs::CellUsage;
using gbcs::KeyUsage;
using gbcs::Role;

constexpr uint64_t kFirstDevice = 0x00DB123456000000;
constexpr uint64_t kMinBystanders = 8;
constexpr uint64_t kLatePerMille = 50;  // Devices whose certificates come with a delta
constexpr uint64_t kRenewedPerMille = 10;
constexpr uint64_t kMaxAgeDays = 700;

std::vector<gbcs::TrustAnchorCell> CellsOf(Role role) {
  const gbcs::TrustAnchorCell ds{role, KeyUsage::kDigitalSignature, CellUsage::kManagement};
  const gbcs::TrustAnchorCell ka{role, KeyUsage::kKeyAgreement, CellUsage::kManagement};
  switch (role) {
    case Role::kSupplier:
      return {ds, ka, {role, KeyUsage::kKeyAgreement, CellUsage::kPrePaymentTopUp}};
    case Role::kNetworkOperator:
    case Role::kAccessControlBroker:
      return {ds, ka};
    default:
      return {ds};
  }
}

PartyPlan PlanParty(const char* id, uint64_t eui, Role role) {
  return {{id, Eui64(eui), static_cast<uint8_t>(role)}, role, CellsOf(role), role == Role::kRecovery};
}

// By their shares. A Device to be recovered from its supplier has cells of one; a Communications Hub has none.
std::string PickType(bool of_supplier, Random& random) {
  uint64_t shares = 0;
  const auto fits = [&](const DeviceType& type) { return !of_supplier || type.HasCellOf(Role::kSupplier); };
  for (const DeviceType& type : DeviceTypes()) shares += fits(type) ? type.share : 0;
  uint64_t drawn = random.Below(shares);
  for (const DeviceType& type : DeviceTypes()) {
    if (!fits(type)) continue;
    if (drawn < type.share) return type.name;
    drawn -= type.share;
  }
  return DeviceTypes().front().name;
}

template <typename T>
void Shuffle(std::vector<T>& items, Random& random) {
  for (size_t i = items.size(); i > 1; --i) std::swap(items[i - 1], items[random.Below(i)]);
}

}  // namespace

const std::vector<PartyPlan>& PlannedParties() {
  // EUI-64s of the test PKI's prefix (GBCS.md 6.6).
  static const std::vector<PartyPlan> parties = {
      PlanParty(kRecoveredSupplier, 0x90B3D51F30010000, Role::kSupplier),
      PlanParty("supplier-b", 0x90B3D51F30030000, Role::kSupplier),
      PlanParty("network-a", 0x90B3D51F30020000, Role::kNetworkOperator),
      PlanParty("network-b", 0x90B3D51F30040000, Role::kNetworkOperator),
      PlanParty("acb", 0x90B3D51F30000002, Role::kAccessControlBroker),
      PlanParty("trans-cos", 0x90B3D51F30000004, Role::kTransitionalCos),
      PlanParty("wan-provider", 0x90B3D51F30000007, Role::kWanProvider),
      PlanParty("recovery", 0x90B3D51F30000001, Role::kRecovery),
  };
  return parties;
}

const PartyPlan* FindPartyPlan(const std::string& id) {
  for (const PartyPlan& party : PlannedParties()) {
    if (party.party.id == id) return &party;
  }
  return nullptr;
}

const std::vector<PersonPlan>& PlannedPersons() {
  static const std::vector<PersonPlan> persons = {
      {"lena.lead", "Lena Lead", "DCC", {"incident-lead"}},
      {"owen.operator", "Owen Operator", "DCC", {"incident-operator"}},
      {"ada.auditor", "Ada Auditor", "Audit-and-Sons", {"auditor"}},
      {"anna.pma", "Anna Alder", "Alder-Energy", {"pma-member"}},
      {"bruno.pma", "Bruno Birch", "Birch-Power", {"pma-member"}},
      {"carla.pma", "Carla Cedar", "Cedar-Local-Energy", {"pma-member"}},
      {"dario.pma", "Dario Dogwood", "Dogwood-Networks", {"pma-member"}},
      {"elena.pma", "Elena Elm", "Elm-Security", {"pma-member"}},
      {"felix.pma", "Felix Fir", "Fir-Retail", {"pma-alternate"}},
      {"hugo.pma", "Hugo Hazel", "Hazel-Energy", {"pma-alternate"}, true},
      {"greta.pma", "Greta Gorse", "Birch-Power", {"pma-member"}},
      {"clara.chair", "Clara Chestnut", "Independent", {"pma-chair"}},
      {"kira.custodian", "Kira Kapok", "Kapok-Gas", {"key-custodian"}, false, {"recovery", "contingency"}},
      {"liam.custodian", "Liam Larch", "Larch-Metering", {"key-custodian"}, false, {"recovery", "contingency"}},
      {"mona.custodian", "Mona Maple", "Maple-Energy", {"key-custodian"}, false, {"recovery", "contingency"}},
      {"nils.custodian", "Nils Nutmeg", "Nutmeg-Networks", {"key-custodian"}, false, {"recovery", "contingency"}},
      {"otto.custodian", "Otto Oak", "Oak-Supply", {"key-custodian"}, false, {"recovery", "contingency"}},
      {"pia.custodian", "Pia Pine", "Pine-Power", {"key-custodian"}, false, {"symmetric"}},
      {"quin.custodian", "Quin Quince", "Quince-Homes", {"key-custodian"}, false, {"symmetric"}},
      {"rosa.custodian", "Rosa Rowan", "Rowan-Energy", {"key-custodian"}, false, {"symmetric"}},
      {"sven.custodian", "Sven Spruce", "Spruce-Networks", {"key-custodian"}, false, {"symmetric"}},
      {"tara.custodian", "Tara Teak", "Teak-Metering", {"key-custodian"}, false, {"symmetric"}},
  };
  return persons;
}

std::vector<std::string> PlannedCustodians(const std::string& key) {
  std::vector<std::string> out;
  for (const PersonPlan& person : PlannedPersons()) {
    if (std::find(person.keys.begin(), person.keys.end(), key) != person.keys.end()) out.push_back(person.id);
  }
  return out;
}

EstatePlan PlanEstate(uint64_t devices, uint64_t bystanders, uint64_t seed) {
  EstatePlan plan;
  plan.seed = seed;
  plan.devices = devices;
  plan.bystanders = std::max(bystanders, kMinBystanders);
  plan.estate = fmt::format("estate-{}", seed);

  SeededRandom random(seed);
  const uint64_t total = plan.devices + plan.bystanders;
  std::vector<bool> recovered(total);
  std::fill_n(recovered.begin(), plan.devices, true);
  for (uint64_t i = total; i > 1; --i) {
    const uint64_t j = random.Below(i);
    const bool swapped = recovered[i - 1];
    recovered[i - 1] = recovered[j];
    recovered[j] = swapped;
  }
  plan.fleet.resize(total);
  for (uint64_t i = 0; i < total; ++i) {
    DevicePlan& device = plan.fleet[i];
    device.eui = Eui64(kFirstDevice + i);
    device.type = PickType(recovered[i], random);
    device.supplier = recovered[i] ? kRecoveredSupplier : "supplier-b";
    device.network_operator = random.Below(2) == 0 ? "network-a" : "network-b";
    if (random.Below(1000) < kLatePerMille) {
      device.file = 1 + static_cast<int>(random.Below(kDeltas));
    } else {
      device.age_days = 1 + static_cast<int>(random.Below(kMaxAgeDays));
      device.renewed = random.Below(1000) < kRenewedPerMille;
    }
  }
  // However small the estate: something in each delta, and one Device renewed.
  std::vector<size_t> some(total);
  for (size_t i = 0; i < total; ++i) some[i] = i;
  Shuffle(some, random);
  for (int file = 1; file <= kDeltas; ++file) {
    DevicePlan& device = plan.fleet[some[static_cast<size_t>(file)]];
    device.file = file;
    device.age_days = 0;
    device.renewed = false;
  }
  DevicePlan& renewed = plan.fleet[some[0]];
  renewed.file = 0;
  renewed.age_days = std::max(renewed.age_days, 1);
  renewed.renewed = true;
  return plan;
}

std::string FileWord(const gbcs::TrustAnchorCell& cell) {
  std::string out = cell.ToString();
  std::replace(out.begin(), out.end(), '/', '-');
  return out;
}

}  // namespace smki::sim
