// Which files make a Repository: the newest FULL and every delta after it, without a gap (I7). Pure. Private to this
// room.
#pragma once

#include <string>
#include <vector>

#include "repository/extract/extract.h"

namespace smki::repository {

struct PlanRequest {
  std::string as_of = {};  // the date to restore, YYYY-MM-DD; empty: the newest there is
  int overlap_days = 1;    // deltas of so many days before the FULL's are applied too, if they are there
  std::string today = {};  // files dated later are refused; empty: any date
  bool allow_gap = false;  // days without a delta are left out and named; somebody decided that, and signed it
};

struct RebuildPlan {
  ExtractName full;
  std::vector<ExtractName> deltas;      // in date order
  std::vector<std::string> missing;     // file names of deltas that a gap leaves out; see allow_gap
  std::vector<std::string> not_needed;  // file names of deltas from before that
  std::string as_of;
};

// `files` are names or paths; other files are ignored, but one that only looks like an extract is an error.
// kFailedPrecondition with FULL_MISSING, DELTA_MISSING, DELTA_TWICE, FULL_FROM_FUTURE, DELTA_FROM_FUTURE or NAME_WRONG
// names the file.
//
// Which deltas: those after the FULL's day, each day up to the date restored to. Those of its day and of the overlap
// before it too, since nobody says at which hour a FULL was taken; but from the first of them that is there no day may
// be missing. Deltas do not expire by themselves: older ones are not needed, and no error.
StatusOr<RebuildPlan> PlanRebuild(const std::vector<std::string>& files, const PlanRequest& request);

// The deltas after `last`, the date that a store already stands at.
StatusOr<std::vector<ExtractName>> PlanDeltas(const std::vector<std::string>& files, const std::string& last,
                                              const PlanRequest& request);

}  // namespace smki::repository
