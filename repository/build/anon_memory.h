// How much memory of its own the process has: RssAnon of /proc/self/status, which does not count mapped files. Private
// to this room.
#pragma once

#include <cstdint>

namespace smki::repository {

uint64_t AnonBytes();  // 0 if it cannot be read

}  // namespace smki::repository
