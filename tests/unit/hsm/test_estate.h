// A small estate in memory: persons, policy, certificates, two groups of Devices, a Direction with its approvals, and a
// signer before software tokens. Everything is public and meant to be bent: a test changes one thing and expects one
// refusal.
#pragma once

#include <gtest/gtest.h>

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/random.h"
#include "hsm/custody/shares.h"
#include "hsm/signer/signer.h"
#include "pki/cms.h"
#include "procedures/evidence/share.h"
#include "tests/harness/disk.h"
#include "tests/unit/hsm/soft_token.h"

namespace smki::hsm::test {

inline constexpr UtcTime kStart{1795230000000};  // 2026-11-21T03:00:00Z
inline const Eui64 kSupplierA(0x90B3D51F30010000);
inline const Eui64 kSupplierB(0x90B3D51F30030000);
inline const Eui64 kRecovery(0x90B3D51F30000001);

// Value or the end of the test program: what fails here is the fixture.
template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) {
    ADD_FAILURE() << value.status();
    std::abort();
  }
  return *std::move(value);
}

struct Identity {
  pki::PrivateKey key;
  pki::Certificate certificate;
};

struct TestPerson {
  std::string organisation;
  std::vector<std::string> roles;
  std::optional<Identity> sign, agree;
};

// A token of a software key.
class SoftwareToken : public KeyToken {
 public:
  SoftwareToken() : key(Must(pki::PrivateKey::Generate())) {}
  StatusOr<TokenBinding> ReadBinding() override { return binding; }
  StatusOr<std::vector<TokenBinding>> ReadBindings() override {
    std::vector<TokenBinding> out{binding};
    if (left_behind) out.push_back(*left_behind);
    return out;
  }
  StatusOr<TokenWitness> ReadWitness() override { return witness; }
  StatusOr<pki::PublicKey> ReadPublicKey() override { return key.public_key(); }
  StatusOr<std::unique_ptr<BatchSigner>> Open(const Secret& tried) override;
  ::smki::Status WriteWitness(const TokenWitness& w) override {
    if (witness_fails) return Unavailable("C_SetAttributeValue returned CKR_DEVICE_ERROR");
    witness = w;
    return OkStatus();
  }
  void Close() override { open = false; }
  StatusOr<Secret> OpenAndRead(const Secret& tried) override {
    if (!ConstantTimeEqual(tried.span(), secret)) return PermissionDenied("C_Login returned CKR_PIN_INCORRECT");
    open = true;
    return Secret(symmetric);
  }
  ::smki::Status DestroyKey() override {
    if (!open) return FailedPrecondition("the token is closed");
    if (destroy_fails) return Unavailable("the token does not answer");
    destroyed = true;
    return OkStatus();
  }
  ::smki::Status ChangeSecret(const Secret& old, const Secret& next) override {
    if (!ConstantTimeEqual(old.span(), secret)) return PermissionDenied("C_SetPIN returned CKR_PIN_INCORRECT");
    if (change_fails) return Unavailable("C_SetPIN returned CKR_DEVICE_ERROR");
    secret = ToBytes(next.span());
    return OkStatus();
  }
  ::smki::Status WriteBinding(const TokenBinding& b) override {
    if (binding_fails) return Unavailable("C_CreateObject returned CKR_DEVICE_ERROR");
    binding = b;
    left_behind.reset();
    return OkStatus();
  }

  pki::PrivateKey key;
  Bytes secret;
  Bytes symmetric;  // of the token that holds the Symmetric Key
  bool destroyed = false;
  bool destroy_fails = false;
  TokenBinding binding;
  std::optional<TokenBinding> left_behind;  // by a crash while the binding was replaced, or by an intruder
  TokenWitness witness;
  bool open = false;
  bool witness_fails = false;
  const ::smki::test::Disk* disk = nullptr;  // the signer's: what is signed was burned, and is durable (I2)
  bool change_fails = false, binding_fails = false;
  // The key that signs, where a test wants it to be another than the one shown.
  std::optional<pki::PrivateKey> impostor;
};

class TestEstate {
 public:
  // Everything is valid at `as_of`.
  explicit TestEstate(UtcTime as_of = kStart);

  // --- Documents as they stand now ---
  std::string PolicyText() const { return procedures::RenderPolicy(policy); }
  std::string DirectionText() const { return procedures::RenderDirection(direction); }
  Digest DirectionDigest() const;
  // Puts the current policy's version and digest into the tokens.
  void BindTokens();
  // Directs the use of this key instead of the software token's: for tests with a real token.
  void UseRecoveryKey(const pki::PublicKey& key);
  // Certificate and key of somebody who may be unknown to the policy.
  Identity IssueFor(const std::string& id, pki::KeyUsageBits usage) { return IssuePerson(id, "org-" + id, usage); }
  // A transport certificate of `id`.
  Identity MakeTransport(const std::string& id);
  // Directs the replacement of the root, and of two supplier cells under the new one, with the contingency key; the
  // Symmetric Key has a token and custodians of its own.
  void DirectContingency();
  // Puts count and digest of the current populations into the Direction.
  void DirectPopulations();
  Bytes Approve(const std::string& person, const std::string& text, const std::string& hint);
  // Everything for the current Direction, approved by `approvers`.
  Bundle MakeBundle();
  // Adds these rejections and a casting vote over all votes there are then.
  void Tie(Bundle& bundle, const std::vector<std::string>& rejecting, const std::string& decision,
           const std::string& by = "clara.chair");
  Bytes RevocationList(std::vector<std::string> revoked_persons = {});

  // --- The signer ---
  // Ends the one there was, without a word to it: a crash. Its journal stays.
  void StartSigner();
  Signer& signer() { return *signer_; }
  SoftwareToken& token(const std::string& key) { return *tokens_.at(key); }
  template <typename Answer, typename Request>
  StatusOr<Answer> Ask(FrameType type, const Request& request) {
    signer_->Submit(FrameOf(MakeFrame(type, request)));
    const Bytes answer = signer_->TakeAnswers(true).back();
    EXPECT_FALSE(disk.unsynced) << "I2: answered before the journal was durable, frame type " << static_cast<int>(type);
    return DecodeAnswer<Answer>(answer);
  }
  static Frame FrameOf(const Bytes& octets);
  template <typename Answer>
  static StatusOr<Answer> DecodeAnswer(const Bytes& octets) {
    const Frame frame = FrameOf(octets);
    if (frame.type == FrameType::kError) return StatusOf(Must(DecodePayload<ErrorFrame>(frame.payload)));
    return DecodePayload<Answer>(frame.payload);
  }

  StatusOr<CeremonyFrame> Prepare() { return Prepare(MakeBundle()); }
  StatusOr<CeremonyFrame> Prepare(const Bundle& bundle);
  PresentFrame Presentation(const std::string& person, const CeremonyFrame& ceremony);
  StatusOr<CeremonyFrame> Present(const std::string& person, const CeremonyFrame& ceremony) {
    return Ask<CeremonyFrame>(FrameType::kPresent, Presentation(person, ceremony));
  }
  StatusOr<CeremonyFrame> Present(const PresentFrame& presentation) {
    return Ask<CeremonyFrame>(FrameType::kPresent, presentation);
  }
  // Prepares and presents three shares.
  ::smki::Status Open();
  SignFrame SignRequest(const std::string& group, std::vector<SignItem> items) const;
  StatusOr<SignedFrame> Sign(const std::string& group, std::vector<SignItem> items) {
    return Ask<SignedFrame>(FrameType::kSign, SignRequest(group, std::move(items)));
  }
  // What the Device answers to a command: every directed cell replaced. `bend` may change the outcome before it is
  // signed.
  ProofItem Proof(const SignedItem& signed_item, const std::function<void(gbcs::ExecutionOutcome&)>& bend = {});
  StatusOr<ProvedFrame> Prove(std::vector<ProofItem> proofs);
  StatusOr<StatusFrame> Close() { return Ask<StatusFrame>(FrameType::kClose, CloseFrame{DirectionDigest(), "done"}); }
  StatusFrame Status() { return Must(Ask<StatusFrame>(FrameType::kStatus, EmptyFrame{})); }
  StatusOr<StatusFrame> Order(const std::string& order, const std::string& person);
  uint64_t Refusals(const std::string& code);

  ManualClock clock;
  const UtcTime start = clock.Now();
  SeededRandom random{7};
  TempFolder folder;
  ::smki::test::Disk disk;  // the signer's
  std::map<std::string, TestPerson> persons;
  Identity persons_authority, root_oca, issuing_oca, root_dca, issuing_dca, keyguard, orchestrator;
  procedures::TrustPolicy policy;
  std::map<std::string, Custody> custody;                     // by key
  Bytes symmetric_key;                                        // that root_oca's contingency key is wrapped with
  std::map<std::string, pki::Certificate> certificates;       // by what they are for: "recovery", "supplier-ds", ...
  std::map<std::string, procedures::Population> populations;  // by group
  procedures::Direction direction;
  std::vector<std::string> approvers{"anna.pma", "carla.pma", "dario.pma"};
  std::map<Digest, Bytes> handed_over;  // certificates
  std::map<Eui64, Identity> devices;    // made when first needed

 private:
  Identity MakeAuthority(const std::string& name, const std::string& unit, const Identity* issuer,
                         const std::string& policy_oid, const pki::WrappedApexKey* apex = nullptr);
  Identity IssuePerson(const std::string& id, const std::string& organisation, pki::KeyUsageBits usage);
  pki::Certificate IssueOrganisation(uint8_t role, Eui64 eui, pki::KeyUsageBits usage, const pki::PublicKey& key);
  void MakePersons();
  void MakePolicy();
  void MakeDirection();
  Bytes Serial();

  std::map<std::string, SoftwareToken*> tokens_;  // in table_
  KeyTokens table_;
  std::unique_ptr<Signer> signer_;
};

}  // namespace smki::hsm::test
