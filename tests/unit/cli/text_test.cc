#include "cli/text.h"

#include <gtest/gtest.h>

#include <set>

#include "cli/json.h"
#include "cli/spoken_digest.h"

namespace smki::cli {
namespace {

TEST(Text, ColumnsAlignAndColourDoesNotCount) {
  const Style style(true);
  Columns table(2);
  table.Row({"ready", "confirm", "yours"});
  table.Row({style.Good("done"), "report-received", "03:12:45"});
  EXPECT_EQ(table.Text(), "  ready  confirm          yours\n  \x1b[32mdone\x1b[0m   report-received  03:12:45\n");
}

TEST(Text, WithoutATerminalThereIsNoColour) {
  EXPECT_EQ(Style(false).Bad("refused"), "refused");
}

TEST(Text, AFactGoesOnUnderItself) {
  const std::string words(200, 'x');
  const std::string fact = Fact("why", "short " + words + " end", 6);
  EXPECT_EQ(fact, "  why   short\n        " + words + "\n        end\n");
}

TEST(Text, LinesAreShort) {
  std::string long_text;
  for (int i = 0; i < 100; ++i) long_text += "word ";
  const std::string fact = Fact("how", long_text, 9);
  size_t begin = 0;
  for (size_t end; (end = fact.find('\n', begin)) != std::string::npos; begin = end + 1)
    EXPECT_LE(end - begin, kLineWidth);
}

TEST(Text, NumbersAndTimesAreEasyToRead) {
  EXPECT_EQ(Count(0), "0");
  EXPECT_EQ(Count(999), "999");
  EXPECT_EQ(Count(1000), "1,000");
  EXPECT_EQ(Count(1234567), "1,234,567");
  EXPECT_EQ(Count(1, "Device"), "1 Device");
  EXPECT_EQ(Count(2000, "Device"), "2,000 Devices");
  EXPECT_EQ(Elapsed(Millis(850)), "850 ms");
  EXPECT_EQ(Elapsed(Millis(5400)), "5.4 s");
  EXPECT_EQ(Elapsed(Millis(200'000)), "3 min 20 s");
  EXPECT_EQ(Elapsed(Millis(7'500'000)), "2 h 5 min");
  EXPECT_EQ(ClockTime(*ParseTime("2026-11-21T03:04:05Z")), "03:04:05");
}

TEST(Text, AServersWordsCannotSteerATerminal) {
  EXPECT_EQ(Printable("a\x1b[2Jb\rc\nd"), "a?[2Jb?c\nd");
}

TEST(Text, ABarNeverOverflows) {
  EXPECT_EQ(Bar(0, 0, 4), "[....]");
  EXPECT_EQ(Bar(1, 2, 4), "[##..]");
  EXPECT_EQ(Bar(5, 2, 4), "[####]");
}

TEST(Text, JsonWithBrokenUtf8IsStillJson) {
  const std::string text = Dump({{"what", "\xff\xfe"}});
  EXPECT_FALSE(Json::parse(text, nullptr, false).is_discarded());
}

// E5 82 94 F2 is how the fingerprint begins that its authors' manual reads out.
TEST(SpokenDigest, AlternatesTheTwoListsOctetByOctet) {
  EXPECT_EQ(SpokenLines(Bytes{0x00, 0x01, 0xFF, 0xFE}), (std::vector<std::string>{"aardvark adviser Zulu yesteryear"}));
  EXPECT_EQ(SpokenLines(Bytes{0xE5, 0x82, 0x94, 0xF2}, 2),
            (std::vector<std::string>{"topmost Istanbul", "Pluto vagabond"}));
  EXPECT_TRUE(SpokenLines({}).empty());
}

TEST(SpokenDigest, EveryOctetHasAWordOfItsOwnInEachPlace) {
  std::set<std::string> words;
  for (int octet = 0; octet < 256; ++octet) {
    const auto value = static_cast<uint8_t>(octet);
    words.insert(SpokenLines(Bytes{value}).at(0));
    words.insert(SpokenLines(Bytes{0, value}, 1).at(1));
  }
  EXPECT_EQ(words.size(), 512u);
}

}  // namespace
}  // namespace smki::cli
