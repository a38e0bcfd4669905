// A digest for reading aloud on the telephone: 32 words, each an octet, hard to mishear.
#pragma once

#include <string>
#include <vector>

#include "base/bytes.h"

namespace smki::cli {

// So many words a line.
std::vector<std::string> SpokenLines(ByteSpan octets, size_t words = 8);

}  // namespace smki::cli
