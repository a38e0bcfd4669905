#include "repository/store/store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "pki/digest.h"
#include "repository/store/reader.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::repository {
namespace {

using ::testing::HasSubstr;

constexpr uint64_t kMeter = 0x00DB123456000000;

class StoreTest : public RepositoryTest {
 protected:
  StoreTest() {
    records_ = pki_.Authorities();
    records_.push_back(pki_.Supplier(0x90B3D51F30010000));
    for (uint64_t i = 0; i < 20; ++i) records_.push_back(pki_.Device(kMeter + i));
    records_.push_back(pki_.Device(kMeter + 3, "2026-06-01"));
    records_.push_back(pki_.Device(kMeter + 3, "2026-03-01"));
    records_.back().status = CertificateStatus::kRevoked;
    Publish(true, "2026-11-15", records_);
    const auto report = Rebuild(options_);
    EXPECT_TRUE(report.ok()) << report.status();
  }
  std::unique_ptr<Store> OpenStore() {
    auto store = Store::Open(options_.store);
    EXPECT_TRUE(store.ok()) << store.status();
    return store.ok() ? std::move(*store) : nullptr;
  }
  std::vector<CertificateRecord> records_;
};

TEST_F(StoreTest, FindsEveryCertificateByEuiSerialAndDigest) {
  const auto store = OpenStore();
  for (const CertificateRecord& record : records_) {
    const auto by_serial = store->BySerial(record.serial);
    ASSERT_TRUE(by_serial.ok()) << by_serial.status();
    ASSERT_EQ(by_serial->size(), 1u);
    EXPECT_EQ(by_serial->front().der, record.der);
    EXPECT_EQ(by_serial->front().status, record.status);
    EXPECT_EQ(by_serial->front().lodged, "2026-11-15");
    const auto by_digest = store->ByDigest(pki::Sha256(record.der));
    ASSERT_TRUE(by_digest.ok() && by_digest->has_value());
    EXPECT_EQ((*by_digest)->serial, record.serial);
    const auto by_eui = store->ByEui(record.eui);
    ASSERT_TRUE(by_eui.ok());
    EXPECT_TRUE(std::any_of(by_eui->begin(), by_eui->end(), [&](const auto& r) { return r.serial == record.serial; }));
  }
}

TEST_F(StoreTest, GivesTheNewestFirst) {
  const auto meter = OpenStore()->ByEui(Eui64(kMeter + 3));
  ASSERT_TRUE(meter.ok());
  ASSERT_EQ(meter->size(), 3u);
  EXPECT_EQ((*meter)[0].der, records_[25].der);
  EXPECT_EQ((*meter)[1].der, records_[26].der);
  EXPECT_EQ((*meter)[2].der, records_[8].der);
}

TEST_F(StoreTest, SaysNothingOfWhatItDoesNotHave) {
  const auto store = OpenStore();
  EXPECT_TRUE(store->ByEui(Eui64(1))->empty());
  EXPECT_TRUE(store->ByEui(Eui64(~uint64_t{0}))->empty());
  EXPECT_TRUE(store->BySerial(Bytes{1})->empty());
  EXPECT_TRUE(store->BySerial({})->empty());
  EXPECT_TRUE(store->BySerial(Bytes(21, 1))->empty());
  EXPECT_FALSE(store->ByDigest(Digest{})->has_value());
}

TEST_F(StoreTest, ListsTheAuthorities) {
  const auto authorities = OpenStore()->Authorities();
  ASSERT_TRUE(authorities.ok());
  ASSERT_EQ(authorities->size(), 4u);
  for (const CertificateRecord& authority : *authorities) EXPECT_EQ(authority.usage, "CA");
}

TEST_F(StoreTest, CountsWhatItHolds) {
  const StoreSummary summary = OpenStore()->summary();
  EXPECT_EQ(summary.certificates, 27u);
  EXPECT_EQ(summary.authorities(), 4u);
  EXPECT_EQ(summary.organisations(), 1u);
  EXPECT_EQ(summary.devices(), 22u);
  EXPECT_EQ(summary.in_use(), 26u);
  EXPECT_EQ(summary.revoked(), 1u);
  EXPECT_EQ(summary.other(), 0u);
  EXPECT_EQ(summary.full_date, "2026-11-15");
  EXPECT_EQ(summary.last_delta_date, "");
}

TEST_F(StoreTest, AnswersManyThreads) {
  const auto store = OpenStore();
  std::vector<std::thread> threads;
  for (int t = 0; t < 4; ++t) {
    threads.emplace_back([&] {
      for (uint64_t i = 0; i < 200; ++i) {
        const auto found = store->ByEui(Eui64(kMeter + i % 20));
        ASSERT_TRUE(found.ok());
        ASSERT_EQ(found->front().eui, Eui64(kMeter + i % 20));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

// Everything in the file is looked at: tables, indexes, certificates.
Status ReadAll(const std::string& path) {
  SMKI_ASSIGN_OR_RETURN(const auto reader, StoreReader::Open(path));
  const auto nothing = [](uint64_t, const uint8_t*) { return OkStatus(); };
  SMKI_RETURN_IF_ERROR(reader->by_eui().Scan(nothing));
  SMKI_RETURN_IF_ERROR(reader->by_digest().Scan(nothing));
  return reader->entries().Scan(
      [&](uint64_t, const uint8_t* entry) { return reader->Body(Entry::Decode(entry)).status(); });
}

TEST_F(StoreTest, I7_EveryFlippedOctetIsFoundWhenItIsOpenedOrRead) {
  const std::string good = ReadText(options_.store);
  std::FILE* file = std::fopen(options_.store.c_str(), "r+b");
  const auto put = [&](size_t at, char c) {
    std::fseek(file, static_cast<long>(at), SEEK_SET);
    std::fputc(c, file);
    std::fflush(file);
  };
  const auto reader = StoreReader::Open(options_.store);
  ASSERT_TRUE(reader.ok());
  const store_format::Footer& footer = (*reader)->footer();
  // Zeros in front of each table, which nobody reads.
  const auto end = [](const TablePlace& place, TableShape shape) {
    return place.fences + (place.entries + shape.per_page() - 1) / shape.per_page() * shape.key_size;
  };
  const std::pair<uint64_t, uint64_t> unread[] = {
      {footer.bodies_end, footer.entries.offset},
      {end(footer.entries, store_format::kEntries), footer.by_eui.offset},
      {end(footer.by_eui, store_format::kIndexEntries), footer.by_digest.offset}};
  for (size_t at = 0; at < good.size(); ++at) {
    if (std::any_of(std::begin(unread), std::end(unread), [&](auto& u) { return at >= u.first && at < u.second; }))
      continue;
    put(at, static_cast<char>(good[at] ^ (1 << (at % 8))));
    ASSERT_EQ(ReadAll(options_.store).code(), StatusCode::kDataLoss) << at;
    put(at, good[at]);
  }
  std::fclose(file);
}

TEST_F(StoreTest, I7_ADamagedRecordIsRefusedOnReadAndOthersAreNot) {
  std::string file = ReadText(options_.store);
  const std::string der = ToString(records_[8].der);
  const size_t at = file.find(der);
  ASSERT_NE(at, std::string::npos);
  file[at + 100] ^= 1;
  WriteText(options_.store, file);
  const auto store = OpenStore();
  EXPECT_EQ(store->BySerial(records_[8].serial).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(store->ByEui(records_[8].eui).status().code(), StatusCode::kDataLoss);
  EXPECT_EQ(store->ByDigest(pki::Sha256(records_[8].der)).status().code(), StatusCode::kDataLoss);
  EXPECT_TRUE(store->BySerial(records_[9].serial).ok());
}

TEST_F(StoreTest, I7_EveryTruncationIsFound) {
  const std::string good = ReadText(options_.store);
  for (size_t size = 0; size < good.size(); size += 7) {
    WriteText(options_.store, good.substr(0, size));
    ASSERT_EQ(Store::Open(options_.store).status().code(), StatusCode::kDataLoss) << size;
  }
}

TEST_F(StoreTest, SaysHowToBuildAStoreThatIsNotThere) {
  const auto store = Store::Open(scratch_ / "absent");
  EXPECT_EQ(store.status().code(), StatusCode::kNotFound);
  EXPECT_THAT(Message(store.status()), HasSubstr("smkictl repository rebuild"));
}

TEST_F(StoreTest, AFolderHoldsItsStoreUnderOneName) {
  EXPECT_EQ(StoreFileOf("x/y.store"), "x/y.store");
  EXPECT_EQ(StoreFileOf("x/y"), "x/y/repository.store");
  EXPECT_EQ(StoreFileOf("x/y/"), "x/y/repository.store");
  WriteText(scratch_ / "plain", "");
  EXPECT_EQ(StoreFileOf(scratch_ / "plain"), scratch_ / "plain");
}

}  // namespace
}  // namespace smki::repository
