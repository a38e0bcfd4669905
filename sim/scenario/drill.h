// smki-sim drill: rehearses a whole recovery on this machine with real processes.
#pragma once

namespace CLI {
class App;
}

namespace smki::sim {

// Adds "drill" to `app`. When it is chosen it runs and prints its result; it ends with CLI::RuntimeError(1) unless
// every check held.
void AddDrillCommand(CLI::App& app);

}  // namespace smki::sim
