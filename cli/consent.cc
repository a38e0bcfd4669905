#include "cli/consent.h"

#include <algorithm>
#include <array>
#include <iostream>

#include "pki/digest.h"
#include "procedures/reason.h"

namespace smki::cli {
namespace {

using procedures::Direction;

constexpr std::array<const char*, 6> kNames = {"key", "procedure", "devices", "cells", "validity", "limits"};
constexpr size_t kDigits = 16;  // of a digest

std::string Short(const Digest& digest) {
  return ToHex(digest).substr(0, kDigits);
}

std::vector<std::string> DevicesOf(const Direction& direction) {
  uint64_t all = 0;
  std::vector<std::string> out;
  for (const procedures::DirectedGroup& group : direction.groups) {
    all += group.population_count;
    out.push_back(fmt::format("{}: {} of type {}, population {}", group.name, Count(group.population_count, "Device"),
                              group.device_type, Short(group.population_digest)));
  }
  out.insert(out.begin(), Count(all, "Device") + " in all");
  return out;
}

std::vector<std::string> CellsOf(const Direction& direction) {
  std::vector<std::string> out;
  for (const procedures::DirectedGroup& group : direction.groups) {
    for (const procedures::DirectedReplacement& one : group.replacements)
      out.push_back(fmt::format("{}: {} gets certificate {}", group.name, one.cell, Short(one.certificate)));
  }
  return out;
}

std::vector<std::string> LinesOf(const std::string& name, const Direction& direction) {
  if (name == "key")
    return {fmt::format("the {} key, certificate {}", direction.key, Short(direction.key_certificate))};
  if (name == "procedure")
    return {fmt::format("{}, runbook {}, mode {}, for {} in {}", direction.procedure, Short(direction.procedure_digest),
                        direction.mode, direction.incident, direction.environment.ToString())};
  if (name == "devices") return DevicesOf(direction);
  if (name == "cells") return CellsOf(direction);
  if (name == "validity")
    return {fmt::format("{} to {}", FormatTime(direction.not_before), FormatTime(direction.not_after))};
  const procedures::DirectionLimits& limits = direction.limits;
  return {fmt::format("{} a Device, {} in all, {} unproven at a time, {} a second",
                      Count(limits.attempts_per_device, "attempt"), Count(limits.total, "signature"),
                      Count(limits.outstanding), Count(limits.rate_per_second))};
}

Status CheckNames(const std::vector<std::string>& given) {
  for (const std::string& name : given) {
    if (std::find(kNames.begin(), kNames.end(), name) == kNames.end())
      return InvalidArgument("--yes {}: there is no such thing to consent to; there are {}", name, ConsentNames());
  }
  return OkStatus();
}

// Until it is y or n. The end of the input is a no.
bool SaysYes(const Command& command) {
  for (std::string answer; command.Print("  consent? y/n: "), std::getline(std::cin, answer);) {
    if (answer == "y" || answer == "yes") return true;
    if (answer == "n" || answer == "no") return false;
  }
  return false;
}

}  // namespace

std::string ConsentNames() {
  return fmt::format("{}", fmt::join(kNames, ","));
}

std::vector<ConsentItem> ConsentItems(const Direction& direction) {
  std::vector<ConsentItem> out;
  for (const char* name : kNames) out.push_back({name, LinesOf(name, direction)});
  return out;
}

Status Consent(const Command& command, const Direction& direction, const std::vector<std::string>& given) {
  SMKI_RETURN_IF_ERROR(CheckNames(given));
  for (const ConsentItem& item : ConsentItems(direction)) {
    if (std::find(given.begin(), given.end(), item.name) != given.end()) continue;
    if (!command.can_ask()) {
      return FailedPrecondition(
          "nobody can be asked here whether they consent to the {} of {} (standard input and output are not both a "
          "terminal, or the output is json); nothing was signed. Next: review it, then give --digest, and --yes {} for "
          "what you consent to",
          item.name, direction.id, ConsentNames());
    }
    std::string shown = "\n";
    for (const std::string& line : item.lines)
      shown += Fact(&line == &item.lines.front() ? item.name : "", Printable(line), 10);
    command.Print(shown);
    if (SaysYes(command)) continue;
    return procedures::Refuse(
        procedures::Reason::kCONSENT_REFUSED,
        fmt::format("you do not consent to the {} of {}; nothing was signed", item.name, direction.id));
  }
  return OkStatus();
}

}  // namespace smki::cli
