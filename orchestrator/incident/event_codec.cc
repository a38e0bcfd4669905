#include "orchestrator/incident/event_codec.h"

#include "smki/ledger/v1/ledger.pb.h"

namespace smki::orchestrator {

ledger::NewEntry MakeEntry(const std::string& incident, const std::string& person, const std::string& kind,
                           const google::protobuf::Message& payload) {
  return {incident, person, kind, ToBytes(AsBytes(payload.SerializeAsString()))};
}

ledger::NewEntry ToEntry(const std::string& incident, const procedures::Event& event) {
  ledger::v1::IncidentEvent payload;
  payload.set_step(event.step);
  for (const auto& [key, value] : event.fields) {  // a map: sorted by key
    ledger::v1::Field& field = *payload.add_fields();
    field.set_key(key);
    field.set_value(value);
  }
  return MakeEntry(incident, event.person, kEventPrefix + event.kind, payload);
}

StatusOr<procedures::Event> EventOf(const ledger::Entry& entry) {
  const std::string prefix = kEventPrefix;
  if (entry.kind.compare(0, prefix.size(), prefix) != 0)
    return DataLoss("ledger entry {}: {} is no incident event", entry.sequence, entry.kind);
  SMKI_ASSIGN_OR_RETURN(const auto payload, PayloadOf<ledger::v1::IncidentEvent>(entry));
  procedures::Event event{entry.kind.substr(prefix.size()), entry.time, payload.step(), entry.person, {}};
  for (const ledger::v1::Field& field : payload.fields()) {
    if (!event.fields.emplace(field.key(), field.value()).second) {
      return DataLoss("ledger entry {}: field '{}' stands twice", entry.sequence, field.key());
    }
  }
  return event;
}

}  // namespace smki::orchestrator
