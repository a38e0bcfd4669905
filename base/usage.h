// The command lines of our programs: what every one of them does with one it cannot follow. Text, or with --output json
// one object, goes to standard error; the exit code is 2.
#pragma once

#include <string>

namespace CLI {
class App;
class ParseError;
class Validator;
}  // namespace CLI

namespace smki {

inline constexpr int kUsageExitCode = 2;

struct UsageFault {
  std::string message;  // what is wrong, with which word
  std::string next;     // the command meant, or where to look
};
UsageFault ExplainUsage(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv);

// What the program ends with when app.parse(argc, argv) has thrown `error`: prints help where it was asked for (0),
// lets a subcommand's own failure be (its code), else says what is wrong with the command line (2).
int ExitAfter(const CLI::App& app, const CLI::ParseError& error, int argc, const char* const* argv);

// Of an option: decimal digits and nothing else. CLI11 by itself takes "-1" for 18446744073709551615 and "010" for 8.
const CLI::Validator& WholeNumber();

}  // namespace smki
