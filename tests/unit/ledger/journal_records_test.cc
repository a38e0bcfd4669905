#include "ledger/journal_records.h"

#include <gtest/gtest.h>

namespace smki::ledger {
namespace {

const UtcTime kTime{1'795'200'000'123};
const Digest kOne = [] {
  Digest d;
  d.fill(1);
  return d;
}();
const Digest kTwo = [] {
  Digest d;
  d.fill(2);
  return d;
}();

// Encoding again gives the same octets; nothing shorter or longer is read, but for the `older` form of so many octets.
template <typename Record, typename Decode>
void ExpectRoundTrip(const Record& record, Decode decode, size_t older = SIZE_MAX) {
  const Bytes encoded = Encode(record);
  const auto decoded = decode(encoded);
  ASSERT_TRUE(decoded.ok()) << decoded.status();
  EXPECT_EQ(Encode(*decoded), encoded);
  for (size_t size = 0; size < encoded.size(); ++size) {
    if (size == older) continue;
    ASSERT_EQ(decode(ByteSpan(encoded).first(size)).status().code(), StatusCode::kDataLoss) << size;
  }
  Bytes longer = encoded;
  longer.push_back(0);
  EXPECT_EQ(decode(longer).status().code(), StatusCode::kDataLoss);
}

TEST(JournalRecords, EveryKindIsReadAsItWasWrittenAndNothingElse) {
  ExpectRoundTrip(JournalDirection{kTime, kOne, "DIR-1", "INC-1", "drill/estate-7", "n", 5, 9, 3, kTwo, kTime},
                  DecodeJournalDirection);
  ExpectRoundTrip(JournalAttendance{kTime, kOne, "kira.custodian"}, DecodeJournalAttendance);
  ExpectRoundTrip(JournalOpened{kTime, kOne, kTwo, 4}, DecodeJournalOpened);
  ExpectRoundTrip(JournalBurn{kTime, kOne, "esme", 3, kTwo, {{Eui64(1), 1, 5}, {Eui64(2), 2, 6}}}, DecodeJournalBurn);
  ExpectRoundTrip(JournalSignatures{7, {std::array<uint8_t, 64>{1}, std::array<uint8_t, 64>{2}}},
                  DecodeJournalSignatures);
  ExpectRoundTrip(JournalProven{kTime, kOne, {Eui64(1), Eui64(2)}}, DecodeJournalProven);
  ExpectRoundTrip(JournalClosed{kTime, kOne, "end of validity"}, DecodeJournalClosed);
  ExpectRoundTrip(JournalRefusal{kTime, "NO_DIRECTION", "asked", 12}, DecodeJournalRefusal);
  const JournalOrder order{kTime, "halt", "anna.pma", kOne, {1, 2}, {3}, "networks"};
  ExpectRoundTrip(order, DecodeJournalOrder, Encode(order).size() - 12);
}

TEST(JournalRecords, AnOrderOfAnOlderJournalHasNoSeat) {
  const Bytes encoded = Encode(JournalOrder{kTime, "halt", "anna.pma", kOne, {1, 2}, {3}, "networks"});
  const auto older = DecodeJournalOrder(ByteSpan(encoded).first(encoded.size() - 12));
  ASSERT_TRUE(older.ok()) << older.status();
  EXPECT_EQ(older->seat, "");
  EXPECT_EQ(older->cms, Bytes{3});
  EXPECT_EQ(DecodeJournalOrder(encoded)->seat, "networks");
}

TEST(JournalRecords, EveryFieldSurvives) {
  const auto burn =
      DecodeJournalBurn(Encode(JournalBurn{kTime, kOne, "esme", 3, kTwo, {{Eui64(1), 1, 5}, {Eui64(2), 2, 6}}}));
  ASSERT_TRUE(burn.ok());
  EXPECT_EQ(burn->time, kTime);
  EXPECT_EQ(burn->direction, kOne);
  EXPECT_EQ(burn->group, "esme");
  EXPECT_EQ(burn->ledger_sequence, 3u);
  EXPECT_EQ(burn->ledger_head, kTwo);
  ASSERT_EQ(burn->items.size(), 2u);
  EXPECT_EQ(burn->items[1].device, Eui64(2));
  EXPECT_EQ(burn->items[1].attempt, 2u);
  EXPECT_EQ(burn->items[1].counter, 6u);
  const auto direction = DecodeJournalDirection(Encode(
      JournalDirection{kTime, kOne, "DIR-1", "INC-1", "drill/estate-7", "nonce", 5, 9, 3, kTwo, kTime + Millis(1)}));
  ASSERT_TRUE(direction.ok());
  EXPECT_EQ(direction->id, "DIR-1");
  EXPECT_EQ(direction->incident, "INC-1");
  EXPECT_EQ(direction->environment, "drill/estate-7");
  EXPECT_EQ(direction->nonce, "nonce");
  EXPECT_EQ(direction->counter_first, 5u);
  EXPECT_EQ(direction->counter_last, 9u);
  EXPECT_EQ(direction->newest_evidence, kTime + Millis(1));
}

TEST(JournalRecords, ACountThatCannotFitIsRefusedBeforeMemoryIsTaken) {
  Bytes burn = Encode(JournalBurn{kTime, kOne, "g", 0, kTwo, {}});
  std::fill(burn.end() - 4, burn.end(), uint8_t{0xFF});
  EXPECT_EQ(DecodeJournalBurn(burn).status().code(), StatusCode::kDataLoss);
  Bytes signatures = Encode(JournalSignatures{});
  std::fill(signatures.end() - 4, signatures.end(), uint8_t{0xFF});
  EXPECT_EQ(DecodeJournalSignatures(signatures).status().code(), StatusCode::kDataLoss);
  Bytes proven = Encode(JournalProven{});
  std::fill(proven.end() - 4, proven.end(), uint8_t{0xFF});
  EXPECT_EQ(DecodeJournalProven(proven).status().code(), StatusCode::kDataLoss);
}

}  // namespace
}  // namespace smki::ledger
