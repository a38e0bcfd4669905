#include "base/wire.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace smki {
namespace {

Bytes Sample() {
  WireWriter out;
  out.U8(0x01);
  out.U16(0x0203);
  out.U32(0x04050607);
  out.U64(0x08090A0B0C0D0E0F);
  out.Eui(Eui64(0x1011121314151617));
  out.Fixed(Bytes{0x18, 0x19});
  out.Octets(Bytes{0x1A});
  out.Text("hi");
  return out.Take();
}

TEST(WireTest, NumbersAreBigEndianAndOctetsHaveA32BitLength) {
  EXPECT_EQ(ToHex(Sample()),
            "01"
            "0203"
            "04050607"
            "08090a0b0c0d0e0f"
            "1011121314151617"
            "1819"
            "000000011a"
            "000000026869");
}

TEST(WireTest, GoesThereAndBack) {
  const Bytes in = Sample();
  WireReader reader(in);
  EXPECT_EQ(reader.U8(), 0x01);
  EXPECT_EQ(reader.U16(), 0x0203);
  EXPECT_EQ(reader.U32(), 0x04050607u);
  EXPECT_EQ(reader.U64(), 0x08090A0B0C0D0E0Fu);
  EXPECT_EQ(reader.Eui(), Eui64(0x1011121314151617));
  EXPECT_EQ(ToHex(reader.Fixed(2)), "1819");
  EXPECT_EQ(ToHex(reader.Octets()), "1a");
  EXPECT_EQ(reader.Text(), "hi");
  EXPECT_TRUE(reader.ok());
  EXPECT_TRUE(reader.at_end());
  EXPECT_TRUE(reader.Finish("sample").ok());
}

TEST(WireTest, EveryShortenedInputIsRefused) {
  const Bytes in = Sample();
  for (size_t size = 0; size < in.size(); ++size) {
    WireReader reader(ByteSpan(in).first(size));
    reader.U8();
    reader.U16();
    reader.U32();
    reader.U64();
    reader.Eui();
    reader.Fixed(2);
    reader.Octets();
    reader.Text();
    EXPECT_FALSE(reader.ok()) << size;
    EXPECT_EQ(reader.Finish("sample").code(), StatusCode::kDataLoss) << size;
  }
}

TEST(WireTest, AfterTheFirstMisfitEverythingIsZeroAndEmpty) {
  const Bytes in{0, 0, 0, 9, 1, 2, 3, 4, 5, 6, 7, 8};
  WireReader reader(in);
  EXPECT_TRUE(reader.Octets().empty()) << "nine octets are not there";
  EXPECT_FALSE(reader.ok());
  EXPECT_EQ(reader.U8(), 0);
  EXPECT_EQ(reader.Digest(), Digest{});
  EXPECT_EQ(reader.Text(), "");
}

TEST(WireTest, FinishTellsWhatIsTooMany) {
  const Bytes in{1, 2, 3};
  WireReader reader(in);
  reader.U8();
  EXPECT_THAT(Message(reader.Finish("record")), testing::HasSubstr("record has 2 octets too many after octet 1"));
}

TEST(WireTest, ADigestHas32Octets) {
  const Bytes in(32, 7);
  WireReader reader(in);
  Digest expected;
  expected.fill(7);
  EXPECT_EQ(reader.Digest(), expected);
  EXPECT_TRUE(reader.at_end());
}

}  // namespace
}  // namespace smki
