#include "sim/program/fleet_report.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "base/file.h"
#include "sim/estate/estate_file.h"
#include "sim/site.h"

namespace smki::sim {
namespace {

void Count(const FleetDevice& device, const std::vector<NewCertificate>& intended, SupplierFleet& out) {
  ++out.devices;
  out.reached += device.transmissions > 0;
  out.accepted += device.accepted > 0;
  ++out.statuses[device.enrolment.status];
  ++out.listed[device.enrolment.supplier];
  for (const auto& [cell, anchor] : device.state.cells) {
    if (cell.role == gbcs::Role::kSupplier) ++out.cells[cell][anchor->identifier];
  }
  const auto held = std::count_if(intended.begin(), intended.end(), [&](const NewCertificate& one) {
    const auto cell = device.state.cells.find(one.cell);
    return cell != device.state.cells.end() && cell->second->certificate == one.certificate;
  });
  if (!intended.empty() && static_cast<size_t>(held) == intended.size()) {
    ++out.recovered;
  } else if (held > 0) {
    ++out.half_replaced;
  } else {
    ++out.unchanged;
  }
}

struct Facts {
  EstateFile estate;
  const Party* party = nullptr;
  std::vector<NewCertificate> intended;
  FleetReport report;
};

StatusOr<Facts> Gather(const std::string& folder, const std::string& party, const std::string& holder) {
  Facts out;
  SMKI_ASSIGN_OR_RETURN(out.estate, ReadEstate(folder));
  SMKI_ASSIGN_OR_RETURN(out.intended, ReadNewCertificates(folder, holder));
  // Whoever takes over does so with what it has.
  if (out.intended.empty() && holder != party) {
    SMKI_ASSIGN_OR_RETURN(out.intended, ReadCurrentCertificates(folder, holder));
  }
  out.party = out.estate.FindParty(party);
  if (out.party == nullptr) return NotFound("{}/{} lists no party '{}'", folder, kEstateFile, party);
  SMKI_ASSIGN_OR_RETURN(const SimSite site, ReadSimSite(folder + "/sim.yaml"));
  SMKI_ASSIGN_OR_RETURN(const std::unique_ptr<FleetStore> fleet, FleetStore::OpenReadOnly(site.fleet));
  SMKI_ASSIGN_OR_RETURN(out.report, ReportFleet(*fleet, out.intended));
  return out;
}

std::string NameOf(const EstateFile& estate, Eui64 eui) {
  for (const Party& party : estate.parties) {
    if (party.eui == eui) return party.id;
  }
  return eui.ToString();
}

// Devices of everybody but the party, and to how many of them a command was sent.
struct Bystanders {
  uint64_t devices = 0, touched = 0;
};
Bystanders BystandersOf(const Facts& facts) {
  Bystanders out;
  for (const auto& [supplier, fleet] : facts.report.suppliers) {
    if (supplier == facts.party->eui) continue;
    out.devices += fleet.devices;
    out.touched += fleet.reached;
  }
  return out;
}

}  // namespace

StatusOr<FleetReport> ReportFleet(FleetStore& fleet, const std::vector<NewCertificate>& intended) {
  FleetReport out;
  SMKI_RETURN_IF_ERROR(fleet.ForEach([&](const FleetDevice& device) {
    SupplierFleet& supplier = out.suppliers[device.first_supplier];
    supplier.supplier = device.first_supplier;
    Count(device, intended, supplier);
  }));
  SMKI_ASSIGN_OR_RETURN(out.events, fleet.Events());
  return out;
}

StatusOr<std::string> FleetReportJson(const std::string& estate, const std::string& party, const std::string& holder) {
  SMKI_ASSIGN_OR_RETURN(const Facts facts, Gather(estate, party, holder));
  const auto own = facts.report.suppliers.find(facts.party->eui);
  const SupplierFleet none;
  const SupplierFleet& recovered = own == facts.report.suppliers.end() ? none : own->second;
  const Bystanders bystanders = BystandersOf(facts);
  nlohmann::json listed = nlohmann::json::object();
  for (const auto& [eui, devices] : recovered.listed) listed[NameOf(facts.estate, eui)] = devices;
  nlohmann::json out = {{"party", party},
                        {"holder", holder},
                        {"statuses", recovered.statuses},
                        {"listed", listed},
                        {"devices", recovered.devices},
                        {"recovered", recovered.recovered},
                        {"half_replaced", recovered.half_replaced},
                        {"unchanged", recovered.unchanged},
                        {"bystanders", bystanders.devices},
                        {"touched_bystanders", bystanders.touched},
                        {"intended", nlohmann::json::object()},
                        {"suppliers", nlohmann::json::object()},
                        {"events", facts.report.events}};
  for (const NewCertificate& one : facts.intended)
    out["intended"][one.cell.ToString()] = ToHex(one.certificate.public_key->identifier());
  for (const auto& [eui, supplier] : facts.report.suppliers) {
    nlohmann::json entry = {{"eui", eui.ToString()},
                            {"devices", supplier.devices},
                            {"reached", supplier.reached},
                            {"accepted", supplier.accepted},
                            {"cells", nlohmann::json::object()}};
    for (const auto& [cell, identifiers] : supplier.cells) {
      for (const auto& [identifier, devices] : identifiers)
        entry["cells"][cell.ToString()][ToHex(identifier)] = devices;
    }
    out["suppliers"][NameOf(facts.estate, eui)] = std::move(entry);
  }
  return out.dump(2) + "\n";
}

StatusOr<std::string> FleetReportText(const std::string& estate, const std::string& party, const std::string& holder) {
  SMKI_ASSIGN_OR_RETURN(const Facts facts, Gather(estate, party, holder));
  std::string out;
  for (const auto& [eui, supplier] : facts.report.suppliers) {
    out += fmt::format("{} {}: {} Devices, {} reached, {} answered\n", NameOf(facts.estate, eui), eui.ToString(),
                       supplier.devices, supplier.reached, supplier.accepted);
    if (eui == facts.party->eui && !facts.intended.empty()) {
      out += fmt::format("  recovered {}, half replaced {}, unchanged {}\n", supplier.recovered, supplier.half_replaced,
                         supplier.unchanged);
    }
    for (const auto& [cell, identifiers] : supplier.cells) {
      for (const auto& [identifier, devices] : identifiers) {
        out += fmt::format("  {:<40} {} on {} Devices\n", cell.ToString(), ToHex(identifier), devices);
      }
    }
  }
  for (const auto& [what, count] : facts.report.events) out += fmt::format("{}: {}\n", what, count);
  return out;
}

}  // namespace smki::sim
