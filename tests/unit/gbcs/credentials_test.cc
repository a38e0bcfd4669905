#include "gbcs/credentials.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "gbcs/credential_details.h"
#include "tests/unit/gbcs/golden_cases.h"

namespace smki::gbcs {
namespace {

using ::testing::HasSubstr;

Bytes Hex(std::string_view digits) {
  return *FromHex(digits);
}

template <typename T>
std::string ErrorOf(const StatusOr<T>& parsed) {
  return parsed.ok() ? "" : smki::Message(parsed.status());
}
std::string CommandError(std::string_view digits) {
  return ErrorOf(ParseCommandPayload(Hex(digits)));
}
std::string ResponseError(std::string_view digits) {
  return ErrorOf(ParseResponsePayload(Hex(digits)));
}

CommandPayload Little() {
  CommandPayload p;
  p.authorising_cell = TrustAnchorCell{Role::kRecovery, KeyUsage::kDigitalSignature, CellUsage::kManagement};
  p.seq_number = 7;
  p.replacements = {{Hex("3003020101"), {Role::kSupplier, KeyUsage::kKeyAgreement, CellUsage::kPrePaymentTopUp}}};
  return p;
}

TEST(Names, AreTheWordsOfGbcs) {
  EXPECT_EQ(Name(Role::kTransitionalCos), "transitionalCoS");
  EXPECT_EQ(Name(Role::kOther), "other");
  EXPECT_EQ(Name(KeyUsage::kCrlSign), "cRLSign");
  EXPECT_EQ(Name(CellUsage::kPrePaymentTopUp), "prePaymentTopUp");
  EXPECT_EQ(Name(Mode::kAnyExceptAbnormalRootByRecovery), "anyExceptAbnormalRootByRecovery");
  EXPECT_EQ(Name(Mode::kAccessControlBrokerByAcb), "accessControlBrokerByACB");
  EXPECT_EQ(Name(StatusCode::kNoTrustAnchor), "noTrustAnchor");
  EXPECT_EQ(Name(static_cast<StatusCode>(99)), "unknown (99)");
  EXPECT_EQ(Name(static_cast<Role>(135)), "unknown (135)");
}

TEST(Names, EveryModeHasItsMessageCodeAndBack) {
  for (int mode = 0; mode <= 11; ++mode) {
    const uint16_t code = MessageCodeOf(static_cast<Mode>(mode));
    EXPECT_EQ(code, mode < 10 ? 0x0100 + mode : 0x0125 + mode - 10);
    EXPECT_EQ(ModeOfMessageCode(code), static_cast<Mode>(mode));
  }
  EXPECT_EQ(MessageCodeOf(static_cast<Mode>(12)), 0);
  EXPECT_EQ(ModeOfMessageCode(0), std::nullopt);
  EXPECT_EQ(ModeOfMessageCode(0x010A), std::nullopt);
}

TEST(TrustAnchorCell, TextAndBack) {
  for (const char* text :
       {"root/keyCertSign", "supplier/digitalSignature", "supplier/keyAgreement/prePaymentTopUp", "other/cRLSign"}) {
    const auto cell = TrustAnchorCell::Parse(text);
    ASSERT_TRUE(cell) << text;
    EXPECT_EQ(cell->ToString(), text);
  }
  for (const char* text : {"", "supplier", "supplier/", "/keyAgreement", "supplier/keyAgreement/",
                           "supplier/keyAgreement/management", "supplier/keyAgreement/prePaymentTopUp/",
                           "Supplier/keyAgreement", "supplier/keyAgreement ", "supplier//keyAgreement"}) {
    EXPECT_FALSE(TrustAnchorCell::Parse(text)) << text;
  }
}

TEST(CommandPayload, IsWrittenAsTheStandardSays) {
  EXPECT_EQ(ToHex(EncodeCommandPayload(Little())),
            "3028"
            "300f"
            "020108"
            "a207"
            "020101"
            "03020780"
            "830107"
            "3013"
            "3011"
            "3003020101"
            "300a"
            "020102"
            "03020308"
            "020101"
            "3000");
}

TEST(CommandPayload, ValuesWithoutANameAreReadAsNumbers) {
  CommandPayload p = Little();
  p.mode = static_cast<Mode>(200);
  p.replacements[0].cell.role = static_cast<Role>(137);
  p.replacements[0].cell.cell_usage = static_cast<CellUsage>(2);
  const auto parsed = ParseCommandPayload(EncodeCommandPayload(p));
  ASSERT_TRUE(parsed.ok()) << parsed.status();
  EXPECT_EQ(*parsed, p);
}

TEST(CommandPayload, WhatDerWouldNotWriteIsRefusedWithItsOctet) {
  // applyTimeBasedCPVChecks apply(0) is the DEFAULT.
  EXPECT_THAT(CommandError("300f"
                           "3009"
                           "020108"
                           "810100"
                           "830107"
                           "3000"
                           "3000"),
              HasSubstr("at octet 7: applyTimeBasedCPVChecks is 0"));
  // cellUsage management(0) is the DEFAULT.
  EXPECT_THAT(CommandError("3018"
                           "3012"
                           "020108"
                           "a20a"
                           "020101"
                           "03020780"
                           "020100"
                           "830107"
                           "3000"
                           "3000"),
              HasSubstr("at octet 16: cellUsage management is the DEFAULT"));
  // An INTEGER of two octets for 7; a negative one.
  EXPECT_THAT(CommandError("300d"
                           "3007"
                           "020108"
                           "83020007"
                           "3000"
                           "3000"),
              HasSubstr("at octet 7: authorisingRemotePartySeqNumber is not the shortest"));
  EXPECT_THAT(CommandError("300c"
                           "3006"
                           "020108"
                           "8301FF"
                           "3000"
                           "3000"),
              HasSubstr("negative"));
  // keyUsage of two bits; of no bit; with zero bits left behind.
  for (const char* usage : {"030206c0", "03020700", "03020680"}) {
    EXPECT_THAT(CommandError(fmt::format("3015"
                                         "300f"
                                         "020108"
                                         "a207"
                                         "020101{}830107"
                                         "3000"
                                         "3000",
                                         usage)),
                HasSubstr("at octet 12: keyUsage must be one bit"));
  }
  // Fields out of order, and one too many.
  EXPECT_THAT(CommandError("3012"
                           "300c"
                           "020108"
                           "840100"
                           "830107"
                           "810101"
                           "3000"
                           "3000"),
              HasSubstr("at octet 7: authorisingRemotePartySeqNumber must have tag 83"));
  EXPECT_THAT(CommandError("300e"
                           "3006"
                           "020108"
                           "830107"
                           "3000"
                           "3000"
                           "0500"),
              HasSubstr("at octet 14: 2 octets too many after CommandPayload"));
  EXPECT_THAT(CommandError("300c"
                           "3006"
                           "020108"
                           "830107"
                           "3000"
                           "3000"
                           "00"),
              HasSubstr("at octet 14: 1 octets too many after the payload"));
}

TEST(CommandPayload, NothingStandsBehindTheCellOfAReplacement) {
  EXPECT_THAT(CommandError("301b"
                           "3006020108830107"
                           "300f300d"
                           "3000"
                           "300702010203020780"
                           "0500"
                           "3000"),
              HasSubstr("at octet 25: 2 octets too many after TrustAnchorReplacement"));
}

TEST(CommandPayload, NumbersBeyondTheirRangeAreRefused) {
  EXPECT_THAT(CommandError("300d"
                           "3007"
                           "02020100"
                           "830107"
                           "3000"
                           "3000"),
              HasSubstr("credentialsReplacementMode is 256"));
  EXPECT_THAT(CommandError("3014"
                           "300e"
                           "020108"
                           "8309008000000000000000"
                           "3000"
                           "3000"),
              HasSubstr("larger than 2^63-1"));
}

TEST(CommandPayload, EmptyListOfSpecialistFloorsIsLeftOut) {
  EXPECT_THAT(CommandError("3018"
                           "3012"
                           "020108"
                           "830107"
                           "a60a"
                           "3008"
                           "020102"
                           "020100"
                           "3000"
                           "3000"
                           "3000"),
              HasSubstr("at octet 20: specialistFloorSeqNumber is empty"));
}

TEST(CommandPayload, ExecutionTimeMustBeADateThatExists) {
  CommandPayload p = Little();
  for (const char* good : {"20300115000000Z", "20280229235959Z", kCancellation}) {
    p.execution_date_time = good;
    EXPECT_EQ(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), "") << good;
  }
  for (const char* bad : {"20300115000000+", "2030011500000Z", "20301315000000Z", "20290229000000Z", "20300115240000Z",
                          "2030-115000000Z"}) {
    p.execution_date_time = bad;
    EXPECT_THAT(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), HasSubstr("at octet 42: executionDateTime"))
        << bad;
  }
}

TEST(CommandPayload, CountsAndSizesAreBounded) {
  CommandPayload p = Little();
  p.replacements.assign(kMaxReplacements, p.replacements[0]);
  EXPECT_EQ(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), "");
  p.replacements.push_back(p.replacements[0]);
  EXPECT_THAT(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))),
              HasSubstr("replacements has more than 32 elements"));

  p = Little();
  p.path_certificates.assign(kMaxPathCertificates, Hex("3000"));
  EXPECT_EQ(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), "");
  p.path_certificates.push_back(Hex("3000"));
  EXPECT_THAT(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))),
              HasSubstr("certificationPathCertificates has more than 3 elements"));

  p = Little();
  p.other_changes.emplace(kMaxSeqNumberChanges + 1, SeqNumberChange{});
  EXPECT_THAT(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), HasSubstr("more than 32 elements"));
  p = Little();
  p.new_specialist_floors.emplace(kMaxSeqNumberChanges + 1, SpecialistSeqNumber{});
  EXPECT_THAT(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), HasSubstr("more than 32 elements"));

  p = Little();
  p.plaintext_symmetric_key = Bytes(kMaxSymmetricKey, 1);
  EXPECT_EQ(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), "");
  p.plaintext_symmetric_key->push_back(1);
  EXPECT_THAT(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), HasSubstr("plaintextSymmetricKey has 65 octets"));
  p.plaintext_symmetric_key->clear();
  EXPECT_THAT(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), HasSubstr("plaintextSymmetricKey has 0 octets"));
}

TEST(CommandPayload, CertificatesStayDerWhateverTheLengthsAroundThem) {
  CommandPayload p = Little();
  Bytes certificate = Hex("308190");
  certificate.resize(3 + 0x90, 0x05);
  p.replacements[0].certificate = certificate;
  p.path_certificates = {certificate};
  for (const DerLengths lengths : {DerLengths::kMinimal, DerLengths::kTwoOctets}) {
    p.lengths = lengths;
    const auto parsed = ParseCommandPayload(EncodeCommandPayload(p));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(*parsed, p);
  }
  // 30 82 00 90: no certificate is written like that.
  p.replacements[0].certificate = Hex("30820090");
  p.replacements[0].certificate.resize(4 + 0x90, 0x05);
  EXPECT_THAT(ErrorOf(ParseCommandPayload(EncodeCommandPayload(p))), HasSubstr("not minimal"));
}

// A response whose three outer lengths are 128 to 255.
Bytes ThreeCells(DerLengths lengths) {
  ResponsePayload p;
  p.outcome.emplace().outcomes.resize(3);
  p.lengths = lengths;
  return EncodeResponsePayload(p);
}

TEST(ResponsePayload, BothWaysOfWritingLengthsAreReadAndKept) {
  EXPECT_EQ(ToHex(ByteSpan(ThreeCells(DerLengths::kMinimal)).first(8)),
            "3081b2050030"
            "81ad");
  EXPECT_EQ(ToHex(ByteSpan(ThreeCells(DerLengths::kTwoOctets)).first(10)),
            "308200b4050030"
            "8200ae");
  for (const DerLengths lengths : {DerLengths::kMinimal, DerLengths::kTwoOctets}) {
    const auto parsed = ParseResponsePayload(ThreeCells(lengths));
    ASSERT_TRUE(parsed.ok()) << parsed.status();
    EXPECT_EQ(parsed->lengths, lengths);
    EXPECT_EQ(EncodeResponsePayload(*parsed), ThreeCells(lengths));
  }
}

TEST(ResponsePayload, MixingTheWaysOfWritingLengthsIsRefused) {
  Bytes octets = ThreeCells(DerLengths::kMinimal);
  ASSERT_EQ(octets[1], 0x81);
  // The outer length in two octets, the inner one in one.
  octets.insert(octets.begin() + 2, 0);
  octets[1] = 0x82;
  EXPECT_THAT(ErrorOf(ParseResponsePayload(octets)),
              HasSubstr("at octet 6: lengths from 128 to 255 are written as 81 xx here and as 82 00 xx there"));
}

TEST(ResponsePayload, NoOtherLongLengthIsRead) {
  EXPECT_THAT(ResponseError("308102"
                            "0500"),
              HasSubstr("at octet 0: the length is not minimal"));
  EXPECT_THAT(ResponseError("30820002"
                            "0500"),
              HasSubstr("at octet 0: the length is not minimal"));
  EXPECT_THAT(ResponseError("3083000002"
                            "0500"),
              HasSubstr("at octet 0: the length is not minimal"));
  EXPECT_THAT(ResponseError("3080"
                            "0500"
                            "0000"),
              HasSubstr("indefinite length"));
}

TEST(ResponsePayload, WithoutOutcomeIsFourOctets) {
  EXPECT_EQ(ToHex(EncodeResponsePayload({})), "30020500");
  EXPECT_THAT(ResponseError("3000"), HasSubstr("at octet 2: commandAccepted (tag 05) is missing"));
  EXPECT_THAT(ResponseError("3003050100"), HasSubstr("at octet 2: commandAccepted has 1 octets, expected 0"));
}

TEST(ResponsePayload, IdentifiersHaveEightOctets) {
  Bytes octets = ThreeCells(DerLengths::kMinimal);
  const std::string digits = ToHex(octets);
  const size_t at = digits.find("0408") / 2;
  octets[at + 1] = 7;
  EXPECT_THAT(ErrorOf(ParseResponsePayload(octets)),
              HasSubstr(fmt::format("at octet {}: existingSubjectUniqueID has 7 octets, expected 8", at)));
}

TEST(ResponsePayload, OutcomesAreBounded) {
  ResponsePayload p;
  p.outcome.emplace().outcomes.resize(kMaxReplacements + 1);
  EXPECT_THAT(ErrorOf(ParseResponsePayload(EncodeResponsePayload(p))),
              HasSubstr("replacementOutcomes has more than 32 elements"));
}

TEST(CredentialDetails, ARoleWithoutCellHasNothingBehindItsStatus) {
  CredentialDetailsResponse response;
  response.roles = {{Role::kWanProvider, StatusCode::kTrustAnchorNotFound, std::nullopt}};
  EXPECT_EQ(ToHex(EncodeCredentialDetailsResponse(response)),
            "30083006"
            "020106"
            "0a0119");
  // A sequence number without the cells behind it is neither.
  EXPECT_THAT(ErrorOf(ParseCredentialDetailsResponse(Hex("300b3009"
                                                         "020106"
                                                         "0a0100"
                                                         "020101"))),
              HasSubstr("at octet 13: trustAnchorCellsDetails (tag 30) is missing"));
}

TEST(CredentialDetails, RolesAndCellsAreBounded) {
  CredentialDetailsCommand command;
  command.roles.assign(kMaxRoles + 1, Role::kRoot);
  EXPECT_THAT(ErrorOf(ParseCredentialDetailsCommand(EncodeCredentialDetailsCommand(command))),
              HasSubstr("more than 16 elements"));
  CredentialDetailsResponse response;
  response.roles.resize(kMaxRoles + 1);
  EXPECT_THAT(ErrorOf(ParseCredentialDetailsResponse(EncodeCredentialDetailsResponse(response))),
              HasSubstr("ResponsePayload has more than 16 elements"));
  response.roles.resize(1);
  response.roles[0].held.emplace().cells.resize(kMaxRoles + 1);
  EXPECT_THAT(ErrorOf(ParseCredentialDetailsResponse(EncodeCredentialDetailsResponse(response))),
              HasSubstr("trustAnchorCellsDetails has more than 16 elements"));
}

// `value` again, with a NULL behind the contents of the constructed value number `level`, counted in order.
void WriteWithNull(const DerValue& value, int& level, DerWriter& out) {
  if ((value.tag & 0x20) == 0) return out.Raw(value.whole);
  const bool here = level-- == 0;
  DerWriter inner;
  for (DerReader in(value); !in.at_end();) WriteWithNull(*in.Next(), level, inner);
  if (here) inner.Value(der::kNull, {});
  out.Wrap(value.tag, inner);
}

TEST(EveryPayload, OneFieldTooManyIsRefusedAtEveryLevel) {
  for (GoldenCase golden : GoldenCases()) {
    // Certificates are opaque: here they are left out, so that every level is one of ours.
    if (auto* command = std::get_if<CommandPayload>(&golden.payload)) {
      command->replacements.clear();
      command->path_certificates.clear();
      command->lengths = DerLengths::kMinimal;
    }
    if (auto* response = std::get_if<ResponsePayload>(&golden.payload)) response->lengths = DerLengths::kMinimal;
    if (auto* alert = std::get_if<AlertPayload>(&golden.payload)) alert->lengths = DerLengths::kMinimal;
    if (auto* details = std::get_if<CredentialDetailsResponse>(&golden.payload))
      details->lengths = DerLengths::kMinimal;
    const Bytes octets = Encode(golden.payload);
    for (int level = 0;; ++level) {
      int left = level;
      DerWriter out;
      WriteWithNull(*DerReader(octets).Next(), left, out);
      if (left >= 0) break;  // that was the last one
      EXPECT_FALSE(ParseLike(golden.payload, out.bytes()).ok())
          << golden.name << " level " << level << ": " << ToHex(out.bytes());
    }
  }
}

}  // namespace
}  // namespace smki::gbcs
