#include "repository/plan.h"

#include <algorithm>
#include <map>

#include "repository/extract/gzip_name.h"
#include "repository/extract/shown.h"
#include "repository/reason.h"

namespace smki::repository {
namespace {

constexpr size_t kWidestGap = 31;      // days; the next FULL is a week away
constexpr size_t kMostFiles = 20'000;  // 54 years of deltas; a record's place has 16 bits for its file

struct Extracts {
  std::map<std::string, ExtractName> fulls, deltas;  // by date; as text they sort as they should
};

Status Refused(Refusal refusal, const std::string& detail) {
  return Refuse(refusal, detail, StatusCode::kFailedPrecondition);
}

std::string DaysAfter(const std::string& date, int days) {
  return FormatDate(*ParseDate(date) + std::chrono::hours(24) * days);
}

StatusOr<Extracts> Sort(const std::vector<std::string>& files, const PlanRequest& request) {
  if (!request.as_of.empty() && !ParseDate(request.as_of))
    return InvalidArgument("\"{}\" is no date, expected YYYY-MM-DD", Shown(request.as_of));
  if (files.size() > kMostFiles)
    return InvalidArgument("{} files: more than {} are no folder of extracts; keep those of one year", files.size(),
                           kMostFiles);
  Extracts out;
  for (const std::string& file : files) {
    const std::string base = FileNameOf(file);
    auto name = ParseExtractName(base);
    if (!name) {
      if (!base.starts_with("SMKIKR_")) continue;
      // A download under way, or a misnamed file: leaving it out could end the restore a day early, in silence.
      return Refused(Refusal::kNAME_WRONG,
                     fmt::format("{}: looks like an extract, but is not named SMKIKR_FULL_YYYY-MM-DD.xml.gz or "
                                 "SMKIKR_DELT_YYYY-MM-DD.xml.gz; finish its download, or move it away",
                                 Shown(base)));
    }
    name->file = file;
    auto& kind = name->full ? out.fulls : out.deltas;
    // What is newer than the date restored to does not matter.
    const bool ignored = !request.as_of.empty() && name->date > request.as_of;
    if (!request.today.empty() && name->date > request.today && !ignored) {
      return Refused(name->full ? Refusal::kFULL_FROM_FUTURE : Refusal::kDELTA_FROM_FUTURE,
                     fmt::format("{}: is dated after today, {}; check the clock and the file, or move it away", base,
                                 request.today));
    }
    if (!kind.emplace(name->date, *name).second) {
      return Refused(Refusal::kDELTA_TWICE,
                     fmt::format("{} is given twice, as {} and as {}; keep the one that can be trusted", base,
                                 Shown(kind.at(name->date).file), Shown(file)));
    }
  }
  return out;
}

// The deltas from `first` to `target`, each day. Those that are not there go to `missing`; null: none may be.
StatusOr<std::vector<ExtractName>> Run(const Extracts& extracts, const std::string& first, const std::string& target,
                                       std::vector<std::string>* missing) {
  std::vector<ExtractName> out;
  for (std::string date = first; date <= target; date = DaysAfter(date, 1)) {
    const auto delta = extracts.deltas.find(date);
    if (delta == extracts.deltas.end() && missing != nullptr) {
      missing->push_back(ExtractFileName(false, date));
      if (missing->size() <= kWidestGap) continue;
      return Refused(Refusal::kDELTA_MISSING,
                     fmt::format("more than {} deltas are missing between {} and {}: that is no gap; fetch a newer "
                                 "SMKIKR_FULL",
                                 kWidestGap, first, target));
    }
    if (delta == extracts.deltas.end()) {
      return Refused(Refusal::kDELTA_MISSING,
                     fmt::format("{} is missing: every delta from {} to {} is needed; fetch it (the Repository keeps a "
                                 "delta for seven days), or take it from the archive of deltas, or wait for the next "
                                 "SMKIKR_FULL",
                                 ExtractFileName(false, date), first, target));
    }
    out.push_back(delta->second);
  }
  return out;
}

}  // namespace

StatusOr<RebuildPlan> PlanRebuild(const std::vector<std::string>& files, const PlanRequest& request) {
  SMKI_ASSIGN_OR_RETURN(const Extracts extracts, Sort(files, request));
  auto full = request.as_of.empty() ? extracts.fulls.end() : extracts.fulls.upper_bound(request.as_of);
  if (full == extracts.fulls.begin()) {
    return Refused(Refusal::kFULL_MISSING,
                   fmt::format("there is no SMKIKR_FULL{}; fetch the newest one (its emergency download is agreed with "
                               "the DCC)",
                               request.as_of.empty() ? "" : " dated " + request.as_of + " or before"));
  }
  RebuildPlan plan;
  plan.full = (--full)->second;
  const std::string newest = extracts.deltas.empty() ? plan.full.date : extracts.deltas.rbegin()->first;
  plan.as_of = !request.as_of.empty() ? request.as_of : std::max(plan.full.date, newest);
  const auto first = extracts.deltas.lower_bound(DaysAfter(plan.full.date, -std::clamp(request.overlap_days, 0, 366)));
  for (auto old = extracts.deltas.begin(); old != first; ++old) plan.not_needed.push_back(FileNameOf(old->second.file));
  const std::string next = DaysAfter(plan.full.date, 1);
  const std::string begin = first == extracts.deltas.end() ? next : std::min(first->first, next);
  SMKI_ASSIGN_OR_RETURN(plan.deltas, Run(extracts, begin, plan.as_of, request.allow_gap ? &plan.missing : nullptr));
  return plan;
}

StatusOr<std::vector<ExtractName>> PlanDeltas(const std::vector<std::string>& files, const std::string& last,
                                              const PlanRequest& request) {
  SMKI_ASSIGN_OR_RETURN(const Extracts extracts, Sort(files, request));
  const std::string newest = extracts.deltas.empty() ? last : extracts.deltas.rbegin()->first;
  return Run(extracts, DaysAfter(last, 1), request.as_of.empty() ? newest : request.as_of, nullptr);
}

}  // namespace smki::repository
