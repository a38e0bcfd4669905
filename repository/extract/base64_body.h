// Base64 (RFC 4648 section 4) as certificate bodies have it: strict, but folded by any white space. Private to this
// room; base/bytes.h has the general one, a fifth as fast. Any thread.
#pragma once

#include <string_view>

#include "base/bytes.h"

namespace smki::repository {

// Appends what `text` stands for to `out`. False, with `out` as it was, if a character is neither Base64 nor white
// space, padding is wrong or missing, or bits behind the last octet are not zero.
bool AppendBase64(std::string_view text, Bytes& out);

}  // namespace smki::repository
