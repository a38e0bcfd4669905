// Changing who holds the shares of a key, with the real keyguard, signer, SoftHSM and smkictl: from the draft to a
// signature with the new shares, every refusal by name, and a kill at every fail point. Whatever happens, the old
// shares open the key or the new ones do, never neither.
#include "procedures/custody_change.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>

#include "base/clock.h"
#include "base/random.h"
#include "procedures/evidence/share.h"
#include "tests/harness/keyguard.h"

namespace smki::test {
namespace {

using procedures::CustodyChange;
using ::testing::HasSubstr;

const std::vector<std::string> kCustodians = {"kira.custodian", "liam.custodian", "mona.custodian", "nils.custodian",
                                              "otto.custodian"};
const std::vector<std::string> kMembers = {"anna.pma", "bruno.pma", "carla.pma"};
constexpr size_t kThreshold = 3;
constexpr char kOldShare[] = "share-recovery.cms";

class CustodyChangeUnderAttack : public ::testing::Test {
 protected:
  void SetUp() override {
    estate_ = Estate::Copy();
    old_policy_ = estate_->policy_text();
  }
  void StartKeyguard(const std::vector<std::string>& environment = {}) {
    keyguard_.reset();
    keyguard_ = Keyguard::Start(*estate_, environment);
  }

  std::string NewPolicy() const { return fmt::format("policy-v{}.yaml", estate_->policy().version + 1); }
  std::string NewShare() const { return fmt::format("share-recovery.v{}.cms", estate_->policy().version + 1); }

  // --- As people do it: with smkictl ---
  sim::ProcessExit Smkictl(const std::string& person, std::vector<std::string> words) {
    std::vector<std::string> command = {Program("smkictl"), "--site",
                                        estate_->Path("persons/" + person + "/client.yaml")};
    command.insert(command.end(), words.begin(), words.end());
    return SMKI_MUST(sim::RunProcess(command, {}, Millis(30'000)));
  }
  void Do(const std::string& person, std::vector<std::string> words) {
    const sim::ProcessExit exit = Smkictl(person, words);
    ASSERT_EQ(exit.code, 0) << person << ": " << words[0] << " " << words[1] << "\n" << exit.out << exit.err;
  }
  // Lena drafts a refresh, three members sign it, she begins it, three custodians present.
  void OfferByCommands() {
    const std::string file = estate_->Path("change.yaml");
    Do("lena.lead", {"custody", "draft", "--change", "refresh", "--rationale", "a test", "--out", file});
    const std::string digest = ToHex(pki::Sha256(estate_->Read("change.yaml")));
    std::vector<std::string> begin = {"custody", "begin", "--file", file};
    for (const std::string& member : kMembers) {
      const std::string approval = estate_->Path(member + ".approval.cms");
      Do(member, {"custody", "sign", "--file", file, "--digest", digest.substr(0, 16), "--out", approval});
      begin.insert(begin.end(), {"--approval", approval});
    }
    Do("lena.lead", begin);
    for (size_t i = 0; i < kThreshold; ++i) Do(kCustodians[i], {"ceremony", "present"});
  }
  void ReceiveAll() {
    for (const std::string& person : kCustodians) Do(person, {"custody", "receive"});
  }

  // --- The key, with the old shares under the old policy or the new under the new ---
  // OK if it opens and signs; else the refusal. The key is closed afterwards.
  Status OpenAndSign(const std::string& policy_text, const std::string& share) {
    Bundle bundle = estate_->MakeBundle(++serial_);
    bundle.policy = policy_text;
    SMKI_ASSIGN_OR_RETURN(const kg::Ceremony ceremony, keyguard_->Prepare(bundle));
    const auto policy = SMKI_MUST(procedures::ParsePolicy(policy_text));
    for (size_t i = 0; i < kThreshold; ++i) {
      SMKI_RETURN_IF_ERROR(
          keyguard_->Present(kCustodians[i], Presentation(kCustodians[i], policy, ceremony, share)).status());
    }
    const auto made = keyguard_->Sign(bundle, "supplier-a-esme", {{TestDevice(0, 0), 1}});
    SMKI_RETURN_IF_ERROR(made.status());
    if (!made->commands(0).refusal().empty()) return Internal("not signed: {}", made->commands(0).refusal());
    return keyguard_->Close(bundle);
  }
  Status OpenWithOld() { return OpenAndSign(old_policy_, kOldShare); }
  Status OpenWithNew() { return OpenAndSign(estate_->Read("persons/kira.custodian/trust-" + NewPolicy()), NewShare()); }

  kg::PresentShareRequest Presentation(const std::string& person, const procedures::TrustPolicy& policy,
                                       const kg::Ceremony& ceremony, const std::string& share,
                                       const std::string& share_of = "") {
    const std::string holder = share_of.empty() ? person : share_of;
    PersonKeys& keys = estate_->person(holder);
    const auto request = SMKI_MUST(procedures::ParseCeremonyRequest(ceremony.request()));
    const auto made = SMKI_MUST(procedures::PresentShare(
        policy, request, ceremony.request(), holder, estate_->ReadBytes("persons/" + holder + "/" + share),
        {keys.agree, keys.agree_certificate, keys.sign, keys.sign_certificate}, SystemClock().Now()));
    kg::PresentShareRequest out;
    out.set_presentation(made.document);
    out.set_signature(ToString(made.signature));
    out.set_envelope(ToString(made.envelope));
    return out;
  }

  // --- As somebody who tries it on: with bare requests ---
  CustodyChange Draft() {
    CustodyChange change;
    const UtcTime now{SystemClock().Now().ms / 1000 * 1000};
    change.id = "CUS-TEST-1";
    change.environment = estate_->policy().environment;
    change.key = "recovery";
    change.change = "refresh";
    change.policy_version = estate_->policy().version;
    change.policy = pki::Sha256(old_policy_);
    change.threshold = kThreshold;
    change.custodians = kCustodians;
    change.requested_by = "lena.lead";
    change.nonce = ToHex(SystemRandom().Take(16));
    change.drafted = now - Millis(60'000);
    change.not_after = now + Millis(3'600'000);
    change.rationale = {"a test"};
    return change;
  }
  kg::BeginCustodyChangeRequest Request(const CustodyChange& change,
                                        const std::vector<std::string>& members = kMembers) {
    kg::BeginCustodyChangeRequest out;
    const std::string text = Render(change);
    out.set_change(text);
    for (const std::string& member : members) {
      PersonKeys& keys = estate_->person(member);
      out.add_approvals(ToString(SMKI_MUST(pki::SignDetached(
          AsBytes(text), keys.sign, keys.sign_certificate, SystemClock().Now(), "smki custody change " + change.id))));
    }
    out.set_policy(old_policy_);
    out.set_revocation_list(estate_->Read("policy/persons.crl"));
    return out;
  }
  template <typename T>
  void ExpectRefused(const StatusOr<T>& result, const std::string& code) {
    ASSERT_FALSE(result.ok()) << "accepted, but must be refused with " << code;
    EXPECT_EQ(ReasonOf(result.status()), code) << Message(result.status());
    EXPECT_EQ(keyguard_->Refusals(code), 1u) << "a refusal leaves a record";
  }

  std::unique_ptr<Estate> estate_;
  std::unique_ptr<Keyguard> keyguard_;
  std::string old_policy_;
  int serial_ = 0;
};

TEST_F(CustodyChangeUnderAttack, I5_ARefreshFromTheDraftToASignatureWithTheNewShares) {
  StartKeyguard();
  OfferByCommands();
  ReceiveAll();
  EXPECT_THAT(Smkictl("owen.operator", {"custody", "show"}).out, HasSubstr("0 of 5 shown back"));
  for (size_t i = 0; i + 1 < kCustodians.size(); ++i) Do(kCustodians[i], {"custody", "confirm"});
  const sim::ProcessExit last = Smkictl(kCustodians.back(), {"custody", "confirm"});
  EXPECT_EQ(last.code, 0) << last.err;
  EXPECT_THAT(last.out, HasSubstr("carried out"));

  // An auditor who has the old policy follows to the new one with no server; then it is installed everywhere.
  const sim::ProcessExit verified =
      Smkictl("ada.auditor", {"custody", "verify", estate_->Path("keyguard/data/custody")});
  EXPECT_EQ(verified.code, 0) << verified.err;
  EXPECT_THAT(verified.out, HasSubstr("follows from yours"));
  EXPECT_EQ(estate_->Read("keyguard/data/custody/" + NewPolicy()),
            estate_->Read("persons/kira.custodian/trust-" + NewPolicy()));
  estate_->Write("policy/trust-policy.yaml", estate_->Read("keyguard/data/custody/" + NewPolicy()));
  StartKeyguard();

  const Status opened = OpenWithNew();
  EXPECT_TRUE(opened.ok()) << Message(opened);
  EXPECT_EQ(ReasonOf(OpenWithOld()), "POLICY_TOO_OLD");
  // At home the old share is known for what it is, the new one is alive.
  const sim::ProcessExit old_share = Smkictl("kira.custodian", {"share", "check"});
  EXPECT_EQ(old_share.code, 1);
  EXPECT_THAT(old_share.err, HasSubstr("SHARE_WRONG"));
  Do("kira.custodian", {"share", "check", "--file", estate_->Path("persons/kira.custodian/" + NewShare())});
}

TEST_F(CustodyChangeUnderAttack, I5_OneWhoDoesNotShowTheirShareBackKeepsTheOldSharesGood) {
  StartKeyguard();
  OfferByCommands();
  ReceiveAll();
  for (size_t i = 0; i + 1 < kCustodians.size(); ++i) Do(kCustodians[i], {"custody", "confirm"});
  EXPECT_FALSE(std::filesystem::exists(estate_->Path("keyguard/data/custody/" + NewPolicy())));
  EXPECT_EQ(ReasonOf(OpenWithNew()), "POLICY_DIGEST_MISMATCH");
  const Status opened = OpenWithOld();
  EXPECT_TRUE(opened.ok()) << Message(opened);
}

TEST_F(CustodyChangeUnderAttack, TheCommandsRefuseBeforeTheKeyguardDoes) {
  const std::string file = estate_->Path("change.yaml");
  const auto draft = [&](std::vector<std::string> more) {
    std::vector<std::string> words = {"custody", "draft", "--rationale", "a test", "--out", file};
    words.insert(words.end(), more.begin(), more.end());
    return Smkictl("lena.lead", words);
  };
  EXPECT_THAT(draft({"--change", "appoint"}).err, HasSubstr("CUSTODY_CHANGE_INVALID"));
  EXPECT_THAT(draft({"--change", "refresh", "--threshold", "1"}).err, HasSubstr("CUSTODY_CHANGE_INVALID"));
  EXPECT_THAT(draft({"--change", "appoint", "--add", "owen.operator"}).err, HasSubstr("POLICY_INCOMPLETE"));
  ASSERT_EQ(draft({"--change", "cease", "--remove", "otto.custodian"}).code, 0);
  const auto sign = [&](const std::string& person, const std::string& digest) {
    return Smkictl(person, {"custody", "sign", "--file", file, "--digest", digest, "--out", estate_->Path("a.cms")});
  };
  const std::string digest = ToHex(pki::Sha256(estate_->Read("change.yaml"))).substr(0, 16);
  EXPECT_THAT(sign("anna.pma", "00000000").err, HasSubstr("nothing was signed"));
  EXPECT_THAT(sign("kira.custodian", digest).err, HasSubstr("APPROVAL_NOT_A_MEMBER"));
  EXPECT_FALSE(std::filesystem::exists(estate_->Path("a.cms")));
  EXPECT_THAT(sign("anna.pma", digest).out, HasSubstr("3 of 4: kira.custodian"));
}

TEST_F(CustodyChangeUnderAttack, I4_AQuorumThatIsShort) {
  StartKeyguard();
  ExpectRefused(keyguard_->BeginCustody("lena.lead", Request(Draft(), {"anna.pma", "bruno.pma"})), "QUORUM_SHORT");
}
TEST_F(CustodyChangeUnderAttack, I4_AStrangersApproval) {
  StartKeyguard();
  ExpectRefused(keyguard_->BeginCustody("lena.lead", Request(Draft(), {"anna.pma", "bruno.pma", "owen.operator"})),
                "APPROVAL_NOT_A_MEMBER");
}
TEST_F(CustodyChangeUnderAttack, I4_TheRequestersOwnApproval) {
  StartKeyguard();
  CustodyChange change = Draft();
  change.requested_by = "anna.pma";
  ExpectRefused(keyguard_->BeginCustody("anna.pma", Request(change)), "APPROVAL_BY_REQUESTER");
}
TEST_F(CustodyChangeUnderAttack, I1_AChangeAlteredAfterItWasApproved) {
  StartKeyguard();
  CustodyChange change = Draft();
  kg::BeginCustodyChangeRequest request = Request(change);
  change.threshold = 2;
  request.set_change(Render(change));
  ExpectRefused(keyguard_->BeginCustody("lena.lead", request), "APPROVAL_DIGEST_MISMATCH");
}
TEST_F(CustodyChangeUnderAttack, I1_AReplayedNonce) {
  StartKeyguard();
  CustodyChange change = Draft();
  ASSERT_TRUE(keyguard_->BeginCustody("lena.lead", Request(change)).ok());
  StartKeyguard();
  change.id = "CUS-TEST-2";
  ExpectRefused(keyguard_->BeginCustody("lena.lead", Request(change)), "NONCE_REPLAYED");
}
TEST_F(CustodyChangeUnderAttack, I10_AnExpiredChange) {
  StartKeyguard();
  CustodyChange change = Draft();
  change.drafted = change.drafted - Millis(3'600'000);
  change.not_after = change.drafted + Millis(60'000);
  ExpectRefused(keyguard_->BeginCustody("lena.lead", Request(change)), "CUSTODY_CHANGE_EXPIRED");
}
TEST_F(CustodyChangeUnderAttack, I8_AChangeOfAnotherEnvironment) {
  StartKeyguard();
  CustodyChange change = Draft();
  change.environment.kind = "production";
  ExpectRefused(keyguard_->BeginCustody("lena.lead", Request(change)), "ENVIRONMENT_MISMATCH");
}
TEST_F(CustodyChangeUnderAttack, I5_NothingToFetchWithoutAChange) {
  StartKeyguard();
  ExpectRefused(keyguard_->GetCustody("kira.custodian"), "NO_CUSTODY_CHANGE");
}
TEST_F(CustodyChangeUnderAttack, I5_CustodyIsNotChangedInAnIncident) {
  StartKeyguard();
  ASSERT_TRUE(keyguard_->Open(estate_->MakeBundle(++serial_)).ok());
  ExpectRefused(keyguard_->BeginCustody("lena.lead", Request(Draft())), "WRONG_DIRECTION");
}

TEST_F(CustodyChangeUnderAttack, I4_ANewShareIsConfirmedByItsHolderOnlyAndIsTheRightOne) {
  StartKeyguard();
  OfferByCommands();
  ReceiveAll();
  const kg::Custody custody = SMKI_MUST(keyguard_->GetCustody("kira.custodian"));
  const auto policy = SMKI_MUST(procedures::ParsePolicy(custody.policy()));
  // Kira's share, confirmed by Liam in her name and in his.
  kg::PresentShareRequest stolen = Presentation("kira.custodian", policy, custody.ceremony(), NewShare());
  auto presentation = SMKI_MUST(procedures::ParseSharePresentation(stolen.presentation()));
  const auto sign = [&](const std::string& person) {
    PersonKeys& keys = estate_->person(person);
    stolen.set_presentation(procedures::Render(presentation));
    stolen.set_signature(
        ToString(SMKI_MUST(pki::SignDetached(AsBytes(stolen.presentation()), keys.sign, keys.sign_certificate,
                                             SystemClock().Now(), procedures::kPresentationHint))));
    return keyguard_->Present(person, stolen);
  };
  ExpectRefused(sign("liam.custodian"), "SHARE_FROM_STRANGER");
  presentation.person = "liam.custodian";
  ExpectRefused(sign("liam.custodian"), "SHARE_WRONG");
  // Their own tool does not even show the old share for the new one.
  const sim::ProcessExit old_share =
      Smkictl("kira.custodian",
              {"custody", "confirm", "--file", estate_->Path(std::string("persons/kira.custodian/") + kOldShare)});
  EXPECT_EQ(old_share.code, 1);
  EXPECT_THAT(old_share.err, HasSubstr("SHARE_WRONG"));
  // The right one counts, and once.
  const kg::PresentShareRequest good = Presentation("kira.custodian", policy, custody.ceremony(), NewShare());
  ASSERT_TRUE(keyguard_->Present("kira.custodian", good).ok());
  ExpectRefused(keyguard_->Present("kira.custodian", good), "SHARE_DUPLICATE");
}

// --- Kills ---

struct KillCase {
  const char* fail_point;
  bool new_shares_open;  // afterwards; else the old ones
};
void PrintTo(const KillCase& kill, std::ostream* out) {
  *out << kill.fail_point;
}
class CustodyChangeKilled : public CustodyChangeUnderAttack, public ::testing::WithParamInterface<KillCase> {};

TEST_P(CustodyChangeKilled, I5_TheOldSharesOpenTheKeyOrTheNewOnesDo) {
  const KillCase& kill = GetParam();
  StartKeyguard({std::string("SMKI_FAIL_POINT=") + kill.fail_point});
  OfferByCommands();
  ReceiveAll();
  for (size_t i = 0; i + 1 < kCustodians.size(); ++i) Do(kCustodians[i], {"custody", "confirm"});
  const sim::ProcessExit last = Smkictl(kCustodians.back(), {"custody", "confirm"});
  ASSERT_EQ(last.code, 1) << "the fail point was never reached";
  StartKeyguard();

  const Status with_new = OpenWithNew(), with_old = OpenWithOld();
  EXPECT_EQ(with_new.ok(), kill.new_shares_open) << Message(with_new);
  EXPECT_EQ(with_old.ok(), !kill.new_shares_open) << Message(with_old);
  // What the first opening settled stays settled.
  StartKeyguard();
  EXPECT_EQ(OpenWithNew().ok(), kill.new_shares_open);
  EXPECT_EQ(OpenWithOld().ok(), !kill.new_shares_open);
  if (!kill.new_shares_open) return;
  const sim::ProcessExit verified =
      Smkictl("ada.auditor", {"custody", "verify", estate_->Path("keyguard/data/custody")});
  EXPECT_EQ(verified.code, 0) << verified.err;
}

TEST_P(CustodyChangeKilled, I5_TheOtherWayRoundTheSame) {
  const KillCase& kill = GetParam();
  StartKeyguard({std::string("SMKI_FAIL_POINT=") + kill.fail_point});
  OfferByCommands();
  ReceiveAll();
  for (const std::string& person : kCustodians) Smkictl(person, {"custody", "confirm"});
  StartKeyguard();
  const Status with_old = OpenWithOld(), with_new = OpenWithNew();
  EXPECT_EQ(with_old.ok(), !kill.new_shares_open) << Message(with_old);
  EXPECT_EQ(with_new.ok(), kill.new_shares_open) << Message(with_new);
}

std::string NameOf(const ::testing::TestParamInfo<KillCase>& info) {
  std::string name;
  for (const char* c = info.param.fail_point; *c != 0; ++c) name += *c == '.' || *c == '-' ? '_' : *c;
  return name;
}
INSTANTIATE_TEST_SUITE_P(Signer, CustodyChangeKilled,
                         ::testing::Values(KillCase{"signer.custody.changing", false},
                                           KillCase{"signer.custody.secret-changed", true},
                                           KillCase{"signer.custody.bound", true},
                                           KillCase{"signer.custody.concluded", true}),
                         NameOf);

TEST_F(CustodyChangeUnderAttack, I5_AKillWhenTheNewSharesAreMadeChangesNothing) {
  StartKeyguard({"SMKI_FAIL_POINT=signer.custody.offered"});
  const CustodyChange change = Draft();
  const kg::Ceremony ceremony = SMKI_MUST(keyguard_->BeginCustody("lena.lead", Request(change)));
  EXPECT_TRUE(keyguard_->Present(kCustodians[0], ceremony).ok());
  EXPECT_TRUE(keyguard_->Present(kCustodians[1], ceremony).ok());
  EXPECT_FALSE(keyguard_->Present(kCustodians[2], ceremony).ok());
  StartKeyguard();
  const Status opened = OpenWithOld();
  EXPECT_TRUE(opened.ok()) << Message(opened);
}

}  // namespace
}  // namespace smki::test
