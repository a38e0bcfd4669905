#include "base/time.h"

#include <gtest/gtest.h>

#include "base/clock.h"

namespace smki {
namespace {

TEST(TimeTest, GoesThereAndBack) {
  for (const char* text :
       {"1970-01-01T00:00:00Z", "2000-02-29T23:59:59Z", "2026-11-21T03:04:05Z", "9999-12-31T23:59:59Z"}) {
    const auto time = ParseTime(text);
    ASSERT_TRUE(time.has_value()) << text;
    EXPECT_EQ(FormatTime(*time), text);
  }
  EXPECT_EQ(ParseTime("2026-11-21T03:04:05Z")->ms, 1795230245000);
  EXPECT_EQ(FormatTimeMillis(*ParseTime("2026-11-21T03:04:05.678Z")), "2026-11-21T03:04:05.678Z");
}

TEST(TimeTest, RefusesWhatIsNotUtcOrDoesNotExist) {
  for (const char* text : {"",
                           "2026-11-21",
                           "2026-11-21T03:04:05",
                           "2026-11-21T03:04:05+00:00",
                           "2026-11-21 03:04:05Z",
                           "2026-02-29T00:00:00Z",
                           "2026-13-01T00:00:00Z",
                           "2026-00-01T00:00:00Z",
                           "2026-01-00T00:00:00Z",
                           "2026-01-32T00:00:00Z",
                           "2026-01-01T24:00:00Z",
                           "2026-01-01T00:60:00Z",
                           "2026-01-01T00:00:60Z",
                           "1969-12-31T23:59:59Z",
                           "2026-11-21T03:04:05.67Z",
                           "2026-11-21T03:04:05,678Z",
                           "2026-11-21T03:04:05.6x8Z",
                           "2026-11-21t03:04:05z",
                           "2026-1a-21T03:04:05Z",
                           "2026-11-21T0x:04:05Z",
                           "2026/11/21T03:04:05Z"}) {
    EXPECT_EQ(ParseTime(text), std::nullopt) << text;
  }
}

TEST(TimeTest, CivilTimesHoldAroundTheEpochAndLeapDays) {
  EXPECT_EQ(FormatTime(UtcTime{-1}), "1969-12-31T23:59:59Z");
  EXPECT_EQ(FormatTimeMillis(UtcTime{-1}), "1969-12-31T23:59:59.999Z");
  CivilTime c;
  for (int64_t day = -40000; day < 40000; day += 7) {
    const UtcTime time{day * 86400000};
    EXPECT_EQ(FromCivil(ToCivil(time)), time);
  }
  c.year = 1950;
  EXPECT_EQ(ToCivil(FromCivil(c)).year, 1950);
}

TEST(TimeTest, DatesGoThereAndBack) {
  EXPECT_EQ(FormatDate(*ParseDate("2026-11-21")), "2026-11-21");
  for (const char* text : {"2026-11-2", "20261121", "2026-11-31", "2026-11-21Z"})
    EXPECT_EQ(ParseDate(text), std::nullopt) << text;
}

TEST(DurationTest, ReadsDaysHoursMinutesSeconds) {
  EXPECT_EQ(ParseDuration("PT15M"), Millis(900000));
  EXPECT_EQ(ParseDuration("P7D"), Millis(604800000));
  EXPECT_EQ(ParseDuration("P1DT12H"), Millis(129600000));
  EXPECT_EQ(ParseDuration("PT1H2M3S"), Millis(3723000));
  for (const char* text : {"", "P", "PT", "P1", "P1DT", "PT1D", "P1H", "PT1M1H", "PT1M1M", "P1Y", "P1W", "-PT1M",
                           "PT1.5S", "PT1234567890S", "pt1m", "PTT1M", "PT1M "}) {
    EXPECT_EQ(ParseDuration(text), std::nullopt) << text;
  }
}

TEST(DurationTest, FormatIsWhatParseReads) {
  for (const char* text : {"PT0S", "PT15M", "P7D", "P1DT12H", "PT1H2M3S", "P1DT1S"})
    EXPECT_EQ(FormatDuration(*ParseDuration(text)), text);
}

TEST(ClockTest, AManualClockMovesOnlyWhenTold) {
  ManualClock clock(UtcTime{1000});
  clock.Advance(Millis(5));
  EXPECT_EQ(clock.Now().ms, 1005);
  EXPECT_EQ(clock.SinceBoot(), Millis(5));
  clock.SetWall(UtcTime{1});
  EXPECT_EQ(clock.Now().ms, 1);
  EXPECT_EQ(clock.SinceBoot(), Millis(5)) << "setting the wall clock does not move the other";
}

TEST(ClockTest, TheSystemClockGoesForward) {
  const auto before = SystemClock().SinceBoot();
  EXPECT_GE(SystemClock().SinceBoot(), before);
  EXPECT_GT(SystemClock().Now(), *ParseTime("2020-01-01T00:00:00Z"));
}

}  // namespace
}  // namespace smki
