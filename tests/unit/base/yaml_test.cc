#include "base/yaml.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smki {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

YamlNode Parsed(std::string_view text) {
  auto root = ParseYaml(text, "site.yaml");
  if (!root.ok()) ADD_FAILURE() << Message(root.status());
  SMKI_CHECK(root.ok());
  return *std::move(root);
}
std::string ErrorOf(std::string_view text, const YamlLimits& limits = {}) {
  const auto root = ParseYaml(text, "site.yaml", limits);
  return root.ok() ? "accepted" : Message(root.status());
}
template <typename T>
std::string ErrorOf(const StatusOr<T>& value) {
  return value.ok() ? "accepted" : Message(value.status());
}

TEST(YamlTest, ReadsMappingsListsAndScalars) {
  const YamlNode root = Parsed("name: \"010\"\nlist:\n  - a\n  - 'b c'\nflow: {x: [1, 2]}\ntext: |\n  two\n  lines\n");
  EXPECT_EQ(root.kind(), YamlNode::Kind::kMapping);
  EXPECT_EQ(*root.Text("name"), "010");
  EXPECT_THAT(*root.TextList("list"), ElementsAre("a", "b c"));
  EXPECT_THAT(*(*root.Mapping("flow"))->TextList("x"), ElementsAre("1", "2"));
  EXPECT_EQ(*root.Text("text"), "two\nlines\n");
  EXPECT_EQ(*Parsed("a: |+\n  x\n\n").Text("a"), "x\n\n");
  EXPECT_EQ(*Parsed("a: x").Text("a"), "x");
  EXPECT_EQ(root.Find("list")->line(), 3);
  EXPECT_EQ(root.Find("list")->column(), 3);
  EXPECT_EQ(root.Find("absent"), nullptr);
}

TEST(YamlTest, NothingIsReadAsOctalBooleanOrNullUnlessAskedFor) {
  const YamlNode root = Parsed("a: 010\nb: yes\nc: ~\nd: null\ne:\nf: 1e3\n");
  EXPECT_EQ(*root.Text("a"), "010");
  EXPECT_EQ(*root.Text("b"), "yes");
  EXPECT_EQ(*root.Text("f"), "1e3");
  for (const char* key : {"c", "d", "e"}) EXPECT_EQ(root.Find(key)->scalar(), "") << key;
}

TEST(YamlTest, EveryRefusalNamesLineAndColumn) {
  const std::pair<const char*, const char*> cases[] = {
      {"a: 1\nb: 2\na: 3\n", "site.yaml:3:1: key 'a' a second time"},
      {"a: {b: 1, b: 2}\n", "site.yaml:1:11: key 'b' a second time"},
      {"a: &x 1\n", "site.yaml:1:4: an anchor"},
      {"a: &x {b: 1}\n", "site.yaml:1:4: an anchor"},
      {"a: *x\n", "site.yaml:1:4: "},
      {"a: !!int 1\n", "site.yaml:1:4: tag"},
      {"a: !secret 1\n", "site.yaml:1:4: tag"},
      {"a:\n  !!map {}\n", "site.yaml:2:3: tag"},
      {"%TAG ! tag:x,2000:\n---\na: !y 1\n", "site.yaml:3:4: tag"},
      {"<<: {a: 1}\n", "site.yaml:1:1: a merge key"},
      {"---\na: 1\n---\nb: 1\n", "site.yaml:3:1: a second document"},
      {"a: 1\n...\n---\n", "site.yaml:3:1: a second document"},
      {"\"a\": 1\n", "site.yaml:1:1: a quoted key"},
      {"? [a]\n: 1\n", "site.yaml:1:3: a key that is no plain word"},
      {"? {a: b}\n: 1\n", "site.yaml:1:3: a key that is no plain word"},
      {": 1\n", "site.yaml:1:1: a key without a name"},
      {"null: 1\n", "site.yaml:1:1: a key without a name"},
      {"a: 1\nb:\t2\n", "site.yaml:2:3: a tab"},
      {"a: 1\r\n", "site.yaml:1:5: a control character"},
      {"a: x\x01\n", "site.yaml:1:5: a control character"},
      {"a: \xff\n", "site.yaml:1:4: an octet that is not UTF-8"},
      {"# comment \xe2\x80\xae\n", "site.yaml:1:11: an invisible or text-reordering character"},
      {"a: \"\\u202e\"\n", "site.yaml:1:4: an invisible or text-reordering character"},
      {"a: \"\\x07\"\n", "site.yaml:1:4: a control character"},
      {"\"\\x07\": a\n", "site.yaml:1:1: a control character"},
      {"a: \"\\0\"\n", "site.yaml:1:4: a control character"},
      {"a: [1, 2\n", "site.yaml:2:"},
      {"a: b: c\n", "site.yaml:1:5: "},
      {"a: 'x\n", "illegal EOF in scalar"},
      {"a: 'x", "illegal EOF in scalar"},
      {"a: 1\nb: \"x\n  y\n", "illegal EOF in scalar"},
      {"a: 1\n b: 2\n", "site.yaml:2:3: "},
      {"", "site.yaml:1:1: the file is empty"},
      {"# only a comment\n", "site.yaml:1:1: the file is empty"},
  };
  for (const auto& [text, expected] : cases) EXPECT_THAT(ErrorOf(text), HasSubstr(expected)) << text;
}

TEST(YamlTest, SizeDepthAndNumberOfValuesAreBounded) {
  EXPECT_THAT(ErrorOf("a: 12345", {7, 16, 10}), HasSubstr("site.yaml: 8 octets; at most 7"));
  EXPECT_EQ(ErrorOf("[[1]]", {100, 2, 10}), "accepted");
  EXPECT_THAT(ErrorOf("[[[1]]]", {100, 2, 10}), HasSubstr("site.yaml:1:3: nesting this deep"));
  EXPECT_EQ(ErrorOf("[1, 2]", {100, 16, 3}), "accepted");
  EXPECT_THAT(ErrorOf("[1, 2, 3]", {100, 16, 3}), HasSubstr("site.yaml:1:8: a file of this many values"));
}

TEST(YamlTest, DeepOrEndlessNestingNeverOverflowsTheStack) {
  for (const char* piece : {"[", "{", "- ", "? ", "a: [", "[{a: "}) {
    std::string text;
    while (text.size() < 200000) text += piece;
    EXPECT_THAT(ErrorOf(text), HasSubstr("site.yaml:1:")) << piece;
  }
}

TEST(YamlTest, CheckKeysTellsUnknownAndMissingKeys) {
  const YamlNode root = Parsed("listen: x\nextra: 1\n");
  EXPECT_EQ(Message(root.CheckKeys({"listen"})), "site.yaml:2:8: unknown key 'extra'; known here: listen");
  EXPECT_EQ(Message(root.CheckKeys({"listen", "tls"}, {"extra"})), "site.yaml:1:1: key 'tls' is missing");
  EXPECT_TRUE(root.CheckKeys({"listen"}, {"extra", "more"}).ok());
  EXPECT_THAT(Message(Parsed("- a\n").CheckKeys({})), HasSubstr("expected a mapping"));
}

class YamlAccessorTest : public testing::Test {
 protected:
  YamlNode root_ = Parsed(
      "text: t\nempty: ''\nlist: [a]\nmap: {a: 1}\nbad_list: [[a]]\nzero: 0\nnumber: 42\npadded: 042\nnegative: "
      "-1\nhuge: 99999999999999999999\n"
      "yes: true\nno: false\nmaybe: True\ntime: 2026-11-21T03:00:00Z\nduration: PT15M\n"
      "digest: 00000000000000000000000000000000000000000000000000000000000000ff\neui: 00-DB-12-34-56-78-90-A0\nbase64: "
      "Zm9v\n");
};

TEST_F(YamlAccessorTest, ReadsEachKind) {
  EXPECT_EQ(*root_.Text("text"), "t");
  EXPECT_TRUE(root_.Mapping("map").ok());
  EXPECT_TRUE(root_.Sequence("list").ok());
  EXPECT_EQ(*root_.Number("number", 42, 42), 42u);
  EXPECT_EQ(*root_.Number("zero", 0, 1), 0u);
  EXPECT_TRUE(*root_.Boolean("yes"));
  EXPECT_FALSE(*root_.Boolean("no"));
  EXPECT_EQ(FormatTime(*root_.Time("time")), "2026-11-21T03:00:00Z");
  EXPECT_EQ(*root_.Duration("duration"), Millis(900000));
  EXPECT_EQ((*root_.Sha256("digest"))[31], 0xFF);
  EXPECT_EQ(*root_.Eui("eui"), Eui64(0x00DB1234567890A0));
  EXPECT_EQ(*root_.Base64("base64"), ToBytes(AsBytes("foo")));
}

TEST_F(YamlAccessorTest, TellsWhatWasExpectedAndWhere) {
  EXPECT_EQ(ErrorOf(root_.Text("absent")), "site.yaml:1:1: key 'absent' is missing");
  EXPECT_EQ(ErrorOf(root_.Text("empty")), "site.yaml:2:8: 'empty' must be a text that is not empty");
  EXPECT_THAT(ErrorOf(root_.Text("list")), HasSubstr("site.yaml:3:7: 'list' must be a text"));
  EXPECT_THAT(ErrorOf(root_.Mapping("list")), HasSubstr("site.yaml:3:7: 'list' must be a mapping"));
  EXPECT_THAT(ErrorOf(root_.Mapping("absent")), HasSubstr("is missing"));
  EXPECT_THAT(ErrorOf(root_.Sequence("map")), HasSubstr("site.yaml:4:6: 'map' must be a list"));
  EXPECT_THAT(ErrorOf(root_.Sequence("absent")), HasSubstr("is missing"));
  EXPECT_THAT(ErrorOf(root_.TextList("bad_list")), HasSubstr("site.yaml:5:12: expected a text"));
  for (const char* key : {"padded", "negative", "huge", "text"}) {
    EXPECT_THAT(ErrorOf(root_.Number(key, 0, UINT64_MAX)), HasSubstr("must be a whole number from 0 to")) << key;
  }
  EXPECT_THAT(ErrorOf(root_.Number("number", 43, 50)), HasSubstr("from 43 to 50, without leading zeros; found '42'"));
  EXPECT_THAT(ErrorOf(root_.Number("number", 0, 41)), HasSubstr("from 0 to 41"));
  EXPECT_THAT(ErrorOf(root_.Boolean("maybe")), HasSubstr("must be true or false, found 'True'"));
  EXPECT_THAT(ErrorOf(root_.Time("text")), HasSubstr("must be a UTC time such as"));
  EXPECT_THAT(ErrorOf(root_.Duration("text")), HasSubstr("must be an ISO 8601 duration"));
  EXPECT_THAT(ErrorOf(root_.Sha256("text")), HasSubstr("must be a SHA-256 digest"));
  EXPECT_THAT(ErrorOf(root_.Eui("text")), HasSubstr("must be an EUI-64"));
  EXPECT_THAT(ErrorOf(root_.Base64("text")), HasSubstr("must be Base64"));
}

}  // namespace
}  // namespace smki
