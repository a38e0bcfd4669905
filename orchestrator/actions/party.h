// Whose EUI-64 it is, by the certificate authority's list: one digit wrong, and another party's Devices are directed.
#pragma once

#include <functional>
#include <string>

#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"
#include "base/transport.h"

namespace smki::orchestrator {

// OK if `organisation` is the EUI-64 of `party`; WRONG_PARTY if it is another's or nobody's; any other error if the
// authority could not be asked.
void FindParty(Transport& estate, const std::string& party, Eui64 organisation, Millis deadline,
               std::function<void(const Status&)> done);

}  // namespace smki::orchestrator
