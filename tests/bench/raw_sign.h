// The physical limit of signing: PKCS#11 C_Sign and nothing else.
#pragma once

#include <algorithm>
#include <string>

#include "base/status.h"

namespace smki::bench {

struct RawSign {
  double token_key_one_thread = 0;  // signatures a second
  double session_copy_one_thread = 0;
  double session_copy_two_threads = 0;
  double Best() const { return std::max({token_key_one_thread, session_copy_one_thread, session_copy_two_threads}); }
};

// Makes a SoftHSM token of its own in `folder` and signs digests for `seconds` with each kind of key.
StatusOr<RawSign> MeasureRawSign(const std::string& folder, double seconds);

}  // namespace smki::bench
