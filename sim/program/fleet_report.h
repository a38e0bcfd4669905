// What the Devices really hold: the truth of a drill, read from the fleet itself and from nothing that was reported.
#pragma once

#include <map>
#include <string>

#include "base/status.h"
#include "sim/fleet/fleet_store.h"
#include "sim/program/supplier.h"

namespace smki::sim {

struct SupplierFleet {
  Eui64 supplier;
  uint64_t devices = 0;
  uint64_t reached = 0;                      // Devices towards which a command was sent
  uint64_t accepted = 0;                     // Devices that answered at least one
  std::map<std::string, uint64_t> statuses;  // the inventory's word -> Devices
  std::map<Eui64, uint64_t> listed;          // supplier in the inventory now -> Devices
  // Cell of the supplier's role -> key identifier -> Devices that hold it.
  std::map<gbcs::TrustAnchorCell, std::map<pki::KeyIdentifier, uint64_t>> cells;
  // Against the intended certificates, if there are any.
  uint64_t recovered = 0;      // every intended cell holds its certificate
  uint64_t half_replaced = 0;  // some do
  uint64_t unchanged = 0;      // none does
};
struct FleetReport {
  std::map<Eui64, SupplierFleet> suppliers;  // by whose Devices they were when the estate was made
  std::map<std::string, uint64_t> events;    // of network and Devices
};
StatusOr<FleetReport> ReportFleet(FleetStore& fleet, const std::vector<NewCertificate>& intended);

// One object; `party` is whose Devices it is about, `holder` whose certificates they shall hold, docs/formats/fleet.md.
// Text is for people.
StatusOr<std::string> FleetReportJson(const std::string& estate, const std::string& party, const std::string& holder);
StatusOr<std::string> FleetReportText(const std::string& estate, const std::string& party, const std::string& holder);

}  // namespace smki::sim
