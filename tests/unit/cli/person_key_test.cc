// A person's key in a token of their own (SoftHSM), and the PIN that opens it.
#include "cli/person_key.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <pty.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include "base/file.h"
#include "pki/digest.h"
#include "procedures/evidence/signed_document.h"
#include "sample.h"
#include "terminal.h"
#include "tests/unit/hsm/soft_token.h"

namespace smki::cli {
namespace {

using hsm::test::kSoftHsm;
using hsm::test::SecretOf;
using test::Answer;
using test::PersonFolder;
using test::Smkictl;
using ::testing::HasSubstr;
using ::testing::Not;

constexpr char kPin[] = "a pin of ann's";

template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) CheckFailed(Message(value.status()).c_str(), __FILE__, __LINE__);
  return std::move(value).value();
}

// A descriptor from which `text` can be read.
class Pipe {
 public:
  explicit Pipe(const std::string& text) {
    SMKI_CHECK(::pipe(ends_) == 0);
    SMKI_CHECK(::write(ends_[1], text.data(), text.size()) == static_cast<ssize_t>(text.size()));
    ::close(ends_[1]);
  }
  ~Pipe() { ::close(ends_[0]); }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  int get() const { return ends_[0]; }

 private:
  int ends_[2] = {-1, -1};
};

// ann's key is made in a token; the policy knows its certificate.
class TokenOfAnn : public ::testing::Test {
 protected:
  TokenOfAnn() {
    {
      hsm::test::SoftHsm soft(tokens_);
      const auto slot = Must(soft.module().InitToken("ann-card", SecretOf("officer")));
      const auto session = Must(slot.OpenSession(hsm::pkcs11::Access::kReadWrite));
      SMKI_CHECK(session->LoginSecurityOfficer(SecretOf("officer")).ok());
      SMKI_CHECK(session->InitPin(SecretOf(kPin)).ok());
      SMKI_CHECK(session->Logout().ok());
      SMKI_CHECK(session->Login(SecretOf(kPin)).ok());
      const pki::PublicKey key = Must(session->GenerateKeyPair("sign"));
      mine_.people.policy.persons[0].signing_certificate.bytes =
          mine_.people
              .Issue("ann", pki::kDigitalSignature, key, procedures::test::Now() - std::chrono::hours(24),
                     procedures::test::Now() + std::chrono::hours(24 * 300))
              .der();
    }
    site_ = mine_.SiteOf("ann");
    UseKey("pkcs11:token=ann-card;object=sign");
  }
  void UseKey(const std::string& uri) {
    const std::string text = ToString(Must(PosixFiles().Read(site_, 1 << 16)));
    const size_t at = text.find("sign:\n");
    Write(text.substr(0, at) + "sign:\n  certificate: ann.crt.pem\n  key: \"" + uri +
          "\"\npkcs11:\n  module: " + kSoftHsm + "\n");
  }
  void Write(const std::string& text) { SMKI_CHECK(PosixFiles().WriteDurably(site_, AsBytes(text)).ok()); }
  Answer Sign(const std::string& pin) {
    const Pipe pipe(pin);
    const std::string digest = ToHex(pki::Sha256(Must(PosixFiles().Read(direction_, 1 << 20))));
    return Smkictl({"--site", site_, "--pin-fd", std::to_string(pipe.get()), "direction", "sign", "--file", direction_,
                    "--digest", digest, "--yes", "key,procedure,devices,cells,validity,limits", "--no-submit", "--out",
                    out_});
  }

  hsm::test::TempFolder tokens_;
  PersonFolder mine_;
  std::string site_, out_ = mine_ / "approval.cms";
  const std::string direction_ = mine_.DirectionFile();
};

TEST_F(TokenOfAnn, SignsInsideTheTokenWhatThePolicyTakesForHers) {
  const Answer answer = Sign(std::string(kPin) + "\nmore that nobody reads");
  ASSERT_EQ(answer.code, 0) << answer.err;
  const Bytes text = Must(PosixFiles().Read(direction_, 1 << 20));
  const auto certificate = Must(pki::Certificate::Parse(mine_.people.policy.persons[0].signing_certificate.bytes));
  const pki::CmsVerdict verdict = pki::VerifyDetached(text, Must(PosixFiles().Read(out_, 1 << 16)), certificate);
  EXPECT_TRUE(verdict.ok()) << verdict.detail;
}

TEST_F(TokenOfAnn, AWrongPinSignsNothingAndSaysThatTokensLock) {
  const Answer answer = Sign("guess\n");
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("CKR_PIN_INCORRECT"));
  EXPECT_THAT(answer.err, HasSubstr("locks itself"));
  EXPECT_FALSE(PosixFiles().Exists(out_));
}

TEST_F(TokenOfAnn, AKeyThatIsNotTheCertificatesIsNotUsed) {
  mine_.SiteOf("bob");
  const std::string text = ToString(Must(PosixFiles().Read(site_, 1 << 16)));
  Write(procedures::test::Replaced(
      procedures::test::Replaced(text, "certificate: ann.crt.pem\n  key: \"", "certificate: bob.crt.pem\n  key: \""),
      "person: ann", "person: bob"));
  const Answer answer = Sign(std::string(kPin) + "\n");
  EXPECT_EQ(answer.code, 1);
  EXPECT_THAT(answer.err, HasSubstr("does not belong to the certificate"));
}

TEST_F(TokenOfAnn, WhatCannotBeReachedIsSaidBeforeAPinIsAsked) {
  UseKey("pkcs11:token=eve-card;object=sign");
  EXPECT_THAT(Sign("").err, HasSubstr("eve-card"));
  UseKey("pkcs11:token=ann-card");
  EXPECT_THAT(Sign("").err, HasSubstr("sign.key names no key in the token"));
  UseKey("pkcs11:token=ann-card;object=sign?pin-value=1234");
  EXPECT_THAT(Sign("").err, HasSubstr("a PIN never stands in a file"));
  const std::string text = ToString(Must(PosixFiles().Read(site_, 1 << 16)));
  Write(procedures::test::Replaced(text.substr(0, text.find("pkcs11:\n")), "?pin-value=1234", ""));
  EXPECT_THAT(Sign("").err, HasSubstr("no library reaches it"));
  Write(procedures::test::Replaced(text, "?pin-value=1234", "") +
        "agree:\n  certificate: ann.crt.pem\n  key: \"pkcs11:token=ann-card;object=agree\"\n");
  EXPECT_THAT(Sign("").err, HasSubstr("a share can be opened only with a"));
}

TEST(Pin, IsOneLineOfAtMost255Octets) {
  const auto read = [](const std::string& text) {
    const Pipe pipe(text);
    auto pin = PinSource(pipe.get()).Read("token t");
    return pin.ok() ? ToString(pin->span()) : Message(pin.status());
  };
  EXPECT_EQ(read("1234\n5678\n"), "1234");
  EXPECT_EQ(read("1234"), "1234");
  EXPECT_EQ(read(std::string(kMaxPin, 'x')), std::string(kMaxPin, 'x'));
  EXPECT_THAT(read(std::string(kMaxPin + 1, 'x')), HasSubstr("longer than 255"));
  EXPECT_THAT(read("\n"), HasSubstr("it is empty"));
  EXPECT_THAT(read(""), HasSubstr("it is empty"));
}

TEST(Pin, ADescriptorThatIsNotOpenIsSaid) {
  EXPECT_THAT(Message(PinSource(9999).Read("token t").status()), HasSubstr("Bad file descriptor"));
}

// What a person at a terminal sees who types `typed` when asked; `ended` is 0 if the PIN came as `expected`, 1 if
// another or none came, +2 if the terminal was left silent.
std::string Typed(const std::string& typed, const std::string& expected, int& ended) {
  int terminal = -1;
  const pid_t child = ::forkpty(&terminal, nullptr, nullptr, nullptr);
  SMKI_CHECK(child >= 0);
  if (child == 0) {
    const auto pin = PinSource().Read("token t");
    termios now{};
    const bool silent = ::tcgetattr(STDIN_FILENO, &now) != 0 || (now.c_lflag & ECHO) == 0;
    ::_exit((pin.ok() && ToString(pin->span()) == expected ? 0 : 1) + (silent ? 2 : 0));
  }
  std::string seen;
  char octets[256];
  bool asked = false;
  for (ssize_t got; (got = ::read(terminal, octets, sizeof octets)) > 0;) {
    seen.append(octets, static_cast<size_t>(got));
    if (asked || seen.find("PIN of token t: ") == std::string::npos) continue;
    asked = true;
    SMKI_CHECK(::write(terminal, typed.data(), typed.size()) == static_cast<ssize_t>(typed.size()));
  }
  int status = 0;
  ::waitpid(child, &status, 0);
  ::close(terminal);
  ended = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return seen;
}

TEST(Pin, IsAskedAtTheTerminalAndNeverShown) {
  int ended = -1;
  const std::string seen = Typed("4711\n", "4711", ended);
  EXPECT_EQ(ended, 0);
  EXPECT_THAT(seen, HasSubstr("PIN of token t: "));
  EXPECT_THAT(seen, Not(HasSubstr("4711")));
}

TEST(Pin, InterruptedTheTerminalIsAsItWasAndNothingCame) {
  int ended = -1;
  Typed("47\x03", "47", ended);
  EXPECT_EQ(ended, 1) << "no PIN, and the terminal shows again what is typed";
}

}  // namespace
}  // namespace smki::cli
