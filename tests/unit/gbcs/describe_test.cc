#include "gbcs/describe.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/gbcs/golden_cases.h"

namespace smki::gbcs {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string Text(const std::string& golden) {
  const auto described = Describe(GoldenOctets(golden));
  return described.ok() ? ToText(*described) : smki::Message(described.status());
}

// The first part of that name, anywhere below.
const Described* Find(const Described& in, const std::string& name) {
  if (in.name == name) return &in;
  for (const Described& part : in.parts) {
    if (const Described* found = Find(part, name)) return found;
  }
  return nullptr;
}

void ExpectInside(const Described& outer) {
  for (const Described& part : outer.parts) {
    EXPECT_GE(part.offset, outer.offset) << part.name;
    EXPECT_LE(part.offset + part.size, outer.offset + outer.size) << part.name;
    ExpectInside(part);
  }
}

TEST(Describe, EveryShapeIsUnderstoodAndEachPartLiesInsideItsWhole) {
  for (const GoldenCase& golden : GoldenCases()) {
    const Bytes octets = GoldenOctets(golden.name);
    const auto described = Describe(octets);
    ASSERT_TRUE(described.ok()) << described.status();
    EXPECT_EQ(described->size, octets.size());
    EXPECT_THAT(ToText(*described), Not(HasSubstr("not understood"))) << golden.name;
    ExpectInside(*described);
  }
}

TEST(Describe, OffsetsPointAtTheField) {
  const Bytes octets = GoldenOctets("supplier-command-mac");
  const auto described = Describe(octets);
  ASSERT_TRUE(described.ok());
  const Described* counter = Find(*described, "authorisingRemotePartySeqNumber");
  ASSERT_NE(counter, nullptr);
  EXPECT_EQ(ToHex(ByteSpan(octets).subspan(counter->offset, counter->size)), "830203e9");
  const Described* code = Find(*described, "Message Code");
  EXPECT_EQ(ToHex(ByteSpan(octets).subspan(code->offset, code->size)), "0102");
  const Described* mac = Find(*described, "ACB-SMD MAC");
  EXPECT_EQ(ToHex(ByteSpan(octets).subspan(mac->offset, mac->size)), "c0c1c2c3c4c5c6c7c8c9cacb");
}

TEST(Describe, CommandReadsAsTheStandardNamesIt) {
  const std::string text = Text("recovery-command");
  for (const char* line :
       {"CS02b Update Security Credentials command", "from 90-B3-D5-1F-30-0A-00-01 to 00-DB-12-34-56-78-90-A0",
        "0x0108 anyExceptAbnormalRootByRecovery", "disapply", "recovery/digitalSignature",
        "supplier 1000, prepaymentTopUp 2000", "5 cells", "CN GOLDENSUPPLIER, OU 02, 90-B3-D5-1F-30-0A-00-02",
        "supplier/keyAgreement/prePaymentTopUp", "2026-01-01 00:00:00 UTC to 2035-12-31 23:59:59 UTC", "OU 07, CN G1",
        "11223344556677880000000000000004", "1 certificate"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Describe, SymmetricKeyIsNotShown) {
  const std::string text = Text("contingency-command");
  EXPECT_THAT(text, HasSubstr("32 octets, secret until the command is sent"));
  EXPECT_THAT(text, Not(HasSubstr("5a5a")));
}

TEST(Describe, ResponseTellsWhatEachCellHoldsNow) {
  const std::string text = Text("recovery-response-half-replaced");
  for (const char* line : {"2 of 3 cells succeeded", "supplier/digitalSignature: success",
                           "supplier/keyAgreement: noTrustAnchor", "4a4b4c4d4e4f5051", "2026-11-21 03:04:05"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
  EXPECT_THAT(Text("contingency-response"), HasSubstr("none (root)"));
}

TEST(Describe, AlertAndCancellationAreSaidInWords) {
  EXPECT_THAT(Text("alert-not-actioned-two-octet-lengths"),
              HasSubstr("0x8F67 future-dated command not successfully actioned"));
  EXPECT_THAT(Text("alert-actioned"), HasSubstr("2030-01-15 00:00:00 UTC"));
  EXPECT_THAT(Text("supplier-command-cancellation-mac"), HasSubstr("cancels a pending future-dated command"));
}

TEST(Describe, CredentialDetailsNameCellsByRole) {
  const std::string text = Text("details-response-signed");
  for (const char* line : {"CS02a Provide Security Credential Details response", "supplier: success",
                           "supplier/keyAgreement/prePaymentTopUp", "wanProvider: trustAnchorNotFound"}) {
    EXPECT_THAT(text, HasSubstr(line));
  }
}

TEST(Describe, SupplementaryIdentifiersHaveNames) {
  const std::string text = Text("change-of-supplier-command-other-information-26");
  EXPECT_THAT(text, HasSubstr("Supplementary Remote Party ID"));
  EXPECT_THAT(text, HasSubstr("Supplementary Remote Party Counter"));
  EXPECT_THAT(text, HasSubstr("Supplementary Originator Counter"));
  EXPECT_THAT(Text("change-of-supplier-command-other-information-10"),
              Not(HasSubstr("Supplementary Remote Party Counter")));
}

TEST(Describe, WhatIsNotUnderstoodIsShownInHexadecimalWithTheReason) {
  // The tag of commandAccepted is wrong: header and signature are still in words.
  Bytes octets = GoldenOctets("supplier-response-accepted-only");
  octets[octets.size() - 67] = 0x04;
  const auto described = Describe(octets);
  ASSERT_TRUE(described.ok()) << described.status();
  const std::string text = ToText(*described);
  EXPECT_THAT(text, HasSubstr("not understood: DER at octet 48: commandAccepted must have tag 05, found 04"));
  EXPECT_THAT(text, HasSubstr("30020400"));
  EXPECT_THAT(text, HasSubstr("Business Originator ID"));
  EXPECT_THAT(text, HasSubstr("by the Device 00-DB-12-34-56-78-90-A0"));
}

TEST(Describe, AMessageCutShortIsShownAsFarAsItGoes) {
  for (const char* name : {"recovery-response", "supplier-command-mac"}) {
    const Bytes octets = GoldenOctets(name);
    const auto described = Describe(ByteSpan(octets).first(octets.size() - 100));
    ASSERT_TRUE(described.ok()) << described.status();
    ExpectInside(*described);
    EXPECT_THAT(ToText(*described), HasSubstr("not understood")) << name;
    EXPECT_THAT(ToText(*described), HasSubstr("Originator Counter")) << name;
  }
}

TEST(Describe, AnotherMessageCodeIsShownWithItsHeader) {
  Bytes octets = GoldenOctets("supplier-response-accepted-only");
  octets[43] = 0x00;
  octets[44] = 0x62;
  const auto described = Describe(octets);
  ASSERT_TRUE(described.ok());
  EXPECT_THAT(ToText(*described), HasSubstr("GBCS response"));
  EXPECT_THAT(ToText(*described), HasSubstr("no payload is known here for a response with Message Code 0x0062"));
}

TEST(Describe, WithoutGroupingHeaderThereIsNothingToDescribe) {
  for (const char* digits : {"", "df", "0102030405", "dd000000000000051100000000"}) {
    const auto described = Describe(*FromHex(digits));
    ASSERT_FALSE(described.ok()) << digits;
    EXPECT_THAT(smki::Message(described.status()), HasSubstr("this is no GBCS message: GBCS message at octet "))
        << digits;
  }
}

TEST(Describe, WhatACertificateSaysCannotDisturbATerminal) {
  Bytes octets = GoldenOctets("recovery-command");
  const std::string name = "GOLDENSUPPLIER";
  const auto at = std::search(octets.begin(), octets.end(), name.begin(), name.end());
  ASSERT_NE(at, octets.end());
  *at = 0x1B;
  EXPECT_THAT(ToText(*Describe(octets)), HasSubstr("CN ?OLDENSUPPLIER"));
}

TEST(Describe, AnUnreadableCertificateIsSaidToBeOne) {
  Bytes octets = GoldenOctets("supplier-command-mac");
  const auto described = Describe(octets);
  const Described* certificate = Find(*described, "replacementCertificate");
  ASSERT_NE(certificate, nullptr);
  octets[certificate->offset + 4] = 0x31;
  EXPECT_THAT(ToText(*Describe(octets)), HasSubstr("not a readable certificate: DER at octet"));
}

TEST(ToText, LinesUpAndDimsNumbersOnlyOnATerminal) {
  const Described described{
      "GBCS command", "2 octets", 0, 2, {{"first", "word", 0, 1, {}}, {"second field", "ab", 1, 1, {}}}};
  EXPECT_EQ(ToText(described),
            "GBCS command\n"
            "2 octets\n"
            "\n"
            " octet   size  field\n"
            "     0      1  first           word\n"
            "     1      1  second field    ab\n");
  EXPECT_THAT(ToText(described, true), HasSubstr("\x1b[2m     0      1\x1b[0m  first"));
  EXPECT_THAT(ToText(described), Not(HasSubstr("\x1b")));
}

TEST(ToText, LongHexadecimalGoesOnBelowItself) {
  const Described described{"m", "", 0, 40, {{"octets", std::string(80, 'a'), 0, 40, {}}}};
  EXPECT_THAT(ToText(described), HasSubstr("octets    " + std::string(64, 'a') + "\n" + std::string(25, ' ') +
                                           std::string(16, 'a') + "\n"));
}

}  // namespace
}  // namespace smki::gbcs
