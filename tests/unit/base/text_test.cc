#include "base/text.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace smki {
namespace {

TEST(TextTest, OrdinaryTextOfAnyLanguageIsReadable) {
  for (const char* text : {"", "plain ASCII ~", "Größe, 電力, €, 😀", "two\nlines"}) {
    size_t at = 0;
    EXPECT_EQ(FindUnreadable(text, at), nullptr) << text;
  }
  EXPECT_TRUE(IsReadableLine("Größe"));
  EXPECT_FALSE(IsReadableLine("two\nlines"));
}

TEST(TextTest, TellsWhatCannotBeReadAndWhere) {
  const struct {
    std::string text;
    size_t at;
    const char* what;
  } cases[] = {
      {"ab\tc", 2, "a tab"},
      {std::string("a\0b", 3), 1, "control character"},
      {"a\rb", 1, "control character"},
      {"\x1b[2J", 0, "control character"},
      {"\x7f", 0, "control character"},
      {"ä\xc2\x85", 2, "control character"},     // U+0085
      {"\xe2\x80\xa8", 0, "control character"},  // U+2028
      {"a\xe2\x80\xae", 1, "invisible"},         // U+202E
      {"\xe2\x80\x8b", 0, "invisible"},          // U+200B
      {"\xe2\x81\xa6", 0, "invisible"},          // U+2066
      {"\xef\xbb\xbf", 0, "invisible"},          // U+FEFF
      {"\xc2\xad", 0, "invisible"},              // U+00AD
      {"\xf3\xa0\x81\x81", 0, "invisible"},      // U+E0041
      {"\xff", 0, "not UTF-8"},
      {"\x80", 0, "not UTF-8"},
      {"a\xc3", 1, "not UTF-8"},  // cut off
      {"\xc3\x28", 0, "not UTF-8"},
      {"\xc0\xaf", 0, "not UTF-8"},          // overlong
      {"\xe0\x80\xaf", 0, "not UTF-8"},      // overlong
      {"\xf0\x80\x80\xaf", 0, "not UTF-8"},  // overlong
      {"\xed\xa0\x80", 0, "not UTF-8"},      // surrogate
      {"\xf4\x90\x80\x80", 0, "not UTF-8"},  // above U+10FFFF
      {"\xf5\x80\x80\x80", 0, "not UTF-8"},
  };
  for (const auto& c : cases) {
    size_t at = 99;
    const char* what = FindUnreadable(c.text, at);
    ASSERT_NE(what, nullptr) << c.what;
    EXPECT_THAT(what, testing::HasSubstr(c.what));
    EXPECT_EQ(at, c.at) << c.what;
    EXPECT_FALSE(IsReadableLine(c.text));
  }
}

}  // namespace
}  // namespace smki
