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

// What is wrong with hexadecimal text that somebody typed or pasted: the place and at most 60 characters around it.
std::string FaultOfHex(std::string_view text) {
  constexpr size_t kShown = 60;
  const auto is_hex = [](unsigned char c) { return std::isxdigit(c) != 0 || std::isspace(c) != 0; };
  const auto bad = std::find_if_not(text.begin(), text.end(), is_hex);
  const auto at = static_cast<size_t>(bad - text.begin());
  const size_t from = at > kShown / 2 ? std::min(at - kShown / 2, text.size() - std::min(kShown, text.size())) : 0;
  const std::string around = fmt::format("{}{}{}", from > 0 ? "..." : "", Printable(text.substr(from, kShown)),
                                         from + kShown < text.size() ? "..." : "");
  if (bad == text.end()) return fmt::format("\"{}\": hexadecimal needs two digits for each octet", around);
  return fmt::format("\"{}\": character {} is no hexadecimal digit, and there is no such file", around, at + 1);
}

// What of the message could not be read, if anything.
const gbcs::Described* NotUnderstood(const gbcs::Described& described) {
  if (described.name == gbcs::kNotUnderstood || described.value.starts_with(gbcs::kNotUnderstood)) return &described;
  for (const gbcs::Described& part : described.parts) {
    if (const gbcs::Described* found = NotUnderstood(part); found != nullptr) return found;
  }
  return nullptr;
}

// The argument is hexadecimal itself, or names a file (or standard input) with hexadecimal text or the octets.
StatusOr<Bytes> ReadMessage(const std::string& argument) {
  if (argument != "-" && !PosixFiles().Exists(argument)) {
    if (auto octets = FromHexText(argument)) return *octets;
    return NotFound("{}", FaultOfHex(argument));
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
      // Shown as far as it goes; but who asks by exit code is not told that all is well.
      if (const gbcs::Described* rest = NotUnderstood(described); rest != nullptr)
        return DataLoss("the message is not whole, or is not what it says it is: {}", rest->value);
      return OkStatus();
    });
  });
}

}  // namespace smki::cli
