// Addresses of site files, read in one place for every program.
#pragma once

#include <string>
#include <string_view>

#include "base/yaml.h"

namespace smki {

// "HOST:PORT", port 1 to 65535; an IPv6 host in brackets. Errors "FILE:LINE:COLUMN: 'key' must be ...".
StatusOr<std::string> ReadAddress(const YamlNode& mapping, std::string_view key);
// Where a server of ours listens: "127.0.0.1:PORT" or "[::1]:PORT"; port 0 picks a free one.
StatusOr<std::string> ReadListenAddress(const YamlNode& mapping, std::string_view key);

}  // namespace smki
