// What a person reads when something did not work.
#include "cli/command.h"

#include <gtest/gtest.h>

#include "procedures/reason.h"

namespace smki::cli {
namespace {

TEST(Command, ARefusalShowsCodeReasonAndNextAction) {
  const std::string text = FailureText(
      procedures::Refuse(procedures::Reason::kSTALE_PAGE, "the page was read at 4, INC-1 is at 5"), Style());
  EXPECT_EQ(text,
            "refused  STALE_PAGE\n"
            "  why   the page was read at 4, INC-1 is at 5.\n"
            "  next  read the status again, then decide\n");
}

TEST(Command, ARefusalFromAServerWithoutNextActionStillHasOne) {
  const std::string text = FailureText(WithReason(FailedPrecondition("no"), "SHARES_TOO_FEW"), Style());
  EXPECT_NE(text.find("next  more custodians must present"), std::string::npos) << text;
}

TEST(Command, AServerThatIsAwayIsNoRefusal) {
  const Json json = FailureJson(Unavailable("failed to connect to all addresses"));
  EXPECT_EQ(json["error"]["reason"], "");
  EXPECT_NE(json["error"]["next"].get<std::string>().find("server is running"), std::string::npos);
}

TEST(Command, ALostAnswerSaysToLookBeforeRepeating) {
  const Json json = FailureJson(Error(StatusCode::kDeadlineExceeded, "deadline"));
  EXPECT_NE(json["error"]["next"].get<std::string>().find("incident status"), std::string::npos);
}

TEST(Command, RunTurnsAStatusIntoTheExitCode) {
  Command good, bad, fault;
  good.Run([] { return OkStatus(); });
  bad.Run([] { return NotFound("test: nothing is there"); });
  fault.FoundFault();
  EXPECT_EQ(good.exit_code(), 0);
  EXPECT_EQ(bad.exit_code(), 1);
  EXPECT_EQ(fault.exit_code(), 1);
}

TEST(Command, WithoutASiteItAsksWhoYouAre) {
  const Command command;
  EXPECT_NE(Message(command.LoadPerson().status()).find("SMKI_SITE"), std::string::npos);
}

}  // namespace
}  // namespace smki::cli
