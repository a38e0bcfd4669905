#include "base/fail_point.h"

#include <signal.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <string>

#include "base/status.h"

namespace smki::internal {
namespace {

struct Armed {
  std::string name;
  long hits_left = 1;
};

Armed ReadEnvironment() {
  Armed armed;
  const char* text = std::getenv("SMKI_FAIL_POINT");
  if (text == nullptr) return armed;
  armed.name = text;
  const size_t colon = armed.name.rfind(':');
  if (colon != std::string::npos) {
    armed.hits_left = std::strtol(armed.name.c_str() + colon + 1, nullptr, 10);
    armed.name.resize(colon);
  }
  // A test that never crashes where it was told to would pass for the wrong reason.
  SMKI_CHECK(!armed.name.empty() && armed.hits_left > 0);
  return armed;
}

const Armed kArmed = ReadEnvironment();
std::atomic<long> hits_left{kArmed.hits_left};

}  // namespace

const bool fail_points_armed = std::getenv("SMKI_FAIL_POINT") != nullptr;

void HitFailPoint(const char* name) {
  if (kArmed.name != name) return;
  if (hits_left.fetch_sub(1) == 1) ::kill(::getpid(), SIGKILL);
}

}  // namespace smki::internal
