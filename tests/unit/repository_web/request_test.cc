#include "repository/web/request.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "repository/web/schema.h"
#include "tests/unit/repository_web/list_store.h"

namespace smki::repository::web {
namespace {

using ::testing::HasSubstr;

struct Wrong {
  const char* name;
  std::string xml;
  std::string expected;  // in the message
};

std::string Search(const std::string& content) {
  return "<CertificateSearchRequest>" + content + "</CertificateSearchRequest>";
}
const std::string kName = std::string("<CertificateSubjectName>") + kSupplierText + "</CertificateSubjectName>";
const std::string kAltName = std::string("<CertificateSubjectAltName>") + kMeterText + "</CertificateSubjectAltName>";

void ExpectSearchRefused(const Wrong& wrong) {
  SCOPED_TRACE(wrong.name);
  const auto request = ParseSearchRequest(wrong.xml);
  ASSERT_EQ(request.status().code(), StatusCode::kInvalidArgument) << request.status();
  EXPECT_THAT(Message(request.status()), HasSubstr(wrong.expected));
  for (const char c : Message(request.status())) EXPECT_TRUE(c >= ' ' && c <= '~') << wrong.name;
}

TEST(RequestTest, ReadsWhatThePublicClientSends) {
  const std::string declaration = "<?xml version=\"1.0\" encoding=\"utf-8\"?>";
  const auto device = ParseSearchRequest(declaration + DeviceSearch("00-db-12-34-56-78-90-a4"));
  ASSERT_TRUE(device.ok()) << device.status();
  EXPECT_EQ(device->eui, Eui64(kMeter));
  EXPECT_TRUE(device->device);
  const auto organisation = ParseSearchRequest(declaration + OrganisationSearch());
  ASSERT_TRUE(organisation.ok()) << organisation.status();
  EXPECT_EQ(organisation->eui, Eui64(kSupplier));
  EXPECT_FALSE(organisation->device);
}

TEST(RequestTest, ReadsANamespaceAndCommentsAndSpaceAround) {
  const auto request = ParseSearchRequest(
      "<s:CertificateSearchRequest xmlns:s='urn:x' s:version='1'>\n <!-- c --><s:CertificateSubjectName>\n " +
      std::string(kSupplierText) + " </s:CertificateSubjectName>\n</s:CertificateSearchRequest>\n");
  ASSERT_TRUE(request.ok()) << request.status();
  EXPECT_EQ(request->eui, Eui64(kSupplier));
}

TEST(RequestTest, ASearchNamesExactlyOneSubject) {
  ExpectSearchRefused({"neither", Search(""), "expected one of"});
  ExpectSearchRefused({"both", Search(kName + kAltName), "expected one of"});
  ExpectSearchRefused({"twice", Search(kName + kName), "stands there twice"});
  ExpectSearchRefused({"a filter", Search(kName + "<CertificateUsage>DS</CertificateUsage>"), "unknown element"});
}

TEST(RequestTest, AnEui64IsEightPairsJoinedByHyphens) {
  for (const std::string text :
       {"", "90B3D51F30010000", "90:B3:D5:1F:30:01:00:00", "90-B3-D5-1F-30-01-00", "90-B3-D5-1F-30-01-00-0G",
        "90-B3-D5-1F-30-01-00-00-00", "90-B3-D5-1F-3001-00-00", "90 B3 D5 1F 30 01 00 00", "\xC3\xA9", "supplier"}) {
    ExpectSearchRefused({text.c_str(), OrganisationSearch(text), "expected an EUI-64"});
  }
}

TEST(RequestTest, RefusesWhatIsNotSuchADocument) {
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += "<CertificateSubjectName>";
  const std::string laughs =
      "<!DOCTYPE r [<!ENTITY a 'ha'><!ENTITY b '&a;&a;&a;&a;'><!ENTITY c '&b;&b;&b;&b;'>]>" + OrganisationSearch("&c;");
  const std::vector<Wrong> table = {
      {"nothing", "", "not well-formed"},
      {"no XML", "hello", "not well-formed"},
      {"another root", "<CertificateDataRequest/>", "expected <CertificateSearchRequest>"},
      {"two roots", Search(kName) + Search(kName), "not well-formed"},
      {"cut off", Search(kName).substr(0, 60), "not well-formed"},
      {"cut off before the end of the root", "<CertificateSearchRequest>" + kName, "not well-formed"},
      {"text beside", Search("x" + kName), "only elements are expected"},
      {"attribute", Search("<CertificateSubjectName a='1'/>"), "has attributes"},
      {"unknown element", Search("<x/>"), "unknown element <x>"},
      {"an element inside", Search("<CertificateSubjectName><x/></CertificateSubjectName>"), "nested too deep"},
      {"very deep", "<CertificateSearchRequest>" + deep, "nested too deep"},
      {"long text", OrganisationSearch(std::string(300, ' ')), "more than 256 octets"},
      {"a document type", "<!DOCTYPE CertificateSearchRequest>" + Search(kName), "document type"},
      {"external document type", "<!DOCTYPE r SYSTEM 'http://127.0.0.1:1/x.dtd'>" + Search(kName), "document type"},
      {"entities in entities", laughs, "document type"},
      {"external entity", "<!DOCTYPE r [<!ENTITY a SYSTEM 'file:///etc/passwd'>]>" + OrganisationSearch("&a;"),
       "document type"},
      {"undeclared entity", OrganisationSearch("&a;"), "not well-formed"},
      {"NUL", OrganisationSearch(std::string(1, '\0')), "not well-formed"},
      {"too large", Search(kName) + std::string(kMaxRequestBody, ' '), "more than 65536 octets"},
      {"a name with control octets", Search("<\xC3\xA9\xC2\x85/>"), ""},
  };
  for (const Wrong& wrong : table) ExpectSearchRefused(wrong);
}

TEST(RequestTest, TheLargestAllowedRequestIsRead) {
  const std::string request = Search(kName);
  EXPECT_TRUE(ParseSearchRequest(request + std::string(kMaxRequestBody - request.size(), ' ')).ok());
}

TEST(RequestTest, ASerialIsANumberInHexadecimal) {
  struct Case {
    std::string text, octets;
  };
  const std::vector<Case> table = {
      {"469AFEC2", "469afec2"},
      {"469afec2", "469afec2"},
      {"abc", "0abc"},
      {"00000abc", "0abc"},
      {"9A", "009a"},
      {"009A", "009a"},
      {"0", "00"},
      {"7f", "7f"},
      {std::string(64, '7'), std::string(64, '7')},
  };
  for (const Case& one : table) {
    const auto serial = ParseDataRequest(DataXml(one.text));
    ASSERT_TRUE(serial.ok()) << one.text << ": " << serial.status();
    EXPECT_EQ(ToHex(*serial), one.octets) << one.text;
  }
}

TEST(RequestTest, RefusesWhatIsNoSerial) {
  for (const std::string text : {"", " ", "xyz", "-5", "0x12", "12 34", "\xEF\xBC\x91"}) {
    const auto serial = ParseDataRequest(DataXml(text));
    EXPECT_EQ(serial.status().code(), StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(Message(serial.status()), HasSubstr("expected hexadecimal digits")) << text;
  }
  EXPECT_THAT(Message(ParseDataRequest("<CertificateDataRequest/>").status()), HasSubstr("is missing"));
  EXPECT_THAT(Message(ParseDataRequest(DataXml(std::string(65, '7'))).status()), HasSubstr("more than 64 octets"));
  EXPECT_THAT(Message(ParseDataRequest(DeviceSearch()).status()), HasSubstr("expected <CertificateDataRequest>"));
}

}  // namespace
}  // namespace smki::repository::web
