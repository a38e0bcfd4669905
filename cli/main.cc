// smkictl: the command of the people (cli/README.md).
#include <CLI/CLI.hpp>

#include "cli/command.h"

int main(int argc, char** argv) {
  smki::cli::Command command;
  CLI::App app(
      "SMKI recovery: the people's command.\n"
      "At a loss? Start with:  smkictl incident next\n"
      "Exit code: 0 done, 1 refused or failed, 2 usage.");
  app.name("smkictl");
  app.require_subcommand(1);
  app.fallthrough();
  app.add_option("--site", command.site, "your client.yaml")->envname("SMKI_SITE");
  app.add_option("--output", command.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  smki::cli::AddIncidentCommands(app, command);
  smki::cli::AddDirectionCommands(app, command);
  smki::cli::AddCeremonyCommands(app, command);
  smki::cli::AddKeyguardCommands(app, command);
  smki::cli::AddPolicyCommands(app, command);
  smki::cli::AddRepositoryCommands(app, command);
  smki::cli::AddRunbookCommands(app, command);
  smki::cli::AddLedgerCommands(app, command);
  smki::cli::AddGbcsCommands(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? 0 : 2;
  }
  return command.exit_code();
}
