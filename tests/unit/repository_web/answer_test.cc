#include "repository/web/answer.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>

#include "repository/web/schema.h"
#include "tests/unit/repository_web/list_store.h"

namespace smki::repository::web {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kAudit[] = "1795269194-cc946266ac9c2609";

std::vector<CertificateRecord> Records() {
  CertificateRecord authority = Organisation(0, "07", 0);
  authority.kind = CertificateKind::kOrganisationAuthority;
  authority.role.reset();
  authority.usage = "CA";
  authority.subject_name = "Z1 <\"&'>\x01";
  CertificateRecord revoked = Device(kMeter, "0099", "KA");
  revoked.status = CertificateStatus::kRevoked;
  revoked.manufacturing = true;
  return {Device(kMeter, "4df56e92"), revoked, Organisation(kSupplier, "469afec2", 135), authority};
}

Answer Post(std::string_view path, const std::string& body, const Store& store = ListStore(Records())) {
  return AnswerCall({"POST", path, "application/xml", body}, store, kAudit);
}

size_t CountOf(const std::string& text, const std::string& part) {
  size_t count = 0;
  for (size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1)) ++count;
  return count;
}

TEST(AnswerTest, ASearchAnswersEveryCertificateOfADevice) {
  const Answer answer = Post(kSearchPath, DeviceSearch());
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.content_type, "application/xml; charset=utf-8");
  EXPECT_EQ(answer.body, R"(<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<CertificateSearchResponse>
<ResponseCode>200</ResponseCode>
<ResponseMessage>Success</ResponseMessage>
<AuditReference>1795269194-cc946266ac9c2609</AuditReference>
<Result>
<CertificateSerial>4DF56E92</CertificateSerial>
<CertificateSubjectAltName>00-DB-12-34-56-78-90-A4</CertificateSubjectAltName>
<CertificateStatus>I</CertificateStatus>
<CertificateUsage>DS</CertificateUsage>
<ManufacturingFlag>false</ManufacturingFlag>
</Result>
<Result>
<CertificateSerial>99</CertificateSerial>
<CertificateSubjectAltName>00-DB-12-34-56-78-90-A4</CertificateSubjectAltName>
<CertificateStatus>R</CertificateStatus>
<CertificateUsage>KA</CertificateUsage>
<ManufacturingFlag>true</ManufacturingFlag>
</Result>
</CertificateSearchResponse>
)");
}

TEST(AnswerTest, ARetrievalAnswersTheCertificateWithItsRoleInDecimal) {
  const Answer answer = Post(kRetrievePath, DataXml("469AFEC2"));
  EXPECT_EQ(answer.status, 200u);
  EXPECT_EQ(answer.body, R"(<?xml version="1.0" encoding="UTF-8" standalone="yes"?>
<CertificateDataResponse>
<ResponseCode>200</ResponseCode>
<ResponseMessage>Success</ResponseMessage>
<AuditReference>1795269194-cc946266ac9c2609</AuditReference>
<CertificateResponse>
<CertificateSubjectName>90-B3-D5-1F-30-01-00-00</CertificateSubjectName>
<CertificateSerial>469AFEC2</CertificateSerial>
<CertificateStatus>I</CertificateStatus>
<CertificateBody>
q6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6urq6ur
q6s=</CertificateBody>
<CertificateRole>135</CertificateRole>
<CertificateUsage>DS</CertificateUsage>
<ManufacturingFlag>false</ManufacturingFlag>
</CertificateResponse>
</CertificateDataResponse>
)");
}

TEST(AnswerTest, EveryStatusLetterIsAnsweredAsItIs) {
  for (const char letter : std::string("PINER")) {
    CertificateRecord record = Device(kMeter, "05");
    record.status = static_cast<CertificateStatus>(letter);
    const std::string expected = std::string("<CertificateStatus>") + letter + "</CertificateStatus>";
    EXPECT_THAT(Post(kSearchPath, DeviceSearch(), ListStore({record})).body, HasSubstr(expected));
    EXPECT_THAT(Post(kRetrievePath, DataXml("5"), ListStore({record})).body, HasSubstr(expected));
  }
}

TEST(AnswerTest, ASerialThatCameOutOfASearchIsFound) {
  EXPECT_EQ(Post(kRetrievePath, DataXml("99")).status, 200u) << "positive, with its first bit set";
  EXPECT_EQ(Post(kRetrievePath, DataXml("0099")).status, 200u);
  EXPECT_EQ(Post(kRetrievePath, DataXml("7")).status, 200u) << "one digit";
}

TEST(AnswerTest, ADeviceIsNoOrganisationAndAnAuthorityIsNeither) {
  EXPECT_EQ(Post(kSearchPath, OrganisationSearch(kMeterText)).status, kNoSuchCertificate);
  EXPECT_EQ(Post(kSearchPath, DeviceSearch(kSupplierText)).status, kNoSuchCertificate);
  // What the store keeps authorities under.
  EXPECT_EQ(Post(kSearchPath, OrganisationSearch("00-00-00-00-00-00-00-00")).status, kNoSuchCertificate);
  EXPECT_EQ(Post(kSearchPath, DeviceSearch("00-00-00-00-00-00-00-00")).status, kNoSuchCertificate);
}

TEST(AnswerTest, EveryCallHasItsStatus) {
  struct Case {
    std::string method, target, type, body;
    unsigned status;
  };
  const std::string search(kSearchPath), retrieve(kRetrievePath), xml = "application/xml";
  const std::vector<Case> table = {
      {"POST", search, xml, DeviceSearch(), 200},
      {"POST", search + "?apikey=u3", xml, DeviceSearch(), 200},
      {"POST", search, "Application/XML ; charset=UTF-8", DeviceSearch(), 200},
      {"POST", search, "text/xml", DeviceSearch(), 200},
      {"POST", retrieve, xml, DataXml("469afec2"), 200},
      {"POST", search, xml, OrganisationSearch("90B3D51F30010000"), 401},
      {"POST", search, xml, "", 401},
      {"POST", search, xml, DataXml("469afec2"), 401},
      {"POST", retrieve, xml, DataXml("hello"), 401},
      {"POST", retrieve, xml, DeviceSearch(), 401},
      {"POST", search, xml, DeviceSearch("00-DB-12-34-56-78-90-A5"), 402},
      {"POST", retrieve, xml, DataXml("469afec3"), 402},
      {"POST", retrieve, xml, DataXml(std::string(64, '7')), 402},
      {"POST", "/", xml, DeviceSearch(), 404},
      {"POST", search + "/", xml, DeviceSearch(), 404},
      {"POST", "/services", xml, DeviceSearch(), 404},
      {"GET", "/services/../health", "", "", 404},
      {"GET", search, xml, "", 405},
      {"PUT", retrieve, xml, DataXml("469afec2"), 405},
      {"POST", "/health", xml, "", 405},
      {"POST", search, xml, std::string(kMaxRequestBody + 1, ' '), 413},
      {"POST", search, "", DeviceSearch(), 415},
      {"POST", search, "application/json", DeviceSearch(), 415},
      {"POST", search, "application/xmlx", DeviceSearch(), 415},
      {"GET", "/health", "", "", 200},
      {"HEAD", "/health?x", "", "", 200},
  };
  const ListStore store(Records());
  for (const Case& one : table) {
    const Answer answer = AnswerCall({one.method, one.target, one.type, one.body}, store, kAudit);
    EXPECT_EQ(answer.status, one.status) << one.method << " " << one.target << " " << one.body;
    if (one.status >= 400) {
      EXPECT_THAT(answer.body, HasSubstr(kAudit));
    }
    EXPECT_EQ(answer.allow.empty(), one.status != 405);
    // What is wrong with an XML request is said in XML, with the code that HTTP says.
    if (one.status == 401 || one.status == 402) {
      EXPECT_THAT(answer.body, HasSubstr(fmt::format("<ResponseCode>{}</ResponseCode>", one.status)));
    }
  }
}

TEST(AnswerTest, WhatIsAnsweredIsWellFormed) {
  const std::string body = Post(kRetrievePath, DataXml("7")).body;
  EXPECT_THAT(body, HasSubstr("<CertificateSubjectName>Z1 &lt;&quot;&amp;&apos;&gt;?</CertificateSubjectName>"));
  EXPECT_THAT(Post(kSearchPath, OrganisationSearch("&lt;/ResponseMessage&gt;")).body,
              HasSubstr("&quot;&lt;/ResponseMessage&gt;&quot;"));
}

TEST(AnswerTest, AReadableNameIsAnsweredInItsOwnLetters) {
  CertificateRecord record = Records().back();
  record.subject_name = "Stromz\xC3\xA4hler";
  EXPECT_THAT(Post(kRetrievePath, DataXml("7"), ListStore({record})).body, HasSubstr("Stromz\xC3\xA4hler<"));
  record.subject_name = "Stromz\xE4hler";  // not UTF-8
  EXPECT_THAT(Post(kRetrievePath, DataXml("7"), ListStore({record})).body, HasSubstr("Stromz?hler<"));
}

TEST(AnswerTest, ASearchIsBoundedAndSaysSo) {
  const std::vector<CertificateRecord> most(kMaxResults, Device(kMeter, "05"));
  const Answer all = Post(kSearchPath, DeviceSearch(), ListStore(most));
  EXPECT_EQ(CountOf(all.body, "<Result>"), kMaxResults);
  EXPECT_THAT(all.body, HasSubstr("<ResponseMessage>Success</ResponseMessage>"));
  std::vector<CertificateRecord> more = most;
  more.push_back(Device(kMeter, "06"));
  const Answer bounded = Post(kSearchPath, DeviceSearch(), ListStore(more));
  EXPECT_EQ(bounded.status, 200u);
  EXPECT_EQ(CountOf(bounded.body, "<Result>"), kMaxResults);
  EXPECT_THAT(bounded.body, HasSubstr("<ResponseMessage>Success: the newest 1000 of 1001</ResponseMessage>"));
  EXPECT_THAT(bounded.body, Not(HasSubstr(">06<"))) << "the oldest is left out";
}

TEST(AnswerTest, AStoreThatCannotBeReadIsSaidToTheOperatorOnly) {
  ListStore store;
  store.before_look_up = [] { return DataLoss("/srv/repository.store: the record at octet 7 was changed"); };
  for (const auto& [path, body] : {std::pair(kSearchPath, DeviceSearch()), std::pair(kRetrievePath, DataXml("05"))}) {
    const Answer answer = Post(path, body, store);
    EXPECT_EQ(answer.status, 500u);
    EXPECT_THAT(answer.body, HasSubstr(kAudit));
    EXPECT_THAT(answer.body, Not(HasSubstr("srv")));
    EXPECT_THAT(answer.fault, HasSubstr("/srv/repository.store"));
  }
}

TEST(AnswerTest, HealthSaysWhichRepositoryIsServed) {
  const Answer answer = AnswerCall({"GET", kHealthPath, "", ""}, ListStore(Records()), kAudit);
  EXPECT_EQ(answer.body, "full 2026-11-15\ndelta none\ncertificates 4\ndigest " + std::string(64, '0') + "\n");
}

TEST(AnswerTest, AuditReferencesAreFreshAndTellTheTime) {
  SeededRandom random(5);
  std::set<std::string> seen;
  for (int i = 0; i < 1000; ++i) seen.insert(NewAuditReference(UtcTime{1795269194678}, random));
  EXPECT_EQ(seen.size(), 1000u);
  for (const std::string& one : seen) EXPECT_THAT(one, ::testing::MatchesRegex("1795269194-[0-9a-f]{16}"));
}

}  // namespace
}  // namespace smki::repository::web
