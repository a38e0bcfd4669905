// Who and what a Direction is about, and what it leaves out of reach. All of it follows from its own octets and the
// certificates that it names.
#include <algorithm>
#include <array>

#include "cli/brief.h"
#include "gbcs/credentials.h"

namespace smki::cli {
namespace {

using procedures::DirectedGroup;
using procedures::Direction;

constexpr char kSupplierCells[] = "supplier/";
// Of the cells that Devices have (GBCS 13.3.5.11).
constexpr std::array kRoles = {gbcs::Role::kRoot,
                               gbcs::Role::kRecovery,
                               gbcs::Role::kSupplier,
                               gbcs::Role::kNetworkOperator,
                               gbcs::Role::kAccessControlBroker,
                               gbcs::Role::kTransitionalCos,
                               gbcs::Role::kWanProvider,
                               gbcs::Role::kLoadController};

BriefOwner OwnerOf(const BriefGroup& group) {
  for (const BriefCell& cell : group.cells) {
    if (cell.cell.starts_with(kSupplierCells) && cell.certificate && cell.certificate->subject_eui)
      return {cell.certificate->subject_eui, cell.certificate->subject_cn, group.directed->population_count};
  }
  return {std::nullopt, "", group.directed->population_count};
}

// Roles none of whose cells is directed in any group.
std::string UntouchedRoles(const Direction& direction) {
  std::string out;
  for (const gbcs::Role one : kRoles) {
    const std::string role = gbcs::Name(one);
    const bool touched = std::any_of(direction.groups.begin(), direction.groups.end(), [&](const DirectedGroup& group) {
      return std::any_of(group.replacements.begin(), group.replacements.end(),
                         [&](const auto& replacement) { return replacement.cell.starts_with(role + "/"); });
    });
    if (!touched) out += (out.empty() ? "" : ", ") + role;
  }
  return out;
}

// The only organisations whose certificates a Device can be given.
std::string Organisations(const Brief& brief) {
  std::vector<std::string> names;
  for (const BriefGroup& group : brief.groups) {
    for (const BriefCell& cell : group.cells) {
      if (!cell.certificate || !cell.certificate->subject_eui) continue;
      std::string name = cell.certificate->subject_eui->ToString();
      if (!cell.certificate->subject_cn.empty()) name = cell.certificate->subject_cn + " " + name;
      if (std::find(names.begin(), names.end(), name) == names.end()) names.push_back(std::move(name));
    }
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

}  // namespace

void AddKindsAndOwners(Brief& brief) {
  for (const BriefGroup& group : brief.groups) {
    const DirectedGroup& directed = *group.directed;
    const auto kind = std::find_if(brief.kinds.begin(), brief.kinds.end(),
                                   [&](const BriefKind& one) { return one.device_type == directed.device_type; });
    if (kind == brief.kinds.end()) {
      brief.kinds.push_back({directed.device_type, directed.population_count});
    } else {
      kind->devices += directed.population_count;
    }
    const BriefOwner found = OwnerOf(group);
    const auto owner = std::find_if(brief.owners.begin(), brief.owners.end(),
                                    [&](const BriefOwner& one) { return one.organisation == found.organisation; });
    if (owner == brief.owners.end()) {
      brief.owners.push_back(found);
    } else {
      owner->devices += found.devices;
    }
  }
}

std::vector<std::string> CannotDo(const Brief& brief) {
  const Direction& direction = brief.direction;
  const procedures::DirectionLimits& limits = direction.limits;
  std::vector<std::string> out;
  if (const std::string roles = UntouchedRoles(direction); !roles.empty())
    out.push_back(fmt::format("replace anything in a cell of these roles, on any Device: {}", roles));
  out.push_back(
      fmt::format("reach a Device that is not one of the {} in the directed populations", Count(brief.devices)));
  if (const std::string organisations = Organisations(brief); !organisations.empty())
    out.push_back("give a Device the certificate of another organisation than: " + organisations);
  out.push_back(fmt::format("have anything signed before {} or after {}", FormatTime(direction.not_before),
                            FormatTime(direction.not_after)));
  out.push_back(fmt::format("send one Device more than {}, or have more than {} made in all",
                            Count(limits.attempts_per_device, "command"), Count(limits.total, "signature")));
  out.push_back(fmt::format("go on while {} Devices are signed for and have not proven it", Count(limits.outstanding)));
  out.push_back(fmt::format("use another key than the {} key named here, or that key in another mode", direction.key));
  out.push_back(fmt::format("serve in another environment than {}, or in another incident than {}",
                            direction.environment.ToString(), direction.incident));
  return out;
}

}  // namespace smki::cli
