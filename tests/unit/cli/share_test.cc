// A custodian looks whether their share is still good, at home; and what the records of that add up to.
#include "procedures/evidence/share.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/clock.h"
#include "base/file.h"
#include "cli/json.h"
#include "cli/margin.h"
#include "procedures/evidence/share_check.h"
#include "terminal.h"

namespace smki::cli {
namespace {

using test::Answer;
using test::PersonFolder;
using test::Smkictl;
using ::testing::HasSubstr;
using ::testing::Not;

void Write(const std::string& path, ByteSpan octets, bool secret = false) {
  ASSERT_TRUE(PosixFiles().WriteDurably(path, octets, secret).ok()) << path;
}
template <typename T>
T Must(StatusOr<T> value) {
  SMKI_CHECK(value.ok());
  return *std::move(value);
}

// Three custodians with shares of their own; two open the recovery key.
class ShareTest : public ::testing::Test {
 protected:
  ShareTest() {
    const char* persons[] = {"kim", "kay", "kit"};
    for (uint8_t i = 0; i < 3; ++i) {
      pki::PrivateKey key = Must(pki::PrivateKey::Generate());
      const pki::Certificate certificate =
          mine_.people.Issue(persons[i], pki::kKeyAgreement, key.public_key(), now_ - std::chrono::hours(24),
                             now_ + std::chrono::hours(24 * 30));
      for (procedures::Person& person : mine_.people.policy.persons) {
        if (person.id == persons[i]) person.agreement_certificate.bytes = certificate.der();
      }
      std::filesystem::create_directories(mine_ / (std::string(persons[i]) + "-share"));
      Write(mine_ / (std::string(persons[i]) + ".agree.key.pem"), key.ToPem().span(), true);
      Write(mine_ / (std::string(persons[i]) + ".agree.crt.pem"), AsBytes(certificate.ToPem()));
      procedures::ShareRecord share{{"drill", "estate-7"},
                                    "recovery",
                                    persons[i],
                                    static_cast<uint8_t>(i + 1),
                                    Secret(Bytes(50, 0xA0 + i)),
                                    Secret(Bytes(procedures::kShareSalt, 0xB0 + i))};
      mine_.people.policy.keys[0].custodians[i].commitment = procedures::CommitmentOf(share);
      Write(ShareFile(persons[i]), Must(pki::Envelop(procedures::EncodeShareRecord(share).span(), certificate)));
      shares_.emplace(persons[i], std::move(share));
    }
    Write(mine_ / "persons.crl",
          mine_.people.RevocationList({}, now_ - std::chrono::hours(1), now_ + std::chrono::hours(20)));
  }
  std::string ShareFile(const std::string& person) { return mine_ / (person + "-share/share-recovery.cms"); }
  std::string ChecksOf(const std::string& person) { return mine_ / (person + "-share/share-checks"); }
  std::string Site(const std::string& person) {
    const std::string site = mine_.SiteOf(person);
    const std::string text = ToString(Must(PosixFiles().Read(site, 64 * 1024))) +
                             fmt::format(
                                 "agree:\n  certificate: {0}.agree.crt.pem\n  key: {0}.agree.key.pem\n"
                                 "shares:\n  recovery: {0}-share/share-recovery.cms\n",
                                 person);
    Write(site, AsBytes(text));
    return site;
  }
  Answer Check(const std::string& person, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"--site", Site(person), "share", "check"};
    words.insert(words.end(), more.begin(), more.end());
    return Smkictl(words);
  }
  // Hands the records of these persons in, into one folder.
  std::string HandIn(const std::vector<std::string>& persons) {
    const std::string folder = mine_ / "handed-in";
    std::filesystem::create_directories(folder);
    for (const std::string& person : persons) {
      std::filesystem::copy(
          ChecksOf(person), folder,
          std::filesystem::copy_options::overwrite_existing | std::filesystem::copy_options::recursive);
    }
    return folder;
  }
  Answer Status(const std::string& folder, std::vector<std::string> more = {}) {
    std::vector<std::string> words = {"--site", Site("leo"), "share", "status", folder};
    words.insert(words.end(), more.begin(), more.end());
    return Smkictl(words);
  }
  // A record that `signer` signed, in the folder, after `bend`.
  void Forge(const std::string& folder, const std::string& signer,
             const std::function<void(procedures::ShareCheck&)>& bend) {
    const auto& custodian = mine_.people.policy.keys[0].custodians[0];
    procedures::ShareCheck check{{"drill", "estate-7"}, "recovery", "kim", 1, 2, 3, custodian.commitment, 1, {}, now_};
    bend(check);
    const std::string text = Render(check);
    std::filesystem::create_directories(folder);
    Write(folder + "/forged.yaml", AsBytes(text));
    Write(folder + "/forged.yaml.cms", mine_.people.Sign(signer, AsBytes(text), procedures::kShareCheckHint, now_));
  }
  void ExpectNotCounted(const std::string& folder, const std::string& reason) {
    const Answer answer = Status(folder, {"--output", "json"});
    const Json json = Json::parse(answer.out);
    EXPECT_EQ(json["keys"][0]["proven_alive"], 0) << answer.out;
    ASSERT_EQ(json["refused"].size(), 1u) << answer.out;
    EXPECT_EQ(json["refused"][0]["reason"], reason) << answer.out;
  }

  const UtcTime now_{SystemClock().Now().ms / 1000 * 1000};
  PersonFolder mine_;
  std::map<std::string, procedures::ShareRecord> shares_;
};

TEST_F(ShareTest, I5_AGoodShareIsProvenAtHomeWithoutAServer) {
  const Answer answer = Check("kim");
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("alive  your share of the recovery key"));
  EXPECT_THAT(answer.out, HasSubstr("drill/estate-7"));
  EXPECT_THAT(answer.out, HasSubstr("number 1 of 3; any 2 of the 3 open the key"));
  EXPECT_THAT(answer.out, HasSubstr("none on record here"));
  EXPECT_THAT(answer.out, HasSubstr("3 custodians, 2 needed: 1 more loss can be borne"));
  EXPECT_THAT(answer.out, HasSubstr("WARNING"));
  EXPECT_THAT(Check("kim").out, HasSubstr("last check   20")) << "the record of the first is found";
}

TEST_F(ShareTest, TheRecordIsASignedStatementThatAnybodyCanVerify) {
  const Json json = Json::parse(Check("kay", {"--output", "json"}).out)["shares"][0];
  EXPECT_EQ(json["key"], "recovery");
  EXPECT_EQ(json["index"], 2);
  EXPECT_EQ(json["threshold"], 2);
  EXPECT_EQ(json["losses_borne"], 1);
  const std::string file = json["record"];
  const std::string text = ToString(Must(PosixFiles().Read(file, 64 * 1024)));
  const auto verifier = [&] {
    auto made = Must(procedures::PolicyVerifier::Make(mine_.people.policy));
    SMKI_CHECK(made.UseRevocationList(Must(PosixFiles().Read(mine_ / "persons.crl", 1 << 20)), now_).ok());
    return made;
  }();
  const auto check = procedures::VerifyShareCheck(
      mine_.people.policy, verifier, text, Must(PosixFiles().Read(file + ".cms", 64 * 1024)), SystemClock().Now());
  ASSERT_TRUE(check.ok()) << check.status();
  EXPECT_EQ(check->person, "kay");
  EXPECT_EQ(check->commitment, procedures::CommitmentOf(shares_.at("kay")));
  EXPECT_THAT(text, Not(HasSubstr(ToHex(shares_.at("kay").share.span()))));
}

TEST_F(ShareTest, I5_AShareThatDoesNotMatchIsNamedWithItsFileAndWhatToDo) {
  procedures::ShareRecord wrong = procedures::ShareRecord{
      {"drill", "estate-7"}, "recovery", "kim", 1, Secret(Bytes(50, 1)), Secret(Bytes(procedures::kShareSalt, 2))};
  const auto certificate =
      Must(pki::Certificate::Parse(mine_.people.policy.FindPerson("kim")->agreement_certificate.bytes));
  Write(ShareFile("kim"), Must(pki::Envelop(procedures::EncodeShareRecord(wrong).span(), certificate)));
  const Answer answer = Check("kim");
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("SHARE_WRONG"));
  EXPECT_THAT(answer.err, HasSubstr("share-recovery.cms"));
  EXPECT_THAT(answer.err, HasSubstr("tell the incident lead today"));
  EXPECT_THAT(answer.err, HasSubstr("no loss can be borne")) << "what it means for the key";
  EXPECT_FALSE(PosixFiles().Exists(ChecksOf("kim"))) << "a share that is wrong leaves no record of a good one";
}

TEST_F(ShareTest, I5_AnotherPersonsShareCannotBeOpened) {
  const Answer answer = Check("kim", {"--file", ShareFile("kay")});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("SHARE_MALFORMED"));
  EXPECT_THAT(answer.err, HasSubstr("cannot be opened with kim's"));
}

TEST_F(ShareTest, I4_AShareMadeOutToAnotherIsNotMine) {
  const auto certificate =
      Must(pki::Certificate::Parse(mine_.people.policy.FindPerson("kim")->agreement_certificate.bytes));
  Write(ShareFile("kim"), Must(pki::Envelop(procedures::EncodeShareRecord(shares_.at("kay")).span(), certificate)));
  EXPECT_THAT(Check("kim").err, HasSubstr("SHARE_WRONG"));
}

TEST_F(ShareTest, I8_AShareOfAnotherEnvironmentIsNotAlive) {
  mine_.people.policy.environment.kind = "production";
  EXPECT_THAT(Check("kim").err, HasSubstr("SHARE_WRONG"));
}

TEST_F(ShareTest, AMissingFileSaysWhatItsLossMeans) {
  const Answer answer = Check("kim", {"--file", mine_ / "nowhere.cms"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("nowhere.cms"));
  EXPECT_THAT(answer.err, HasSubstr("look for the right file"));
}

TEST_F(ShareTest, WhoIsNoCustodianIsTold) {
  const Answer answer = Smkictl({"--site", mine_.SiteOf("leo"), "share", "check"});
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("names no share"));
}

TEST_F(ShareTest, StatusCountsWhoIsProvenAliveAndTheMarginAmongThem) {
  ASSERT_EQ(Check("kim").code + Check("kay").code, 0);
  const Answer answer = Status(HandIn({"kim", "kay"}));
  EXPECT_EQ(answer.code, 0) << answer.err;
  EXPECT_THAT(answer.out, HasSubstr("2 shares proven alive, 2 needed: no loss can be borne"));
  EXPECT_THAT(answer.out, HasSubstr("no record of a check"));
  EXPECT_THAT(answer.out, HasSubstr("WARNING: the next share lost is the end of the recovery key"));
  const Json json = Json::parse(Status(mine_ / "handed-in", {"--output", "json"}).out);
  EXPECT_EQ(json["keys"][0]["proven_alive"], 2);
  EXPECT_EQ(json["keys"][0]["custodians"][2]["alive"], false);
}

TEST_F(ShareTest, StatusFailsWhenTooFewAreProvenAlive) {
  ASSERT_EQ(Check("kim").code, 0);
  const Answer answer = Status(HandIn({"kim"}));
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.out, HasSubstr("1 share proven alive, 2 needed: 1 too few to open the key"));
}

TEST_F(ShareTest, AnOldCheckProvesNothing) {
  Forge(mine_ / "old", "kim", [](auto&) {});
  EXPECT_EQ(Json::parse(Status(mine_ / "old", {"--output", "json"}).out)["keys"][0]["proven_alive"], 1);
  const Answer answer = Status(mine_ / "old", {"--max-age", "PT0S"});
  EXPECT_THAT(answer.out, HasSubstr("too old"));
  EXPECT_THAT(Status(mine_ / "old", {"--max-age", "soon"}).err, HasSubstr("--max-age soon"));
}

TEST_F(ShareTest, I4_ACheckSignedByAnotherIsNotCounted) {
  Forge(mine_ / "forged", "kay", [](auto&) {});
  ExpectNotCounted(mine_ / "forged", "SHARE_FROM_STRANGER");
}
TEST_F(ShareTest, I5_ACheckOfAnotherShareIsNotCounted) {
  Forge(mine_ / "forged", "kim", [](auto& c) { c.commitment[0] ^= 1; });
  ExpectNotCounted(mine_ / "forged", "SHARE_WRONG");
}
TEST_F(ShareTest, I5_ACheckByWhoIsNoCustodianIsNotCounted) {
  Forge(mine_ / "forged", "leo", [](auto& c) { c.person = "leo"; });
  ExpectNotCounted(mine_ / "forged", "SHARE_FROM_STRANGER");
}
TEST_F(ShareTest, I8_ACheckOfAnotherEnvironmentIsNotCounted) {
  Forge(mine_ / "forged", "kim", [](auto& c) { c.environment.estate = "estate-9"; });
  ExpectNotCounted(mine_ / "forged", "ENVIRONMENT_MISMATCH");
}
TEST_F(ShareTest, ACheckDatedOtherwiseThanSignedIsNotCounted) {
  Forge(mine_ / "forged", "kim", [](auto& c) { c.time = c.time + std::chrono::hours(100); });
  ExpectNotCounted(mine_ / "forged", "BAD_REQUEST");
}
TEST_F(ShareTest, ARecordWithoutASignatureIsNotCounted) {
  Forge(mine_ / "forged", "kim", [](auto&) {});
  std::filesystem::remove(mine_ / "forged/forged.yaml.cms");
  EXPECT_EQ(Json::parse(Status(mine_ / "forged", {"--output", "json"}).out)["keys"][0]["proven_alive"], 0);
}

TEST_F(ShareTest, ThePolicyPageSaysHowManyLossesEachKeyBears) {
  EXPECT_THAT(Smkictl({"--site", Site("leo"), "policy", "show"}).out,
              HasSubstr("3 custodians, 2 needed: 1 more loss can be borne"));
  const Json json = Json::parse(Smkictl({"--site", Site("leo"), "--output", "json", "policy", "show"}).out);
  EXPECT_EQ(json["keys"][0]["losses_borne"], 1);
  EXPECT_NE(json["keys"][0]["warning"], "");
}

TEST(Margin, IsSaidInWordsAndWarnsWhenItIsThin) {
  EXPECT_EQ(MarginText(5, 3), "5 custodians, 3 needed: 2 more losses can be borne");
  EXPECT_EQ(MarginWarning("recovery", 5, 3), "");
  EXPECT_EQ(MarginText(4, 3), "4 custodians, 3 needed: 1 more loss can be borne");
  EXPECT_THAT(MarginWarning("recovery", 4, 3), HasSubstr("no margin"));
  EXPECT_EQ(MarginText(3, 3), "3 custodians, 3 needed: no loss can be borne");
  EXPECT_THAT(MarginWarning("recovery", 3, 3), HasSubstr("end of the recovery key"));
  EXPECT_EQ(MarginText(1, 3), "1 custodian, 3 needed: 2 too few to open the key");
  EXPECT_THAT(MarginWarning("recovery", 1, 3), HasSubstr("nobody can open"));
  EXPECT_EQ(MarginJson("recovery", 1, 3)["losses_borne"], -1);
}

}  // namespace
}  // namespace smki::cli
