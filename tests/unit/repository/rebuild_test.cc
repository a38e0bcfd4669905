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
#include "repository/prove.h"
#include "repository/store/reader.h"
#include "repository/store/writer.h"
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

// Serial numbers here have 16 octets each, so the map's order is that of the numbers.
Digest DigestOf(const Model& model) {
  pki::MerkleTree tree;
  for (const auto& [serial, record] : model)
    tree.AddLeaf(DigestLeaf(record.status, record.manufacturing, pki::Sha256(record.der)));
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
    report_ = {};
    const auto report = Rebuild(options_, &report_);
    EXPECT_EQ(report.status().code(), code) << report.status();
    EXPECT_THAT(ReasonOf(report.status()) + ": " + Message(report.status()), HasSubstr(expected));
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

  // One record was rejected, for `code`, and so everything; with one tolerated it is left out and the rest is there.
  void ExpectRejected(Reject code, const std::string& file) {
    ExpectRefused(std::string("REJECTS: 1 records were rejected, 0 are tolerated; the first: ") + file);
    ASSERT_EQ(report_.rejects.size(), 1u);
    EXPECT_EQ(Name(report_.rejects[0].code), std::string(Name(code)));
    EXPECT_EQ(report_.rejects[0].file, file);
    const std::string lines = ReadText(report_.rejects_file);
    EXPECT_THAT(lines, HasSubstr(fmt::format("\"code\":\"{}\",\"file\":\"{}\",\"offset\":{}", Name(code), file,
                                             report_.rejects[0].offset)));
    options_.tolerance = 1;
    const auto tolerated = Rebuild(options_);
    ASSERT_TRUE(tolerated.ok()) << tolerated.status();
    EXPECT_EQ(tolerated->rejects.size(), 1u);
    options_.tolerance = 0;
  }

  Model model_;
  RebuildReport report_;  // of the last refusal
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
      changed.status = static_cast<State>(kStatusLetters[random.Below(5)]);
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
  EXPECT_EQ(report->summary.authorities(), 4u);
  EXPECT_EQ(report->summary.organisations(), 2u);
  EXPECT_EQ(report->summary.devices(), 130u);
  EXPECT_EQ(report->summary.in_use() + report->summary.revoked() + report->summary.other(), model_.size());
  ASSERT_EQ(report->files.size(), 8u);
  uint64_t loaded = 0;
  for (const FileAccount& file : report->files) {
    EXPECT_EQ(file.records, file.loaded + file.superseded + file.unchanged + file.rejected) << file.file;
    EXPECT_EQ(file.sha256, pki::Sha256(ReadText(options_.extracts + "/" + file.file)));
    uint64_t by_others = 0;
    for (const auto& [other, count] : file.superseded_by) {
      by_others += count;
    }
    EXPECT_EQ(by_others, file.superseded);
    loaded += file.loaded;
  }
  EXPECT_EQ(loaded, report->summary.certificates);
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

TEST_F(RebuildTest, I7_ADeltaOfTheOverlapIsAppliedOverTheFullAndAnOlderOneIsNot) {
  const CertificateRecord meter = pki_.Device(kMeter), other = pki_.Device(kMeter + 1);
  PublishFull({meter, other});
  Publish(false, "2026-11-12", {As(meter, State::kPending), pki_.Device(kMeter + 2)});
  PublishDelta("2026-11-14", {As(meter, State::kRevoked), other});
  PublishDelta(kFullDate, {meter, other});
  const auto report = Rebuild(options_);
  ExpectEqualsModel(report);
  EXPECT_EQ(report->not_needed, (std::vector<std::string>{"SMKIKR_DELT_2026-11-12.xml.gz"}));
  ASSERT_EQ(report->files.size(), 3u);
  EXPECT_EQ(report->files[0].superseded_by.at("SMKIKR_DELT_2026-11-14.xml.gz"), 1u);
  EXPECT_EQ(report->files[1].superseded, 1u);
  EXPECT_EQ(report->files[1].unchanged, 1u);
}

TEST_F(RebuildTest, I7_AnyRepetitionInOrderGivesTheSameStore) {
  const CertificateRecord a = pki_.Device(kMeter), b = pki_.Device(kMeter + 1);
  PublishFull({a, b, a, b, b});
  PublishDelta("2026-11-16", {As(a, State::kNotInUse), As(a, State::kNotInUse)});
  PublishDelta("2026-11-17", {As(a, State::kNotInUse), As(b, State::kRevoked), As(b, State::kRevoked)});
  const auto report = Rebuild(options_);
  ExpectEqualsModel(report);
  EXPECT_EQ(report->files[0].unchanged, 3u);
  EXPECT_EQ(report->files[2].unchanged, 2u);
}

TEST_F(RebuildTest, I7_MemoryForOneRecordGivesTheSameStoreAsMuchMemory) {
  std::vector<CertificateRecord> live;
  for (uint64_t i = 0; i < 300; ++i) live.push_back(pki_.Device(kMeter + i % 40));
  PublishFull(live);
  PublishDelta("2026-11-16", {As(live[7], State::kRevoked), As(live[200], State::kExpired)});
  ExpectEqualsModel(Rebuild(options_));
  const std::string much = ReadText(options_.store);
  for (const size_t memory : {size_t{1}, size_t{500}, size_t{5000}}) {
    options_.memory = memory;
    ExpectEqualsModel(Rebuild(options_));
    EXPECT_EQ(ReadText(options_.store), much) << "the file itself is the same";
  }
}

// Some chunks, so that they are examined out of order; and the authorities behind those whom they certified.
TEST_F(RebuildTest, I7_TheSameFilesGiveTheSameOctetsOnAnyNumberOfThreads) {
  std::vector<CertificateRecord> records;
  for (uint64_t i = 0; i < 2600; ++i) records.push_back(pki_.Device(kMeter + i));
  for (const CertificateRecord& authority : pki_.Authorities()) records.push_back(authority);
  records.push_back(pki_.ForgedDevice(kMeter + 9000));
  Publish(true, kFullDate, records);
  options_.tolerance = 1;
  std::string expected, rejects;
  for (const unsigned threads : {1u, 2u, 3u, 8u}) {
    options_.threads = threads;
    const auto report = Rebuild(options_);
    ASSERT_TRUE(report.ok()) << report.status();
    EXPECT_EQ(report->summary.certificates, 2604u);
    const std::string store = ReadText(options_.store);
    if (expected.empty()) {
      expected = store;
      rejects = ReadText(report->rejects_file);
    }
    EXPECT_TRUE(store == expected) << threads << " threads";
    EXPECT_EQ(ReadText(report->rejects_file), rejects);
  }
  EXPECT_THAT(rejects, HasSubstr("SIGNATURE_WRONG"));
}

TEST_F(RebuildTest, I7_StructureLeavesOutOnlySignaturesAndSaysSo) {
  PublishFull({pki_.ForgedDevice(kMeter)});
  ExpectRejected(Reject::kSIGNATURE_WRONG, "SMKIKR_FULL_2026-11-15.xml.gz");
  options_.verify = Verify::kStructure;
  const auto report = Rebuild(options_);
  ExpectEqualsModel(report);
  EXPECT_EQ(report->summary.verify, Verify::kStructure);
  EXPECT_THAT(report->notes, ::testing::Contains(HasSubstr("were not verified (structure)")));
  EXPECT_EQ((*Store::Open(options_.store))->summary().verify, Verify::kStructure);
  EXPECT_EQ(report->files[0].sha256, Digest{});
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
  ExpectRejected(Reject::kSIGNATURE_WRONG, "SMKIKR_FULL_2026-11-15.xml.gz");
  EXPECT_EQ((*Store::Open(options_.store))->summary().certificates, 5u);
}

TEST_F(RebuildTest, I7_ACertificateOfAnUnknownIssuerIsRefused) {
  SmallPki stranger;
  PublishFull({stranger.Device(kMeter)});
  ExpectRejected(Reject::kISSUER_UNKNOWN, "SMKIKR_FULL_2026-11-15.xml.gz");  // the same name, but another key
  PublishFull({});
  Publish(true, kFullDate, {pki_.Device(kMeter)});
  ExpectRejected(Reject::kISSUER_UNKNOWN, "SMKIKR_FULL_2026-11-15.xml.gz");
  options_.verify = Verify::kStructure;
  ExpectRejected(Reject::kISSUER_UNKNOWN, "SMKIKR_FULL_2026-11-15.xml.gz");
}

TEST_F(RebuildTest, I7_AnAuthorityBelowAnotherRootIsRefused) {
  SmallPki stranger;
  for (const auto& authority : {stranger.organisations.issuing, stranger.organisations.root}) {
    Publish(true, kFullDate, {stranger.Record(*authority)});
    ExpectRejected(Reject::kAUTHORITY_UNTRUSTED, "SMKIKR_FULL_2026-11-15.xml.gz");
    options_.verify = Verify::kStructure;
    ExpectRejected(Reject::kAUTHORITY_UNTRUSTED, "SMKIKR_FULL_2026-11-15.xml.gz");
  }
}

TEST_F(RebuildTest, I7_TheTwoHierarchiesDoNotMix) {
  // A Device certificate issued by the issuing OCA.
  const auto key = pki::PrivateKey::Generate();
  const auto mixed = pki::IssueDeviceCertificate(pki_.organisations.identity, Eui64(kMeter), key->public_key(),
                                                 pki::kDigitalSignature, Bytes(16, 0x55), Day("2026-01-01"));
  ASSERT_TRUE(mixed.ok());
  PublishFull({pki_.Record(*mixed)});
  ExpectRejected(Reject::kISSUER_UNKNOWN, "SMKIKR_FULL_2026-11-15.xml.gz");
  std::swap(options_.organisation_root, options_.device_root);
  PublishFull({});
  ExpectRefused("REJECTS: 4 records were rejected");
}

TEST_F(RebuildTest, I7_AnIssuerMayComeAfterWhatItIssued) {
  std::vector<CertificateRecord> records = {pki_.Device(kMeter)};
  Publish(true, kFullDate, records);
  Put(records);
  PublishDelta("2026-11-16", pki_.Authorities());
  ExpectEqualsModel(Rebuild(options_));
}

// More of them than are judged at once.
TEST_F(RebuildTest, I7_AllAuthoritiesMayComeLast) {
  std::vector<CertificateRecord> records = {pki_.ForgedDevice(kMeter)};
  for (uint64_t i = 1; i <= 1100; ++i) records.push_back(pki_.Device(kMeter + i));
  records.push_back(pki_.ForgedDevice(kMeter + 1101));
  PublishFull({records.begin() + 1, records.end() - 1});
  for (const CertificateRecord& authority : pki_.Authorities()) records.push_back(authority);
  Publish(true, kFullDate, records);
  options_.tolerance = 2;
  options_.verify = Verify::kFull;
  for (const unsigned threads : {1u, 3u}) {
    options_.threads = threads;
    const auto report = Rebuild(options_);
    ExpectEqualsModel(report);
    ASSERT_EQ(report->rejects.size(), 2u);
    for (const RejectedRecord& reject : report->rejects) EXPECT_EQ(reject.code, Reject::kSIGNATURE_WRONG);
    EXPECT_LT(report->rejects[0].offset, report->rejects[1].offset);
    const auto proof = ProveStore(options_);
    EXPECT_TRUE(proof.ok()) << proof.status();
  }
}

TEST_F(RebuildTest, WhatAnEarlierRebuildRejectedIsNotSaidOfAGoodOne) {
  PublishFull({pki_.Device(kMeter), pki_.ForgedDevice(kMeter + 1)});
  ASSERT_FALSE(Rebuild(options_).ok());
  EXPECT_TRUE(PosixFiles().Exists(options_.store + ".rejects.jsonl"));
  options_.rejects_file = scratch_ / "mine.jsonl";
  ASSERT_FALSE(Rebuild(options_).ok());
  EXPECT_TRUE(PosixFiles().Exists(options_.rejects_file));
  PublishFull({pki_.Device(kMeter)});
  ASSERT_TRUE(Rebuild(options_).ok());
  EXPECT_FALSE(PosixFiles().Exists(options_.store + ".rejects.jsonl"));
  EXPECT_TRUE(PosixFiles().Exists(options_.rejects_file));
}

TEST_F(RebuildTest, I7_ADuplicateSerialWithAnotherBodyIsRefused) {
  const auto key = pki::PrivateKey::Generate();
  const auto twin = [&](const pki::IssuerIdentity& issuer, uint64_t eui) {
    return pki_.Record(*pki::IssueDeviceCertificate(issuer, Eui64(eui), key->public_key(), pki::kDigitalSignature,
                                                    Bytes(16, 0x55), Day("2026-01-01")));
  };
  PublishFull({twin(pki_.devices.identity, kMeter)});
  Publish(false, "2026-11-16", {twin(pki_.devices.identity, kMeter + 1)});
  ExpectRejected(Reject::kSERIAL_REUSED, "SMKIKR_DELT_2026-11-16.xml.gz");
  EXPECT_EQ(report_.rejects[0].serial, std::string(32, '5'));
  EXPECT_EQ((*Store::Open(options_.store))->ByEui(Eui64(kMeter))->size(), 1u) << "the first one stays";
}

TEST_F(RebuildTest, I7_TwoStatesInOneFileAreRefused) {
  const CertificateRecord meter = pki_.Device(kMeter);
  PublishFull({meter, As(meter, State::kRevoked)});
  ExpectRejected(Reject::kSTATUS_TWICE, "SMKIKR_FULL_2026-11-15.xml.gz");
  PublishFull({meter, meter});
  PublishDelta("2026-11-16", {meter, As(meter, State::kRevoked)});
  ExpectRejected(Reject::kSTATUS_TWICE, "SMKIKR_DELT_2026-11-16.xml.gz");
}

TEST_F(RebuildTest, I7_ADamagedFileIsRefusedAndTheOldStoreStays) {
  PublishFull({pki_.Device(kMeter)});
  const auto before = Rebuild(options_);
  ExpectEqualsModel(before);
  PublishDelta("2026-11-16", {pki_.Device(kMeter + 1)});
  const std::string path = Extract(false, "2026-11-16");
  const std::string good = ReadText(path);
  WriteText(path, good.substr(0, good.size() - 1));
  ExpectRefused("GZIP_TRUNCATED: SMKIKR_DELT_2026-11-16.xml.gz: ");
  EXPECT_EQ((*Store::Open(options_.store))->summary().digest, before->summary.digest);
  WriteText(path, good);
  ExpectEqualsModel(Rebuild(options_));
}

TEST_F(RebuildTest, I7_ARecordThatDiffersFromItsCertificateIsRefused) {
  CertificateRecord wrong = pki_.Device(kMeter);
  wrong.serial.back() ^= 1;
  PublishFull({wrong});
  ExpectRejected(Reject::kSERIAL_MISMATCH, "SMKIKR_FULL_2026-11-15.xml.gz");
}

TEST_F(RebuildTest, I7_TheAccountOfARefusedRebuildIsWholeToo) {
  const CertificateRecord meter = pki_.Device(kMeter);
  PublishFull({meter, pki_.ForgedDevice(kMeter + 1), pki_.Device(kMeter + 2)});
  PublishDelta("2026-11-16", {As(meter, State::kRevoked), pki_.ForgedDevice(kMeter + 3)});
  ExpectRefused("REJECTS: 2 records");
  ASSERT_EQ(report_.files.size(), 2u);
  EXPECT_EQ(report_.files[0].records, 7u);
  EXPECT_EQ(report_.files[0].loaded, 5u);
  EXPECT_EQ(report_.files[0].superseded, 1u);
  EXPECT_EQ(report_.files[0].rejected, 1u);
  EXPECT_EQ(report_.files[1].loaded, 1u);
  EXPECT_EQ(report_.files[1].rejected, 1u);
  options_.tolerance = 1;
  ExpectRefused("REJECTS: 2 records were rejected, 1 are tolerated");
  options_.tolerance = 2;
  EXPECT_TRUE(Rebuild(options_).ok());
}

TEST_F(RebuildTest, I7_ACertificateInUsePastItsEndIsRefusedAndAnExpiredOneIsNot) {
  const CertificateRecord supplier = pki_.Supplier(0x90B3D51F30010000);
  PublishFull({supplier}, "2036-01-02");
  ExpectRejected(Reject::kEXPIRED, "SMKIKR_FULL_2036-01-02.xml.gz");
  PublishDelta("2036-01-03", {As(supplier, State::kExpired)});
  ExpectEqualsModel(Rebuild(options_));
}

TEST_F(RebuildTest, I7_WhatARevocationListNamesIsNotInUse) {
  const CertificateRecord supplier = pki_.Supplier(0x90B3D51F30010000), other = pki_.Supplier(0x90B3D51F30020000);
  PublishFull({supplier, other});
  const auto list = [&](const pki::IssuerIdentity& issuer, const Bytes& serial, const std::string& day) {
    const auto made = pki::IssueRevocationList(issuer, 1, Day(kFullDate), Day("2026-12-15"), {{serial, Day(day)}});
    EXPECT_TRUE(made.ok()) << made.status();
    EXPECT_TRUE(WriteGzip(extracts_ + "/SMKI_ORGANISATION_CRL.crl.gz", made->der).ok());
  };
  list(pki_.organisations.identity, supplier.serial, "2026-11-10");
  ExpectRejected(Reject::kREVOKED_IN_USE, "SMKIKR_FULL_2026-11-15.xml.gz");
  PublishDelta("2026-11-16", {As(supplier, State::kRevoked)});
  ExpectEqualsModel(Rebuild(options_));
  // Revoked on the day restored to or later: it was in use then.
  options_.target_date = kFullDate;
  list(pki_.organisations.identity, supplier.serial, kFullDate);
  EXPECT_TRUE(Rebuild(options_).ok());
  list(pki_.organisations.identity, supplier.serial, "2026-11-14");
  ExpectRejected(Reject::kREVOKED_IN_USE, "SMKIKR_FULL_2026-11-15.xml.gz");
  // Of nobody that is known here.
  list(pki_.devices.identity, supplier.serial, "2026-11-10");
  ExpectRefused("LIST_WRONG: SMKI_ORGANISATION_CRL.crl.gz");
  WriteText(extracts_ + "/SMKI_ORGANISATION_CRL.crl.gz", "no list");
  ExpectRefused("LIST_WRONG: SMKI_ORGANISATION_CRL.crl.gz");
}

TEST_F(RebuildTest, I7_NothingInUseStandsUnderARevokedAuthority) {
  const CertificateRecord supplier = pki_.Supplier(0x90B3D51F30010000);
  PublishFull({supplier});
  const pki::IssuerIdentity root{&pki_.organisations.root_key, pki_.organisations.root->subject};
  const auto arl = pki::IssueRevocationList(root, 1, Day(kFullDate), Day("2026-12-15"),
                                            {{pki_.organisations.issuing->serial, Day("2026-11-10")}});
  ASSERT_TRUE(arl.ok());
  const std::string file = extracts_ + "/SMKI_ORGANISATION_ARL.arl.gz";
  ASSERT_TRUE(WriteGzip(file, arl->der).ok());
  ExpectRefused("REJECTS: 2 records");
  std::vector<std::string> codes;
  for (const RejectedRecord& reject : report_.rejects) codes.push_back(Name(reject.code));
  EXPECT_THAT(codes, ::testing::UnorderedElementsAre("REVOKED_IN_USE", "ISSUER_REVOKED"));
  // The files themselves may say it too.
  ASSERT_TRUE(PosixFiles().Remove(file).ok());
  PublishDelta("2026-11-16", {As(pki_.Record(*pki_.organisations.issuing), State::kRevoked)});
  ExpectRejected(Reject::kISSUER_REVOKED, "SMKIKR_FULL_2026-11-15.xml.gz");
  PublishDelta("2026-11-17", {As(supplier, State::kRevoked)});
  ExpectEqualsModel(Rebuild(options_));
}

TEST_F(RebuildTest, I7_AnExpiredDeltaIsTakenFromTheArchive) {
  const CertificateRecord meter = pki_.Device(kMeter);
  PublishFull({meter});
  PublishDelta("2026-11-16", {As(meter, State::kRevoked)});
  PublishDelta("2026-11-17", {});
  options_.archive = scratch_ / "archive";
  ASSERT_TRUE(PosixFiles().CreateDirectories(options_.archive).ok());
  const std::string archived = options_.archive + "/" + ExtractFileName(false, "2026-11-16");
  ASSERT_TRUE(PosixFiles().Rename(Extract(false, "2026-11-16"), archived).ok());
  WriteText(options_.archive + "/" + ExtractFileName(false, "2026-11-17"), "the folder's own goes before this one");
  ExpectEqualsModel(Rebuild(options_));
  options_.archive.clear();
  ExpectRefused("DELTA_MISSING", StatusCode::kFailedPrecondition);
}

TEST_F(RebuildTest, FilesCanBeNamedOneByOne) {
  const CertificateRecord meter = pki_.Device(kMeter);
  PublishFull({meter});
  PublishDelta("2026-11-16", {As(meter, State::kRevoked)});
  PublishDelta("2026-11-17", {});
  const std::string elsewhere = scratch_ / ExtractFileName(false, "2026-11-16");
  ASSERT_TRUE(PosixFiles().Rename(Extract(false, "2026-11-16"), elsewhere).ok());
  options_.files = {ExtractFileName(true, kFullDate), elsewhere};
  const auto report = Rebuild(options_);
  ExpectEqualsModel(report);
  EXPECT_EQ(report->summary.as_of, "2026-11-16");
}

TEST_F(RebuildTest, RefusesAFullWithoutCertificates) {
  Publish(true, kFullDate, {});
  ExpectRefused("FULL_EMPTY");
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
  EXPECT_EQ(applied->files[0].loaded, 2u);
  EXPECT_EQ(applied->summary.last_delta_date, "2026-11-17");
  EXPECT_EQ(applied->summary.full_date, kFullDate);
  EXPECT_EQ(applied->summary.digest, Rebuild(options_)->summary.digest);

  PublishDelta("2026-11-19", {});
  EXPECT_THAT(Message(ApplyDeltas(options_).status()), HasSubstr("SMKIKR_DELT_2026-11-18.xml.gz is missing"));
  PublishDelta("2026-11-18", {pki_.ForgedDevice(kMeter)});
  EXPECT_THAT(Message(ApplyDeltas(options_).status()), HasSubstr("SIGNATURE_WRONG"));
}

TEST_F(RebuildTest, ApplyingDeltasNeedsAStore) {
  PublishFull({});
  EXPECT_EQ(ApplyDeltas(options_).status().code(), StatusCode::kNotFound);
}

TEST_F(RebuildTest, I7_AStoreThatDisagreesWithItsCertificatesIsNotBuiltUpon) {
  // As a faulty writer would make it: sealed, but wrong.
  PublishFull({pki_.Device(kMeter)});
  ASSERT_TRUE(Rebuild(options_).ok());
  const auto reader = StoreReader::Open(options_.store);
  ASSERT_TRUE(reader.ok());
  auto writer = StoreWriter::Create(options_.store + ".wrong", 1 << 20);
  ASSERT_TRUE(writer.ok());
  std::vector<Entry> entries;
  ASSERT_TRUE((*reader)
                  ->entries()
                  .Scan([&](uint64_t, const uint8_t* in) {
                    entries.push_back(Entry::Decode(in));
                    return OkStatus();
                  })
                  .ok());
  for (Entry& entry : entries) {
    const auto der = (*reader)->Body(entry);
    entry.offset = *(*writer)->AddBodies(*der);
    if (entry.kind == CertificateKind::kDevice) entry.eui ^= 1;
  }
  for (const Entry& entry : entries) ASSERT_TRUE((*writer)->AddEntry(entry).ok());
  StoreSummary summary = (*reader)->footer().summary;
  ASSERT_TRUE((*writer)->Finish(summary).ok());
  ASSERT_TRUE(PosixFiles().Rename(options_.store + ".wrong", options_.store).ok());
  Publish(false, "2026-11-16", {});
  const Status status = ApplyDeltas(options_).status();
  EXPECT_EQ(ReasonOf(status), "STORE_DAMAGED");
  EXPECT_THAT(Message(status), HasSubstr("does not agree with its certificate"));
}

TEST_F(RebuildTest, TellsHowFarItIs) {
  PublishFull({pki_.Device(kMeter)});
  PublishDelta("2026-11-16", {pki_.Device(kMeter + 1)});
  std::vector<RebuildProgress> seen;
  options_.on_progress = [&](const RebuildProgress& progress) { seen.push_back(progress); };
  ASSERT_TRUE(Rebuild(options_).ok());
  ASSERT_EQ(seen.size(), 4u);
  EXPECT_EQ(seen[0].file, "SMKIKR_FULL_2026-11-15.xml.gz");
  EXPECT_EQ(seen[0].records, 5u);
  EXPECT_EQ(seen[1].records, 6u);
  EXPECT_EQ(seen[1].octets_done, seen[1].octets_total);
  EXPECT_EQ(seen[1].octets_total,
            ReadText(Extract(true, kFullDate)).size() + ReadText(Extract(false, "2026-11-16")).size());
  EXPECT_EQ(seen[2].stage, "sorting");
  EXPECT_EQ(seen[3].stage, "writing");
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
  const RebuildOptions options{folder + "/extracts", folder + "/data/repository.store", "", root("oca.pem"),
                               root("dca.pem")};
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

class KilledBeforeTheSwapTest : public KilledRebuildTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(KilledBeforeTheSwapTest, I7_TheOldStoreStandsAndTheNextRebuildSucceeds) {
  KillAt(GetParam());
  const auto store = Store::Open(options_.store);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->summary().digest, old_.summary.digest);
  EXPECT_TRUE(PosixFiles().Exists(options_.store + ".new"));
  ExpectEqualsModel(Rebuild(options_));
  const auto left = PosixFiles().List(DirectoryOf(options_.store));
  EXPECT_THAT(*left, ::testing::UnorderedElementsAre("repository.store", "repository.store.lock"));
}

INSTANTIATE_TEST_SUITE_P(FailPoints, KilledBeforeTheSwapTest,
                         ::testing::Values("repository.rebuild.read", "repository.rebuild.decided",
                                           "repository.rebuild.before-swap"));

TEST_F(KilledRebuildTest, I7_KilledAfterTheSwapTheNewStoreStands) {
  KillAt("repository.rebuild.after-swap");
  const auto store = Store::Open(options_.store);
  ASSERT_TRUE(store.ok()) << store.status();
  EXPECT_EQ((*store)->summary().digest, DigestOf(model_));
}

}  // namespace
}  // namespace smki::repository
