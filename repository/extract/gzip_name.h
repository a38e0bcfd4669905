// The name inside a gzip file. Private to this room.
#pragma once

#include <string>
#include <string_view>

namespace smki::repository {

inline std::string FileNameOf(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

// The last part of the path without ".gz"; empty if it does not end so.
inline std::string InnerName(const std::string& path) {
  constexpr std::string_view kSuffix = ".gz";
  const std::string file = FileNameOf(path);
  if (file.size() <= kSuffix.size() || !file.ends_with(kSuffix)) return "";
  return file.substr(0, file.size() - kSuffix.size());
}

}  // namespace smki::repository
