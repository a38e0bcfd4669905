// What is measured must be what a Repository meets: certificates that verify, in a file that gzip can read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <zlib.h>

#include <filesystem>
#include <set>

#include "tests/bench/repository/gzip_blocks.h"
#include "tests/bench/repository/population.h"

namespace smki::bench {
namespace {

constexpr int64_t kDay = 20'772;  // 2026-11-15

struct Made {
  Population population;
  std::vector<DeviceCertificate> certificates;
};

StatusOr<Made> MakeFirstBlock(uint64_t seed) {
  Made out;
  SMKI_ASSIGN_OR_RETURN(out.population, Population::Make(seed, 301, kDay, 4));
  SeededRandom random(seed);
  SMKI_ASSIGN_OR_RETURN(const auto mill, DeviceMill::Create(out.population.issuing_dca, random));
  out.certificates = mill->Make(out.population.Block(0), SeedOf(seed, "devices", 0));
  return out;
}

TEST(MakeExtractTest, EveryDeviceCertificateIsTheOneOrderedAndItsAuthoritySignedIt) {
  const auto made = MakeFirstBlock(1);
  ASSERT_TRUE(made.ok()) << made.status();
  ASSERT_EQ(made->certificates.size(), 301);
  std::set<pki::PublicPoint> keys;
  std::set<Bytes> serials;
  std::set<size_t> authorities;
  for (const DeviceCertificate& device : made->certificates) {
    const auto parsed = pki::Certificate::Parse(device.der);
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    const DeviceAuthority& authority = made->population.issuing_dca[device.order.authority];
    EXPECT_TRUE(parsed->IsSignedBy(*authority.certificate.public_key));
    EXPECT_EQ(parsed->issuer, authority.certificate.subject);
    EXPECT_EQ(parsed->serial, device.serial);
    EXPECT_EQ(parsed->device_eui, device.order.device);
    EXPECT_EQ(parsed->key_usage, device.order.agreement ? pki::kKeyAgreement : pki::kDigitalSignature);
    EXPECT_EQ(parsed->not_before.ms, device.order.not_before * 1000);
    EXPECT_GE(parsed->not_before, authority.certificate.not_before);
    const pki::KeyIdentifier identifier = parsed->public_key->identifier();
    EXPECT_EQ(parsed->subject_key_identifier, ToBytes(identifier));
    EXPECT_EQ(parsed->authority_key_identifier, authority.certificate.subject_key_identifier);
    keys.insert(parsed->public_key->point());
    serials.insert(parsed->serial);
    authorities.insert(device.order.authority);
  }
  EXPECT_EQ(keys.size(), 301);
  EXPECT_EQ(serials.size(), 301);
  EXPECT_EQ(authorities.size(), 4);
}

TEST(MakeExtractTest, TheSameSeedMakesTheSameDeviceCertificatesAndAnotherSeedOthers) {
  const auto once = MakeFirstBlock(1);
  const auto again = MakeFirstBlock(1);
  const auto other = MakeFirstBlock(2);
  ASSERT_TRUE(once.ok() && again.ok() && other.ok());
  for (size_t i = 0; i < once->certificates.size(); ++i) {
    EXPECT_EQ(once->certificates[i].der, again->certificates[i].der);
    EXPECT_NE(once->certificates[i].der, other->certificates[i].der);
  }
}

TEST(MakeExtractTest, ADeviceHasADsThenAKaAndDevicesAscend) {
  const auto population = Population::Make(1, 5001, kDay, 0);
  ASSERT_TRUE(population.ok());
  std::vector<DeviceOrder> all;
  for (uint64_t block = 0; block < population->blocks(); ++block) {
    for (const DeviceOrder& order : population->Block(block)) all.push_back(order);
  }
  ASSERT_EQ(all.size(), 5001);
  for (size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(all[i].agreement, i % 2 == 1);
    if (i == 0) continue;
    if (all[i].agreement)
      EXPECT_EQ(all[i].device, all[i - 1].device);
    else
      EXPECT_GT(all[i].device, all[i - 1].device);
  }
}

TEST(MakeExtractTest, BlocksBecomeOneGzipMemberWithTheNameOfItsFile) {
  const auto folder = std::filesystem::path(testing::TempDir()) / "smki-gzip-blocks";
  std::filesystem::create_directories(folder);
  const std::string path = folder / "some.xml.gz";
  const std::string first(100'000, 'a');
  auto file = GzipBlocks::Create(path);
  ASSERT_TRUE(file.ok()) << file.status();
  ASSERT_TRUE(file->Add(DeflateBlock(first)).ok() && file->Add(DeflateBlock("and the end")).ok() &&
              file->Finish().ok());

  std::FILE* raw = std::fopen(path.c_str(), "rb");
  Bytes octets(10'000);
  octets.resize(std::fread(octets.data(), 1, octets.size(), raw));
  std::fclose(raw);
  z_stream stream{};
  gz_header header{};
  char name[64] = {};
  header.name = reinterpret_cast<Bytef*>(name);
  header.name_max = sizeof(name);
  ASSERT_EQ(inflateInit2(&stream, 16 + 15), Z_OK);  // gzip only; checks the CRC and the length
  ASSERT_EQ(inflateGetHeader(&stream, &header), Z_OK);
  std::string text(200'000, '\0');
  stream.next_in = octets.data();
  stream.avail_in = static_cast<uInt>(octets.size());
  stream.next_out = reinterpret_cast<Bytef*>(text.data());
  stream.avail_out = static_cast<uInt>(text.size());
  EXPECT_EQ(inflate(&stream, Z_FINISH), Z_STREAM_END);
  EXPECT_EQ(stream.avail_in, 0) << "more than one member";
  text.resize(stream.total_out);
  inflateEnd(&stream);
  EXPECT_EQ(text, first + "and the end");
  EXPECT_STREQ(name, "some.xml");
}

}  // namespace
}  // namespace smki::bench
