// Whose certificates a step of the runbook is about, and which they are.
#pragma once

#include <string>

#include "orchestrator/actions/replacements.h"
#include "orchestrator/settings.h"
#include "procedures/machine.h"
#include "procedures/runbook.h"
#include "repository/store/store.h"

namespace smki::orchestrator {

// The EUI-64 and time of the compromise, from the notification.
StatusOr<Eui64> OrganisationOf(const procedures::IncidentState& incident);
StatusOr<UtcTime> CompromiseOf(const procedures::IncidentState& incident);
// A fact of the notification; an error that names it if it is not stated.
StatusOr<std::string> FactOf(const procedures::IncidentState& incident, const char* key);

// Who holds what a step looks for or places (procedures/runbook.h): "supplier-b (90-B3-...)" for people.
struct Holder {
  std::string party;
  Eui64 organisation;
};
StatusOr<Holder> HolderFor(const std::string& certificates, const procedures::IncidentState& incident,
                           const DirectionSettings& settings);

// The certificates for the cells of its role: of the affected organisation its new ones; for the supplier cells, of the
// Access Control Broker and of a successor those they use now. CERTIFICATES_NOT_IN_REPOSITORY if the store lacks one.
StatusOr<CellCertificates> CertificatesFor(const std::string& certificates, const procedures::IncidentState& incident,
                                           const repository::Store& store, const DirectionSettings& settings);

// Of the runbook's direction step.
std::string DirectedHolder(const procedures::Runbook& runbook);

}  // namespace smki::orchestrator
