// Whose EUI-64 it is, by the certificate authority's list: one digit wrong, and another party's Devices are directed.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "base/eui64.h"
#include "base/status.h"
#include "base/time.h"
#include "base/transport.h"

namespace smki::orchestrator {

// What a notification says of parties: whom it concerns and, if it names one, who takes over.
using NotifiedFacts = std::map<std::string, std::string>;

// OK if each EUI-64 is that of the party it stands beside, and a successor is a supplier; WRONG_PARTY if not; any other
// error if the authority could not be asked.
void FindParties(Transport& estate, const NotifiedFacts& facts, Millis deadline,
                 std::function<void(const Status&)> done);

}  // namespace smki::orchestrator
