#include "procedures/reason.h"

#include <gtest/gtest.h>

#include <fstream>
#include <set>
#include <sstream>

namespace smki::procedures {
namespace {

TEST(Reason, EveryCodeIsFoundAgainAndStandsOnce) {
  std::set<std::string_view> codes;
  for (const Reason reason : AllReasons()) {
    EXPECT_TRUE(codes.insert(TextOf(reason).code).second) << TextOf(reason).code;
    EXPECT_EQ(ReasonFromCode(TextOf(reason).code), reason);
  }
  EXPECT_EQ(ReasonFromCode("NO_SUCH_CODE"), std::nullopt);
}

TEST(Reason, ARefusalSaysTheCodeTheDetailAndWhatToDoNext) {
  const Status status = Refuse(Reason::kQUORUM_SHORT, "2 of 3 approvals");
  EXPECT_EQ(Message(status), "QUORUM_SHORT: 2 of 3 approvals. Next: collect the missing approvals");
  EXPECT_EQ(ReasonOf(status), "QUORUM_SHORT");
  EXPECT_TRUE(IsRefusal(status, Reason::kQUORUM_SHORT));
  EXPECT_FALSE(IsRefusal(status, Reason::kNO_DIRECTION));
  EXPECT_FALSE(IsRefusal(OkStatus(), Reason::kQUORUM_SHORT));
  EXPECT_EQ(status.code(), StatusCode::kFailedPrecondition);
  EXPECT_EQ(Refuse(Reason::kNOT_PERMITTED, "").code(), StatusCode::kPermissionDenied);
  EXPECT_EQ(Refuse(Reason::kBAD_REQUEST, "").code(), StatusCode::kInvalidArgument);
}

// docs/formats/reason-codes.md is the list in words: "| `CODE` | meaning | next |", one row a code, in this order.
TEST(Reason, TheDocumentedListIsThisList) {
  std::ifstream file("docs/formats/reason-codes.md");
  ASSERT_TRUE(file) << "run from the root of the source tree";
  std::string documented, expected, line;
  while (std::getline(file, line)) {
    if (line.starts_with("| `")) documented += line + "\n";
  }
  for (const Reason reason : AllReasons()) {
    const ReasonText& text = TextOf(reason);
    expected += fmt::format("| `{}` | {} | {} |\n", text.code, text.meaning, text.next);
  }
  EXPECT_EQ(documented, expected);
}

}  // namespace
}  // namespace smki::procedures
