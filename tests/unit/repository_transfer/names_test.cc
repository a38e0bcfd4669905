#include "repository/transfer/names.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smki::repository::transfer {
namespace {

using ::testing::HasSubstr;

std::vector<RemoteEntry> Listing(const std::vector<std::string>& names) {
  std::vector<RemoteEntry> out;
  for (const std::string& name : names) out.push_back({name, {1, 1, RemoteStat::Kind::kFile}});
  return out;
}

std::string Chosen(const std::vector<std::string>& names, const std::string& as_of = "",
                   const std::vector<std::string>& named = {}) {
  const auto chosen = Choose(Listing(names), as_of, named);
  if (!chosen.ok()) return Message(chosen.status());
  std::string out;
  for (const Wanted& wanted : *chosen) out += wanted.name + " ";
  return out;
}

TEST(KindOf, KnowsTheFilesOfTheFolder) {
  EXPECT_EQ(KindOf("SMKIKR_FULL_2026-11-15.xml.gz"), FileKind::kFull);
  EXPECT_EQ(KindOf("SMKIKR_DELT_2026-11-16.xml.gz"), FileKind::kDelta);
  EXPECT_EQ(KindOf("SMKI_ORGANISATION_CRL.crl.gz"), FileKind::kList);
  EXPECT_EQ(KindOf("SMKI_DEVICE_ARL.arl.gz"), FileKind::kList);
  EXPECT_EQ(KindOf("North.gz"), FileKind::kBase);
}

TEST(KindOf, BelievesNoNameThatCouldLeaveTheFolderOrHideInIt) {
  const std::string_view hostile[] = {"../x.gz",
                                      "/etc/x.gz",
                                      "a/b.gz",
                                      "..",
                                      ".",
                                      "",
                                      ".gz",
                                      ".x.gz",
                                      "..gz",
                                      "-x.gz",
                                      "x.gz\n",
                                      "x\n.gz",
                                      "a b.gz",
                                      "x.gz.part",
                                      "x.gz.part.json",
                                      "damaged",
                                      ".fetch.lock",
                                      "x\\y.gz",
                                      "x;y.gz",
                                      "\xc3\xa9.gz",
                                      "x:y.gz",
                                      "SMKIKR_FULL_2026-13-15.xml.gz",
                                      "SMKIKR_FULL_2026-11-15.gz",
                                      "SMKIKR_x.gz"};
  for (const std::string_view name : hostile) EXPECT_EQ(KindOf(std::string(name)), std::nullopt) << name;
  EXPECT_EQ(KindOf(std::string("x\0.gz", 5)), std::nullopt);
  EXPECT_EQ(KindOf(std::string(kMaxName - 3, 'x') + ".gz"), FileKind::kBase);
  EXPECT_EQ(KindOf(std::string(kMaxName - 2, 'x') + ".gz"), std::nullopt);
}

TEST(Choose, TakesListsThenTheOldestDeltaThenTheNewestFull) {
  EXPECT_EQ(Chosen({"Base.gz", "SMKIKR_DELT_2026-11-17.xml.gz", "SMKIKR_FULL_2026-11-08.xml.gz", "readme.txt",
                    "SMKIKR_FULL_2026-11-15.xml.gz", "SMKIKR_DELT_2026-11-16.xml.gz", "Z.crl.gz", "../x.crl.gz"}),
            "Z.crl.gz SMKIKR_DELT_2026-11-16.xml.gz SMKIKR_DELT_2026-11-17.xml.gz SMKIKR_FULL_2026-11-15.xml.gz ");
}

TEST(Choose, TakesTheFullOfTheDayOrBefore) {
  const std::vector<std::string> fulls = {"SMKIKR_FULL_2026-11-08.xml.gz", "SMKIKR_FULL_2026-11-15.xml.gz"};
  EXPECT_EQ(Chosen(fulls, "2026-11-15"), fulls[1] + " ");
  EXPECT_EQ(Chosen(fulls, "2026-11-14"), fulls[0] + " ");
  EXPECT_EQ(Chosen(fulls, "2026-11-07"), "");
  EXPECT_THAT(Chosen(fulls, "2026-11-31"), HasSubstr("is no date"));
}

TEST(Choose, TakesWhatIsNamedAndNothingElse) {
  const std::vector<std::string> names = {"Base.gz", "Z.crl.gz", "SMKIKR_FULL_2026-11-08.xml.gz"};
  EXPECT_EQ(Chosen(names, "", {"Base.gz", "Z.crl.gz", "Base.gz"}), "Z.crl.gz Base.gz ");
  EXPECT_THAT(Chosen(names, "", {"Other.gz"}), HasSubstr("Other.gz is not on the server"));
  EXPECT_THAT(Chosen(names, "", {"../Base.gz"}), HasSubstr("is no name of a file"));
}

TEST(Choose, PassesOverWhatIsNoFile) {
  auto listing = Listing({"Z.crl.gz"});
  listing[0].stat.kind = RemoteStat::Kind::kOther;
  EXPECT_TRUE(Choose(listing, "", {})->empty());
  listing[0].stat.kind = RemoteStat::Kind::kLink;
  EXPECT_EQ(Choose(listing, "", {})->size(), 1u);
}

}  // namespace
}  // namespace smki::repository::transfer
