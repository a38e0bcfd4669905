#include "procedures/population.h"

#include <gtest/gtest.h>

#include "pki/digest.h"
#include "procedures/reason.h"

namespace smki::procedures {
namespace {

Population Sample(const std::string& group, std::vector<uint64_t> devices) {
  Population p{{"drill", "estate-7"}, group, {}};
  for (const uint64_t device : devices) p.devices.emplace_back(device);
  return p;
}

TEST(Population, ReadsBackWhatItWrites) {
  for (const Population& p : {Sample("g", {}), Sample("g", {5}), Sample("g", {1, 2, UINT64_MAX})}) {
    const auto parsed = ParsePopulation(EncodePopulation(p));
    ASSERT_TRUE(parsed.ok()) << Message(parsed.status());
    EXPECT_EQ(parsed->environment, p.environment);
    EXPECT_EQ(parsed->group, p.group);
    EXPECT_EQ(parsed->devices, p.devices);
  }
}

TEST(Population, LayoutIsAsDocumented) {
  EXPECT_EQ(ToHex(EncodePopulation(Sample("g", {0x00DB1234567890A0}))),
            ToHex(AsBytes("SMKIPOP1")) + "00000005" + ToHex(AsBytes("drill")) + "00000008" +
                ToHex(AsBytes("estate-7")) + "0000000167" + "0000000000000001" + "00db1234567890a0");
}

TEST(Population, DigestIsTheMerkleRootOverHeaderAndDevices) {
  const Bytes file = EncodePopulation(Sample("g", {1, 2}));
  const ByteSpan octets(file);
  pki::MerkleTree tree;
  tree.AddLeaf(octets.first(file.size() - 16));
  tree.AddLeaf(octets.subspan(file.size() - 16, 8));
  tree.AddLeaf(octets.last(8));
  EXPECT_EQ(PopulationDigest(file), tree.Root());
}

TEST(Population, DigestBindsEnvironmentAndGroup) {
  const Digest digest = PopulationDigest(EncodePopulation(Sample("g", {1, 2})));
  EXPECT_NE(PopulationDigest(EncodePopulation(Sample("h", {1, 2}))), digest);
  Population other = Sample("g", {1, 2});
  other.environment.kind = "production";
  EXPECT_NE(PopulationDigest(EncodePopulation(other)), digest);
}

TEST(Population, RefusesDevicesThatDoNotStrictlyIncrease) {
  for (const auto& devices : {std::vector<uint64_t>{2, 1}, std::vector<uint64_t>{1, 1}}) {
    const auto parsed = ParsePopulation(EncodePopulation(Sample("g", devices)));
    EXPECT_TRUE(IsRefusal(parsed.status(), Reason::kPOPULATION_MALFORMED));
    EXPECT_NE(Message(parsed.status()).find("at octet 50"), std::string::npos) << Message(parsed.status());
  }
}

TEST(Population, RefusesACountThatIsNotTheFiles) {
  Bytes file = EncodePopulation(Sample("g", {1, 2}));
  for (const size_t size : {file.size() - 1, file.size() - 8, file.size() - 17, size_t{20}, size_t{0}}) {
    EXPECT_TRUE(IsRefusal(ParsePopulation(ByteSpan(file).first(size)).status(), Reason::kPOPULATION_MALFORMED)) << size;
    PopulationDigest(ByteSpan(file).first(size));  // defined for any octets
  }
  file.push_back(0);
  EXPECT_TRUE(IsRefusal(ParsePopulation(file).status(), Reason::kPOPULATION_MALFORMED));
  // 2^61 Devices are 0 octets modulo 2^64.
  file = EncodePopulation(Sample("g", {}));
  file[file.size() - 8] = 0x20;
  EXPECT_TRUE(IsRefusal(ParsePopulation(file).status(), Reason::kPOPULATION_MALFORMED));
}

TEST(Population, RefusesAHeaderThatNamesNothing) {
  Population p = Sample("g", {1});
  p.environment.kind = "rehearsal";
  EXPECT_TRUE(IsRefusal(ParsePopulation(EncodePopulation(p)).status(), Reason::kPOPULATION_MALFORMED));
  EXPECT_TRUE(IsRefusal(ParsePopulation(EncodePopulation(Sample("a b", {1}))).status(), Reason::kPOPULATION_MALFORMED));
  Bytes file = EncodePopulation(Sample("g", {1}));
  file[7] = '2';
  EXPECT_TRUE(IsRefusal(ParsePopulation(file).status(), Reason::kPOPULATION_MALFORMED));
}

TEST(Population, RankIsTheIndexOfADevice) {
  const Population p = Sample("g", {1, 5, 9});
  EXPECT_EQ(p.RankOf(Eui64(1)), 0u);
  EXPECT_EQ(p.RankOf(Eui64(9)), 2u);
  EXPECT_EQ(p.RankOf(Eui64(4)), std::nullopt);
  EXPECT_EQ(p.RankOf(Eui64(10)), std::nullopt);
}

TEST(Population, OverlapNamesTheDeviceAndBothGroups) {
  const Population a = Sample("a", {1, 5, 9}), b = Sample("b", {2, 6}), c = Sample("c", {3, 9, 12}),
                   none = Sample("none", {});
  EXPECT_TRUE(CheckDisjoint({&a, &b, &none}).ok());
  const Status status = CheckDisjoint({&a, &b, &c});
  EXPECT_TRUE(IsRefusal(status, Reason::kPOPULATIONS_OVERLAP));
  EXPECT_NE(Message(status).find("00-00-00-00-00-00-00-09"), std::string::npos) << Message(status);
}

}  // namespace
}  // namespace smki::procedures
