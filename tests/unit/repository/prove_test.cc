#include "repository/prove.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>

#include "repository/store/reader.h"
#include "repository/store/writer.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::repository {
namespace {

using ::testing::HasSubstr;
using Status = smki::Status;

constexpr uint64_t kMeter = 0x00DB123456000000;

class ProveTest : public RepositoryTest {
 protected:
  ProveTest() {
    records_ = pki_.Authorities();
    for (uint64_t i = 0; i < 60; ++i) records_.push_back(pki_.Device(kMeter + i));
    Publish(true, "2026-11-15", records_);
    EXPECT_TRUE(Rebuild(options_).ok());
  }
  // The store written anew by a faulty writer: sealed, but with entries changed and a summary changed.
  void Rewrite(
      const std::function<void(std::vector<Entry>&)>& change,
      const std::function<void(Bytes&)>& change_last_body = [](Bytes&) {}) {
    const auto reader = StoreReader::Open(options_.store);
    ASSERT_TRUE(reader.ok());
    auto writer = StoreWriter::Create(options_.store + ".other", 1 << 20);
    ASSERT_TRUE(writer.ok());
    std::vector<Entry> entries;
    const Status scanned = (*reader)->entries().Scan([&](uint64_t, const uint8_t* in) {
      entries.push_back(Entry::Decode(in));
      return OkStatus();
    });
    ASSERT_TRUE(scanned.ok());
    for (Entry& entry : entries) {
      Bytes der = *(*reader)->Body(entry);
      if (&entry == &entries.back()) change_last_body(der);
      entry.offset = *(*writer)->AddBodies(der);
    }
    change(entries);
    for (const Entry& entry : entries) ASSERT_TRUE((*writer)->AddEntry(entry).ok());
    StoreSummary summary = (*reader)->footer().summary;
    ASSERT_TRUE((*writer)->Finish(summary).ok());
    ASSERT_TRUE(PosixFiles().Rename(options_.store + ".other", options_.store).ok());
  }
  std::string Refusal() {
    const auto proof = ProveStore(options_);
    if (proof.ok()) return "proved";
    EXPECT_EQ(ReasonOf(proof.status()), "STORE_DAMAGED");
    return Message(proof.status());
  }
  std::vector<CertificateRecord> records_;
};

TEST_F(ProveTest, I7_AGoodStoreIsProvedFromItsCertificates) {
  const auto proof = ProveStore(options_);
  ASSERT_TRUE(proof.ok()) << proof.status();
  EXPECT_EQ(proof->certificates, records_.size());
  EXPECT_EQ(proof->summary.digest, (*Store::Open(options_.store))->summary().digest);
  Rewrite([](std::vector<Entry>&) {});
  EXPECT_EQ(Refusal(), "proved") << "the faulty writer is faulty only if told to be";
}

TEST_F(ProveTest, I7_AChangedBodyIsFound) {
  Rewrite([](std::vector<Entry>&) {}, [](Bytes& der) { der[60] ^= 1; });
  EXPECT_NE(Refusal(), "proved");
}

TEST_F(ProveTest, I7_AnEntryThatIsNotItsCertificatesIsFound) {
  Rewrite([](std::vector<Entry>& entries) { entries.back().eui ^= 1; });
  EXPECT_THAT(Refusal(), HasSubstr("does not agree with its certificate"));
}

TEST_F(ProveTest, I7_AForgedCertificateIsFoundUnlessSignaturesAreLeftOut) {
  Publish(true, "2026-11-15",
          {pki_.Record(*pki_.devices.root), pki_.Record(*pki_.devices.issuing), pki_.ForgedDevice(1)});
  options_.verify = Verify::kStructure;
  ASSERT_TRUE(Rebuild(options_).ok());
  EXPECT_EQ(Refusal(), "proved");
  options_.verify = Verify::kFull;
  EXPECT_THAT(Refusal(), HasSubstr("SIGNATURE_WRONG"));
}

TEST_F(ProveTest, I7_AStoreUnderOtherRootsIsNotProved) {
  const SmallPki stranger;
  options_.device_root = pki::AnchorOf(*stranger.devices.root);
  EXPECT_THAT(Refusal(), HasSubstr("would be rejected: "));
}

TEST_F(ProveTest, I7_AFlippedOctetAnywhereThatCountsIsFound) {
  const std::string good = ReadText(options_.store);
  const auto reader = StoreReader::Open(options_.store);
  const store_format::Footer footer = (*reader)->footer();
  for (const uint64_t at : {uint64_t{3}, uint64_t{100}, footer.bodies_end - 1, footer.entries.offset + 30,
                            footer.entries.fences, footer.by_eui.offset + 3, footer.by_eui.offset + 15,
                            footer.by_digest.offset + 20, uint64_t{good.size() - 100}, uint64_t{good.size() - 1}}) {
    std::string bad = good;
    bad[at] ^= 4;
    WriteText(options_.store, bad);
    EXPECT_NE(Refusal(), "proved") << at;
  }
}

class DiffTest : public ProveTest {
 protected:
  std::vector<std::string> Diff() {
    std::vector<std::string> out;
    const auto report = DiffStores(options_.store, options_.store + ".b", [&](const DifferentCertificate& one) {
      const auto letter = [](const auto& status) { return status ? std::string(1, static_cast<char>(*status)) : "-"; };
      out.push_back(fmt::format("{} {} {}{}", Name(one.difference), one.eui.value() - kMeter, letter(one.before),
                                letter(one.after)));
      return OkStatus();
    });
    EXPECT_TRUE(report.ok()) << report.status();
    if (report.ok()) {
      EXPECT_EQ(report->Same(), out.empty());
      EXPECT_EQ(report->added + report->removed + report->status + report->body, out.size());
      EXPECT_EQ(report->same + report->added + report->status + report->body, report->b.certificates);
      EXPECT_EQ(report->same + report->removed + report->status + report->body, report->a.certificates);
    }
    return out;
  }
  void BuildB(const std::vector<CertificateRecord>& records) {
    const std::string a = ReadText(options_.store);
    Publish(true, "2026-11-15", records);
    ASSERT_TRUE(Rebuild(options_).ok());
    ASSERT_TRUE(PosixFiles().Rename(options_.store, options_.store + ".b").ok());
    WriteText(options_.store, a);
  }
};

TEST_F(DiffTest, StoresOfTheSameCertificatesAreTheSameInWhateverOrder) {
  std::reverse(records_.begin(), records_.end());
  BuildB(records_);
  EXPECT_TRUE(Diff().empty());
}

TEST_F(DiffTest, NamesWhatWasAddedRemovedAndChanged) {
  records_[4 + 7].status = CertificateStatus::kRevoked;
  records_[4 + 9].manufacturing = true;
  records_.erase(records_.begin() + 4 + 20);
  records_.push_back(pki_.Device(kMeter + 100));
  // The same issuer and serial number, but another certificate.
  const auto key = pki::PrivateKey::Generate();
  records_[4 + 30] =
      pki_.Record(*pki::IssueDeviceCertificate(pki_.devices.identity, Eui64(kMeter + 30), key->public_key(),
                                               pki::kDigitalSignature, records_[4 + 30].serial, Day("2026-01-01")));
  BuildB(records_);
  EXPECT_THAT(Diff(), ::testing::UnorderedElementsAre("status 7 IR", "status 9 II", "removed 20 I-", "added 100 -I",
                                                      "body 30 II"));
}

TEST(RepositoryCodes, StandOnTheirPage) {
  std::ifstream file("docs/formats/repository-codes.md");
  const std::string page((std::istreambuf_iterator<char>(file)), {});
  for (size_t i = 0; i < static_cast<size_t>(Reject::kCount); ++i)
    EXPECT_THAT(page,
                HasSubstr(fmt::format("| {} | {} |", Name(static_cast<Reject>(i)), Text(static_cast<Reject>(i)))));
  for (size_t i = 0; i < static_cast<size_t>(Refusal::kCount); ++i)
    EXPECT_THAT(page,
                HasSubstr(fmt::format("| {} | {} |", Name(static_cast<Refusal>(i)), Text(static_cast<Refusal>(i)))));
}

}  // namespace
}  // namespace smki::repository
