// smkictl repository serve: the Repository web service over a rebuilt store, until SIGTERM.
#pragma once

namespace CLI {
class App;
}

namespace smki::cli {

class Command;

// Adds `serve` to the group `repository`; both outlive the parsing.
void AddRepositoryServe(CLI::App& repository_group, Command& command);

}  // namespace smki::cli
