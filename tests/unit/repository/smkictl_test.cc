// smkictl repository rebuild, verify, diff, show and publish, as processes: what a script sees of them.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "sim/scenario/process.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::repository {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using Json = nlohmann::json;

constexpr uint64_t kMeter = 0x00DB123456000000;
constexpr uint64_t kSupplier = 0x90B3D51F30010000;
// Long past, since smkictl knows what day it is.
constexpr char kFullDate[] = "2026-03-01", kDeltaDate[] = "2026-03-02";

class SmkictlRepositoryTest : public RepositoryTest {
 protected:
  void SetUp() override {
    WriteText(scratch_ / "oca.pem", pki_.organisations.root->ToPem());
    WriteText(scratch_ / "dca.pem", pki_.devices.root->ToPem());
    std::vector<CertificateRecord> records = pki_.Authorities();
    records.push_back(pki_.Supplier(kSupplier));
    for (uint64_t i = 0; i < 20; ++i) records.push_back(pki_.Device(kMeter + i));
    Publish(true, kFullDate, records);
    CertificateRecord revoked = records.back();
    revoked.status = CertificateStatus::kRevoked;
    Publish(false, kDeltaDate, {revoked});
  }
  std::vector<std::string> Roots() const {
    return {"--organisation-root", scratch_ / "oca.pem", "--device-root", scratch_ / "dca.pem"};
  }
  struct Ended {
    int code = -1;
    std::string out, err;
    Json json() const { return Json::parse(out); }
  };
  static Ended Smkictl(std::vector<std::string> words, bool json = true) {
    const char* build = std::getenv("SMKI_BUILD");
    std::vector<std::string> command = {(build != nullptr ? std::string(build) : "build") + "/bin/smkictl"};
    if (json) command.insert(command.end(), {"--output", "json"});
    command.push_back("repository");
    command.insert(command.end(), words.begin(), words.end());
    const auto ended = sim::RunProcess(command);
    EXPECT_TRUE(ended.ok()) << ended.status();
    return ended.ok() ? Ended{ended->code, ended->out, ended->err} : Ended{};
  }
  Ended RebuildInto(const std::string& store, bool json = true, const std::string& from = "") {
    std::vector<std::string> words = {"rebuild", "--from", from.empty() ? extracts_ : from, "--store", store};
    for (const std::string& root : Roots()) words.push_back(root);
    return Smkictl(words, json);
  }
  std::vector<std::string> WithRoots(std::vector<std::string> words) const {
    for (const std::string& root : Roots()) words.push_back(root);
    return words;
  }
};

TEST_F(SmkictlRepositoryTest, I7_ARebuildTellsEverythingAScriptNeeds) {
  const Ended ended = RebuildInto(options_.store);
  ASSERT_EQ(ended.code, 0) << ended.err;
  const Json told = ended.json();
  EXPECT_EQ(told["result"], "rebuilt");
  EXPECT_EQ(told["as_of"], kDeltaDate);
  EXPECT_EQ(told["records"],
            Json({{"read", 26}, {"loaded", 25}, {"superseded", 1}, {"unchanged", 0}, {"rejected", 0}}));
  EXPECT_EQ(told["rejects"], Json::array());
  EXPECT_EQ(told["certificates"]["total"], 25);
  EXPECT_TRUE(told["certificates"]["by_kind"].is_object() && told["certificates"]["by_status"].is_object());
  EXPECT_EQ(told["digest"].get<std::string>().size(), 64u);
  EXPECT_EQ(told["verify"], "full");
  EXPECT_TRUE(told["seconds"].is_number() && told["peak_anon_bytes"].is_number());
  ASSERT_EQ(told["files"].size(), 2u);
  EXPECT_EQ(told["files"][0]["superseded_by"], Json({{ExtractFileName(false, kDeltaDate), 1}}));
  EXPECT_EQ(ended.err, "") << "in a pipe it is quiet";
}

TEST_F(SmkictlRepositoryTest, I7_ARefusedRebuildHasItsCodeAndItsAccountAndChangesNothing) {
  ASSERT_EQ(RebuildInto(options_.store).code, 0);
  const std::string before = ReadText(options_.store);
  Publish(false, kDeltaDate, {pki_.ForgedDevice(kMeter + 50)});
  const Ended refused = RebuildInto(options_.store);
  EXPECT_EQ(refused.code, 1);
  const Json told = refused.json();
  EXPECT_EQ(told["result"], "refused");
  EXPECT_EQ(told["code"], "REJECTS");
  EXPECT_EQ(told["rejects"], Json::parse(R"([{"code": "SIGNATURE_WRONG", "count": 1}])"));
  EXPECT_EQ(told["records"]["rejected"], 1);
  EXPECT_EQ(ReadText(options_.store), before);
  EXPECT_THAT(RebuildInto(options_.store, /*json=*/false).err, HasSubstr("refused  REJECTS"));
}

TEST_F(SmkictlRepositoryTest, I7_WhatIsPublishedIsRebuiltToTheSameDigestAndDiffSaysSo) {
  const std::string digest = RebuildInto(options_.store).json()["digest"];
  const std::string to = scratch_ / "published", again = scratch_ / "again.store";
  const Ended published = Smkictl({"publish", "--store", options_.store, "--date", kDeltaDate, "--to", to, "--whole"});
  ASSERT_EQ(published.code, 0) << published.err;
  EXPECT_EQ(published.json()["digest"], digest);
  EXPECT_EQ(published.json()["files"].size(), 2u);
  const Ended rebuilt = RebuildInto(again, true, to);
  ASSERT_EQ(rebuilt.code, 0) << rebuilt.err;
  EXPECT_EQ(rebuilt.json()["digest"], digest);

  const Ended same = Smkictl({"diff", options_.store, again});
  EXPECT_EQ(same.code, 0) << same.err;
  EXPECT_EQ(same.json()["result"], "same");
  // Before the delta one of them was in use.
  Publish(true, kFullDate, pki_.Authorities());
  const Ended other = Smkictl(WithRoots({"diff", options_.store, Extract(true, kFullDate)}));
  EXPECT_EQ(other.code, 1);
  EXPECT_EQ(other.json()["counts"], Json({{"same", 4}, {"added", 0}, {"removed", 21}, {"status", 0}, {"body", 0}}));
  EXPECT_THAT(Smkictl({"diff", options_.store, extracts_}).err, HasSubstr("--organisation-root"));
}

TEST_F(SmkictlRepositoryTest, I7_VerifyProvesAStoreAndFindsAChangedOne) {
  ASSERT_EQ(RebuildInto(options_.store).code, 0);
  const Ended proved = Smkictl(WithRoots({"verify", options_.store}));
  EXPECT_EQ(proved.code, 0) << proved.err;
  EXPECT_EQ(proved.json()["result"], "proved");
  std::string changed = ReadText(options_.store);
  changed[200] ^= 1;
  WriteText(options_.store, changed);
  const Ended refused = Smkictl(WithRoots({"verify", options_.store}));
  EXPECT_EQ(refused.code, 1);
  EXPECT_EQ(refused.json()["result"], "refused");
  EXPECT_EQ(refused.json()["code"], "STORE_DAMAGED");
}

TEST_F(SmkictlRepositoryTest, ShowFindsByEuiAndBySerial) {
  ASSERT_EQ(RebuildInto(options_.store).code, 0);
  const Ended by_eui = Smkictl({"show", Eui64(kMeter + 19).ToString(), "--store", options_.store});
  ASSERT_EQ(by_eui.code, 0) << by_eui.err;
  const Json found = by_eui.json()["certificates"];
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0]["status"], "revoked");
  const Ended by_serial = Smkictl({"show", found[0]["serial"], "--store", options_.store});
  EXPECT_EQ(by_serial.json()["certificates"], found);
  const Ended none = Smkictl({"show", "00-DB-12-34-56-00-99-99", "--store", options_.store}, /*json=*/false);
  EXPECT_EQ(none.code, 1);
  EXPECT_THAT(none.err, HasSubstr("has no certificate with"));
  EXPECT_THAT(none.out, Not(HasSubstr("serial")));
}

}  // namespace
}  // namespace smki::repository
