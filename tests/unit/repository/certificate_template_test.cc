// The short way through a certificate against the long one: the same verdict and the same view, whatever the octets.
#include "repository/profile/certificate_template.h"

#include <gtest/gtest.h>

#include "base/random.h"
#include "pki/certificate.h"

namespace smki::repository {
namespace {

constexpr uint64_t kSeed = 21;

// Two issuers whose names are of one length, Devices of both usages, an organisation, an authority.
std::vector<Bytes> SomeCertificates() {
  SeededRandom random(kSeed);
  std::vector<Bytes> out;
  pki::PrivateKey authority = *pki::PrivateKey::Generate(), key = *pki::PrivateKey::Generate();
  const UtcTime begin = *ParseDate("2026-01-01");
  for (const char* name : {"DCA1", "DCA2"}) {
    const pki::AuthoritySubject subject{name, ""};
    const pki::IssuerIdentity issuer{&authority, pki::AuthorityName(subject)};
    out.push_back(pki::IssueAuthorityCertificate(issuer, subject, authority.public_key(), 0, pki::kDevicePolicy,
                                                 random.Take(16), begin, begin + std::chrono::hours(24 * 9000))
                      ->der());
    for (const pki::KeyUsageBits usage : {pki::kDigitalSignature, pki::kKeyAgreement}) {
      for (int i = 0; i < 4; ++i) {
        key = *pki::PrivateKey::Generate();
        out.push_back(pki::IssueDeviceCertificate(issuer, Eui64(random.Below(~uint64_t{0})), key.public_key(), usage,
                                                  random.Take(16), begin + std::chrono::hours(24 * random.Below(9000)))
                          ->der());
      }
    }
  }
  const pki::AuthoritySubject oca{"OCA1", "07"};
  out.push_back(pki::IssueOrganisationCertificate({&authority, pki::AuthorityName(oca)}, {"", 2, Eui64(5)},
                                                  key.public_key(), pki::kDigitalSignature, random.Take(16), begin,
                                                  begin + std::chrono::hours(24 * 3000))
                    ->der());
  return out;
}
const std::vector<Bytes>& Certificates() {
  static const auto& made = *new std::vector<Bytes>(SomeCertificates());
  return made;
}

std::string Text(ByteSpan der, const std::optional<Fault>& fault, const CertificateView& view) {
  if (fault) return fmt::format("{} {}", Name(fault->reject), fault->detail);
  std::string out;
  for (const ByteSpan part : {view.der, view.tbs, view.serial, view.issuer, view.subject, view.common_name,
                              view.organisational_unit, view.subject_key_identifier, view.authority_key_identifier,
                              view.policy, view.point, view.not_before_text, view.device_eui_octets})
    out += part.empty() ? "-, " : fmt::format("{}+{}, ", part.data() - der.data(), part.size());
  const auto eui = [](const std::optional<Eui64>& e) { return e ? fmt::format("{:x}", e->value()) : "-"; };
  return out + fmt::format("{} {} {} {} {} {} {} {} {}", FormatTime(view.not_before), FormatTime(view.not_after),
                           eui(view.subject_eui), eui(view.device_eui), view.key_usage, view.is_ca, view.path_length,
                           ToHex(view.signature), static_cast<int>(view.kind));
}

class CertificateTemplatesTest : public ::testing::Test {
 protected:
  // All that the templates have learnt stays as it was meant: they have met every certificate.
  CertificateTemplatesTest() {
    CertificateView view;
    for (const Bytes& der : Certificates()) EXPECT_FALSE(templates_.Read(der, view));
  }
  void ExpectSame(ByteSpan der) {
    // No octet behind the last, so that a sanitizer sees what is read there.
    const auto exact = std::make_unique<uint8_t[]>(der.size());
    std::copy(der.begin(), der.end(), exact.get());
    const ByteSpan own(exact.get(), der.size());
    CertificateView by_template, by_walk;
    const auto fault = templates_.Read(own, by_template);
    const auto expected = ReadCertificate(own, by_walk);
    accepted_ += expected ? 0 : 1;
    ASSERT_EQ(Text(own, fault, by_template), Text(own, expected, by_walk)) << ToHex(own);
  }
  CertificateTemplates templates_;
  uint64_t accepted_ = 0;
};

TEST_F(CertificateTemplatesTest, DeviceCertificatesOfAKnownKindGoTheShortWay) {
  for (const Bytes& der : Certificates()) ExpectSame(der);
  EXPECT_EQ(accepted_, Certificates().size());
  const uint64_t before = templates_.matched();
  CertificateView view;
  for (const Bytes& der : Certificates()) ASSERT_FALSE(templates_.Read(der, view));
  EXPECT_EQ(templates_.matched() - before, Certificates().size() - 3) << "all but authorities and organisations";
}

TEST_F(CertificateTemplatesTest, EveryOctetChangedIsReadTheSame) {
  SeededRandom random(kSeed);
  for (const Bytes& der : Certificates()) {
    for (size_t at = 0; at < der.size(); ++at) {
      Bytes changed = der;
      const uint8_t was = der[at];
      for (const uint8_t octet :
           {uint8_t{0}, uint8_t{0xFF}, uint8_t{0x7F}, uint8_t{0x80}, static_cast<uint8_t>(was ^ 1),
            static_cast<uint8_t>(was + 1), static_cast<uint8_t>(was - 1), static_cast<uint8_t>(random.Below(256))}) {
        changed[at] = octet;
        ExpectSame(changed);
      }
    }
  }
  EXPECT_GT(accepted_, Certificates().size() * 50) << "serial numbers, EUI-64, identifiers, signatures may differ";
}

TEST_F(CertificateTemplatesTest, EveryCutAndEveryOctetMoreIsReadTheSame) {
  SeededRandom random(kSeed);
  for (const Bytes& der : Certificates()) {
    for (size_t at = 0; at <= der.size(); ++at) {
      ExpectSame(ByteSpan(der).first(at));
      Bytes more = der;
      more.insert(more.begin() + static_cast<ptrdiff_t>(at), static_cast<uint8_t>(random.Below(256)));
      ExpectSame(more);
      // The outer length made right again, so that the inner ones are looked at.
      more[3] = static_cast<uint8_t>((more.size() - 4) & 0xFF);
      more[2] = static_cast<uint8_t>((more.size() - 4) >> 8);
      ExpectSame(more);
      Bytes less = der;
      if (at < less.size()) less.erase(less.begin() + static_cast<ptrdiff_t>(at));
      less[3] = static_cast<uint8_t>((less.size() - 4) & 0xFF);
      less[2] = static_cast<uint8_t>((less.size() - 4) >> 8);
      ExpectSame(less);
    }
  }
}

TEST_F(CertificateTemplatesTest, PiecesOfDifferentCertificatesAreReadTheSame) {
  SeededRandom random(kSeed);
  const auto& all = Certificates();
  for (int round = 0; round < 30000; ++round) {
    Bytes der = all[random.Below(all.size())];
    const Bytes& other = all[random.Below(all.size())];
    const size_t at = random.Below(std::min(der.size(), other.size()));
    const size_t size = random.Below(std::min(der.size(), other.size()) - at);
    if (random.Below(2) == 0) {
      std::copy_n(other.begin() + static_cast<ptrdiff_t>(at), size, der.begin() + static_cast<ptrdiff_t>(at));
    } else {
      der.resize(at);
      der.insert(der.end(), other.begin() + static_cast<ptrdiff_t>(at), other.end());
      der[2] = static_cast<uint8_t>((der.size() - 4) >> 8);
      der[3] = static_cast<uint8_t>((der.size() - 4) & 0xFF);
    }
    ExpectSame(der);
  }
}

TEST_F(CertificateTemplatesTest, TimesThatAreNoneAreRefusedTheShortWayToo) {
  for (const Bytes& der : Certificates()) {
    CertificateView view;
    ASSERT_FALSE(ReadCertificate(der, view));
    const size_t at = static_cast<size_t>(view.not_before_text.data() - der.data());
    for (const std::string_view time :
         {"260229000000Z", "240229000000Z", "261301000000Z", "260001000000Z", "260100000000Z", "260132000000Z",
          "260101240000Z", "260101006000Z", "260101000060Z", "260101000000z", "2601010000 0Z", "99123123595?Z",
          "991231235959Z", "000229000000Z", "500101000000Z", "490101000000Z"}) {
      Bytes changed = der;
      std::copy(time.begin(), time.end(), changed.begin() + static_cast<ptrdiff_t>(at));
      ExpectSame(changed);
    }
  }
}

TEST_F(CertificateTemplatesTest, WhatWasLearntIsReplacedAndNothingIsReadWrong) {
  // Serial numbers of every length from many issuers: more kinds than are kept.
  SeededRandom random(kSeed);
  pki::PrivateKey authority = *pki::PrivateKey::Generate();
  std::vector<Bytes> made;
  for (int i = 0; i < 40; ++i) {
    const pki::AuthoritySubject subject{"DCA" + std::to_string(i), ""};
    made.push_back(pki::IssueDeviceCertificate({&authority, pki::AuthorityName(subject)}, Eui64(7),
                                               authority.public_key(), pki::kDigitalSignature, random.Take(16),
                                               *ParseDate("2026-01-01"))
                       ->der());
  }
  for (int round = 0; round < 3000; ++round) ExpectSame(made[random.Below(made.size())]);
}

}  // namespace
}  // namespace smki::repository
