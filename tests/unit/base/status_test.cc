#include "base/status.h"

#include <gtest/gtest.h>

namespace smki {
namespace {

StatusOr<int> Number(bool good) {
  if (!good) return NotFound("no number {}", 7);
  return 7;
}
Status Use(bool good, int& out) {
  SMKI_ASSIGN_OR_RETURN(out, Number(good));
  SMKI_RETURN_IF_ERROR(OkStatus());
  return OkStatus();
}

TEST(StatusTest, MacrosPassErrorsOnAndTakeValues) {
  int value = 0;
  EXPECT_TRUE(Use(true, value).ok());
  EXPECT_EQ(value, 7);
  const Status status = Use(false, value);
  EXPECT_EQ(status.code(), StatusCode::kNotFound);
  EXPECT_EQ(Message(status), "no number 7");
}

TEST(StatusTest, ContextKeepsCodeAndReason) {
  const Status refused = WithReason(PermissionDenied("no"), "NO_DIRECTION");
  const Status status = WithContext(refused, "keyguard");
  EXPECT_EQ(status.code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(Message(status), "keyguard: no");
  EXPECT_EQ(ReasonOf(status), "NO_DIRECTION");
  EXPECT_EQ(ReasonOf(OkStatus()), "");
  EXPECT_TRUE(WithContext(OkStatus(), "x").ok());
}

TEST(StatusTest, ABrokenCheckEndsTheProcess) {
  EXPECT_DEATH(SMKI_CHECK(1 == 2), "must hold, does not: 1 == 2");
}

}  // namespace
}  // namespace smki
