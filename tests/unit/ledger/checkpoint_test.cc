#include "ledger/checkpoint.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "pki/digest.h"

namespace smki::ledger {
namespace {

using ::testing::HasSubstr;

struct Fixture {
  pki::PrivateKey orchestrator = *pki::PrivateKey::Generate();
  pki::PrivateKey keyguard = *pki::PrivateKey::Generate();
  Checkpoint checkpoint{"smki-ledger/drill/estate-7", {42, pki::Sha256("head")}};

  std::string Note() {
    const std::string body = RenderCheckpoint(checkpoint);
    return body + "\n" + *SignatureLine(body, "orchestrator", orchestrator) +
           *SignatureLine(body, "keyguard", keyguard);
  }
};

TEST(Checkpoint, I3_ASignedNoteIsReadBackAndBothSignaturesHold) {
  Fixture f;
  const auto note = ParseSignedNote(f.Note());
  ASSERT_TRUE(note.ok()) << note.status();
  EXPECT_EQ(note->checkpoint.origin, f.checkpoint.origin);
  EXPECT_EQ(note->checkpoint.head.entries, 42u);
  EXPECT_EQ(note->checkpoint.head.hash, f.checkpoint.head.hash);
  EXPECT_TRUE(IsSignedBy(*note, "orchestrator", f.orchestrator.public_key()));
  EXPECT_TRUE(IsSignedBy(*note, "keyguard", f.keyguard.public_key()));
}

TEST(Checkpoint, I3_ASignatureCountsOnlyForItsNameAndKey) {
  Fixture f;
  const auto note = ParseSignedNote(f.Note());
  ASSERT_TRUE(note.ok());
  EXPECT_FALSE(IsSignedBy(*note, "keyguard", f.orchestrator.public_key()));
  EXPECT_FALSE(IsSignedBy(*note, "auditor", f.orchestrator.public_key()));
  SignedNote renamed = *note;
  renamed.signatures[0].name = "keyguard";
  EXPECT_FALSE(IsSignedBy(renamed, "keyguard", f.orchestrator.public_key()));
}

TEST(Checkpoint, I3_EveryChangedOctetIsRefusedOrBreaksASignature) {
  Fixture f;
  const std::string good = f.Note();
  for (size_t at = 0; at < good.size(); ++at) {
    std::string bad = good;
    bad[at] = static_cast<char>(bad[at] ^ 1);
    const auto note = ParseSignedNote(bad);
    if (!note.ok()) continue;
    ASSERT_FALSE(IsSignedBy(*note, "orchestrator", f.orchestrator.public_key()) &&
                 IsSignedBy(*note, "keyguard", f.keyguard.public_key()))
        << "octet " << at;
  }
}

TEST(Checkpoint, RefusesWhatIsNotASignedNote) {
  Fixture f;
  const std::string body = RenderCheckpoint(f.checkpoint);
  const std::string hash = ToBase64(f.checkpoint.head.hash) + "\n";
  const std::string line = *SignatureLine(body, "orchestrator", f.orchestrator);
  const std::pair<std::string, std::string> cases[] = {
      {"", "expected an origin"},
      {"other/drill/estate-7\n42\n" + hash + "\n" + line, "line 1"},
      {"smki-ledger/drill\n42\n" + hash + "\n" + line, "line 1"},
      {"smki-ledger/drill/\n42\n" + hash + "\n" + line, "line 1"},
      {"smki-ledger/drill/a/b\n42\n" + hash + "\n" + line, "line 1"},
      {"smki-ledger/drill/estate-7\n042\n" + hash + "\n" + line, "line 2"},
      {"smki-ledger/drill/estate-7\n-1\n" + hash + "\n" + line, "line 2"},
      {"smki-ledger/drill/estate-7\n99999999999999999999\n" + hash + "\n" + line, "line 2"},
      {"smki-ledger/drill/estate-7\n42\nAAAA\n\n" + line, "line 3"},
      {body + line, "line 4"},
      {body + "\n", "no signature"},
      {body + "\n" + line.substr(0, line.size() - 1), "does not end"},
      {body + "\n- orchestrator AAAAAAAA\n", "not a signature line"},
      {body + "\n\xE2\x80\x94 orchestrator AAAA\n", "not a signature line"},
      {body + "\n\xE2\x80\x94  AAAAAAAA\n", "not a signature line"},
      {body + "\n" + line + "\n", "not a signature line"},
  };
  for (const auto& [text, expected] : cases) {
    const auto note = ParseSignedNote(text);
    EXPECT_EQ(note.status().code(), StatusCode::kInvalidArgument) << text;
    EXPECT_THAT(Message(note.status()), HasSubstr(expected)) << text;
  }
}

TEST(Checkpoint, TakesAtMostSixteenSignaturesAndSixteenKilobytes) {
  Fixture f;
  const std::string body = RenderCheckpoint(f.checkpoint);
  const std::string line = *SignatureLine(body, "orchestrator", f.orchestrator);
  std::string note = body + "\n";
  for (int i = 0; i < 16; ++i) note += line;
  EXPECT_TRUE(ParseSignedNote(note).ok());
  EXPECT_THAT(Message(ParseSignedNote(note + line).status()), HasSubstr("more than 16 signatures"));
  EXPECT_THAT(Message(ParseSignedNote(note + std::string(16 << 10, 'x')).status()), HasSubstr("octets"));
}

TEST(Checkpoint, RefusesASignersNameThatWouldBreakTheNote) {
  Fixture f;
  for (const char* name : {"", "two words", "line\nbreak", "plus+sign"}) {
    EXPECT_FALSE(SignatureLine("body\n", name, f.orchestrator).ok()) << name;
  }
}

}  // namespace
}  // namespace smki::ledger
