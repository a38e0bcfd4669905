#include "repository/extract/extract.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repository/extract/gzip.h"
#include "repository/extract/xml_parser.h"
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
    return Message(read.status());
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
  for (const char status : schema::kStatusLetters) {
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
      With(good, ">I</CertificateStatus>", "><![CDATA[I]]></CertificateStatus>"),
      With(good, ">DS</CertificateUsage>", ">D&#83;</CertificateUsage>"),
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
      {device, "<CertificateSerial>4", "<CertificateSerial>5", "<CertificateSerial> is"},
      {device, "00-DB-12", "00-DB-13", "<CertificateSubjectAltName> is"},
      {device, "00-DB-12-34-56-00-00-01", "meter", "expected an EUI-64"},
      {device, ">I<", ">X<", "expected one of P, I, N, E, R"},
      {device, ">I<", "><", "expected one of P, I, N, E, R"},
      {device, ">DS<", ">KA<", "<CertificateUsage> is \"KA\", but its certificate says \"DS\""},
      {device, "<CertificateUsage>", "<CertificateRole>02</CertificateRole><CertificateUsage>", "<CertificateRole> is"},
      {device, ">false<", ">perhaps<", "expected true or false"},
      {device, "CertificateBody>\nMI", "CertificateBody>\n*I", "is not Base64"},
      {device, "CertificateBody>\nMI", "CertificateBody>\nMA", "is no certificate"},
      {organisation, "90-B3-D5-1F-30-01", "90-B3-D5-1F-30-02", "<CertificateSubjectName> is"},
      {organisation, ">02<", ">03<", "<CertificateRole> is \"03\""},
      {organisation, ">02<", ">supplier<", "two hexadecimal digits"},
      {organisation, "    <CertificateRole>02</CertificateRole>\n", "", "<CertificateRole> is missing"},
      {organisation, "<CertificateSerial>",
       "<CertificateSubjectAltName>90-B3-D5-1F-30-01-00-00</CertificateSubjectAltName><CertificateSerial>",
       "nothing else as the subject"},
      {authority, ">issuing OCA<", ">issuing OCB<", "<CertificateSubjectName> is"},
      {authority, ">CA<", ">DS<", "<CertificateUsage> is"},
  };
  for (const auto& c : cases) {
    const std::string error = ReadError(With(c.xml, c.from, c.to));
    EXPECT_THAT(error, HasSubstr(c.expected)) << c.from << " -> " << c.to;
    EXPECT_THAT(error, HasSubstr("SMKIKR_FULL_2026-11-15.xml.gz:line 5: record 1: "));
  }
}

TEST_F(ExtractTest, ACertificateThatIsNoneOfTheFourKindsIsRefused) {
  const auto key = pki::PrivateKey::Generate();
  const auto both = static_cast<pki::KeyUsageBits>(pki::kDigitalSignature | pki::kKeyAgreement);
  const auto two_usages = pki::IssueDeviceCertificate(pki_.devices.identity, Eui64(1), key->public_key(), both,
                                                      Bytes(16, 0x55), Day("2026-01-01"));
  ASSERT_TRUE(two_usages.ok()) << two_usages.status();
  EXPECT_THAT(Message(RecordOf(*two_usages).status()), HasSubstr("neither digitalSignature nor keyAgreement"));
  const auto person =
      pki::IssuePersonCertificate(pki_.organisations.identity, "ada", "DCC", key->public_key(), pki::kDigitalSignature,
                                  Bytes(16, 0x56), Day("2026-01-01"), Day("2027-01-01"), false);
  ASSERT_TRUE(person.ok()) << person.status();
  EXPECT_THAT(Message(RecordOf(*person).status()), HasSubstr("neither an authority's nor"));
}

TEST_F(ExtractTest, I7_WhatIsNotTheSchemaIsRefused) {
  const std::string good = Xml({pki_.Device(0x00DB123456000001)});
  const struct {
    std::string from, to, expected;
  } cases[] = {
      {"<SMKIRepositoryExtract>", "<Other>", "expected <SMKIRepositoryExtract>"},
      {"  <ExtractType>FULL</ExtractType>\n", "", "<ExtractType> is missing"},
      {">FULL<", ">DELT<", "but the file's name says \"FULL\""},
      {">2026-11-15<", ">2026-11-14<", "but the file's name says \"2026-11-15\""},
      {"<ExtractDate>", "<ExtractType>FULL</ExtractType><ExtractDate>", "<ExtractType> stands there twice"},
      {"</SMKIRepositoryExtract>", "<ExtractDate>2026-11-15</ExtractDate></SMKIRepositoryExtract>",
       "after the first record"},
      {"<CertificateResponse>", "<CertificateAnswer>", "unknown element <CertificateAnswer>"},
      {"<CertificateStatus>", "<Status>I</Status><CertificateStatus>", "unknown element <Status>"},
      {"<CertificateStatus>", "<CertificateStatus lang=\"en\">", "has attributes"},
      {"<CertificateStatus>", "<CertificateStatus>I</CertificateStatus><CertificateStatus>",
       "<CertificateStatus> stands there twice"},
      {"    <CertificateStatus>I</CertificateStatus>\n", "", "<CertificateStatus> is missing"},
      {"<CertificateStatus>I", "<CertificateStatus><b>I</b>", "<b> is nested too deep"},
      {"<ExtractDate>", "<ExtractDate><b/>", "unexpected element <b>"},
      {"  <CertificateResponse>", "text <CertificateResponse>", "text stands where only elements are expected"},
      {"<CertificateStatus>I", "<CertificateStatus>" + std::string(17, 'I'), "more than 16 octets"},
      {"<CertificateBody>", "<CertificateBody>" + std::string(20'000, 'A'), "more than 16384 octets"},
      {"</CertificateResponse>", "</CertificateRespons>", "not well-formed"},
      {"</SMKIRepositoryExtract>", "", "not well-formed"},
      {"</SMKIRepositoryExtract>", "</SMKIRepositoryExtract><more/>", "not well-formed"},
      {">I<", ">&unknown;<", "not well-formed"},
      {">I<", ">\x01<", "not well-formed"},
      {">I<", ">\xFF<", "not well-formed"},
      {"<CertificateStatus>", "<u:x/><CertificateStatus>", "not well-formed"},
  };
  for (const auto& c : cases) {
    const std::string error = ReadError(With(good, c.from, c.to));
    EXPECT_THAT(error, HasSubstr(c.expected)) << c.from << " -> " << c.to.substr(0, 100);
    EXPECT_THAT(error, HasSubstr("SMKIKR_FULL_2026-11-15.xml.gz:line "));
  }
  EXPECT_THAT(ReadError(""), HasSubstr("line"));
  EXPECT_THAT(ReadError("<SMKIRepositoryExtract/>"), HasSubstr("<ExtractType> is missing"));
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
  std::string deep = "<SMKIRepositoryExtract><ExtractType>FULL</ExtractType><ExtractDate>2026-11-15</ExtractDate>";
  for (int i = 0; i < 100'000; ++i) deep += "<CertificateResponse>";
  EXPECT_THAT(ReadError(deep), HasSubstr("record 1: unknown element <CertificateResponse>"));
}

TEST_F(ExtractTest, I7_ATagWithoutEndDoesNotFillTheMemory) {
  const std::string good = Xml({pki_.Device(0x00DB123456000001)});
  EXPECT_THAT(ReadError(With(good, "<CertificateStatus>", "<CertificateStatus " + std::string(12 << 20, ' '))),
              HasSubstr("line"));
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
  const std::string error = ReadError(With(good, ">I<",
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

TEST_F(ExtractTest, AnyPiecesGiveTheSameRecords) {
  const std::string xml = Xml({pki_.Device(1), pki_.Supplier(2)});
  for (const size_t piece : {size_t{1}, size_t{3}, size_t{7}, size_t{1000}}) {
    uint64_t seen = 0;
    ExtractParser parser({true, kDate, "file"}, [&](const RawRecord& raw) {
      EXPECT_EQ(raw.number, ++seen);
      return CheckRecord(raw, {true, kDate, "file"}).status();
    });
    for (size_t at = 0; at < xml.size(); at += piece)
      ASSERT_TRUE(parser.Feed(AsBytes(std::string_view(xml).substr(at, piece))).ok());
    ASSERT_TRUE(parser.Finish().ok());
    EXPECT_EQ(seen, 2u);
    EXPECT_EQ(parser.records(), 2u);
  }
}

}  // namespace
}  // namespace smki::repository
