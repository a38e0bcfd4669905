#include "repository/plan.h"

#include <algorithm>
#include <set>

#include "repository/extract/shown.h"

namespace smki::repository {
namespace {

struct Extracts {
  std::set<std::string> fulls, deltas;  // dates; as text they sort as they should
};

std::string DayAfter(const std::string& date) {
  return FormatDate(*ParseDate(date) + std::chrono::hours(24));
}
std::string DayBefore(const std::string& date) {
  return FormatDate(*ParseDate(date) - std::chrono::hours(24));
}

ExtractName Delta(const std::string& date) {
  return {false, date, ExtractFileName(false, date)};
}

StatusOr<Extracts> Sort(const std::vector<std::string>& files, const std::string& target) {
  if (!target.empty() && !ParseDate(target))
    return InvalidArgument("\"{}\" is no date, expected YYYY-MM-DD", Shown(target));
  Extracts out;
  for (const std::string& file : files) {
    if (const auto name = ParseExtractName(file)) {
      (name->full ? out.fulls : out.deltas).insert(name->date);
    } else if (file.rfind("SMKIKR_", 0) == 0) {
      // A download under way, or a misnamed file: leaving it out could end the restore a day early, in silence.
      return FailedPrecondition(
          "{}: looks like an extract, but is not named SMKIKR_FULL_YYYY-MM-DD.xml.gz or "
          "SMKIKR_DELT_YYYY-MM-DD.xml.gz; finish its download, or move it away",
          Shown(file));
    }
  }
  return out;
}

// The deltas from `first` to `target`, each day.
StatusOr<std::vector<ExtractName>> Run(const Extracts& extracts, const std::string& first, const std::string& target) {
  std::vector<ExtractName> out;
  for (std::string date = first; date <= target; date = DayAfter(date)) {
    if (extracts.deltas.count(date) == 0) {
      return FailedPrecondition(
          "{} is missing: every delta from {} to {} is needed; fetch it (the Repository keeps a delta for seven "
          "days), or take it from the archive of deltas, or wait for the next SMKIKR_FULL",
          ExtractFileName(false, date), first, target);
    }
    out.push_back(Delta(date));
  }
  return out;
}

}  // namespace

StatusOr<RebuildPlan> PlanRebuild(const std::vector<std::string>& files, const std::string& target) {
  SMKI_ASSIGN_OR_RETURN(const Extracts extracts, Sort(files, target));
  auto full = target.empty() ? extracts.fulls.end() : extracts.fulls.upper_bound(target);
  if (full == extracts.fulls.begin()) {
    return FailedPrecondition(
        "there is no SMKIKR_FULL{}; fetch the newest one (its emergency download is agreed with the DCC)",
        target.empty() ? "" : " dated " + target + " or before");
  }
  const std::string full_date = *--full;
  const std::string newest = extracts.deltas.empty() ? full_date : *extracts.deltas.rbegin();
  const std::string last = !target.empty() ? target : std::max(full_date, newest);
  RebuildPlan plan;
  plan.full = {true, full_date, ExtractFileName(true, full_date)};
  // Those before, as far as they reach back without a gap: of what is not in use any more only they know.
  std::string first = DayAfter(full_date);
  while (extracts.deltas.count(DayBefore(first)) != 0) first = DayBefore(first);
  SMKI_ASSIGN_OR_RETURN(plan.deltas, Run(extracts, first, last));
  return plan;
}

StatusOr<std::vector<ExtractName>> PlanDeltas(const std::vector<std::string>& files, const std::string& last,
                                              const std::string& target) {
  SMKI_ASSIGN_OR_RETURN(const Extracts extracts, Sort(files, target));
  const std::string newest = extracts.deltas.empty() ? last : *extracts.deltas.rbegin();
  return Run(extracts, DayAfter(last), target.empty() ? newest : target);
}

}  // namespace smki::repository
