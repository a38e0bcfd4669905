// smkictl gbcs decode: any CS02a or CS02b message in words.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cctype>

#include "base/file.h"
#include "cli/command.h"
#include "gbcs/describe.h"

namespace smki::cli {
namespace {

// Hexadecimal text, white space allowed; nullopt if it is anything else.
std::optional<Bytes> FromHexText(std::string_view text) {
  std::string digits;
  for (const char c : text) {
    if (!std::isspace(static_cast<unsigned char>(c))) digits += c;
  }
  if (digits.empty()) return std::nullopt;
  return FromHex(digits);
}

// The argument is hexadecimal itself, or names a file (or standard input) with hexadecimal text or the octets.
StatusOr<Bytes> ReadMessage(const std::string& argument) {
  if (argument != "-" && !PosixFiles().Exists(argument)) {
    if (auto octets = FromHexText(argument)) return *octets;
    return NotFound("\"{}\" is neither a file nor hexadecimal", argument);
  }
  SMKI_ASSIGN_OR_RETURN(Bytes octets, ReadInput(argument, 4 * gbcs::kMaxMessage));
  if (auto decoded = FromHexText(AsText(octets))) return *decoded;
  return octets;
}

Json DescribedJson(const gbcs::Described& described) {
  Json out = {
      {"name", described.name}, {"value", described.value}, {"offset", described.offset}, {"size", described.size}};
  if (!described.parts.empty()) {
    Json parts = Json::array();
    for (const gbcs::Described& part : described.parts) parts.push_back(DescribedJson(part));
    out["parts"] = std::move(parts);
  }
  return out;
}

}  // namespace

void AddGbcsCommands(CLI::App& app, Command& command) {
  CLI::App* group = app.add_subcommand("gbcs", "messages to and from Devices");
  group->require_subcommand(1);
  CLI::App* decode =
      group->add_subcommand("decode", "a message in words: command, response or alert, with or without MAC");
  auto argument = std::make_shared<std::string>();
  decode->add_option("message", *argument, "file, hexadecimal, or - for the standard input")->required();
  decode->callback([&command, argument] {
    command.Run([&]() -> Status {
      SMKI_ASSIGN_OR_RETURN(const Bytes message, ReadMessage(*argument));
      SMKI_ASSIGN_OR_RETURN(const gbcs::Described described, gbcs::Describe(message));
      if (command.json()) {
        command.Print(DescribedJson(described));
      } else {
        command.Print(gbcs::ToText(described, command.terminal() && std::getenv("NO_COLOR") == nullptr));
      }
      return OkStatus();
    });
  });
}

}  // namespace smki::cli
