// The new Root OCA Certificate that an incident has accepted from its key ceremony (docs/formats/key-ceremony.md).
#pragma once

#include <optional>

#include "orchestrator/core.h"
#include "pki/certificate.h"

namespace smki::orchestrator {

// Nothing if none was accepted. An error if the evidence of it was altered.
StatusOr<std::optional<pki::Certificate>> AcceptedRoot(const IncidentBook& book, const Incident& incident);

}  // namespace smki::orchestrator
