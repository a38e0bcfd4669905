// Deviations as people read them. Pure.
#pragma once

#include "cli/incident_text.h"
#include "procedures/deviation.h"

namespace smki::cli {

// Every deviation that was asked for, a few lines each; empty if there is none. With the command for who may approve
// it.
std::string DeviationsText(const recovery::v1::IncidentView& view, const Reader& reader, const Style& style);
// Only those that wait for an approval.
std::string WaitingDeviationsText(const recovery::v1::IncidentView& view, const Reader& reader, const Style& style);
Json DeviationsJson(const recovery::v1::IncidentView& view);

}  // namespace smki::cli
