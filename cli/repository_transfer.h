// smkictl repository fetch | send: the Repository's files over SFTP.
#pragma once

#include "cli/command.h"

namespace smki::cli {

// Adds both to `repository_group`; `command` outlives it.
void AddRepositoryTransfer(CLI::App& repository_group, Command& command);

}  // namespace smki::cli
