// What a Repository may meet in its files, each with its named result, and nothing lost: the store that was there is
// there, octet for octet, and no half of a new one.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/mount.h>
#include <zlib.h>

#include "base/random.h"
#include "repository/extract/gzip.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::repository {
namespace {

using Status = smki::Status;

constexpr uint64_t kMeter = 0x00DB123456000000;
constexpr char kDate[] = "2026-11-15";
constexpr char kFile[] = "SMKIKR_FULL_2026-11-15.xml.gz";

class BadInputTest : public RepositoryTest {
 protected:
  // A good store of yesterday's FULL stands there; today's is what is tried.
  void SetUp() override {
    std::vector<CertificateRecord> records = pki_.Authorities();
    records.push_back(pki_.Device(kMeter));
    Publish(true, "2026-11-14", records);
    const auto report = Rebuild(options_);
    ASSERT_TRUE(report.ok()) << report.status();
    before_ = ReadText(options_.store);
    for (uint64_t i = 0; i < 400; ++i) records.push_back(pki_.Device(kMeter + 1 + i % 8));
    Publish(true, kDate, records);
    good_ = ReadText(Extract(true, kDate));
    xml_ = ToString(*ReadGzip(Extract(true, kDate), 1 << 24));
  }

  // The refusal's code, "rejected CODE" for a single rejected record, or "built"; nothing may be lost.
  std::string Result() {
    RebuildReport report;
    const Status status = Rebuild(options_, &report).status();
    if (status.ok()) return "built";
    EXPECT_EQ(ReadText(options_.store), before_);
    EXPECT_FALSE(PosixFiles().Exists(options_.store + ".new"));
    EXPECT_THAT(Message(status), ::testing::HasSubstr("the Repository is as it was"));
    if (ReasonOf(status) == "REJECTS" && report.rejects.size() == 1)
      return std::string("rejected ") + Name(report.rejects.front().code);
    return ReasonOf(status);
  }
  std::string ResultOf(const std::string& file) {
    WriteText(Extract(true, kDate), file);
    return Result();
  }
  std::string ResultOfXml(const std::string& xml) {
    EXPECT_TRUE(WriteGzip(Extract(true, kDate), AsBytes(xml)).ok());
    return Result();
  }
  // The certificate of one record (the last) with this DER, its words as they were.
  std::string ResultOfDer(const Bytes& der) {
    const size_t body = xml_.rfind("<CertificateBody>") + 17, end = xml_.rfind("</CertificateBody>");
    return ResultOfXml(xml_.substr(0, body) + ToBase64(der) + xml_.substr(end));
  }

  std::string before_, good_, xml_;
};

TEST_F(BadInputTest, I7_AFileCutAnywhereIsTruncated) {
  // Every 64 KiB, and near the ends.
  std::vector<size_t> sizes = {1, 2, 9, 10, 20, 40, good_.size() - 9, good_.size() - 8, good_.size() - 1};
  for (size_t size = 64 << 10; size < good_.size(); size += 64 << 10) sizes.push_back(size);
  for (const size_t size : sizes) EXPECT_EQ(ResultOf(good_.substr(0, size)), "GZIP_TRUNCATED") << size;
}

TEST_F(BadInputTest, I7_AFlippedBitInAnyRegionIsFound) {
  SeededRandom random(3);
  for (int i = 0; i < 60; ++i) {
    // Behind the header, whose time and system mean nothing.
    const size_t at = 10 + random.Below(good_.size() - 10);
    std::string bad = good_;
    bad[at] = static_cast<char>(bad[at] ^ (1 << random.Below(8)));
    EXPECT_THAT(ResultOf(bad), ::testing::AnyOf("GZIP_DAMAGED", "GZIP_CHECKSUM", "GZIP_TRUNCATED", "INNER_NAME_WRONG",
                                                "GZIP_TRAILING", "XML_MALFORMED", "XML_TRUNCATED", "XML_ROOT_WRONG",
                                                "HEADER_WRONG", "XML_ENTITY", "XML_UNSUPPORTED", "XML_TOO_DEEP"))
        << at;
  }
}

TEST_F(BadInputTest, I7_GzipThatIsNotWholeAndGoodIsRefusedByName) {
  std::string crc = good_, length = good_;
  crc[crc.size() - 8] ^= 1;
  length[length.size() - 1] ^= 1;
  EXPECT_EQ(ResultOf(crc), "GZIP_CHECKSUM");
  EXPECT_EQ(ResultOf(length), "GZIP_CHECKSUM");
  EXPECT_EQ(ResultOf(good_ + "garbage"), "GZIP_TRAILING");
  EXPECT_EQ(ResultOf("not gz"), "GZIP_NOT");
  EXPECT_EQ(ResultOf(""), "FILE_EMPTY");
  EXPECT_EQ(ResultOf(good_), "built");
}

TEST_F(BadInputTest, I7_AGzipBombIsRefused) {
  const size_t record = xml_.find("  <CertificateResponse>");
  EXPECT_EQ(ResultOfXml(xml_.substr(0, record) + std::string(1 << 20, ' ')), "XML_TOO_LONG");
  EXPECT_EQ(ResultOfXml(xml_.substr(0, record) + std::string(300 << 20, ' ')), "XML_TOO_LONG");
}

TEST_F(BadInputTest, I7_XmlCutAnywhereIsRefused) {
  SeededRandom random(4);
  for (int i = 0; i < 40; ++i) {
    const size_t size = random.Below(xml_.size() - 2);
    EXPECT_THAT(ResultOfXml(xml_.substr(0, size)), ::testing::AnyOf("XML_TRUNCATED", "XML_MALFORMED")) << size;
  }
}

TEST_F(BadInputTest, I7_ARecordThatIsNotOfTheSchemaIsRejectedAlone) {
  const size_t last = xml_.rfind("  <CertificateResponse>");
  const auto with = [&](const std::string& from, const std::string& to) {
    const size_t at = xml_.find(from, last);
    return xml_.substr(0, at) + to + xml_.substr(at + from.size());
  };
  EXPECT_EQ(ResultOfXml(with("<CertificateStatus>", "<New>1</New><CertificateStatus>")), "rejected ELEMENT_UNKNOWN");
  EXPECT_EQ(ResultOfXml(with("<CertificateStatus>I</CertificateStatus>", "")), "rejected ELEMENT_MISSING");
  EXPECT_EQ(ResultOfXml(with("<CertificateSerial>", "<CertificateUsage>DS</CertificateUsage><CertificateSerial>")),
            "rejected ELEMENT_ORDER");
  EXPECT_EQ(ResultOfXml(with("<CertificateBody>\nM", "<CertificateBody>\n!")), "rejected BASE64_BAD");
  EXPECT_EQ(ResultOfXml(with(">I</CertificateStatus>", ">Q</CertificateStatus>")), "rejected STATUS_UNKNOWN");
  EXPECT_EQ(ResultOfXml(with("<CertificateSerial>4", "<CertificateSerial>5")), "rejected SERIAL_MISMATCH");
}

TEST_F(BadInputTest, I7_ABadCertificateIsRejectedByName) {
  const CertificateRecord device = pki_.Device(kMeter + 1);
  const auto with = [&](const Bytes& from, const Bytes& to) {
    Bytes der = device.der;
    const auto at = std::search(der.begin(), der.end(), from.begin(), from.end());
    EXPECT_NE(at, der.end());
    std::copy(to.begin(), to.end(), at);
    return der;
  };
  const auto hex = [](const char* text) { return *FromHex(text); };
  Bytes lengths = device.der;
  lengths[3] -= 1;
  EXPECT_EQ(ResultOfDer(lengths), "rejected DER_TRAILING");
  lengths[3] += 2;
  EXPECT_EQ(ResultOfDer(lengths), "rejected DER_BAD");
  lengths[3] -= 1;
  lengths[7] ^= 0x20;
  EXPECT_EQ(ResultOfDer(lengths), "rejected DER_BAD");
  Bytes negative = with(device.serial, device.serial);
  *std::search(negative.begin(), negative.end(), device.serial.begin(), device.serial.end()) |= 0x80;
  EXPECT_EQ(ResultOfDer(negative), "rejected SERIAL_BAD");
  // secp256k1 has the same length of key, but another OID, here of the same length: prime256v2 does.
  EXPECT_EQ(ResultOfDer(with(hex("2A8648CE3D030107"), hex("2A8648CE3D030106"))), "rejected CURVE_WRONG");
  EXPECT_EQ(ResultOfDer(with(hex("03420004"), hex("03420005"))), "rejected CURVE_WRONG");
  EXPECT_EQ(ResultOfDer(with(hex("2A863A0001EDEE4001020104"), hex("2A863A0001EDEE4001020105"))),
            "rejected POLICY_WRONG");
  EXPECT_EQ(ResultOfDer(with(hex("2A8648CE3D040302"), hex("2A8648CE3D040303"))), "rejected ALGORITHM_WRONG");
  Bytes trailing = device.der;
  trailing.push_back(0);
  EXPECT_EQ(ResultOfDer(trailing), "rejected DER_TRAILING");
  EXPECT_EQ(ResultOfDer(with(hex("180F39393939313233313233353935395A"), hex("180F39393938313233313233353935395A"))),
            "rejected LIFETIME_WRONG");
}

TEST_F(BadInputTest, I7_AKeyThatIsNotOnTheCurveIsRejected) {
  CertificateRecord device = pki_.Device(kMeter + 1);
  const Bytes key = *FromHex("03420004");
  const auto at = std::search(device.der.begin(), device.der.end(), key.begin(), key.end());
  at[20] ^= 1;
  EXPECT_EQ(ResultOfDer(device.der), "rejected CURVE_WRONG");
}

TEST_F(BadInputTest, I7_TheSameCertificateTwiceIsUnchanged) {
  const size_t record = xml_.rfind("  <CertificateResponse>"), end = xml_.rfind("</SMKIRepositoryExtract>");
  EXPECT_EQ(ResultOfXml(xml_.substr(0, end) + xml_.substr(record, end - record) + xml_.substr(end)), "built");
}

TEST_F(BadInputTest, I7_ADeltaOfAnotherDateRenamedIsRefused) {
  Publish(false, "2026-11-17", {pki_.Device(kMeter + 1)});
  const std::string name = Extract(false, "2026-11-16");
  ASSERT_TRUE(PosixFiles().Rename(Extract(false, "2026-11-17"), name).ok());
  EXPECT_EQ(Result(), "INNER_NAME_WRONG");
  // Even if somebody packed it again under the new name.
  const std::string other = extracts_ + "/x.gz";
  ASSERT_TRUE(PosixFiles().Rename(name, Extract(false, "2026-11-17")).ok());
  const Bytes xml = *ReadGzip(Extract(false, "2026-11-17"), 1 << 20);
  ASSERT_TRUE(PosixFiles().Remove(Extract(false, "2026-11-17")).ok());
  ASSERT_TRUE(WriteGzip(name, xml).ok());
  EXPECT_EQ(Result(), "HEADER_WRONG");
}

TEST_F(BadInputTest, I7_AFullFromTheFutureIsRefused) {
  options_.today = "2026-11-14";
  EXPECT_EQ(Result(), "FULL_FROM_FUTURE");
}

TEST_F(BadInputTest, I7_AWrongFileIsNamedBeforeAnythingIsBuilt) {
  WriteText(Extract(false, "2026-11-16"), "not gz");
  bool began = false;
  options_.on_progress = [&](const RebuildProgress&) { began = true; };
  EXPECT_EQ(Result(), "GZIP_NOT");
  EXPECT_FALSE(began);
}

TEST_F(BadInputTest, I7_AFullDiskWhileBuildingLosesNothing) {
  const std::string small = scratch_ / "small";
  ASSERT_TRUE(PosixFiles().CreateDirectories(small).ok());
  if (::mount("tmpfs", small.c_str(), "tmpfs", 0, "size=200k") != 0) GTEST_SKIP() << "only root can mount a small disk";
  options_.store = small + "/repository.store";
  WriteText(options_.store, before_);
  EXPECT_EQ(Result(), "DISK_FULL");
  options_.store = scratch_ / "data/repository.store";
  ASSERT_EQ(::umount(small.c_str()), 0);
}

TEST_F(BadInputTest, I7_AStoreThatCannotBeWrittenIsNamed) {
  const std::string fixed = scratch_ / "fixed";
  ASSERT_TRUE(PosixFiles().CreateDirectories(fixed).ok());
  if (::mount("tmpfs", fixed.c_str(), "tmpfs", 0, "size=1m") != 0) GTEST_SKIP() << "only root can mount";
  WriteText(fixed + "/repository.store", before_);
  ASSERT_EQ(::mount("tmpfs", fixed.c_str(), "tmpfs", MS_REMOUNT | MS_RDONLY, nullptr), 0);
  RebuildOptions options = options_;
  options.store = fixed + "/repository.store";
  EXPECT_EQ(ReasonOf(Rebuild(options).status()), "STORE_NOT_WRITABLE");
  EXPECT_EQ(ReadText(options.store), before_);
  ASSERT_EQ(::umount(fixed.c_str()), 0);
  options.store = options_.extracts + "/" + kFile + "/below.store";
  EXPECT_EQ(ReasonOf(Rebuild(options).status()), "STORE_NOT_WRITABLE");
}

}  // namespace
}  // namespace smki::repository
