#include "orchestrator/actions/holder.h"

namespace smki::orchestrator {
namespace {

StatusOr<Eui64> EuiOf(const procedures::IncidentState& incident, const char* key) {
  SMKI_ASSIGN_OR_RETURN(const std::string text, FactOf(incident, key));
  const auto eui = Eui64::Parse(text);
  if (!eui) return FailedPrecondition("the notification's EUI-64 '{}' is none", text);
  return *eui;
}

}  // namespace

StatusOr<std::string> FactOf(const procedures::IncidentState& incident, const char* key) {
  const auto it = incident.facts.find(key);
  if (it == incident.facts.end())
    return FailedPrecondition("the notification of {} does not state '{}'", incident.id, key);
  return it->second;
}

StatusOr<Eui64> OrganisationOf(const procedures::IncidentState& incident) {
  return EuiOf(incident, "eui");
}

StatusOr<UtcTime> CompromiseOf(const procedures::IncidentState& incident) {
  SMKI_ASSIGN_OR_RETURN(const std::string text, FactOf(incident, "received"));
  const auto time = ParseTime(text);
  if (!time) return FailedPrecondition("the notification's time '{}' is no UTC time", text);
  return *time;
}

StatusOr<Holder> HolderFor(const std::string& certificates, const procedures::IncidentState& incident,
                           const DirectionSettings& settings) {
  Holder out;
  if (certificates == procedures::kAccessControlBroker)
    return Holder{"the ACB", settings.dcc_organisations.at("accessControlBroker")};
  const bool successor = certificates == procedures::kSuccessor;
  SMKI_ASSIGN_OR_RETURN(out.party, FactOf(incident, successor ? "successor" : "party"));
  SMKI_ASSIGN_OR_RETURN(out.organisation, EuiOf(incident, successor ? "successorEui" : "eui"));
  return out;
}

StatusOr<CellCertificates> CertificatesFor(const std::string& certificates, const procedures::IncidentState& incident,
                                           const repository::Store& store, const DirectionSettings& settings) {
  SMKI_ASSIGN_OR_RETURN(const Holder holder, HolderFor(certificates, incident, settings));
  SMKI_ASSIGN_OR_RETURN(const auto records, store.ByEui(holder.organisation));
  if (certificates == procedures::kAccessControlBroker) return ChooseCurrent(records, gbcs::Role::kAccessControlBroker);
  if (certificates == procedures::kSuccessor) return ChooseCurrent(records, gbcs::Role::kSupplier);
  SMKI_ASSIGN_OR_RETURN(const UtcTime compromised, CompromiseOf(incident));
  SMKI_ASSIGN_OR_RETURN(OrganisationCertificates chosen, ChooseReplacements(records, compromised, RoleOf(records)));
  return std::move(chosen.replacements);
}

std::string DirectedHolder(const procedures::Runbook& runbook) {
  for (const procedures::Step& step : runbook.steps) {
    if (step.kind == procedures::StepKind::kDirection) return HolderOf(step);
  }
  return procedures::kSubscriber;
}

}  // namespace smki::orchestrator
