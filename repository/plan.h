// Which files make a Repository: the newest FULL and every delta after it, without a gap (I7). Pure. Private to this
// room.
#pragma once

#include <string>
#include <vector>

#include "repository/extract/extract.h"

namespace smki::repository {

struct RebuildPlan {
  ExtractName full;
  std::vector<ExtractName> deltas;  // in date order; those up to the FULL's own date belong to what it already holds
};

// `files` are the names in the extracts folder; other files are ignored, but one that only looks like an extract is an
// error. `target` is the date to restore, empty: the newest there is. kFailedPrecondition names the missing file.
StatusOr<RebuildPlan> PlanRebuild(const std::vector<std::string>& files, const std::string& target);

// The deltas after `last`, the date that a store already stands at.
StatusOr<std::vector<ExtractName>> PlanDeltas(const std::vector<std::string>& files, const std::string& last,
                                              const std::string& target);

}  // namespace smki::repository
