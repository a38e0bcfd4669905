// The folders on this side: whether there is room in them, and the archive of deltas. Private to this room.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace smki::repository::transfer {

bool SameFolder(const std::string& a, const std::string& b);

struct Need {
  std::string folder;
  uint64_t octets = 0;
};
// kResourceExhausted, with figures, if a file system has not room for all that goes to its folders, and a little more.
Status CheckRoom(const std::vector<Need>& needs);

// Gives every delta of `archive` that `to` lacks its name there too: a hard link, or on another file system a copy.
// Their names are added to `added`. kFailedPrecondition if `to` has one of another size.
Status ShareDeltas(const std::string& archive, const std::string& to, std::vector<std::string>& added);

}  // namespace smki::repository::transfer
