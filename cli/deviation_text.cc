#include "cli/deviation_text.h"

#include <algorithm>

namespace smki::cli {
namespace {

using recovery::v1::DeviationView;
using recovery::v1::IncidentView;

constexpr size_t kShown = 16;  // digits of a digest
constexpr size_t kLabel = 9;

procedures::Deviation AskedBy(const DeviationView& view) {
  return {procedures::DeviationKindFrom(view.kind()).value_or(procedures::DeviationKind::kSkip),
          view.step(),
          view.not_after(),
          view.runbook(),
          view.why(),
          view.witness()};
}

bool MayApprove(const DeviationView& one, const Reader& reader) {
  if (reader.entry == nullptr || one.standing() != "waiting" || one.requested_by() == reader.entry->id) return false;
  const auto& approved = one.approved_by();
  if (std::find(approved.begin(), approved.end(), reader.entry->id) != approved.end()) return false;
  return one.approver().empty() ? reader.policy->SeatOf(reader.entry->id) != nullptr
                                : reader.entry->HasRole(one.approver());
}

std::string One(const IncidentView& view, const DeviationView& one, const Reader& reader, const Style& style) {
  const std::string standing = one.standing() == "waiting" ? style.Strong(one.standing()) : style.Faint(one.standing());
  std::string out = fmt::format("\n{}  {}\n", standing, Printable(procedures::InWords(AskedBy(one))));
  out += Fact("why", Printable(one.why()), kLabel);
  out += Fact("asked",
              Printable(fmt::format("by {} at {}, seen by {}", one.requested_by(), ClockTime({one.requested_ms()}),
                                    one.witness())),
              kLabel);
  if (one.approved_by_size() > 0)
    out += Fact("approved", Printable(fmt::format("by {}", fmt::join(one.approved_by(), ", "))), kLabel);
  out += Fact("request", one.digest().substr(0, kShown), kLabel);
  if (one.standing() != "waiting") return out;
  if (MayApprove(one, reader)) {
    return out + ToPaste("do", fmt::format("smkictl incident deviate --approve {} --incident {} --expect {}",
                                           one.digest().substr(0, kShown), view.incident(), view.sequence()));
  }
  return out + Fact("wait",
                    one.approver().empty() ? "the PMA must approve it, with its quorum"
                                           : "another person must approve it: " + one.approver(),
                    kLabel);
}

}  // namespace

std::string DeviationsText(const IncidentView& view, const Reader& reader, const Style& style) {
  std::string out;
  for (const DeviationView& one : view.deviations()) out += One(view, one, reader, style);
  return out.empty() ? "" : "\n" + style.Strong("deviations") + out;
}

std::string WaitingDeviationsText(const IncidentView& view, const Reader& reader, const Style& style) {
  std::string out;
  for (const DeviationView& one : view.deviations()) {
    if (one.standing() == "waiting") out += One(view, one, reader, style);
  }
  return out;
}

Json DeviationsJson(const IncidentView& view) {
  Json out = Json::array();
  for (const DeviationView& one : view.deviations())
    out.push_back({{"digest", one.digest()},
                   {"kind", one.kind()},
                   {"step", one.step()},
                   {"not_after", one.not_after()},
                   {"runbook", one.runbook()},
                   {"why", one.why()},
                   {"witness", one.witness()},
                   {"requested_by", one.requested_by()},
                   {"requested", FormatTimeMillis({one.requested_ms()})},
                   {"standing", one.standing()},
                   {"approved_by", std::vector<std::string>(one.approved_by().begin(), one.approved_by().end())},
                   {"approver", one.approver()}});
  return out;
}

}  // namespace smki::cli
