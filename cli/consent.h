// Consent thing by thing: who approves a Direction says yes to its key, its procedure, its Devices, its cells and
// certificates, its validity and its limits, each for itself. One no, and nothing is signed.
#pragma once

#include <string>
#include <vector>

#include "cli/command.h"
#include "procedures/direction.h"

namespace smki::cli {

struct ConsentItem {
  std::string name;                // key | procedure | devices | cells | validity | limits
  std::vector<std::string> lines;  // what exactly, from the Direction's own octets
};
// In the order in which they are asked.
std::vector<ConsentItem> ConsentItems(const procedures::Direction& direction);
// "key,procedure,devices,cells,validity,limits".
std::string ConsentNames();

// OK if this person consents to all of it: asked at the terminal, or named in `given`. CONSENT_REFUSED after a no;
// kFailedPrecondition, with the words to type, if something is not named and nobody can be asked; kInvalidArgument if
// `given` names what there is not.
Status Consent(const Command& command, const procedures::Direction& direction, const std::vector<std::string>& given);

}  // namespace smki::cli
