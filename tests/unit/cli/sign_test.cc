// What `direction sign` must not sign, whoever asks; no server is needed to say no.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "base/file.h"
#include "cli/json.h"
#include "pki/digest.h"
#include "terminal.h"

namespace smki::cli {
namespace {

using test::Answer;
using test::PersonFolder;
using test::Smkictl;
using ::testing::HasSubstr;

class DirectionSign : public ::testing::Test {
 protected:
  Answer Sign(const std::string& person, std::vector<std::string> more) {
    std::vector<std::string> words = {"--site", mine_.SiteOf(person), "direction", "sign", "--file", file_};
    words.insert(words.end(), more.begin(), more.end());
    return Smkictl(words);
  }
  std::string DigestOfFile() const { return ToHex(pki::Sha256(*PosixFiles().Read(file_, 1 << 20))); }

  PersonFolder mine_;
  std::string out_ = mine_ / "approval.cms";
  std::string file_ = mine_.DirectionFile();
};

TEST_F(DirectionSign, WritesTheApprovalOfWhatWasNamed) {
  const Answer answer = Sign("ann", {"--digest", DigestOfFile().substr(0, 16), "--no-submit", "--out", out_});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("approved"));
  EXPECT_THAT(answer.out, HasSubstr("hand " + out_ + " to"));
  EXPECT_TRUE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, I8_RefusesADirectionOfAnotherEstate) {
  PersonFolder other("estate-9");
  file_ = other.DirectionFile();
  const Answer answer = Sign("ann", {"--yes", "--no-submit", "--out", out_});
  EXPECT_EQ(answer.code, 1) << answer.out;
  EXPECT_THAT(answer.err, HasSubstr("ENVIRONMENT_MISMATCH"));
  EXPECT_THAT(answer.err, HasSubstr("drill/estate-9"));
  EXPECT_FALSE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, I4_RefusesWhoHasNoSeat) {
  for (const char* person : {"kim", "leo"}) {
    const Answer answer = Sign(person, {"--yes", "--no-submit", "--out", out_});
    EXPECT_EQ(answer.code, 1) << answer.out;
    EXPECT_THAT(answer.err, HasSubstr("APPROVAL_NOT_A_MEMBER")) << person;
    EXPECT_FALSE(PosixFiles().Exists(out_)) << person;
  }
  EXPECT_EQ(Sign("alt", {"--yes", "--no-submit", "--out", out_}).code, 0);
}

TEST_F(DirectionSign, WithoutATerminalItNeedsTheDigestOrYes) {
  const Answer answer = Sign("ann", {"--no-submit", "--out", out_});
  EXPECT_EQ(answer.code, 1) << answer.out;
  EXPECT_THAT(answer.err, HasSubstr("--digest " + DigestOfFile().substr(0, 16)));
  EXPECT_FALSE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, AnotherDigestIsNotSigned) {
  const Answer answer = Sign("ann", {"--digest", "0000000000000000", "--no-submit", "--out", out_});
  EXPECT_EQ(answer.code, 1) << answer.out;
  EXPECT_FALSE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, WithoutSubmittingItNeedsAFileToWrite) {
  EXPECT_EQ(Sign("ann", {"--yes", "--no-submit"}).code, 2);
}

TEST_F(DirectionSign, NeverOverwritesAFile) {
  std::ofstream(out_) << "precious";
  const Answer answer = Sign("ann", {"--yes", "--no-submit", "--out", out_});
  EXPECT_EQ(answer.code, 1) << answer.out;
  EXPECT_THAT(answer.err, HasSubstr(out_ + " is there already"));
  EXPECT_EQ(ToString(*PosixFiles().Read(out_, 100)), "precious");
}

TEST_F(DirectionSign, I8_ARejectionAndAnOrderAreOfOnesOwnEstateToo) {
  PersonFolder other("estate-9");
  for (const char* verb : {"reject", "halt"}) {
    const Answer answer =
        Smkictl({"--site", mine_.SiteOf("ann"), "direction", verb, "--file", other.DirectionFile(), "--reason", "why"});
    EXPECT_EQ(answer.code, 1);
    EXPECT_THAT(answer.err, HasSubstr("ENVIRONMENT_MISMATCH")) << verb;
  }
}

}  // namespace
}  // namespace smki::cli
