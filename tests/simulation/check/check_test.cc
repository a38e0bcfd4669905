#include "tests/simulation/check/test_history.h"

namespace smki::simulation::test {
namespace {

TEST(Checks, AnHonestHistoryGivesNoViolation) {
  for (const Violation& violation : Tell(Honest())) ADD_FAILURE() << violation.invariant << ": " << violation.what;
}

}  // namespace
}  // namespace smki::simulation::test
