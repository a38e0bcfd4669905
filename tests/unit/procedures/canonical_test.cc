#include <gtest/gtest.h>

#include "base/random.h"
#include "procedures/canonical_archive.h"
#include "procedures/documents.h"
#include "sample.h"

namespace smki::procedures {

// One field of every kind.
struct Everything {
  std::string name = "a.name";
  Quoted text{"some text: with [signs] #"};
  uint64_t number = UINT64_MAX;
  bool flag = true;
  UtcTime time{1'800'000'000'000};
  Millis duration = std::chrono::hours(26);
  Digest digest{};
  Eui64 eui{0x00DB1234567890A0};
  Base64 octets{{1, 2, 3, 4}};
  std::optional<uint64_t> maybe;
  std::string in_group = "x";
  std::vector<Quoted> items;
  std::vector<Seat> seats;
};

template <typename A>
void Fields(A& a, Everything& e) {
  a.Header("Everything");
  a.Field("name", e.name);
  a.Field("text", e.text);
  a.Field("number", e.number);
  a.Field("flag", e.flag);
  a.Field("time", e.time);
  a.Field("duration", e.duration);
  a.Field("digest", e.digest);
  a.Field("eui", e.eui);
  a.Field("octets", e.octets);
  a.Optional("maybe", e.maybe);
  a.Group("group", [&] { a.Field("inside", e.in_group); });
  a.Values("items", e.items);
  a.List("seats", e.seats, [](A& b, Seat& s) {
    b.Field("name", s.name);
    b.Values("alternates", s.alternates);
    b.Field("member", s.member);
  });
}

namespace {

constexpr char kEverything[] =
    R"(apiVersion: smki.recovery/v1
kind: Everything
name: a.name
text: "some text: with [signs] #"
number: 18446744073709551615
flag: true
time: 2027-01-15T08:00:00Z
duration: P1DT2H
digest: 0000000000000000000000000000000000000000000000000000000000000000
eui: 00-DB-12-34-56-78-90-A0
octets: AQIDBA==
maybe: 4
group:
  inside: x
items:
  - "one"
  - ""
seats:
  - name: s1
    alternates: []
    member: m1
  - name: s2
    alternates:
      - a
      - b
    member: m2
)";

Everything Full() {
  Everything e;
  e.maybe = 4;
  e.items = {{"one"}, {""}};
  e.seats = {{"s1", "m1", {}}, {"s2", "m2", {"a", "b"}}};
  return e;
}

std::string ErrorOf(const std::string& text) {
  const auto parsed = ParseCanonical<Everything>(text, kMaxDocument);
  return parsed.ok() ? "" : Message(parsed.status());
}

TEST(Canonical, WritesEveryKindOfFieldAsDocumented) {
  EXPECT_EQ(RenderCanonical(Full()), kEverything);
}

TEST(Canonical, ReadsBackWhatItWrites) {
  for (const Everything& e : {Full(), Everything()}) {
    const std::string text = RenderCanonical(e);
    const auto parsed = ParseCanonical<Everything>(text, kMaxDocument);
    ASSERT_TRUE(parsed.ok()) << Message(parsed.status());
    EXPECT_EQ(RenderCanonical(*parsed), text);
  }
}

TEST(Canonical, RefusesEveryOtherSpellingAndSaysTheLine) {
  const struct {
    const char* from;
    const char* to;
    const char* error;
  } kCases[] = {
      {"kind: Everything", "kind: Other", "line 2: expected 'kind' to be Everything, found 'Other'"},
      {"name: a.name", "name:  a.name", "line 3: expected 'name' to be a name"},
      {"name: a.name", "name: a.name ", "line 3"},
      {"name: a.name", "name: a.name\r", "line 3"},
      {"name: a.name", "name: \"a.name\"", "line 3"},
      {"name: a.name", "name: !", "line 3"},
      {"name: a.name", "name: -a", "line 3"},
      {"name: a.name", "name: a:", "line 3"},
      {"name: a.name", "name: ", "line 3"},
      {"name: a.name", "# comment\nname: a.name", "line 3: expected 'name: ...', found '# comment'"},
      {"text: \"some", "text: \"so\\me", "line 4"},
      {"text: \"some", "text: \"so\"me", "line 4"},
      {"text: \"some", "text: \"so\tme", "line 4"},
      {"text: \"some text: with [signs] #\"", "text: some", "line 4"},
      {"text: \"some text: with [signs] #\"", "text: \"", "line 4"},
      {"18446744073709551615", "18446744073709551616", "line 5: expected 'number' to be a whole number"},
      {"18446744073709551615", "010", "line 5"},
      {"18446744073709551615", "+1", "line 5"},
      {"18446744073709551615", "0x1", "line 5"},
      {"flag: true", "flag: True", "line 6"},
      {"flag: true", "flag: yes", "line 6"},
      {"08:00:00Z", "08:00:00.000Z", "line 7"},
      {"08:00:00Z", "08:00:60Z", "line 7"},
      {"P1DT2H", "PT26H", "line 8"},
      {"digest: 00", "digest: 0", "line 9"},
      {"00-DB", "00-db", "line 10"},
      {"00-DB-12-34-56-78-90-A0", "00DB1234567890A0", "line 10"},
      {"AQIDBA==", "AQIDBA", "line 11"},
      {"AQIDBA==", "AQID BA==", "line 11"},
      {"maybe: 4", "maybe: four", "line 12: expected 'maybe'"},
      {"maybe: 4", "maybe: 4\nmaybe: 4", "line 13: expected 'group:', found 'maybe: 4'"},
      {"group:\n", "group: \n", "line 13"},
      {"  inside", "   inside", "line 14"},
      {"  - \"one\"", "- \"one\"", "line 16: expected an item of 'items'"},
      {"  - \"one\"\n  - \"\"\n", "", "line 16: expected an item of 'items'"},
      {"alternates: []", "alternates:", "line 21"},
      {"    member: m1", "      member: m1", "line 21"},
      {"member: m2\n", "member: m2", "line 26: expected a line feed at its end"},
      {"member: m2\n", "member: m2\n\n", "line 27: expected the end"},
      {"member: m2\n", "member: m2\nmore: x\n", "line 27: expected the end, found 'more: x'"},
      {"    member: m2\n", "", "line 26: expected '    member: ...', found the end"},
  };
  for (const auto& c : kCases) {
    EXPECT_NE(ErrorOf(test::Replaced(kEverything, c.from, c.to)).find(c.error), std::string::npos)
        << c.from << " -> " << c.to << ": " << ErrorOf(test::Replaced(kEverything, c.from, c.to));
  }
}

TEST(Canonical, RefusesADocumentAboveItsLimitBeforeReadingIt) {
  const auto parsed = ParseCanonical<Everything>(kEverything, 100);
  EXPECT_NE(Message(parsed.status()).find("at most 100"), std::string::npos);
}

// What is accepted is its own rendering, whatever the octets: the property that signatures rest on.
TEST(Canonical, AcceptsNothingThatIsNotItsOwnRendering) {
  constexpr uint64_t kSeed = 20261121;
  SCOPED_TRACE(fmt::format("seed {}", kSeed));
  SeededRandom random(kSeed);
  const std::string base = kEverything;
  int accepted = 0;
  for (int i = 0; i < 20000; ++i) {
    std::string text = base;
    const size_t at = random.Below(text.size());
    switch (random.Below(4)) {
      case 0:
        text[at] = static_cast<char>(random.Below(256));
        break;
      case 1:
        text.erase(at, 1 + random.Below(8));
        break;
      case 2:
        text.insert(at, 1, static_cast<char>(random.Below(256)));
        break;
      default:
        text.insert(at, base.substr(random.Below(base.size()), random.Below(40)));
    }
    const auto parsed = ParseCanonical<Everything>(text, kMaxDocument);
    if (!parsed.ok()) continue;
    ++accepted;
    ASSERT_EQ(RenderCanonical(*parsed), text);
  }
  EXPECT_GT(accepted, 100);
}

TEST(Canonical, ContentWithoutCanonicalTextCannotBeParsedAgain) {
  Everything e = Full();
  e.text.text = "a\"\nnumber: 1";
  EXPECT_NE(ErrorOf(RenderCanonical(e)), "");
  e = Full();
  e.name = "x\nflag: false";
  EXPECT_NE(ErrorOf(RenderCanonical(e)), "");
  e = Full();
  e.name = std::string(129, 'x');
  EXPECT_NE(ErrorOf(RenderCanonical(e)), "");
  e = Full();
  e.text.text = std::string(4001, 'x');
  EXPECT_NE(ErrorOf(RenderCanonical(e)), "");
  e = Full();
  e.octets.bytes.clear();
  EXPECT_NE(ErrorOf(RenderCanonical(e)), "");
  e = Full();
  e.duration = Millis(-1000);
  EXPECT_NE(ErrorOf(RenderCanonical(e)), "");
}

TEST(Canonical, CleanTextHoldsAnythingAPersonTypes) {
  Everything e = Full();
  e.text = CleanText("he said \"no\" \\ \xC3\xA9\n\x1b[31m" + std::string(5000, 'x'));
  EXPECT_EQ(ErrorOf(RenderCanonical(e)), "");
  EXPECT_EQ(e.text.text.substr(0, 16), "he said 'no' /  ");
}

}  // namespace
}  // namespace smki::procedures
