#include "repository/extract/extract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repository/extract/gzip.h"
#include "repository/extract/record_scanner.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::repository {
namespace {

using ::testing::HasSubstr;

constexpr char kDate[] = "2026-11-15";

class ExtractTest : public RepositoryTest {
 protected:
  StatusOr<std::vector<CertificateRecord>> Read() {
    std::vector<CertificateRecord> out;
    SMKI_RETURN_IF_ERROR(ReadExtract(Extract(true, kDate), [&](CertificateRecord record) {
      out.push_back(std::move(record));
      return OkStatus();
    }));
    return out;
  }
  // The XML of a FULL with these records.
  std::string Xml(const std::vector<CertificateRecord>& records) {
    Publish(true, kDate, records);
    return ToString(*ReadGzip(Extract(true, kDate), 1 << 24));
  }
  StatusOr<std::vector<CertificateRecord>> ReadXml(const std::string& xml) {
    EXPECT_TRUE(WriteGzip(Extract(true, kDate), AsBytes(xml)).ok());
    return Read();
  }
  std::string ReadError(const std::string& xml) {
    const auto read = ReadXml(xml);
    if (read.ok()) return "was accepted";
    EXPECT_EQ(read.status().code(), StatusCode::kDataLoss);
    EXPECT_THAT(Message(read.status()), HasSubstr("SMKIKR_FULL_2026-11-15.xml.gz: "));
    return ReasonOf(read.status()) + ": " + Message(read.status());
  }
  // One change, which must apply.
  static std::string With(std::string xml, const std::string& from, const std::string& to) {
    const size_t at = xml.find(from);
    EXPECT_NE(at, std::string::npos) << from;
    return at == std::string::npos ? xml : xml.replace(at, from.size(), to);
  }
};

void ExpectSame(const CertificateRecord& a, const CertificateRecord& b) {
  EXPECT_EQ(a.kind, b.kind);
  EXPECT_EQ(a.status, b.status);
  EXPECT_EQ(a.eui, b.eui);
  EXPECT_EQ(a.subject_name, b.subject_name);
  EXPECT_EQ(a.serial, b.serial);
  EXPECT_EQ(a.role, b.role);
  EXPECT_EQ(a.usage, b.usage);
  EXPECT_EQ(a.manufacturing, b.manufacturing);
  EXPECT_EQ(a.der, b.der);
}

TEST_F(ExtractTest, I7_EveryRecordIsReadBackAsItWasWritten) {
  std::vector<CertificateRecord> records = pki_.Authorities();
  records.push_back(pki_.Supplier(0x90B3D51F30010000));
  records.push_back(pki_.Supplier(0x90B3D51F30010000, pki::kKeyAgreement));
  for (const char status : kStatusLetters) {
    records.push_back(pki_.Device(0x00DB123456000000 + records.size()));
    records.back().status = static_cast<CertificateStatus>(status);
    records.back().manufacturing = status == 'I';
  }
  Publish(true, kDate, records);
  const auto read = Read();
  ASSERT_TRUE(read.ok()) << read.status();
  ASSERT_EQ(read->size(), records.size());
  for (size_t i = 0; i < records.size(); ++i) {
    ExpectSame((*read)[i], records[i]);
    EXPECT_EQ((*read)[i].lodged, kDate);
  }
}

TEST_F(ExtractTest, ReadsOtherLayoutsOfTheSameDocument) {
  const CertificateRecord device = pki_.Device(0x00DB123456000001);
  const std::string good = Xml({device});
  std::string one_line;
  for (const char c : good) {
    if (c != '\n') one_line += c;
  }
  const std::string variants[] = {
      good,
      one_line,
      With(good, "<SMKIRepositoryExtract>",
           "<!-- c --><s:SMKIRepositoryExtract xmlns:s=\"urn:x\" xmlns=\"urn:y\" version=\"1\">"),
      With(good, "<CertificateBody>\n", "<CertificateBody>\r\n\t"),
      With(good, ">" + ToHex(device.serial) + "<", "> 00" + ToHex(device.serial) + " <"),
      With(good, "    <CertificateSerial>", "<!-- between > elements -->  \t<CertificateSerial >"),
      With(good, "</CertificateUsage>", "</CertificateUsage\n>"),
      With(good, "</CertificateResponse>", "</CertificateResponse >"),
      With(good, "<?xml", "\xEF\xBB\xBF<?xml"),
      With(good, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", ""),
      With(good, "?>", " standalone='yes' ?>"),
      With(good, "    <ManufacturingFlag>false</ManufacturingFlag>\n", ""),
      With(good, "00-DB-12-34-56-00-00-01", "00:db:12:34:56:00:00:01"),
  };
  for (std::string xml : variants) {
    if (xml.find("<s:") != std::string::npos) xml = With(xml, "</SMKIRepositoryExtract>", "</s:SMKIRepositoryExtract>");
    const auto read = ReadXml(xml);
    ASSERT_TRUE(read.ok()) << read.status() << "\n" << xml;
    ASSERT_EQ(read->size(), 1u);
    ExpectSame(read->front(), device);
  }
}

TEST_F(ExtractTest, I7_WordsThatDifferFromTheCertificateAreRefused) {
  const CertificateRecord supplier = pki_.Supplier(0x90B3D51F30010000);
  const std::string organisation = Xml({supplier});
  const std::string device = Xml({pki_.Device(0x00DB123456000001)});
  const std::string authority = Xml({pki_.Record(*pki_.organisations.issuing)});
  const struct {
    const std::string& xml;
    std::string from, to, expected;
  } cases[] = {
      {device, "<CertificateSerial>4", "<CertificateSerial>5", "SERIAL_MISMATCH"},
      {device, "<CertificateSerial>4", "<CertificateSerial>x", "SERIAL_MISMATCH"},
      {device, "<CertificateSerial>4", "<CertificateSerial>14", "SERIAL_MISMATCH"},
      {device, "00-DB-12", "00-DB-13", "SUBJECT_MISMATCH"},
      {device, "00-DB-12-34-56-00-00-01", "meter", "SUBJECT_MISMATCH"},
      {device, "SubjectAltName>00", "SubjectAltName>0000", "SUBJECT_MISMATCH"},
      {device, ">I<", ">X<", "STATUS_UNKNOWN"},
      {device, ">I<", ">II<", "STATUS_UNKNOWN"},
      {device, ">I<", "><", "STATUS_UNKNOWN"},
      {device, ">DS<", ">KA<", "USAGE_MISMATCH"},
      {device, "<CertificateUsage>", "<CertificateRole>02</CertificateRole><CertificateUsage>", "ROLE_MISMATCH"},
      {device, "<CertificateUsage>", "<CertificateRole></CertificateRole><CertificateUsage>", "ROLE_MISMATCH"},
      {device, ">false<", ">perhaps<", "FLAG_UNKNOWN"},
      {device, "CertificateBody>\nMI", "CertificateBody>\n*I", "BASE64_BAD"},
      {device, "CertificateBody>\nMI", "CertificateBody>\nMI=", "BASE64_BAD"},
      {device, "CertificateBody>\nMI", "CertificateBody>\nMA", "DER_TRAILING"},
      {organisation, "90-B3-D5-1F-30-01", "90-B3-D5-1F-30-02", "SUBJECT_MISMATCH"},
      {organisation, ">02<", ">03<", "ROLE_MISMATCH"},
      {organisation, ">02<", ">supplier<", "ROLE_MISMATCH"},
      {organisation, "    <CertificateRole>02</CertificateRole>\n", "", "ELEMENT_MISSING"},
      {organisation, "<CertificateSerial>",
       "<CertificateSubjectAltName>90-B3-D5-1F-30-01-00-00</CertificateSubjectAltName><CertificateSerial>",
       "SUBJECT_MISMATCH"},
      {authority, ">issuing OCA<", ">issuing OCB<", "SUBJECT_MISMATCH"},
      {authority, ">CA<", ">DS<", "USAGE_MISMATCH"},
  };
  for (const auto& c : cases) {
    const std::string error = ReadError(With(c.xml, c.from, c.to));
    EXPECT_THAT(error, ::testing::StartsWith(c.expected + ": ")) << c.from << " -> " << c.to;
    EXPECT_THAT(error, HasSubstr("octet 139 of its XML"));
  }
}

TEST_F(ExtractTest, ACertificateThatIsNoneOfTheFourKindsIsRefused) {
  const auto key = pki::PrivateKey::Generate();
  const auto both = static_cast<pki::KeyUsageBits>(pki::kDigitalSignature | pki::kKeyAgreement);
  const auto two_usages = pki::IssueDeviceCertificate(pki_.devices.identity, Eui64(1), key->public_key(), both,
                                                      Bytes(16, 0x55), Day("2026-01-01"));
  ASSERT_TRUE(two_usages.ok()) << two_usages.status();
  EXPECT_THAT(Message(RecordOf(two_usages->der()).status()), HasSubstr("PROFILE_WRONG"));
  const auto person =
      pki::IssuePersonCertificate(pki_.organisations.identity, "ada", "DCC", key->public_key(), pki::kDigitalSignature,
                                  Bytes(16, 0x56), Day("2026-01-01"), Day("2027-01-01"), false);
  ASSERT_TRUE(person.ok()) << person.status();
  EXPECT_THAT(Message(RecordOf(person->der()).status()), HasSubstr("PROFILE_WRONG"));
}

TEST_F(ExtractTest, I7_WhatIsNotTheSchemaIsRefused) {
  const std::string good = Xml({pki_.Device(0x00DB123456000001)});
  const struct {
    std::string from, to, expected;
  } cases[] = {
      {"<SMKIRepositoryExtract>", "<Other>", "XML_ROOT_WRONG"},
      {"  <ExtractType>FULL</ExtractType>\n", "", "HEADER_WRONG"},
      {">FULL<", ">DELT<", "HEADER_WRONG"},
      {">2026-11-15<", ">2026-11-14<", "HEADER_WRONG"},
      {"<ExtractDate>", "<ExtractType>FULL</ExtractType><ExtractDate>", "HEADER_WRONG"},
      {"<ExtractDate>", "<ExtractDate><b/>", "HEADER_WRONG"},
      {"</SMKIRepositoryExtract>", "<ExtractDate>2026-11-15</ExtractDate></SMKIRepositoryExtract>", "XML_ROOT_WRONG"},
      {"<CertificateResponse>", "<CertificateAnswer>", "XML_ROOT_WRONG"},
      {"<CertificateResponse>", "<CertificateResponse a='b'>", "XML_ROOT_WRONG"},
      {"<CertificateStatus>", "<Status>I</Status><CertificateStatus>", "ELEMENT_UNKNOWN"},
      {"<CertificateStatus>", "<Status/><CertificateStatus>", "ELEMENT_UNKNOWN"},
      {"<CertificateStatus>", "<Status><a><b>x</b><!-- c --></a></Status><CertificateStatus>", "ELEMENT_UNKNOWN"},
      {"<CertificateStatus>", "<CertificateStatus lang=\"en\">", "ELEMENT_UNKNOWN"},
      {"<CertificateStatus>", "<CertificateStatus>I</CertificateStatus><CertificateStatus>", "ELEMENT_TWICE"},
      {"    <CertificateStatus>I</CertificateStatus>\n", "", "ELEMENT_MISSING"},
      {"<CertificateUsage>", "<CertificateStatus>I</CertificateStatus><CertificateUsage>", "ELEMENT_TWICE"},
      {"<CertificateSerial>", "<CertificateUsage>DS</CertificateUsage><CertificateSerial>", "ELEMENT_ORDER"},
      {"<CertificateStatus>I", "<CertificateStatus><b>I</b>", "ELEMENT_NESTED"},
      {"<CertificateStatus>I", "<CertificateStatus>" + std::string(17, 'I'), "ELEMENT_TOO_LONG"},
      {"<CertificateBody>", "<CertificateBody>" + std::string(20'000, 'A'), "ELEMENT_TOO_LONG"},
      {"  <CertificateResponse>", "text <CertificateResponse>", "XML_MALFORMED"},
      {"<CertificateSerial>", "text <CertificateSerial>", "XML_MALFORMED"},
      {"</CertificateResponse>", "</CertificateRespons>", "XML_MALFORMED"},
      {"</CertificateStatus>", "</CertificateStatuses>", "XML_MALFORMED"},
      {"</CertificateResponse>", "", "XML_MALFORMED"},
      {"</SMKIRepositoryExtract>", "", "XML_TRUNCATED"},
      {"</SMKIRepositoryExtract>", "</SMKIRepositoryExtract><more/>", "XML_MALFORMED"},
      {"</SMKIRepositoryExtract>", "</SMKIRepositoryExtract>more", "XML_MALFORMED"},
      {"</SMKIRepositoryExtract>", "</Other>", "XML_MALFORMED"},
      {"<CertificateStatus>", "<CertificateStatus", "XML_MALFORMED"},
      {"<CertificateStatus>", "<CertificateStatus a>", "XML_MALFORMED"},
      {"<CertificateStatus>", "<CertificateStatus a='<'>", "XML_MALFORMED"},
      {"<CertificateStatus>", "< CertificateStatus>", "XML_MALFORMED"},
      {"<CertificateStatus>", "<Status>\x01</Status><CertificateStatus>", "XML_MALFORMED"},
      {">I<", ">\x01<", "XML_MALFORMED"},
      {">I<", ">\x01<b/>I<", "XML_MALFORMED"},
      {"<CertificateBody>", "<CertificateBody>\xBB<b/>", "XML_MALFORMED"},
      {">I<", ">\xFF<", "XML_MALFORMED"},
      {">I<", ">\xED\xA0\x80<", "XML_MALFORMED"},
      {">I<", ">\xC0\xAF<", "XML_MALFORMED"},
      {">I<", "><![CDATA[I]]><", "XML_UNSUPPORTED"},
      {">I<", "><!-- c -->I<", "XML_UNSUPPORTED"},
      {"<CertificateStatus>", "<?php?><CertificateStatus>", "XML_UNSUPPORTED"},
      {"<CertificateStatus>", "<!-- </b> --><CertificateStatus>", "XML_UNSUPPORTED"},
      {"<CertificateStatus>", "<!-- a -- b --><CertificateStatus>", "XML_MALFORMED"},
      {"<CertificateStatus>", "<a><CertificateResponse></CertificateResponse></a><CertificateStatus>",
       "XML_UNSUPPORTED"},
      {"UTF-8", "UTF-16", "XML_UNSUPPORTED"},
      {"version=\"1.0\"", "version=\"1.1\"", "XML_UNSUPPORTED"},
      {">I<", ">&unknown;<", "XML_ENTITY"},
      {">I<", ">&#73;<", "XML_ENTITY"},
      {">I<", ">&b;<c/>I<", "XML_ENTITY"},
      {"<CertificateStatus>", "<a>&b;</a><CertificateStatus>", "XML_ENTITY"},
  };
  for (const auto& c : cases) {
    EXPECT_THAT(ReadError(With(good, c.from, c.to)), ::testing::StartsWith(c.expected + ": "))
        << c.from << " -> " << c.to.substr(0, 100);
  }
  EXPECT_THAT(ReadError(""), HasSubstr("XML_TRUNCATED"));
  EXPECT_THAT(ReadError("<SMKIRepositoryExtract/>"), HasSubstr("HEADER_WRONG"));
}

TEST_F(ExtractTest, ARoleMayBeWrittenInHexadecimalOrAsTheWebServiceDoesInDecimal) {
  const auto key = pki::PrivateKey::Generate();
  const auto other =
      pki::IssueOrganisationCertificate(pki_.organisations.identity, {"other user", 127, Eui64(5)}, key->public_key(),
                                        pki::kDigitalSignature, Bytes(16, 0x45), Day("2026-01-01"), Day("2036-01-01"));
  ASSERT_TRUE(other.ok());
  const std::string xml = Xml({pki_.Record(*other)});
  for (const char* role : {"7F", "7f", "127"}) EXPECT_TRUE(ReadXml(With(xml, ">7F<", fmt::format(">{}<", role))).ok());
  for (const char* role : {"7", "0127", "07F", "128", "F7"})
    EXPECT_THAT(ReadError(With(xml, ">7F<", fmt::format(">{}<", role))), HasSubstr("ROLE_MISMATCH")) << role;
}

TEST_F(ExtractTest, TheFiveEntitiesOfXmlAreRead) {
  const pki::AuthoritySubject subject{"R&D <OCA> \"it's\"", "07"};
  const auto key = pki::PrivateKey::Generate();
  const pki::IssuerIdentity root{&pki_.organisations.root_key, pki_.organisations.root->subject};
  const auto made = pki::IssueAuthorityCertificate(root, subject, key->public_key(), 0, pki::kOrganisationPolicy,
                                                   Bytes(16, 0x44), Day("2026-01-01"), Day("2046-01-01"));
  ASSERT_TRUE(made.ok()) << made.status();
  const std::string xml = Xml({pki_.Record(*made)});
  const auto read = ReadXml(With(With(xml, "\"it", "&quot;it"), "'s", "&apos;s"));
  ASSERT_TRUE(read.ok()) << read.status();
  EXPECT_EQ(read->front().subject_name, subject.common_name);
}

TEST_F(ExtractTest, I7_DocumentTypesAndEntitiesAreRefused) {
  const std::string good = Xml({pki_.Device(0x00DB123456000001)});
  const std::string types[] = {
      "<!DOCTYPE SMKIRepositoryExtract>",
      "<!DOCTYPE SMKIRepositoryExtract SYSTEM \"file:///etc/passwd\">",
      "<!DOCTYPE x [<!ENTITY a \"I\">]>",
      "<!DOCTYPE x [<!ENTITY a \"aaaaaaaaaa\"><!ENTITY b \"&a;&a;&a;&a;&a;&a;&a;&a;\"><!ENTITY c "
      "\"&b;&b;&b;&b;&b;&b;\">]>",
      "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://localhost/x\"> %p;]>",
  };
  for (const std::string& type : types) {
    EXPECT_THAT(ReadError(With(good, "<SMKIRepositoryExtract>", type + "<SMKIRepositoryExtract>")),
                HasSubstr("a document type (DTD) is not allowed"));
  }
}

TEST_F(ExtractTest, I7_DeepNestingIsRefusedAtOnce) {
  const std::string good = Xml({pki_.Device(0x00DB123456000001)});
  std::string deep;
  for (int i = 0; i < 100'000; ++i) deep += "<a>";
  EXPECT_THAT(ReadError(With(good, "<CertificateStatus>", deep + "<CertificateStatus>")), HasSubstr("XML_TOO_DEEP"));
}

TEST_F(ExtractTest, I7_ARecordWithoutEndDoesNotFillTheMemory) {
  const std::string good = Xml({pki_.Device(0x00DB123456000001)});
  for (const char* begin : {"<CertificateStatus ", "<CertificateStatus>", "<!-- "})
    EXPECT_THAT(ReadError(With(good, "<CertificateStatus>", begin + std::string(3 << 20, ' '))),
                ::testing::AnyOf(HasSubstr("XML_TOO_LONG"), HasSubstr("XML_TRUNCATED")));
}

TEST_F(ExtractTest, I7_EveryFlippedOctetIsRefusedOrChangesNothing) {
  const std::vector<CertificateRecord> records = {pki_.Supplier(0x90B3D51F30010000), pki_.Device(0x00DB123456000001)};
  Publish(true, kDate, records);
  const std::string path = Extract(true, kDate);
  const std::string good = ReadText(path);
  size_t accepted = 0;
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ (1 << (at % 8)));
    WriteText(path, bad);
    const auto read = Read();
    if (!read.ok()) continue;
    ++accepted;
    ASSERT_EQ(read->size(), records.size()) << at;
    for (size_t i = 0; i < records.size(); ++i) ExpectSame((*read)[i], records[i]);
  }
  // Time stamp, extra flags and system in the gzip header, padding bits; now and then another match with the same
  // octets.
  EXPECT_LE(accepted, good.size() / 50);
}

TEST_F(ExtractTest, I7_EveryTruncationIsRefused) {
  Publish(true, kDate, {pki_.Device(0x00DB123456000001)});
  const std::string path = Extract(true, kDate);
  const std::string good = ReadText(path);
  for (size_t size = 0; size < good.size(); ++size) {
    WriteText(path, good.substr(0, size));
    ASSERT_EQ(Read().status().code(), StatusCode::kDataLoss) << size;
  }
}

TEST_F(ExtractTest, I7_ARenamedFileIsRefused) {
  Publish(true, kDate, {pki_.Device(0x00DB123456000001)});
  ASSERT_TRUE(PosixFiles().Rename(Extract(true, kDate), Extract(true, "2026-11-16")).ok());
  const auto visit = [](const CertificateRecord&) { return OkStatus(); };
  EXPECT_THAT(Message(ReadExtract(Extract(true, "2026-11-16"), visit)), HasSubstr("holds a file named"));
  EXPECT_EQ(ReadExtract(scratch_ / "extracts/other.xml.gz", visit).code(), StatusCode::kInvalidArgument);
}

TEST_F(ExtractTest, ForeignTextInAnErrorCannotDisturbATerminal) {
  const std::string good = Xml({pki_.Device(0x00DB123456000001)});
  const std::string error = ReadError(With(good, ">FULL<",
                                           ">\xC2\x9B"
                                           "2J\xE2\x80\xAE<"));
  EXPECT_THAT(error, HasSubstr("is \"??2J???\""));
}

TEST_F(ExtractTest, AVisitorsErrorEndsTheReading) {
  Publish(true, kDate, {pki_.Device(1), pki_.Device(2)});
  int visits = 0;
  const Status status = ReadExtract(Extract(true, kDate), [&](const CertificateRecord&) {
    ++visits;
    return Internal("enough");
  });
  EXPECT_EQ(Message(status), "enough");
  EXPECT_EQ(visits, 1);
}

// Cut where a chunk may be cut, a file says the same as in one piece.
TEST_F(ExtractTest, AnyChunksGiveTheSameRecords) {
  const std::string xml = Xml({pki_.Device(1), pki_.Supplier(2), pki_.Device(3)});
  size_t cuts = 0;
  for (size_t size = 1; size <= xml.size(); ++size) {
    const size_t end = EndOfLastRecord(std::string_view(xml).substr(0, size));
    if (end != size) continue;
    ++cuts;
    std::vector<uint64_t> offsets;
    for (const auto& [begin, length, first] : {std::tuple{size_t{0}, end, true}, {end, xml.size() - end, false}}) {
      RecordScanner scanner(std::string_view(xml).substr(begin, length), begin, first);
      ScannedRecord record;
      RecordScanner::Step step;
      while ((step = scanner.Next(record)) == RecordScanner::Step::kRecord) {
        EXPECT_FALSE(record.fault.has_value());
        offsets.push_back(record.offset);
      }
      EXPECT_EQ(step, first ? RecordScanner::Step::kChunkEnd : RecordScanner::Step::kDocumentEnd);
    }
    ASSERT_EQ(offsets.size(), 3u);
    for (const uint64_t offset : offsets) EXPECT_EQ(xml.substr(offset, 21), "<CertificateResponse>");
  }
  EXPECT_EQ(cuts, 3u);
}

}  // namespace
}  // namespace smki::repository
