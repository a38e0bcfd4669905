// Text that people read: what may not be in it, because it would hide, reorder or disturb.
#pragma once

#include <cstddef>
#include <string_view>

namespace smki {

// Null if `text` is UTF-8 without control characters (line feed is allowed), separators that break lines, and
// characters that are invisible or reorder text. Otherwise what was found; `at` is its octet offset.
const char* FindUnreadable(std::string_view text, size_t& at);

// Readable, and on one line.
bool IsReadableLine(std::string_view text);

}  // namespace smki
