// What somebody may try who can change one file, or a few octets of one: a record that does not count must not count
// for anything else, and how the work happens to be cut up must not decide what a Repository holds.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>

#include "base/der.h"
#include "pki/digest.h"
#include "repository/extract/gzip.h"
#include "repository/extract/record_scanner.h"
#include "repository/extract/schema.h"
#include "repository/store/reader.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::repository {
namespace {

using State = CertificateStatus;

constexpr uint64_t kMeter = 0x00DB123456000000;
constexpr uint64_t kSupplier = 0x90B3D51F30010000;
constexpr char kDate[] = "2026-11-15";

CertificateRecord As(CertificateRecord record, State status) {
  record.status = status;
  return record;
}

// The same certificate without the extension that names its issuer's key, signed again.
pki::Certificate WithoutAuthorityKeyIdentifier(const pki::Certificate& certificate, pki::PrivateKey& issuer) {
  constexpr uint8_t kAuthorityKeyIdentifier[] = {0x55, 0x1D, 0x23};
  using namespace smki::der;  // tags
  DerReader in(*DerReader(certificate.tbs()).Next());
  DerWriter fields, kept, wrapped, tbs, out;
  while (!in.at_end()) {
    const DerValue field = *in.Next();
    if (field.tag != Context(3, true)) {
      fields.Raw(field.whole);
      continue;
    }
    DerReader extensions(*DerReader(field).Next());
    while (!extensions.at_end()) {
      const DerValue extension = *extensions.Next();
      const DerValue id = *DerReader(extension).Next();
      if (!std::ranges::equal(id.content, kAuthorityKeyIdentifier)) kept.Raw(extension.whole);
    }
    wrapped.Wrap(kSequence, kept);
    fields.Wrap(Context(3, true), wrapped);
  }
  tbs.Wrap(kSequence, fields);
  out.Raw(tbs.bytes());
  out.Raw(Bytes{0x30, 0x0A, 0x06, 0x08, 0x2A, 0x86, 0x48, 0xCE, 0x3D, 0x04, 0x03, 0x02});
  Bytes signature{0};
  Append(signature, pki::SignatureToDer(*issuer.SignDigest(pki::Sha256(tbs.bytes()))));
  out.Value(kBitString, signature);
  DerWriter whole;
  whole.Wrap(kSequence, out);
  return *pki::Certificate::Parse(whole.bytes());
}

class AttackTest : public RepositoryTest {
 protected:
  // "FILE CODE" of each rejected record, or "built".
  std::vector<std::string> Codes() {
    std::vector<std::string> out;
    report_ = {};
    const auto status = Rebuild(options_, &report_).status();
    for (const RejectedRecord& reject : report_.rejects) out.push_back(Name(reject.code));
    if (!status.ok() && ReasonOf(status) != "REJECTS") out.push_back(ReasonOf(status));
    return out;
  }
  // An authority of nobody, with the serial and the issuer's name of the organisations' issuing one.
  CertificateRecord ForgedAuthority(State status) {
    pki::PrivateKey thief = *pki::PrivateKey::Generate();
    const pki::IssuerIdentity identity{&thief, pki_.organisations.root->subject};
    return As(pki_.Record(*pki::IssueAuthorityCertificate(
                  identity, {"issuing OCA", "07"}, pki_.organisations.issuing_key.public_key(), 0,
                  pki::kOrganisationPolicy, pki_.organisations.issuing->serial, Day("2020-01-01"), Day("2045-01-01"))),
              status);
  }
  RebuildReport report_;
};

TEST_F(AttackTest, I7_AForgedAuthorityCannotTakeAwayARevocation) {
  std::vector<CertificateRecord> records = pki_.Authorities();
  records[1].status = State::kRevoked;  // the issuing OCA
  records.push_back(pki_.Supplier(kSupplier));
  records.push_back(ForgedAuthority(State::kInUse));
  Publish(true, kDate, records);
  EXPECT_THAT(Codes(), ::testing::UnorderedElementsAre("AUTHORITY_UNTRUSTED", "ISSUER_REVOKED"));
}

TEST_F(AttackTest, I7_AForgedAuthorityCannotRevoke) {
  std::vector<CertificateRecord> records = pki_.Authorities();
  records.push_back(pki_.Supplier(kSupplier));
  records.push_back(ForgedAuthority(State::kRevoked));
  Publish(true, kDate, records);
  EXPECT_THAT(Codes(), ::testing::ElementsAre("AUTHORITY_UNTRUSTED"));
}

TEST_F(AttackTest, I7_AStateThatIsRejectedDoesNotCountForWhatTheAuthorityIssued) {
  std::vector<CertificateRecord> records = pki_.Authorities();
  records[1].status = State::kRevoked;
  records.push_back(pki_.Supplier(kSupplier));
  records.push_back(As(records[1], State::kInUse));
  Publish(true, kDate, records);
  EXPECT_THAT(Codes(), ::testing::UnorderedElementsAre("STATUS_TWICE", "ISSUER_REVOKED"));
}

// Two keys under one name, and a certificate that does not say which of them signed it: what stands first must not
// decide.
TEST_F(AttackTest, I7_ASecondKeyOfAnAuthorityMayComeAfterWhatItSigned) {
  pki::PrivateKey second = *pki::PrivateKey::Generate();
  const pki::IssuerIdentity root{&pki_.devices.root_key, pki_.devices.root->subject};
  const auto renewed =
      pki::IssueAuthorityCertificate(root, {"issuing DCA", ""}, second.public_key(), 0, pki::kDevicePolicy,
                                     Bytes(16, 9), Day("2020-01-01"), Day("2045-01-01"));
  ASSERT_TRUE(renewed.ok());
  const pki::IssuerIdentity identity{&second, pki_.devices.identity.name};
  const auto device = pki::IssueDeviceCertificate(identity, Eui64(kMeter), second.public_key(), pki::kDigitalSignature,
                                                  Bytes(16, 0x41), Day("2026-01-01"));
  ASSERT_TRUE(device.ok());
  const CertificateRecord record = pki_.Record(WithoutAuthorityKeyIdentifier(*device, second));
  std::vector<CertificateRecord> records = pki_.Authorities();
  records.push_back(record);
  records.push_back(pki_.Record(*renewed));
  Publish(true, kDate, records);
  EXPECT_THAT(Codes(), ::testing::IsEmpty());
  std::swap(records[4], records[5]);
  Publish(true, kDate, records);
  EXPECT_THAT(Codes(), ::testing::IsEmpty());
}

// A comment of each size moves the header and the first record over every place where a look at the beginning ends.
TEST_F(AttackTest, I7_ALongCommentBeforeTheDocumentDoesNotMatter) {
  Publish(true, kDate, pki_.Authorities());
  const std::string xml = ToString(*ReadGzip(Extract(true, kDate), 1 << 20));
  const size_t prolog = xml.find("<SMKI"), header = xml.find("<CertificateResponse") - prolog;
  for (size_t over = 0; over < header + 8; ++over) {
    const std::string comment = "<!--" + std::string(4096 - prolog - 7 + 4 - over, ' ') + "-->";
    ASSERT_TRUE(WriteGzip(Extract(true, kDate), AsBytes(xml.substr(0, prolog) + comment + xml.substr(prolog))).ok());
    ASSERT_THAT(Codes(), ::testing::IsEmpty()) << over;
  }
}

TEST_F(AttackTest, I7_TagsThatDifferInTheirPrefixAreNotWellFormed) {
  Publish(true, kDate, pki_.Authorities());
  const std::string xml = ToString(*ReadGzip(Extract(true, kDate), 1 << 20));
  for (const std::string tag : {"</CertificateResponse>", "</CertificateStatus>", "</SMKIRepositoryExtract>"}) {
    std::string bad = xml;
    bad.replace(bad.rfind(tag), 2, "</s:");
    ASSERT_TRUE(WriteGzip(Extract(true, kDate), AsBytes(bad)).ok());
    EXPECT_THAT(Codes(), ::testing::ElementsAre("XML_MALFORMED")) << tag;
  }
}

// What the fuzzer found, or was shown: each is no XML.
TEST_F(AttackTest, I7_WhatIsNotWellFormedIsRefusedByName) {
  Publish(true, kDate, pki_.Authorities());
  const std::string xml = ToString(*ReadGzip(Extract(true, kDate), 1 << 20));
  const auto code = [&](const std::string& from, const std::string& to) {
    std::string bad = xml;
    bad.replace(bad.find(from), from.size(), to);
    EXPECT_TRUE(WriteGzip(Extract(true, kDate), AsBytes(bad)).ok());
    return Codes();
  };
  EXPECT_THAT(code("<SMKIRepositoryExtract>", "<SMKIRepositoryExtract a=\"1\" a=\"2\">"),
              ::testing::ElementsAre("XML_MALFORMED"));
  EXPECT_THAT(code("<CertificateSubjectName>", "<CertificateSubjectName>]]>"), ::testing::ElementsAre("XML_MALFORMED"));
  EXPECT_THAT(code("?>", " standalone=\"no\" standalone=\"yes\"?>"), ::testing::ElementsAre("XML_UNSUPPORTED"));
  // Cut behind the first octet of a tag that ends a field.
  for (const std::string field : {"Serial", "Status", "Body", "Usage"}) {
    const std::string cut = xml.substr(0, xml.find("</Certificate" + field + ">") + 1);
    ASSERT_TRUE(WriteGzip(Extract(true, kDate), AsBytes(cut)).ok());
    EXPECT_THAT(Codes(), ::testing::ElementsAre("XML_TRUNCATED")) << field;
  }
}

// There are a dozen; a file with thousands must not crowd out the true ones, nor fill the memory.
// Each of them was looked for its end to the end of the chunk: minutes for a megabyte.
TEST(Chunk, AMillionTagsWithoutAnEndAreLeftAtOnce) {
  std::string text;
  while (text.size() < 1 << 20) text += "</";
  EXPECT_EQ(EndOfLastRecord(text), 0u);
  EXPECT_EQ(EndOfLastRecord(text + ">"), 0u);
  const std::string end = "</" + std::string(schema::kRecord) + ">";
  EXPECT_EQ(EndOfLastRecord(end + text), end.size());
}

TEST_F(AttackTest, I7_ThousandsOfAuthoritiesAreRefusedByName) {
  std::vector<CertificateRecord> records;
  CertificateRecord forged = ForgedAuthority(State::kInUse);
  const auto at = std::search(forged.der.begin(), forged.der.end(), forged.serial.begin(), forged.serial.end());
  ASSERT_NE(at, forged.der.end());
  for (size_t i = 0; i < 4100; ++i) {
    forged.serial[14] = at[14] = static_cast<uint8_t>(i >> 8);
    forged.serial[15] = at[15] = static_cast<uint8_t>(i);
    records.push_back(forged);
  }
  for (const CertificateRecord& record : pki_.Authorities()) records.push_back(record);
  records.push_back(pki_.Device(kMeter));
  Publish(true, kDate, records);
  EXPECT_THAT(Codes(), ::testing::ElementsAre("AUTHORITIES_TOO_MANY"));
}

TEST_F(AttackTest, I7_AnyNumberOfThreadsGivesTheSameOctets) {
  std::vector<CertificateRecord> records;
  for (uint64_t i = 0; i < 3000; ++i) records.push_back(pki_.Device(kMeter + i));
  for (const CertificateRecord& record : pki_.Authorities()) records.push_back(record);
  for (uint64_t i = 0; i < 3000; ++i) records.push_back(As(records[i], State::kInUse));
  records.push_back(pki_.Supplier(kSupplier));
  Publish(true, kDate, records);
  std::string first;
  for (const unsigned threads : {1u, 2u, 7u}) {
    options_.threads = threads;
    ASSERT_THAT(Codes(), ::testing::IsEmpty());
    const std::string store = ReadText(options_.store);
    if (first.empty()) first = store;
    EXPECT_TRUE(store == first) << threads;
  }
}

}  // namespace
}  // namespace smki::repository
