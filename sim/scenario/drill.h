// smki-sim drill: rehearses a whole recovery on this machine with real processes.
#pragma once

namespace CLI {
class App;
}

namespace smki::sim {

// Adds "drill" to `app`. When it is chosen and parsed it runs, prints its result, and sets `exit_code`: 0 only if every check
// held. Both outlive the parsing.
void AddDrillCommand(CLI::App& app, int& exit_code);

}  // namespace smki::sim
