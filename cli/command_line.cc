// The whole command line of smkictl: global options, groups of commands, exit code.
#include <fcntl.h>
#include <unistd.h>

#include <CLI/CLI.hpp>

#include "base/usage.h"
#include "cli/command.h"

namespace smki::cli {

void KeepStandardStreams() {
  for (const int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO}) {
    if (::fcntl(stream, F_GETFD) != -1) continue;
    // Opened the wrong way round, so that whoever uses it is told. The lowest free number is this one.
    const int opened = ::open("/dev/null", stream == STDIN_FILENO ? O_WRONLY : O_RDONLY);
    SMKI_CHECK(opened == stream);
  }
}

int RunCommandLine(int argc, const char* const* argv) {
  Command command;
  CLI::App app(
      "SMKI recovery: the people's command.\n"
      "At a loss? Start with:  smkictl incident next\n"
      "Exit code: 0 done, 1 refused or failed, 2 usage.");
  app.name("smkictl");
  app.require_subcommand(1);
  app.fallthrough();
  app.footer(
      "Everywhere: --site FILE (your client.yaml, or SMKI_SITE), --output text|json, --pin-fd N (your token's PIN)");
  app.add_option("--site", command.site, "your client.yaml")->envname("SMKI_SITE");
  app.add_option("--output", command.output, "text or json")
      ->check(CLI::IsMember({"text", "json"}))
      ->capture_default_str();
  app.add_option("--pin-fd", command.pin_descriptor,
                 "descriptor to read the PIN of your token from; without it you are asked")
      ->check(WholeNumber());
  AddIncidentCommands(app, command);
  AddDirectionCommands(app, command);
  AddCeremonyCommands(app, command);
  AddShareCommands(app, command);
  AddCustodyCommands(app, command);
  AddKeyguardCommands(app, command);
  AddPolicyCommands(app, command);
  AddRepositoryCommands(app, command);
  AddRunbookCommands(app, command);
  AddLedgerCommands(app, command);
  AddGbcsCommands(app, command);
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return ExitAfter(app, error, argc, argv);
  }
  return command.exit_code();
}

}  // namespace smki::cli
