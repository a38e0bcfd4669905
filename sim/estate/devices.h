// The Devices of the estate: keys, certificates, first contents of their cells.
#pragma once

#include "base/random.h"
#include "sim/estate/extracts.h"
#include "sim/estate/organisations.h"
#include "sim/estate/plan.h"
#include "sim/fleet/fleet_store.h"

namespace smki::sim {

// Puts every Device of the plan into `fleet` and its certificates into `extracts`. One signer of the Issuing DCA for
// each thread that may work; `name` is its name.
Status MakeDevices(const EstatePlan& plan, const Organisations& organisations, const pki::Certificate& root_oca,
                   const std::vector<pki::Signer*>& issuing_dca, const Bytes& name, FleetStore& fleet,
                   ExtractSet& extracts, Random& random);

}  // namespace smki::sim
