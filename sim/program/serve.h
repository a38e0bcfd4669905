// smki-sim serve: one process with the authority, the inventory and the gateway to the Devices.
#pragma once

#include <string>

#include "base/status.h"

namespace smki::sim {

// Prints "smki-sim ready on HOST:PORT" and serves until SIGTERM or SIGINT. Call before any other thread exists.
Status Serve(const std::string& site_file);

}  // namespace smki::sim
