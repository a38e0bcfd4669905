#include "repository/build/anon_memory.h"

#include <fstream>
#include <string>

namespace smki::repository {

uint64_t AnonBytes() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("RssAnon:")) return std::stoull(line.substr(8)) * 1024;
  }
  return 0;
}

}  // namespace smki::repository
