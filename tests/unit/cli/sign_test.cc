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

const std::string kAll = "key,procedure,devices,cells,validity,limits";

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
  const Answer answer =
      Sign("ann", {"--digest", DigestOfFile().substr(0, 16), "--yes", kAll, "--no-submit", "--out", out_});
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("approved"));
  EXPECT_THAT(answer.out, HasSubstr("hand " + out_ + " to"));
  EXPECT_TRUE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, I8_RefusesADirectionOfAnotherEstate) {
  PersonFolder other("estate-9");
  file_ = other.DirectionFile();
  const Answer answer =
      Sign("ann", {"--digest", DigestOfFile().substr(0, 16), "--yes", kAll, "--no-submit", "--out", out_});
  EXPECT_EQ(answer.code, 1) << answer.out;
  EXPECT_THAT(answer.err, HasSubstr("ENVIRONMENT_MISMATCH"));
  EXPECT_THAT(answer.err, HasSubstr("drill/estate-9"));
  EXPECT_FALSE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, I4_RefusesWhoHasNoSeat) {
  for (const char* person : {"kim", "leo"}) {
    const Answer answer =
        Sign(person, {"--digest", DigestOfFile().substr(0, 16), "--yes", kAll, "--no-submit", "--out", out_});
    EXPECT_EQ(answer.code, 1) << answer.out;
    EXPECT_THAT(answer.err, HasSubstr("APPROVAL_NOT_A_MEMBER")) << person;
    EXPECT_FALSE(PosixFiles().Exists(out_)) << person;
  }
  EXPECT_EQ(Sign("alt", {"--digest", DigestOfFile().substr(0, 16), "--yes", kAll, "--no-submit", "--out", out_}).code,
            0);
}

TEST_F(DirectionSign, WithoutATerminalItNeedsTheDigest) {
  const Answer answer = Sign("ann", {"--yes", kAll, "--no-submit", "--out", out_});
  EXPECT_EQ(answer.code, 1) << answer.out;
  EXPECT_THAT(answer.err, HasSubstr("--digest " + DigestOfFile().substr(0, 16)));
  EXPECT_FALSE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, WithoutATerminalItNeedsConsentToEachThingByName) {
  const std::string digest = DigestOfFile().substr(0, 16);
  const std::vector<std::string> names = {"key", "procedure", "devices", "cells", "validity", "limits"};
  for (const std::string& missing : names) {
    std::string given;
    for (const std::string& name : names) {
      if (name != missing) given += (given.empty() ? "" : ",") + name;
    }
    const Answer answer = Sign("ann", {"--digest", digest, "--yes", given, "--no-submit", "--out", out_});
    EXPECT_EQ(answer.code, 1) << answer.out;
    EXPECT_THAT(answer.err, HasSubstr("consent to the " + missing + " of"));
    EXPECT_FALSE(PosixFiles().Exists(out_)) << missing;
  }
  const Answer strange = Sign("ann", {"--digest", digest, "--yes", kAll + ",rest", "--no-submit", "--out", out_});
  EXPECT_EQ(strange.code, 1) << strange.out;
  EXPECT_THAT(strange.err, HasSubstr("--yes rest: there is no such thing"));
  EXPECT_FALSE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, AnotherDigestIsNotSigned) {
  const Answer answer = Sign("ann", {"--digest", "0000000000000000", "--yes", kAll, "--no-submit", "--out", out_});
  EXPECT_EQ(answer.code, 1) << answer.out;
  EXPECT_FALSE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, AtATerminalEachThingIsShownAndConsentedToForItself) {
  std::vector<std::string> words = {"--site",   mine_.SiteOf("ann"),          "direction",   "sign",  "--file", file_,
                                    "--digest", DigestOfFile().substr(0, 16), "--no-submit", "--out", out_};
  const Answer answer = test::AtTerminal(words, "y\nperhaps\ny\ny\ny\ny\ny\n");
  EXPECT_EQ(answer.code, 0) << answer.out;
  size_t at = 0;
  for (const char* shown :
       {"the recovery key, certificate", "runbook ", "in all", "gets certificate", "to 20", "attempt"}) {
    const size_t next = answer.out.find(shown, at);
    ASSERT_NE(next, std::string::npos) << shown << " in " << answer.out;
    at = next;
  }
  EXPECT_TRUE(PosixFiles().Exists(out_));
}

TEST_F(DirectionSign, OneNoAndNothingIsSigned) {
  std::vector<std::string> words = {"--site",   mine_.SiteOf("ann"),          "direction",   "sign",  "--file", file_,
                                    "--digest", DigestOfFile().substr(0, 16), "--no-submit", "--out", out_};
  for (const int yes : {0, 3, 5}) {
    std::string typed;
    for (int i = 0; i < yes; ++i) typed += "y\n";
    const Answer answer = test::AtTerminal(words, typed + "n\n");
    EXPECT_EQ(answer.code, 1) << answer.out;
    EXPECT_THAT(answer.out, HasSubstr("CONSENT_REFUSED"));
    EXPECT_THAT(answer.out, HasSubstr("smkictl direction reject"));
    EXPECT_FALSE(PosixFiles().Exists(out_)) << yes;
  }
}

TEST_F(DirectionSign, NobodyIsAskedAboutAnotherDirectionThanTheyRead) {
  const Answer answer = test::AtTerminal({"--site", mine_.SiteOf("ann"), "direction", "sign", "--file", file_,
                                          "--digest", "0000000000000000", "--no-submit", "--out", out_},
                                         "y\ny\ny\ny\ny\ny\n");
  EXPECT_EQ(answer.code, 1) << answer.out;
  EXPECT_THAT(answer.out, ::testing::Not(HasSubstr("consent?")));
}

TEST_F(DirectionSign, WithoutSubmittingItNeedsAFileToWrite) {
  EXPECT_EQ(Sign("ann", {"--digest", DigestOfFile().substr(0, 16), "--yes", kAll, "--no-submit"}).code, 2);
}

TEST_F(DirectionSign, NeverOverwritesAFile) {
  std::ofstream(out_) << "precious";
  const Answer answer =
      Sign("ann", {"--digest", DigestOfFile().substr(0, 16), "--yes", kAll, "--no-submit", "--out", out_});
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
