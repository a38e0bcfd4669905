// What --output json is made of: one object a command, keys in the order they are written.
#pragma once

#include <nlohmann/json.hpp>
#include <string>

namespace smki::cli {

using Json = nlohmann::ordered_json;

// JSON on one line, or indented for a terminal. Octets that are no UTF-8 are replaced.
std::string Dump(const Json& object, bool indented = false);

}  // namespace smki::cli
