#include "base/eui64.h"

#include <gtest/gtest.h>

namespace smki {
namespace {

TEST(Eui64Test, ReadsBareDigitsAndThreeSeparators) {
  const Eui64 expected(0x00DB1234567890A0);
  for (const char* text : {"00DB1234567890A0", "00db1234567890a0", "00-DB-12-34-56-78-90-A0", "00:db:12:34:56:78:90:a0",
                           "00 DB 12 34 56 78 90 A0"}) {
    EXPECT_EQ(Eui64::Parse(text), expected) << text;
  }
  EXPECT_EQ(expected.ToString(), "00-DB-12-34-56-78-90-A0");
}

TEST(Eui64Test, RefusesEverythingElse) {
  for (const char* text :
       {"", "00DB1234567890A", "00DB1234567890A00", "00DB1234567890AG", "00-DB-12-34-56-78-90:A0",
        "00_DB_12_34_56_78_90_A0", "00-DB-12-34-56-78-90-A", "0-0DB-12-34-56-78-90-A0", "00-DB-12-34-56-78-90-A0 "}) {
    EXPECT_EQ(Eui64::Parse(text), std::nullopt) << text;
  }
}

TEST(Eui64Test, BytesAreBigEndianAndExactlyEight) {
  const Eui64 id(0x0102030405060708);
  EXPECT_EQ(ToHex(id.bytes()), "0102030405060708");
  EXPECT_EQ(Eui64::FromBytes(id.bytes()), id);
  EXPECT_EQ(Eui64::FromBytes(Bytes(7)), std::nullopt);
  EXPECT_EQ(Eui64::FromBytes(Bytes(9)), std::nullopt);
  EXPECT_LT(Eui64(1), Eui64(0x8000000000000000)) << "order is that of the octets";
}

}  // namespace
}  // namespace smki
