// What every command of smkictl shares: the global options, how a result is printed, and what the exit code says.
//
//   0  it was done          1  refused or failed: reason code and next action on stderr          2  usage
//
// With --output json a command prints exactly one object on stdout; watch prints one a line.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/status.h"
#include "cli/json.h"
#include "cli/person.h"
#include "cli/text.h"

namespace CLI {
class App;
}

namespace smki::cli {

class Command {
 public:
  // Reads what the terminal is; nothing else.
  Command();

  // Set by the global options.
  std::string site;
  std::string output = "text";
  int pin_descriptor = -1;  // below 0: a PIN is asked at the terminal

  bool json() const { return output == "json"; }
  // Standard output is a terminal.
  bool terminal() const { return terminal_; }
  // Standard input and output are a terminal and the answer is text: a person can be asked.
  bool can_ask() const { return can_ask_ && !json(); }
  const Style& style() const { return style_; }

  // The person of --site or SMKI_SITE.
  StatusOr<Person> LoadPerson() const;

  // Runs one command and turns its status into the exit code and, on failure, the message on stderr.
  void Run(const std::function<Status()>& command);
  // The command worked but what it looked at is not in order: exit code 1 without a message of its own.
  void FoundFault() { exit_code_ = 1; }
  // 1 also if standard output took less than was printed.
  int exit_code() const { return output_lost_ ? 1 : exit_code_; }

  // Prints and flushes. Text is for people: what is not printable is replaced first by who made it. What cannot be
  // written is said once on stderr.
  void Print(const std::string& text) const;
  void Print(const char* text) const { Print(std::string(text)); }
  void Print(const Json& object) const;

 private:
  // The message of a failure, on stderr.
  void Complain(const Status& status) const;

  bool terminal_ = false;
  bool can_ask_ = false;
  Style style_;
  int exit_code_ = 0;
  mutable bool output_lost_ = false;
};

// smkictl as a function: does what the command line asks for and returns the exit code.
int RunCommandLine(int argc, const char* const* argv);
// Closed standard streams are filled, or the first file that is opened would get what is printed. At the very start.
void KeepStandardStreams();

// "refused  STALE_PAGE" with its meaning and what to do next, as shown on stderr; or one JSON object.
std::string FailureText(const Status& status, const Style& style);
Json FailureJson(const Status& status);

// Each adds one group of commands to `app`; `command` outlives it.
void AddIncidentCommands(CLI::App& app, Command& command);
void AddDirectionCommands(CLI::App& app, Command& command);
void AddCeremonyCommands(CLI::App& app, Command& command);
void AddKeyguardCommands(CLI::App& app, Command& command);
void AddShareCommands(CLI::App& app, Command& command);
void AddCustodyCommands(CLI::App& app, Command& command);
void AddPolicyCommands(CLI::App& app, Command& command);
void AddRepositoryCommands(CLI::App& app, Command& command);
void AddRunbookCommands(CLI::App& app, Command& command);
void AddLedgerCommands(CLI::App& app, Command& command);
void AddGbcsCommands(CLI::App& app, Command& command);

}  // namespace smki::cli
