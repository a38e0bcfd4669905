#include "repository/rebuild.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/file.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <map>

#include "base/random.h"
#include "pki/digest.h"
#include "repository/extract/gzip.h"
#include "repository/store/format.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::repository {
namespace {

using ::testing::HasSubstr;
using Status = smki::Status;
using State = CertificateStatus;

constexpr uint64_t kMeter = 0x00DB123456000000;
constexpr char kFullDate[] = "2026-11-15";

// What the Repository should hold, kept apart from the code under test.
using Model = std::map<std::string, CertificateRecord>;  // by serial

Digest DigestOf(const Model& model) {
  std::vector<CertificateRecord> records;
  for (const auto& [serial, record] : model) records.push_back(record);
  std::sort(records.begin(), records.end(), [](const CertificateRecord& a, const CertificateRecord& b) {
    if (a.kind != b.kind) return a.kind < b.kind;
    if (a.eui != b.eui) return a.eui < b.eui;
    return AsText(a.serial) < AsText(b.serial);
  });
  pki::MerkleTree tree;
  for (const CertificateRecord& record : records)
    tree.AddLeaf(store_format::DigestLeaf(record, pki::Sha256(record.der)));
  return tree.Root();
}

class RebuildTest : public RepositoryTest {
 protected:
  void Put(const std::vector<CertificateRecord>& records) {
    for (const CertificateRecord& record : records) model_[ToString(record.serial)] = record;
  }
  void PublishFull(const std::vector<CertificateRecord>& records, const std::string& date = kFullDate) {
    std::vector<CertificateRecord> all = pki_.Authorities();
    all.insert(all.end(), records.begin(), records.end());
    Publish(true, date, all);
    Put(all);
  }
  void PublishDelta(const std::string& date, const std::vector<CertificateRecord>& records) {
    Publish(false, date, records);
    Put(records);
  }
  void ExpectEqualsModel(const StatusOr<RebuildReport>& report) {
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->summary.certificates, model_.size());
    EXPECT_EQ(report->summary.digest, DigestOf(model_));
    const auto store = Store::Open(options_.store);
    ASSERT_TRUE(store.ok()) << store.status();
    for (const auto& [serial, expected] : model_) {
      const auto found = (*store)->BySerial(AsBytes(serial));
      ASSERT_TRUE(found.ok()) << found.status();
      ASSERT_EQ(found->size(), 1u);
      EXPECT_EQ(found->front().der, expected.der);
      EXPECT_EQ(found->front().status, expected.status);
      EXPECT_EQ(found->front().manufacturing, expected.manufacturing);
    }
  }
  // Refused, with nothing changed and nothing left behind.
  void ExpectRefused(const std::string& expected, StatusCode code = StatusCode::kDataLoss) {
    const bool had_store = PosixFiles().Exists(options_.store);
    const std::string before = had_store ? ReadText(options_.store) : "";
    const auto report = Rebuild(options_);
    EXPECT_EQ(report.status().code(), code) << report.status();
    EXPECT_THAT(Message(report.status()), HasSubstr(expected));
    EXPECT_THAT(Message(report.status()), HasSubstr("the Repository is as it was"));
    EXPECT_EQ(PosixFiles().Exists(options_.store), had_store);
    if (had_store) {
      EXPECT_EQ(ReadText(options_.store), before);
    }
    EXPECT_FALSE(PosixFiles().Exists(options_.store + ".new"));
  }
  static CertificateRecord As(CertificateRecord record, State status) {
    record.status = status;
    return record;
  }

  Model model_;
};

TEST_F(RebuildTest, I7_AFileThatIsNoStoreIsNeverReplaced) {
  PublishFull({});
  ASSERT_TRUE(PosixFiles().CreateDirectories(DirectoryOf(options_.store)).ok());
  for (const std::string text : {"", "kind: a trust policy", "SMKISTO"}) {
    std::ofstream(options_.store, std::ios::binary) << text;
    const auto report = Rebuild(options_);
    EXPECT_EQ(report.status().code(), StatusCode::kAlreadyExists) << report.status();
    EXPECT_EQ(*PosixFiles().Read(options_.store, 100), ToBytes(AsBytes(text)));
  }
  ASSERT_TRUE(PosixFiles().Remove(options_.store).ok());
  ASSERT_TRUE(Rebuild(options_).ok());
  EXPECT_TRUE(Rebuild(options_).ok()) << "a store may be replaced";
}

TEST_F(RebuildTest, I7_AFullAndSevenDeltasEqualTheModel) {
  std::vector<CertificateRecord> live = {pki_.Supplier(0x90B3D51F30010000),
                                         pki_.Supplier(0x90B3D51F30010000, pki::kKeyAgreement)};
  for (int i = 0; i < 60; ++i) live.push_back(pki_.Device(kMeter + static_cast<uint64_t>(i)));
  PublishFull(live);
  SeededRandom random(7);
  for (int day = 16; day <= 22; ++day) {
    std::vector<CertificateRecord> delta;
    for (int i = 0; i < 10; ++i) {
      delta.push_back(pki_.Device(kMeter + random.Below(100)));
      live.push_back(delta.back());
    }
    for (int i = 0; i < 5; ++i) {  // their states change
      CertificateRecord& changed = live[static_cast<size_t>(day * 3 + i) % live.size()];
      changed.status = static_cast<State>(schema::kStatusLetters[random.Below(5)]);
      changed.manufacturing = random.Below(2) == 1;
      if (std::none_of(delta.begin(), delta.end(), [&](const auto& r) { return r.serial == changed.serial; }))
        delta.push_back(changed);
    }
    PublishDelta(fmt::format("2026-11-{}", day), delta);
  }
  const auto report = Rebuild(options_);
  ExpectEqualsModel(report);
  EXPECT_EQ(report->summary.full_date, kFullDate);
  EXPECT_EQ(report->summary.last_delta_date, "2026-11-22");
  EXPECT_EQ(report->summary.authorities, 4u);
  EXPECT_EQ(report->summary.organisations, 2u);
  EXPECT_EQ(report->summary.devices, 130u);
  EXPECT_EQ(report->summary.in_use + report->summary.revoked + report->summary.other, report->summary.certificates);
  ASSERT_EQ(report->files.size(), 8u);
  uint64_t added = 0;
  for (const FileAccount& file : report->files) {
    EXPECT_EQ(file.records, file.added + file.updated + file.unchanged) << file.file;
    EXPECT_EQ(file.sha256, pki::Sha256(ReadText(options_.extracts + "/" + file.file)));
    added += file.added;
  }
  EXPECT_EQ(added, report->summary.certificates);
}

TEST_F(RebuildTest, I7_EqualContentGivesEqualDigestWhateverTheWayThere) {
  const CertificateRecord a = pki_.Device(kMeter), b = pki_.Device(kMeter + 1);
  PublishFull({a});
  PublishDelta("2026-11-16", {b});
  const auto in_two_files = Rebuild(options_);
  ASSERT_TRUE(in_two_files.ok());
  PublishFull({b, a}, "2026-11-16");
  const auto in_one_file = Rebuild(options_);
  ExpectEqualsModel(in_one_file);
  EXPECT_EQ(in_one_file->summary.digest, in_two_files->summary.digest);
  PublishDelta("2026-11-17", {As(a, State::kRevoked)});
  EXPECT_NE(Rebuild(options_)->summary.digest, in_one_file->summary.digest);
}

TEST_F(RebuildTest, I7_ADeltaFromBeforeTheFullOrOfItsDayChangesNothingThatTheFullHas) {
  const CertificateRecord meter = pki_.Device(kMeter), other = pki_.Device(kMeter + 1);
  PublishFull({meter, other});
  const auto alone = Rebuild(options_);
  ExpectEqualsModel(alone);
  Publish(false, "2026-11-14", {As(meter, State::kPending), other});
  Publish(false, kFullDate, {meter, other});
  const auto with_deltas = Rebuild(options_);
  ExpectEqualsModel(with_deltas);
  EXPECT_EQ(with_deltas->summary.digest, alone->summary.digest);
  EXPECT_EQ(with_deltas->files[1].unchanged, 2u);
}

TEST_F(RebuildTest, I7_WhatTheFullLacksIsNotInUseWhateverAnEarlierDeltaSays) {
  const CertificateRecord gone = pki_.Device(kMeter), revoked = pki_.Device(kMeter + 1);
  PublishFull({});
  PublishDelta("2026-11-13", {As(gone, State::kInUse), As(gone, State::kInUse), As(revoked, State::kInUse)});
  PublishDelta("2026-11-14", {As(revoked, State::kRevoked)});
  PublishDelta(kFullDate, {});
  Put({As(gone, State::kNotInUse)});
  ExpectEqualsModel(Rebuild(options_));
}

TEST_F(RebuildTest, I7_ApplyingAgainChangesNothing) {
  const CertificateRecord meter = pki_.Device(kMeter);
  PublishFull({meter});
  PublishDelta("2026-11-16", {As(meter, State::kRevoked)});
  const auto first = Rebuild(options_);
  PublishDelta("2026-11-17", {As(meter, State::kRevoked)});
  const auto second = Rebuild(options_);
  ExpectEqualsModel(second);
  EXPECT_EQ(second->summary.digest, first->summary.digest);
  EXPECT_EQ(second->files[2].unchanged, 1u);
}

TEST_F(RebuildTest, I7_AMissingDayIsRefusedByItsName) {
  PublishFull({pki_.Device(kMeter)});
  PublishDelta("2026-11-16", {});
  PublishDelta("2026-11-18", {});
  ExpectRefused("SMKIKR_DELT_2026-11-17.xml.gz is missing", StatusCode::kFailedPrecondition);
  options_.target_date = "2026-11-16";
  EXPECT_TRUE(Rebuild(options_).ok());
}

TEST_F(RebuildTest, I7_AForgedCertificateIsRefused) {
  PublishFull({pki_.Device(kMeter), pki_.ForgedDevice(kMeter + 1)});
  ExpectRefused("SMKIKR_FULL_2026-11-15.xml.gz:line 95: record 6: certificate");
  ExpectRefused("the signature is not its issuer's");
}

TEST_F(RebuildTest, I7_ACertificateOfAnUnknownIssuerIsRefused) {
  SmallPki stranger;
  PublishFull({stranger.Device(kMeter)});
  ExpectRefused("none of the authorities in these files issued it");  // the same name, but another key
  PublishFull({});
  Publish(true, kFullDate, {pki_.Device(kMeter)});
  ExpectRefused("none of the authorities in these files issued it");
}

TEST_F(RebuildTest, I7_AnAuthorityBelowAnotherRootIsRefused) {
  SmallPki stranger;
  PublishFull({stranger.Record(*stranger.organisations.issuing)});
  // Equal serial numbers would be found first.
  ExpectRefused("is another certificate in");
  Publish(true, kFullDate, {stranger.Record(*stranger.organisations.issuing)});
  ExpectRefused("does not chain to the organisation root");
  Publish(true, kFullDate, {stranger.Record(*stranger.organisations.root)});
  ExpectRefused("does not chain to the organisation root");
}

TEST_F(RebuildTest, I7_TheTwoHierarchiesDoNotMix) {
  // A Device certificate issued by the issuing OCA.
  const auto key = pki::PrivateKey::Generate();
  const auto mixed = pki::IssueDeviceCertificate(pki_.organisations.identity, Eui64(kMeter), key->public_key(),
                                                 pki::kDigitalSignature, Bytes(16, 0x55), Day("2026-01-01"));
  ASSERT_TRUE(mixed.ok());
  PublishFull({pki_.Record(*mixed)});
  ExpectRefused("none of the authorities in these files issued it");
  std::swap(options_.organisation_root, options_.device_root);
  PublishFull({});
  ExpectRefused("does not chain to the");
}

TEST_F(RebuildTest, I7_AnIssuerMayComeAfterWhatItIssued) {
  std::vector<CertificateRecord> records = {pki_.Device(kMeter)};
  Publish(true, kFullDate, records);
  Put(records);
  PublishDelta("2026-11-16", pki_.Authorities());
  ExpectEqualsModel(Rebuild(options_));
}

TEST_F(RebuildTest, I7_ADuplicateSerialWithAnotherBodyIsRefused) {
  const auto key = pki::PrivateKey::Generate();
  const auto twin = [&](uint64_t eui) {
    return pki_.Record(*pki::IssueDeviceCertificate(pki_.devices.identity, Eui64(eui), key->public_key(),
                                                    pki::kDigitalSignature, Bytes(16, 0x55), Day("2026-01-01")));
  };
  PublishFull({twin(kMeter)});
  Publish(false, "2026-11-16", {twin(kMeter + 1)});
  ExpectRefused("SMKIKR_DELT_2026-11-16.xml.gz:line 5: record 1: serial 5555");
  ExpectRefused("is another certificate in SMKIKR_FULL_2026-11-15.xml.gz");
}

TEST_F(RebuildTest, I7_TwoStatesInOneFileAreRefused) {
  const CertificateRecord meter = pki_.Device(kMeter);
  PublishFull({meter, As(meter, State::kRevoked)});
  ExpectRefused("stands in this file twice with different states");
  PublishFull({meter, meter});
  PublishDelta("2026-11-16", {meter, As(meter, State::kRevoked)});
  ExpectRefused("stands in this file twice with different states");
}

TEST_F(RebuildTest, I7_ADamagedFileIsRefusedAndTheOldStoreStays) {
  PublishFull({pki_.Device(kMeter)});
  const auto before = Rebuild(options_);
  ExpectEqualsModel(before);
  PublishDelta("2026-11-16", {pki_.Device(kMeter + 1)});
  const std::string path = Extract(false, "2026-11-16");
  const std::string good = ReadText(path);
  WriteText(path, good.substr(0, good.size() - 1));
  ExpectRefused("SMKIKR_DELT_2026-11-16.xml.gz: gzip data is damaged");
  EXPECT_EQ((*Store::Open(options_.store))->summary().digest, before->summary.digest);
  WriteText(path, good);
  ExpectEqualsModel(Rebuild(options_));
}

TEST_F(RebuildTest, I7_ARecordThatDiffersFromItsCertificateIsRefused) {
  CertificateRecord wrong = pki_.Device(kMeter);
  wrong.serial.back() ^= 1;
  PublishFull({wrong});
  ExpectRefused("record 5: <CertificateSerial> is");
}

TEST_F(RebuildTest, RefusesAFullWithoutCertificates) {
  Publish(true, kFullDate, {});
  ExpectRefused("holds no certificate");
}

TEST_F(RebuildTest, I7_AReaderOfTheOldStoreIsNotDisturbedByTheSwap) {
  const CertificateRecord meter = pki_.Device(kMeter);
  PublishFull({meter});
  ASSERT_TRUE(Rebuild(options_).ok());
  const auto old_store = Store::Open(options_.store);
  PublishDelta("2026-11-16", {As(meter, State::kRevoked), pki_.Device(kMeter + 1)});
  ExpectEqualsModel(Rebuild(options_));
  EXPECT_EQ((*old_store)->BySerial(meter.serial)->front().status, State::kInUse);
  EXPECT_TRUE((*old_store)->ByEui(Eui64(kMeter + 1))->empty());
}

TEST_F(RebuildTest, TheNextDeltasAreAppliedToTheStore) {
  const CertificateRecord meter = pki_.Device(kMeter);
  PublishFull({meter});
  PublishDelta("2026-11-16", {});
  ASSERT_TRUE(Rebuild(options_).ok());
  const auto nothing = ApplyDeltas(options_);
  ASSERT_TRUE(nothing.ok());
  EXPECT_TRUE(nothing->files.empty());
  EXPECT_EQ(nothing->summary.digest, DigestOf(model_));

  PublishDelta("2026-11-17", {As(meter, State::kNotInUse), pki_.Device(kMeter + 1)});
  const auto applied = ApplyDeltas(options_);
  ExpectEqualsModel(applied);
  ASSERT_EQ(applied->files.size(), 1u);
  EXPECT_EQ(applied->files[0].added, 1u);
  EXPECT_EQ(applied->files[0].updated, 1u);
  EXPECT_EQ(applied->summary.last_delta_date, "2026-11-17");
  EXPECT_EQ(applied->summary.full_date, kFullDate);
  EXPECT_EQ(applied->summary.digest, Rebuild(options_)->summary.digest);

  PublishDelta("2026-11-19", {});
  EXPECT_THAT(Message(ApplyDeltas(options_).status()), HasSubstr("SMKIKR_DELT_2026-11-18.xml.gz is missing"));
  PublishDelta("2026-11-18", {pki_.ForgedDevice(kMeter)});
  EXPECT_THAT(Message(ApplyDeltas(options_).status()), HasSubstr("the signature is not its issuer's"));
}

TEST_F(RebuildTest, ApplyingDeltasNeedsAStore) {
  PublishFull({});
  EXPECT_EQ(ApplyDeltas(options_).status().code(), StatusCode::kNotFound);
}

TEST_F(RebuildTest, I7_AStoreThatDisagreesWithItsCertificatesIsNotBuiltUpon) {
  PublishFull({pki_.Device(kMeter)});
  ASSERT_TRUE(Rebuild(options_).ok());
  // The EUI-64 of the last record is changed, and its seal with it.
  std::string file = ReadText(options_.store);
  uint64_t size = 0;
  uint64_t last = store_format::kMagic.size();
  const auto next = [&](uint64_t at) {
    size = WireReader(AsBytes(std::string_view(file).substr(at, 4))).U32();
    return at + 4 + size + 32;
  };
  for (int i = 0; i < 4; ++i) last = next(last);
  next(last);
  file[last + 4 + 9] ^= 1;
  const Digest seal = pki::Sha256(std::string_view(file).substr(last + 4, size));
  file.replace(last + 4 + size, 32, AsText(seal));
  WriteText(options_.store, file);
  Publish(false, "2026-11-16", {});
  EXPECT_THAT(Message(ApplyDeltas(options_).status()), HasSubstr("does not agree with its certificate"));
}

TEST_F(RebuildTest, TellsHowFarItIs) {
  PublishFull({pki_.Device(kMeter)});
  PublishDelta("2026-11-16", {pki_.Device(kMeter + 1)});
  std::vector<RebuildProgress> seen;
  options_.on_progress = [&](const RebuildProgress& progress) { seen.push_back(progress); };
  ASSERT_TRUE(Rebuild(options_).ok());
  ASSERT_EQ(seen.size(), 2u);
  EXPECT_EQ(seen[0].file, "SMKIKR_FULL_2026-11-15.xml.gz");
  EXPECT_EQ(seen[0].certificates, 5u);
  EXPECT_EQ(seen[1].certificates, 6u);
  EXPECT_EQ(seen[1].octets_done, seen[1].octets_total);
  EXPECT_EQ(seen[1].octets_total,
            ReadText(Extract(true, kFullDate)).size() + ReadText(Extract(false, "2026-11-16")).size());
}

TEST_F(RebuildTest, OneRebuildAtATime) {
  PublishFull({});
  ASSERT_TRUE(Rebuild(options_).ok());
  const int fd = ::open((options_.store + ".lock").c_str(), O_RDWR);
  ASSERT_EQ(::flock(fd, LOCK_EX), 0);
  EXPECT_EQ(Rebuild(options_).status().code(), StatusCode::kFailedPrecondition);
  ::close(fd);
  EXPECT_TRUE(Rebuild(options_).ok());
}

// Runs in a child of the tests below, with a fail point armed before it starts.
constexpr char kFolder[] = "SMKI_TEST_FOLDER";
TEST(RebuildChild, DISABLED_RebuildsOnce) {
  const std::string folder = std::getenv(kFolder);
  const auto root = [&](const std::string& name) {
    return pki::AnchorOf(*pki::Certificate::FromPem(ReadText(folder + "/" + name)));
  };
  const RebuildOptions options{
      folder + "/extracts", folder + "/data/repository.store", "", root("oca.pem"), root("dca.pem"), {}};
  ASSERT_TRUE(Rebuild(options).ok());
}

class KilledRebuildTest : public RebuildTest {
 protected:
  // Old store with one meter; then a rebuild that would add one is killed at `fail_point`.
  void KillAt(const std::string& fail_point) {
    PublishFull({pki_.Device(kMeter)});
    old_ = *Rebuild(options_);
    PublishDelta("2026-11-16", {pki_.Device(kMeter + 1)});
    WriteText(scratch_ / "oca.pem", pki_.organisations.root->ToPem());
    WriteText(scratch_ / "dca.pem", pki_.devices.root->ToPem());
    const pid_t child = ::fork();
    if (child == 0) {
      ::setenv("SMKI_FAIL_POINT", fail_point.c_str(), 1);
      ::setenv(kFolder, (scratch_ / "").c_str(), 1);
      ::execl("/proc/self/exe", "unit_repository", "--gtest_also_run_disabled_tests", "--gtest_brief=1",
              "--gtest_filter=RebuildChild.DISABLED_RebuildsOnce", nullptr);
      ::_exit(127);
    }
    int status = 0;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    ASSERT_TRUE(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) << status;
  }
  RebuildReport old_;
};

TEST_F(KilledRebuildTest, I7_KilledBeforeTheSwapTheOldStoreStandsAndTheNextRebuildSucceeds) {
  KillAt("repository.rebuild.before-swap");
  const auto store = Store::Open(options_.store);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->summary().digest, old_.summary.digest);
  EXPECT_TRUE(PosixFiles().Exists(options_.store + ".new"));
  ExpectEqualsModel(Rebuild(options_));
  EXPECT_FALSE(PosixFiles().Exists(options_.store + ".new"));
}

TEST_F(KilledRebuildTest, I7_KilledAfterTheSwapTheNewStoreStands) {
  KillAt("repository.rebuild.after-swap");
  const auto store = Store::Open(options_.store);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->summary().digest, DigestOf(model_));
}

}  // namespace
}  // namespace smki::repository
