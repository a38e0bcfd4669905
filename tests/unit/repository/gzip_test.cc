#include "repository/extract/gzip.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include "base/random.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::repository {
namespace {

using ::testing::HasSubstr;

struct Member {
  std::string content;
  int level = 6;
  std::string name = "", comment = "", extra = "";
  bool header_checksum = false;
};

std::string Gzip(const Member& m) {
  z_stream stream{};
  EXPECT_EQ(deflateInit2(&stream, m.level, Z_DEFLATED, MAX_WBITS + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
  gz_header header{};
  const auto octets = [](const std::string& s) {
    return s.empty() ? Z_NULL : reinterpret_cast<Bytef*>(const_cast<char*>(s.c_str()));
  };
  header.name = octets(m.name);
  header.comment = octets(m.comment);
  header.extra = octets(m.extra);
  header.extra_len = static_cast<uInt>(m.extra.size());
  header.hcrc = m.header_checksum ? 1 : 0;
  deflateSetHeader(&stream, &header);
  std::string out(m.content.size() + m.name.size() + 1000, '\0');
  stream.next_in = reinterpret_cast<Bytef*>(const_cast<char*>(m.content.data()));
  stream.avail_in = static_cast<uInt>(m.content.size());
  stream.next_out = reinterpret_cast<Bytef*>(out.data());
  stream.avail_out = static_cast<uInt>(out.size());
  EXPECT_EQ(deflate(&stream, Z_FINISH), Z_STREAM_END);
  out.resize(stream.total_out);
  deflateEnd(&stream);
  return out;
}

class GzipTest : public ::testing::Test {
 protected:
  std::string ReadBack(const std::string& file) {
    WriteText(path_, file);
    const auto content = ReadGzip(path_, 1 << 24);
    return content.ok() ? ToString(*content) : ReasonOf(content.status()) + ": " + Message(content.status());
  }
  Scratch scratch_;
  std::string path_ = scratch_ / "list.crl.gz";
};

TEST_F(GzipTest, ReadsWhatItWrote) {
  const Bytes content = SeededRandom(1).Take(1'500'000);
  ASSERT_TRUE(WriteGzip(path_, content).ok());
  const auto back = ReadGzip(path_, content.size());
  ASSERT_TRUE(back.ok()) << back.status();
  EXPECT_EQ(*back, content);
  EXPECT_EQ(ReadGzip(path_, content.size() - 1).status().code(), StatusCode::kResourceExhausted);
  ASSERT_TRUE(WriteGzip(path_, {}).ok());
  EXPECT_TRUE(ReadGzip(path_, 0)->empty());
}

TEST_F(GzipTest, ReadsEveryVariantOfGzip) {
  for (int level = 0; level <= 9; ++level) EXPECT_EQ(ReadBack(Gzip({"content", level})), "content");
  EXPECT_EQ(ReadBack(Gzip({"content", 6, "list.crl", "a comment", "extra field", true})), "content");
  const std::string large(600'000, 'x');
  EXPECT_EQ(ReadBack(Gzip({"one ", 1, "list.crl"}) + Gzip({large, 9}) + Gzip({"", 6}) + Gzip({" three", 0})),
            "one " + large + " three");
  EXPECT_EQ(ReadBack(Gzip({"padded"}) + std::string(1000, '\0')), "padded");
  EXPECT_EQ(ReadBack(Gzip({std::string(300'000, 'y')}) + std::string(300'000, '\0')).size(), 300'000u);
}

TEST_F(GzipTest, I7_RefusesAnInnerNameThatIsNotTheFilesOwn) {
  EXPECT_THAT(ReadBack(Gzip({"content", 6, "other.crl"})), HasSubstr("a file named other.crl, expected list.crl"));
  EXPECT_THAT(ReadBack(Gzip({"content", 6, "list.crl.gz"})), HasSubstr("a file named"));
  EXPECT_THAT(ReadBack(Gzip({"content", 6, std::string(5000, 'n')})), HasSubstr("INNER_NAME_WRONG"));
  EXPECT_THAT(ReadBack(Gzip({"content", 6, "\x1b[2J"})), HasSubstr("a file named ?[2J"));
  EXPECT_THAT(ReadBack(Gzip({"content"}) + Gzip({"content", 6, "other"})), HasSubstr("a file named"));
}

TEST_F(GzipTest, I7_RefusesWhatIsNotWholeGzip) {
  const std::string good = Gzip({"some content that is long enough", 6, "list.crl"});
  EXPECT_THAT(ReadBack(""), HasSubstr("FILE_EMPTY"));
  EXPECT_THAT(ReadBack("no gzip at all"), HasSubstr("GZIP_NOT"));
  EXPECT_THAT(ReadBack("x"), HasSubstr("GZIP_NOT"));
  EXPECT_THAT(ReadBack(std::string(100, '\0')), HasSubstr("GZIP_NOT"));
  for (size_t size = 1; size < good.size(); ++size)
    ASSERT_THAT(ReadBack(good.substr(0, size)), HasSubstr("GZIP_TRUNCATED")) << size;
  EXPECT_THAT(ReadBack(good + "garbage"), HasSubstr("GZIP_TRAILING"));
  EXPECT_THAT(ReadBack(good + "\x1F"), HasSubstr("GZIP_TRAILING"));
  EXPECT_THAT(ReadBack(good + std::string(3, '\0') + "x"), HasSubstr("GZIP_TRAILING"));
  EXPECT_THAT(ReadBack(good + std::string(500'000, '\0') + "x"), HasSubstr("GZIP_TRAILING"));
  EXPECT_THAT(ReadBack(good + std::string(3'000'000, '\0') + "x"), HasSubstr("GZIP_TRAILING"));
  EXPECT_EQ(ReadGzip(scratch_ / "absent.gz", 1).status().code(), StatusCode::kNotFound);
}

TEST_F(GzipTest, I7_ChecksumAndLengthAreChecked) {
  const std::string good = Gzip({std::string(5000, 'x'), 6, ""});
  for (size_t from_end = 1; from_end <= 8; ++from_end) {
    std::string bad = good;
    bad[bad.size() - from_end] ^= 1;
    EXPECT_THAT(ReadBack(bad), HasSubstr("GZIP_CHECKSUM")) << from_end << " before the end";
  }
}

TEST_F(GzipTest, I7_AFlippedBitAnywhereIsFoundOrChangesNothing) {
  std::string content;
  for (int i = 0; i < 400; ++i) content += fmt::format("line {} of something\n", i * i);
  const std::string good = Gzip({content, 6, "list.crl", "", "", false});
  for (size_t bit = 0; bit < good.size() * 8; ++bit) {
    std::string bad = good;
    bad[bit / 8] = static_cast<char>(bad[bit / 8] ^ (1 << (bit % 8)));
    const std::string read = ReadBack(bad);
    if (read == content) continue;
    EXPECT_THAT(read.substr(0, 300), ::testing::AnyOf(HasSubstr("GZIP_"), HasSubstr("INNER_NAME_WRONG"))) << bit;
  }
}

TEST_F(GzipTest, I7_ABombIsRefusedBeforeItFillsAnything) {
  WriteText(path_, Gzip({std::string(300 << 20, '\0'), 9, ""}));
  uint64_t seen = 0;
  const auto result = InflateFile(path_, [&](ByteSpan octets, uint64_t) {
    seen += octets.size();
    return OkStatus();
  });
  EXPECT_EQ(ReasonOf(result.status()), "GZIP_BOMB");
  EXPECT_LT(seen, uint64_t{70} << 20);
}

TEST_F(GzipTest, NothingAppearsWithoutFinish) {
  {
    auto writer = GzipWriter::Create(path_);
    ASSERT_TRUE(writer.ok());
    ASSERT_TRUE((*writer)->Write(AsBytes("half")).ok());
  }
  EXPECT_FALSE(PosixFiles().Exists(path_));
  EXPECT_TRUE(PosixFiles().List(DirectoryOf(path_))->empty());
}

TEST_F(GzipTest, RefusesToWriteAFileNotNamedAsGzip) {
  EXPECT_FALSE(WriteGzip(scratch_ / "list.crl", {}).ok());
  EXPECT_FALSE(WriteGzip(scratch_ / ".gz", {}).ok());
}

TEST_F(GzipTest, AVisitorsErrorEndsTheReading) {
  ASSERT_TRUE(WriteGzip(path_, Bytes(2'000'000)).ok());
  int calls = 0;
  const auto result = InflateFile(path_, [&](ByteSpan, uint64_t) {
    ++calls;
    return Internal("enough");
  });
  EXPECT_EQ(Message(result.status()), "enough");
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace smki::repository
