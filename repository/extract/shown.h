// Text out of a foreign file, made fit for an error message: short, printable ASCII.
#pragma once

#include <string>
#include <string_view>

namespace smki::repository {

inline std::string Shown(std::string_view text) {
  std::string out(text.substr(0, 64));
  for (char& c : out) {
    if (c < ' ' || c > '~') c = '?';
  }
  return out;
}

}  // namespace smki::repository
