// The signer: takes frames, gives answers, holds the one key that may be open. No sockets, no threads of its own, no
// clock of its own: signer_main.cc gives it those, tests give it others.
//
// Requests are answered in the order they came. A Sign is begun when it is submitted - admitted, burned, made durable,
// handed to the BatchSigner - and ended when its signatures are there and durable, so that several are under way at
// once and the key is never idle (I2: burn, sync, sign, sync, release).
//
// An activation - from the admission of a Direction to its end - happens at most once in a signer's life: when it ends,
// ended() is true and the process ends after its last answer, which is how a key is closed for certain (I5).
#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/file.h"
#include "base/random.h"
#include "hsm/signer/admission.h"
#include "hsm/signer/ceremony.h"
#include "hsm/signer/custody_change.h"
#include "hsm/signer/frames.h"
#include "hsm/signer/gate.h"
#include "hsm/signer/journal.h"
#include "hsm/signer/key_token.h"

namespace smki::hsm {

// No activation is longer (ARCHITECTURE section 7), on a clock that nobody can set.
inline constexpr std::chrono::nanoseconds kMaxActivation = std::chrono::hours(8);
// How far the wall clock may be behind what was seen, or ahead of the clock that nobody can set.
inline constexpr Millis kClockTolerance = std::chrono::minutes(5);

class Signer {
 public:
  struct Parts {
    Clock& clock;
    Random& random;
    FileSystem& files;
    std::string journal_path;
    std::string revocation_list_path;  // the newest list seen is kept here, for orders of the PMA
    pki::PrivateKey identity;          // signs ceremony requests
    pki::Certificate identity_certificate;
    Bytes policy;  // for orders and status; what a Direction is judged by comes with it
    KeyTokens tokens;
  };
  // Reads the journal. If its last activation was not closed, it ended by a crash: that is recorded now.
  static StatusOr<std::unique_ptr<Signer>> Make(Parts parts);
  ~Signer();

  void Submit(Frame request);
  // Whole answer frames, oldest first. With `wait`, until every submitted request is answered.
  std::vector<Bytes> TakeAnswers(bool wait);
  // Readable when an answer may have become ready; -1 if they are ready at once.
  int ready_fd() const;
  bool busy() const { return !pending_.empty(); }

  // Ends what has reached its end. To be called at least every second.
  void Tick();
  // Closes the key, if it is open, in order.
  void Shutdown(const std::string& why);
  bool ended() const { return ended_; }

 private:
  struct Activation {
    AdmittedDirection admitted;
    KeyToken* token = nullptr;
    Ceremony ceremony;  // of the key that is being asked for; mode 9 asks for the Symmetric Key first
    std::string asked;
    KeyToken* symmetric = nullptr;  // open, once its custodians have shown their shares
    std::unique_ptr<Gate> gate;     // from here on only while open
    std::unique_ptr<BatchSigner> signers;
    UtcTime opened_at;
    std::chrono::nanoseconds opened_since_boot{0};
    bool open() const { return signers != nullptr; }
  };
  // One Sign request: either its answer is there, or its batch is with the BatchSigner.
  struct SignJob {
    std::string group;
    size_t group_index = 0;
    std::vector<SignItem> items;
    std::vector<ItemAdmission> admissions;
    std::vector<BurnBlock> blocks;  // to be signed, in the order of the batch's commands
  };
  struct Pending {
    std::optional<Bytes> answer;
    std::unique_ptr<SignJob> job;
  };

  explicit Signer(Parts parts) : parts_(std::move(parts)) {}
  Status Start();

  // --- Requests (signer.cc) ---
  StatusOr<Bytes> Handle(const Frame& request);
  StatusOr<CeremonyFrame> Prepare();
  StatusOr<CeremonyFrame> Present(const PresentFrame& request);
  StatusOr<ProvedFrame> Prove(const ProveFrame& request);
  StatusOr<StatusFrame> Close(const CloseFrame& request);
  StatusOr<StatusFrame> Destroy(const DestroyFrame& request);
  StatusOr<StatusFrame> Order(const OrderFrame& request);
  std::vector<GivenOrderFrame> OrdersOf(const Digest& direction) const;
  Status TakePart(const Frame& part);
  StatusOr<CeremonyFrame> AskForDirectedKey();
  Status OpenKey();
  Status OpenSymmetricKey();
  // Before the key was open. What a token was opened for is not used again: the process ends.
  void AbandonActivation();
  StatusFrame MakeStatus() const;
  // OK if the key is open for `direction`; else why not.
  Status CheckOpenFor(const Digest& direction);
  Status CheckClock();
  // The clock, the end of the activation and its Direction; ends what has reached its end.
  Status CheckTime();
  // Closes the key whatever happens. AUDIT_NOT_DURABLE if that could not be written down: the next signer will record a
  // crash.
  Status EndActivation(const std::string& why);
  // Records a refusal durably (bounded) and gives it back.
  Status Refused(Status refusal);
  UtcTime Now() { return parts_.clock.Now(); }

  // --- Custody changes, between activations (signer.cc; custody_change.h does the work) ---
  StatusOr<CeremonyFrame> BeginCustody(const BeginCustodyFrame& request);
  StatusOr<CeremonyFrame> PresentForCustody(const PresentFrame& request);
  void EndCustody(const std::string& why);
  CustodyParts PartsForCustody();

  // --- Signing (signing.cc) ---
  void BeginSign(const SignFrame& request);
  StatusOr<std::unique_ptr<SignJob>> AdmitSign(const SignFrame& request);
  Status BurnAndSubmit(const SignFrame& request, Admission& admission, SignJob& job);
  bool IsUnderWay(uint64_t burn_record) const;
  void FinishSign(Pending& pending, SigningBatch& batch);
  Status RecordSignatures(const SignJob& job, const SigningBatch& batch);
  StatusOr<SignedFrame> MakeSigned(const SignJob& job, SigningBatch* batch);
  // Ends jobs in order; with `wait` all of them.
  void FinishJobs(bool wait);
  // What cannot be made durable ends the activation at once (I10).
  void FailClosed(const Status& why);

  // --- Orders (orders.cc) ---
  StatusOr<ledger::JournalOrder> JudgeOrder(const OrderFrame& request, const procedures::PmaOrder& order);
  StatusOr<Bytes> KeptRevocationList();
  Status CheckPolicyIsTheTokens();

  Parts parts_;
  procedures::TrustPolicy policy_;
  Digest policy_digest_{};
  std::unique_ptr<Journal> journal_;
  std::optional<Bundle> bundle_;  // being handed over
  Status bundle_status_;
  size_t bundle_octets_ = 0;
  std::unique_ptr<Activation> activation_;
  std::unique_ptr<CustodyChanging> custody_;  // never beside an activation
  std::deque<Pending> pending_;
  bool ended_ = false;
};

}  // namespace smki::hsm
