#include "repository/publish.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zlib.h>

#include "base/lock.h"
#include "pki/digest.h"
#include "repository/extract/gzip.h"
#include "repository/extract/gzip_join.h"
#include "repository/store/reader.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::repository {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using Status = smki::Status;
using State = CertificateStatus;

constexpr uint64_t kMeter = 0x00DB123456000000;
constexpr uint64_t kParty = 0x90B3D51F30010000;
constexpr char kDate[] = "2026-11-22";
const Eui64 kNorth(kParty + 6), kSouth(kParty + 7);

class PublishTest : public RepositoryTest {
 protected:
  // A store of every kind, status and flag: a FULL of 2026-11-15 and deltas to 2026-11-22.
  void SetUp() override {
    std::vector<CertificateRecord> records = pki_.Authorities();
    for (const uint8_t role : {1, 2, 4, 5}) records.push_back(pki_.Organisation(kParty + role, role));
    for (const Eui64 wan : {kNorth, kSouth}) records.push_back(pki_.Organisation(wan.value(), 6));
    for (uint64_t i = 0; i < 1100; ++i) records.push_back(pki_.Device(kMeter + i % 40, "2026-01-01"));
    RepositoryTest::Publish(true, "2026-11-15", records);
    for (int day = 16; day <= 22; ++day) {
      std::vector<CertificateRecord> delta;
      for (int i = 0; i < 5; ++i) {
        CertificateRecord changed = records[static_cast<size_t>(20 + day * 10 + i)];
        changed.status = static_cast<State>(kStatusLetters[static_cast<size_t>(i)]);
        changed.manufacturing = i < 3;
        delta.push_back(changed);
      }
      delta.push_back(pki_.Device(kMeter + 100 + static_cast<uint64_t>(day)));
      RepositoryTest::Publish(false, fmt::format("2026-11-{}", day), delta);
    }
    const auto report = Rebuild(options_);
    ASSERT_TRUE(report.ok()) << report.status();
    summary_ = report->summary;
    publish_.store = options_.store;
    publish_.date = kDate;
    publish_.to = scratch_ / "published";
    publish_.north_wan = kNorth;
    publish_.central_south_wan = kSouth;
    publish_.threads = 2;
  }

  static StatusOr<PublishReport> Publish(const PublishOptions& options) { return repository::Publish(options); }
  std::string Published(const std::string& file) const { return publish_.to + "/" + file; }
  std::string Xml(const std::string& file) const { return ToString(*ReadGzip(Published(file), 1 << 26)); }
  static std::vector<std::string> All(const std::string& xml, const std::string& element) {
    std::vector<std::string> out;
    const std::string open = "<" + element + ">";
    for (size_t at = xml.find(open); at != std::string::npos; at = xml.find(open, at + 1)) {
      const size_t from = at + open.size();
      out.push_back(xml.substr(from, xml.find('<', from) - from));
    }
    return out;
  }
  std::vector<std::string> Files() const {
    auto names = *PosixFiles().List(publish_.to);
    std::erase(names, ".publish.lock");
    return names;
  }
  std::map<std::string, std::string> Contents() const {
    std::map<std::string, std::string> out;
    for (const std::string& name : Files()) out[name] = ReadText(Published(name));
    return out;
  }
  StatusOr<RebuildReport> RebuildPublished() {
    RebuildOptions options = options_;
    options.extracts = publish_.to;
    options.store = scratch_ / "again/repository.store";
    return Rebuild(options);
  }

  StoreSummary summary_;
  PublishOptions publish_;
};

const std::string kFull = "SMKIKR_FULL_2026-11-22.xml.gz", kDelta = "SMKIKR_DELT_2026-11-22.xml.gz";
const std::string kNorthSet = "SMKI_BASE_SET_NORTH_2026-11-22.xml.gz";
const std::string kSouthSet = "SMKI_BASE_SET_CENTRAL_AND_SOUTH_2026-11-22.xml.gz";

TEST_F(PublishTest, I7_AFullAndItsWholeDeltaRebuildToTheSameDigest) {
  publish_.whole = true;
  const auto published = Publish(publish_);
  ASSERT_TRUE(published.ok()) << published.status();
  EXPECT_EQ(published->summary.digest, summary_.digest);
  const auto again = RebuildPublished();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_EQ(again->summary.digest, summary_.digest);
  EXPECT_EQ(again->summary.by_status, summary_.by_status);
  for (const size_t status : {0, 1, 2, 3, 4}) EXPECT_GT(summary_.by_status[status], 0u);
}

TEST_F(PublishTest, I7_AFullAloneIsWholeOnlyIfEverythingIsInUse) {
  publish_.delta = false;
  ASSERT_TRUE(Publish(publish_).ok());
  const auto again = RebuildPublished();
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_NE(again->summary.digest, summary_.digest);
  EXPECT_EQ(again->summary.certificates, summary_.in_use());
  // What has come from that FULL goes out as that FULL, and its digest stays.
  publish_.store = scratch_ / "again/repository.store";
  const std::string before = ReadText(Published(kFull));
  ASSERT_TRUE(Publish(publish_).ok());
  EXPECT_EQ(ReadText(Published(kFull)), before);
}

TEST_F(PublishTest, I7_TheSameStoreAndDateGiveTheSameOctetsWhateverTheThreadsAndMemory) {
  publish_.whole = true;
  ASSERT_TRUE(Publish(publish_).ok());
  const auto first = Contents();
  EXPECT_EQ(first.size(), 4u);
  options_.store = scratch_ / "other/repository.store";
  options_.threads = 1;
  ASSERT_TRUE(Rebuild(options_).ok());
  publish_.store = options_.store;
  for (const unsigned threads : {1u, 3u, 8u}) {
    publish_.to = scratch_ / fmt::format("published-{}", threads);
    publish_.threads = threads;
    publish_.memory = threads == 3 ? 1000 : 32 << 20;
    ASSERT_TRUE(Publish(publish_).ok());
    EXPECT_EQ(Contents(), first) << threads;
  }
}

// By a web server or an SFTP server, which runs as somebody else.
TEST_F(PublishTest, WhatIsPublishedCanBeReadByEverybody) {
  ASSERT_TRUE(Publish(publish_).ok());
  for (const std::string& name : Files()) {
    struct stat info {};
    ASSERT_EQ(::stat(Published(name).c_str(), &info), 0);
    EXPECT_EQ(info.st_mode & 0777, 0644u) << name;
  }
}

TEST_F(PublishTest, AFullHoldsWhatIsInUseAndNothingElse) {
  const auto report = Publish(publish_);
  ASSERT_TRUE(report.ok()) << report.status();
  const std::vector<std::string> states = All(Xml(kFull), "CertificateStatus");
  EXPECT_EQ(states.size(), summary_.in_use());
  EXPECT_THAT(states, ::testing::Each("I"));
  ASSERT_EQ(report->files[0].file, kFull);
  EXPECT_EQ(report->files[0].records, summary_.in_use());
  EXPECT_EQ(report->files[0].octets, ReadText(Published(kFull)).size());
  EXPECT_FALSE(report->files[0].sha256);
}

TEST_F(PublishTest, ADeltaHoldsWhatWasLodgedOrChangedOnItsDayInTheWordsItCameIn) {
  const auto report = Publish(publish_);
  ASSERT_TRUE(report.ok()) << report.status();
  auto sorted = [](std::vector<std::string> v) {
    std::sort(v.begin(), v.end());
    return v;
  };
  const std::string came = ToString(*ReadGzip(Extract(false, kDate), 1 << 20)), went = Xml(kDelta);
  for (const char* element : {"CertificateSerial", "CertificateStatus", "CertificateBody", "ManufacturingFlag"})
    EXPECT_EQ(sorted(All(went, element)), sorted(All(came, element))) << element;
  EXPECT_EQ(went.size(), came.size());
  EXPECT_EQ(report->files[1].sha256, pki::Sha256(ReadText(Published(kDelta))));
}

TEST_F(PublishTest, OfAFullsOwnDateTheDeltaHoldsEverythingAndSaysWhy) {
  options_.target_date = "2026-11-15";
  ASSERT_TRUE(Rebuild(options_).ok());
  publish_.date = "2026-11-15";
  const auto report = Publish(publish_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->files[1].records, report->summary.certificates);
  EXPECT_THAT(report->notes, Contains(HasSubstr("does not say what was lodged on it")));
}

TEST_F(PublishTest, TheTwoBaseSetsDifferInTheWanProviderOnly) {
  ASSERT_TRUE(Publish(publish_).ok());
  const std::string north = Xml(kNorthSet), south = Xml(kSouthSet);
  auto names = All(north, "CertificateSubjectName");
  EXPECT_THAT(names, ::testing::UnorderedElementsAre("root OCA", "issuing OCA", Eui64(kParty + 1).ToString(),
                                                     Eui64(kParty + 4).ToString(), Eui64(kParty + 5).ToString(),
                                                     kNorth.ToString()));
  std::replace(names.begin(), names.end(), kNorth.ToString(), kSouth.ToString());
  EXPECT_EQ(names, All(south, "CertificateSubjectName"));
  const auto north_serials = All(north, "CertificateSerial"), south_serials = All(south, "CertificateSerial");
  int differ = 0;
  for (size_t i = 0; i < north_serials.size(); ++i) differ += north_serials[i] != south_serials[i] ? 1 : 0;
  EXPECT_EQ(differ, 1);
  EXPECT_EQ(All(north, "CertificateSubjectAltName").size(), 0u);
  EXPECT_FALSE(ParseExtractName(kNorthSet)) << "a rebuild must not take it for an extract";
}

TEST_F(PublishTest, BaseSetsNeedBothWanProvidersInUse) {
  publish_.north_wan.reset();
  EXPECT_EQ(Publish(publish_).status().code(), StatusCode::kInvalidArgument);
  publish_.north_wan = Eui64(kParty + 2);  // a supplier
  EXPECT_EQ(Publish(publish_).status().code(), StatusCode::kNotFound);
  publish_.north_wan.reset();
  publish_.central_south_wan.reset();
  const auto report = Publish(publish_);
  ASSERT_TRUE(report.ok());
  EXPECT_THAT(report->notes, Contains(HasSubstr("no base sets")));
  EXPECT_THAT(Files(), ::testing::UnorderedElementsAre(kFull, kDelta));
}

TEST_F(PublishTest, EachFileIsOneGzipMemberWithItsInnerNameAndNoTime) {
  ASSERT_TRUE(Publish(publish_).ok());
  for (const std::string& file : Files()) {
    const std::string gz = ReadText(Published(file));
    std::string out(1 << 24, '\0'), name(300, '\0');
    z_stream stream{};
    ASSERT_EQ(inflateInit2(&stream, MAX_WBITS + 16), Z_OK);
    gz_header header{};
    header.name = reinterpret_cast<Bytef*>(name.data());
    header.name_max = static_cast<uInt>(name.size());
    ASSERT_EQ(inflateGetHeader(&stream, &header), Z_OK);
    stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(gz.data()));
    stream.avail_in = static_cast<uInt>(gz.size());
    stream.next_out = reinterpret_cast<Bytef*>(out.data());
    stream.avail_out = static_cast<uInt>(out.size());
    EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END) << file;
    EXPECT_EQ(stream.avail_in, 0u) << "one member";
    EXPECT_EQ(std::string(name.c_str()) + ".gz", file);
    EXPECT_EQ(header.time, 0u);
    EXPECT_EQ(out.substr(0, stream.total_out), Xml(file));
    inflateEnd(&stream);
  }
}

TEST_F(PublishTest, PiecesDeflateToTheOctetsTheyAlwaysDid) {
  // Another version of ISA-L, or a processor without SSE4.2, may deflate otherwise: then what is published can no
  // longer be reproduced, and docs/decisions/0006 is to be read again.
  std::string text;
  for (int i = 0; i < 20'000; ++i) text += fmt::format("{:x} certificate {}\n", i * 2654435761u, i % 97);
  EXPECT_EQ(ToHex(pki::Sha256(DeflatePiece(AsBytes(text)).octets.octets())),
            "7e84e87477a215b5ce6979f73dec4cc0bcc758a686e2c29eb29ded9777cfc566");
}

TEST_F(PublishTest, WhatIsPublishedAlreadyIsNotReplacedUnlessAsked) {
  ASSERT_TRUE(Publish(publish_).ok());
  EXPECT_TRUE(Publish(publish_).ok()) << "the same again";
  const auto before = Contents();
  // As long as the true one, but one octet differs.
  std::string other = before.at(kNorthSet);
  other.back() ^= 1;
  WriteText(Published(kNorthSet), other);
  publish_.whole = true;  // another delta
  const Status refused = Publish(publish_).status();
  EXPECT_EQ(ReasonOf(refused), "FILE_DIFFERS");
  EXPECT_THAT(Message(refused), HasSubstr(kDelta + " is published already"));
  EXPECT_EQ(ReadText(Published(kDelta)), before.at(kDelta));
  publish_.whole = false;
  EXPECT_THAT(Message(Publish(publish_).status()), HasSubstr(kNorthSet + " is published already"));
  EXPECT_EQ(Files().size(), 4u) << "nothing is left behind";
  publish_.replace = true;
  ASSERT_TRUE(Publish(publish_).ok());
  EXPECT_EQ(Contents(), before);
}

TEST_F(PublishTest, DeltasExpireAfterSevenDays) {
  ASSERT_TRUE(PosixFiles().CreateDirectories(publish_.to).ok());
  const std::string old = ExtractFileName(false, "2026-11-14"), seventh = ExtractFileName(false, "2026-11-15");
  const std::vector<std::string> others = {ExtractFileName(true, "2026-11-01"), "SMKIKR_DELT_2026-11-01.xml",
                                           "SMKIKR_DELT_2026-02-30.xml.gz"};
  for (const std::string& name : others) WriteText(Published(name), "x");
  for (const std::string& name : {old, seventh}) WriteText(Published(name), "x");
  ASSERT_TRUE(Publish(publish_).ok());
  EXPECT_TRUE(PosixFiles().Exists(Published(old))) << "not asked for";
  publish_.expire_deltas = true;
  const auto report = Publish(publish_);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->expired, std::vector<std::string>{old});
  EXPECT_FALSE(PosixFiles().Exists(Published(old)));
  for (const std::string& name : others) EXPECT_TRUE(PosixFiles().Exists(Published(name))) << name;
  EXPECT_TRUE(PosixFiles().Exists(Published(seventh)));
}

TEST_F(PublishTest, TheNewestListOfEachIssuerIsPublishedAndAForgedOneRefused) {
  const std::string lists = scratch_ / "lists";
  ASSERT_TRUE(PosixFiles().CreateDirectories(lists).ok());
  const auto put = [&](const std::string& name, const pki::IssuerIdentity& issuer, uint64_t number, const char* from) {
    const auto list = pki::IssueRevocationList(issuer, number, Day(from), Day("2027-01-01"), {{Bytes{9}, Day(from)}});
    ASSERT_TRUE(WriteGzip(lists + "/" + name, list->der).ok());
  };
  put("old.crl.gz", pki_.organisations.identity, 1, "2026-11-01");
  put("a.crl.gz", pki_.organisations.identity, 2, "2026-11-02");
  const pki::IssuerIdentity root{&pki_.organisations.root_key, ToBytes(pki_.organisations.root->subject)};
  put("b.arl.gz", root, 1, "2026-11-01");
  publish_.lists = lists;
  const auto report = Publish(publish_);
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_THAT(Files(), ::testing::UnorderedElementsAre(kFull, kDelta, kNorthSet, kSouthSet, "a.crl.gz", "b.arl.gz"));
  EXPECT_EQ(*ReadGzip(Published("a.crl.gz"), 1 << 16), *ReadGzip(lists + "/a.crl.gz", 1 << 16));
  pki::PrivateKey thief = *pki::PrivateKey::Generate();
  put("c.crl.gz", {&thief, pki_.organisations.identity.name}, 3, "2026-11-03");
  EXPECT_EQ(ReasonOf(Publish(publish_).status()), "LIST_WRONG");
}

TEST_F(PublishTest, ADateBeforeTheStoresIsRefusedAndALaterOneNoted) {
  publish_.date = "2026-11-21";
  EXPECT_EQ(Publish(publish_).status().code(), StatusCode::kFailedPrecondition);
  publish_.date = "2026-11-31";
  EXPECT_EQ(Publish(publish_).status().code(), StatusCode::kInvalidArgument);
  publish_.date = "2026-11-23";
  const auto report = Publish(publish_);
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->files[1].records, 0u);
  EXPECT_THAT(report->notes, Contains(HasSubstr("the store is as of 2026-11-22")));
}

TEST_F(PublishTest, I7_AChangedCertificateIsNeverPublished) {
  std::string store = ReadText(options_.store);
  store[300] = static_cast<char>(store[300] ^ 1);  // in the first certificate
  WriteText(options_.store, store);
  EXPECT_EQ(ReasonOf(Publish(publish_).status()), "STORE_DAMAGED");
  EXPECT_TRUE(Files().empty());
}

TEST_F(PublishTest, AFullDiskLeavesNothing) {
  const std::string small = scratch_ / "small";
  ASSERT_TRUE(PosixFiles().CreateDirectories(small).ok());
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=100k") != 0) GTEST_SKIP() << "only root can mount a small disk";
  publish_.to = small;
  EXPECT_EQ(ReasonOf(Publish(publish_).status()), "DISK_FULL");
  EXPECT_TRUE(Files().empty());
  ASSERT_EQ(::umount(small.c_str()), 0);
}

TEST_F(PublishTest, OnePublisherAtATime) {
  ASSERT_TRUE(PosixFiles().CreateDirectories(publish_.to).ok());
  {
    const auto lock = FileLock::Take(Published(".publish.lock"), Millis(0), "busy");
    ASSERT_TRUE(lock.ok());
    EXPECT_EQ(ReasonOf(Publish(publish_).status()), "PUBLISHER_BUSY");
  }
  EXPECT_TRUE(Publish(publish_).ok());
}

// Runs in a child of the test below, with a fail point armed before it starts.
constexpr char kFolder[] = "SMKI_TEST_FOLDER";
TEST(PublishChild, DISABLED_PublishesOnce) {
  const std::string folder = std::getenv(kFolder);
  PublishOptions options{folder + "/data/repository.store", kDate, folder + "/published"};
  ASSERT_TRUE(Publish(options).ok());
}

class KilledPublishTest : public PublishTest, public ::testing::WithParamInterface<std::pair<const char*, size_t>> {};

TEST_P(KilledPublishTest, WhatAppearedIsWholeAndTheNextOneTidiesUp) {
  const auto& [fail_point, appeared] = GetParam();
  const pid_t child = ::fork();
  if (child == 0) {
    ::setenv("SMKI_FAIL_POINT", fail_point, 1);
    ::setenv(kFolder, (scratch_ / "").c_str(), 1);
    ::execl("/proc/self/exe", "unit_repository", "--gtest_also_run_disabled_tests", "--gtest_brief=1",
            "--gtest_filter=PublishChild.DISABLED_PublishesOnce", nullptr);
    ::_exit(127);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  auto left = Contents();
  std::erase_if(left, [](const auto& file) { return file.first.starts_with("."); });
  EXPECT_EQ(left.size(), appeared);
  publish_.north_wan.reset();
  publish_.central_south_wan.reset();
  ASSERT_TRUE(Publish(publish_).ok()) << "what is there is the same";
  EXPECT_THAT(Files(), ::testing::UnorderedElementsAre(kFull, kDelta));
  for (const auto& [name, content] : left) EXPECT_EQ(ReadText(Published(name)), content);
}

INSTANTIATE_TEST_SUITE_P(FailPoints, KilledPublishTest,
                         ::testing::Values(std::pair("repository.publish.whole", 0),
                                           std::pair("repository.publish.appeared", 1)));

}  // namespace
}  // namespace smki::repository
