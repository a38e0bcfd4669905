// Named places where a test may stop the process as a power cut would (kill -9 of itself).
//
//   SMKI_FAIL_POINT=signer.journal.burned:3   the third time it gets there
//
// Without the variable a fail point costs one predictable branch. A name is used once in the tree and listed
// in docs/formats/fail-points.md.
#pragma once

namespace smki {

namespace internal {
extern const bool fail_points_armed;
void HitFailPoint(const char* name);
}  // namespace internal

inline void FailPoint(const char* name) {
  if (internal::fail_points_armed) internal::HitFailPoint(name);
}

}  // namespace smki
