// Where a custodian's share, the token's secret and its PIN lie in memory, and where they never do (I5). Real
// processes, whole memories.
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <unistd.h>

#include <fstream>
#include <set>

#include "hsm/custody/shares.h"
#include "pki/cms.h"
#include "procedures/documents.h"
#include "procedures/evidence/share.h"
#include "tests/harness/keyguard.h"
#include "tests/security/memory_scan.h"

namespace smki::test {
namespace {

const char* const kCustodians[] = {"kira.custodian", "liam.custodian", "mona.custodian"};
// An RTSS share begins with identifier, checksum type, threshold and length, which are no secret (share.md).
constexpr size_t kShareHeader = 20;

std::string Join(const std::vector<std::string>& lines) {
  std::string out;
  for (const std::string& line : lines) out += "\n  " + line;
  return out;
}

class Memory : public ::testing::Test {
 protected:
  void SetUp() override {
    if (::geteuid() != 0) GTEST_SKIP() << "only root may read another process's memory";
    estate_ = Estate::Copy();
    std::vector<Secret> shares;
    for (const char* person : kCustodians) {
      PersonKeys& keys = estate_->person(person);
      const Secret octets =
          SMKI_MUST(pki::OpenEnvelope(estate_->ReadBytes("persons/" + std::string(person) + "/share-recovery.cms"),
                                      keys.agree, keys.agree_certificate));
      procedures::ShareRecord record = SMKI_MUST(procedures::DecodeShareRecord(octets.span()));
      AddForms(shares_, std::string(person) + "'s share", record.share.span().subspan(kShareHeader));
      shares.push_back(std::move(record.share));
    }
    std::vector<const Secret*> parts;
    for (const Secret& share : shares) parts.push_back(&share);
    const Secret secret = SMKI_MUST(hsm::CombineShares(parts));
    all_ = shares_;
    AddForms(all_, "the token's secret", secret.span());  // its hexadecimal form is the PIN
    keyguard_ = Keyguard::Start(*estate_);
    bundle_ = estate_->MakeBundle();
  }
  pid_t Parent() { return keyguard_->pid(); }
  pid_t Child() {
    const pid_t child = ChildOf(Parent());
    EXPECT_GT(child, 0);
    return child;
  }
  void ExpectNothingIn(pid_t process, const char* where) {
    const auto found = Scan(process, all_);
    EXPECT_TRUE(found.empty()) << where << " holds" << Join(found);
  }
  void Present(const kg::Ceremony& ceremony, const char* person) {
    const auto presented = keyguard_->Present(person, ceremony);
    ASSERT_TRUE(presented.ok()) << Message(presented.status());
  }

  std::unique_ptr<Estate> estate_;
  std::unique_ptr<Keyguard> keyguard_;
  Bundle bundle_;
  std::vector<Needle> shares_, all_;
};

TEST_F(Memory, I5_TheParentNeverHoldsAShareOrThePin) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  for (const char* person : kCustodians) {
    Present(ceremony, person);
    ExpectNothingIn(Parent(), "the keyguard, after a share was presented,");
  }
  ASSERT_TRUE(keyguard_->Sign(bundle_, "supplier-a-esme", {{TestDevice(0, 0), 1}}).ok());
  ExpectNothingIn(Parent(), "the keyguard, with the key open,");
  ASSERT_TRUE(keyguard_->Close(bundle_).ok());
  ExpectNothingIn(Parent(), "the keyguard, with the key closed,");
}

TEST_F(Memory, I5_TheChildHoldsSharesUntilTheyAreEnoughAndNotAfterwards) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  Present(ceremony, "kira.custodian");
  Present(ceremony, "liam.custodian");
  const pid_t child = Child();
  const auto waiting = Scan(child, shares_);
  EXPECT_EQ(waiting.size(), 2u) << "two shares wait there for the third, each in one place:" << Join(waiting);
  Present(ceremony, "mona.custodian");
  ASSERT_EQ(Child(), child);
  ExpectNothingIn(child, "the signer, with the key open,");
  ASSERT_TRUE(keyguard_->Sign(bundle_, "supplier-a-esme", {{TestDevice(0, 0), 1}}).ok());
  ExpectNothingIn(child, "the signer, with the key open and used,");
}

TEST_F(Memory, I5_TheCeremonyKeyIsGoneWhenTheTokenIsOpen) {
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->Prepare(bundle_));
  const auto request = SMKI_MUST(procedures::ParseCeremonyRequest(ceremony.request()));
  const pki::Certificate certificate = SMKI_MUST(pki::Certificate::Parse(request.ceremony_certificate.bytes));
  EXPECT_FALSE(FindPrivateKey(Child(), *certificate.public_key).empty()) << "it waits there for shares: a blind search";
  for (const char* person : kCustodians) Present(ceremony, person);
  const auto found = FindPrivateKey(Child(), *certificate.public_key);
  EXPECT_TRUE(found.empty()) << "who records presentations could open them:" << Join(found);
}

TEST_F(Memory, I5_ClosingEndsTheProcessAndItsSuccessorKnowsNothing) {
  ASSERT_TRUE(keyguard_->Open(bundle_).ok());
  const pid_t child = Child();
  ASSERT_TRUE(keyguard_->Close(bundle_).ok());
  ASSERT_TRUE(keyguard_->GetStatus().ok()) << "answered by the successor";
  const pid_t successor = Child();
  EXPECT_NE(successor, child);
  EXPECT_FALSE(std::ifstream("/proc/" + std::to_string(child) + "/maps").good())
      << "the process that held the key lives";
  ExpectNothingIn(successor, "the successor of the signer");
}

TEST_F(Memory, I5_TheChildGetsNoEnvironmentButWhatItNeeds) {
  keyguard_.reset();
  keyguard_ = Keyguard::Start(*estate_, {"LD_PRELOAD_OF_A_THIEF=/tmp/thief.so", "SMKI_OF_A_TEST=1"});
  const auto environment = [](pid_t process) {
    std::ifstream in("/proc/" + std::to_string(process) + "/environ");
    std::set<std::string> names;
    for (std::string entry; std::getline(in, entry, '\0');) names.insert(entry.substr(0, entry.find('=')));
    return names;
  };
  EXPECT_EQ(environment(Parent()).count("LD_PRELOAD_OF_A_THIEF"), 1u);
  const std::set<std::string> found = environment(Child());
  EXPECT_EQ(found.count("SMKI_OF_A_TEST"), 1u) << "what is looked at is not the environment";
  for (const std::string& name : found) EXPECT_TRUE(name == "SOFTHSM2_CONF" || name.starts_with("SMKI_")) << name;
}

TEST_F(Memory, I5_TheChildCannotBeDumpedOrTraced) {
  const std::string folder = "/proc/" + std::to_string(Child());
  std::ifstream limits(folder + "/limits");
  std::string line;
  while (std::getline(limits, line) && !line.starts_with("Max core file size")) {
  }
  EXPECT_EQ(line.find_first_of("123456789u"), std::string::npos) << line;
  std::ifstream status(folder + "/status");
  std::map<std::string, std::string> facts;
  while (std::getline(status, line)) facts[line.substr(0, line.find(':'))] = line.substr(line.find(':') + 2);
  EXPECT_EQ(facts["Seccomp"], "2") << "a filter";
  EXPECT_EQ(facts["NoNewPrivs"], "1");
  EXPECT_NE(facts["VmLck"].find_first_of("123456789"), std::string::npos) << "its memory can be swapped out";
}

}  // namespace
}  // namespace smki::test
