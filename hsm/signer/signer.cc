#include "hsm/signer/signer.h"

#include <algorithm>

#include "base/fail_point.h"
#include "hsm/signer/forget.h"
#include "hsm/signer/proof.h"
#include "pki/digest.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

namespace {

constexpr size_t kMaxBundleOctets = size_t{1} << 30;
constexpr size_t kMaxCertificates = 64 * 40;  // groups, cells and path of each
constexpr char kAsked[] = "closed as asked";
constexpr char kEndInterrupted[] =
    "the end of the contingency pair was written down, then the signer ended: it is opened no more; destroy both "
    "tokens in the secure room";
constexpr char kNotInTime[] = "not every share was shown in time";

template <typename T>
StatusOr<Bytes> Answer(StatusOr<T> result) {
  if (!result.ok()) return result.status();
  return MakeFrame(FrameType::kOk, *result);
}

std::string CodeOf(Reason reason) {
  return std::string(procedures::TextOf(reason).code);
}

// Closings that were not asked for begin with their reason code (journal.md).
Reason ReasonOfClosing(const std::string& why) {
  return procedures::ReasonFromCode(std::string_view(why).substr(0, why.find(':'))).value_or(Reason::kKEY_CLOSED);
}

}  // namespace

StatusOr<std::unique_ptr<Signer>> Signer::Make(Parts parts) {
  auto signer = std::unique_ptr<Signer>(new Signer(std::move(parts)));
  SMKI_RETURN_IF_ERROR(signer->Start());
  return signer;
}

Signer::~Signer() = default;

Status Signer::Start() {
  auto policy = procedures::ParsePolicy(AsText(parts_.policy));
  if (!policy.ok()) return policy.status();
  policy_ = *std::move(policy);
  policy_digest_ = pki::Sha256(parts_.policy);
  SMKI_ASSIGN_OR_RETURN(journal_, Journal::Open(parts_.files, parts_.journal_path));
  if (!journal_->history().open) return OkStatus();
  const Digest open = *journal_->history().open;
  const DirectionHistory* const past = journal_->history().Find(open);
  const bool ends_key = past != nullptr && past->ends_key;
  ledger::JournalClosed closed{
      Now(), open,
      ends_key ? kEndInterrupted : CodeOf(Reason::kKEY_CLOSED) + ": the signer ended while the key was open"};
  SMKI_RETURN_IF_ERROR(journal_->Append(closed).status());
  journal_->Sync();
  return OkStatus();
}

// --- Requests ---

void Signer::Submit(Frame request) {
  if (request.type == FrameType::kPrepareBegin || request.type == FrameType::kPopulationPart ||
      request.type == FrameType::kCertificate) {
    const Status taken = TakePart(request);
    if (bundle_status_.ok()) bundle_status_ = taken;
    return;
  }
  if (request.type == FrameType::kSign) {
    const auto sign = DecodePayload<SignFrame>(request.payload);
    if (sign.ok()) {
      BeginSign(*sign);
    } else {
      pending_.push_back({MakeErrorFrame(Refuse(Reason::kBAD_REQUEST, Message(sign.status()))), nullptr});
    }
    return;
  }
  FinishJobs(true);
  auto answer = Handle(request);
  pending_.push_back({answer.ok() ? *std::move(answer) : MakeErrorFrame(Refused(answer.status())), nullptr});
}

std::vector<Bytes> Signer::TakeAnswers(bool wait) {
  FinishJobs(wait);
  std::vector<Bytes> out;
  while (!pending_.empty() && pending_.front().answer) {
    out.push_back(*std::move(pending_.front().answer));
    pending_.pop_front();
  }
  return out;
}

int Signer::ready_fd() const {
  return activation_ != nullptr && activation_->open() ? activation_->signers->ready_fd() : -1;
}

StatusOr<Bytes> Signer::Handle(const Frame& request) {
  switch (request.type) {
    case FrameType::kPrepareEnd:
      return Answer(Prepare());
    case FrameType::kBeginCustody: {
      SMKI_ASSIGN_OR_RETURN(const BeginCustodyFrame frame, DecodePayload<BeginCustodyFrame>(request.payload));
      return Answer(BeginCustody(frame));
    }
    case FrameType::kGetCustody: {
      SMKI_ASSIGN_OR_RETURN(const GetCustodyFrame frame, DecodePayload<GetCustodyFrame>(request.payload));
      if (custody_ == nullptr) return Refuse(Reason::kNO_CUSTODY_CHANGE, "nothing is to be fetched");
      return MakeFrame(FrameType::kOk, custody_->Describe(frame.person));
    }
    case FrameType::kGetCeremony:
      if (custody_ != nullptr) return MakeFrame(FrameType::kOk, custody_->frame());
      if (activation_ == nullptr) return Refuse(Reason::kNO_CEREMONY, "the key is closed");
      return MakeFrame(FrameType::kOk, activation_->ceremony.frame(activation_->open()));
    case FrameType::kPresent: {
      SMKI_ASSIGN_OR_RETURN(const PresentFrame frame, DecodePayload<PresentFrame>(request.payload));
      return Answer(Present(frame));
    }
    case FrameType::kProve: {
      SMKI_ASSIGN_OR_RETURN(const ProveFrame frame, DecodePayload<ProveFrame>(request.payload));
      return Answer(Prove(frame));
    }
    case FrameType::kClose: {
      SMKI_ASSIGN_OR_RETURN(const CloseFrame frame, DecodePayload<CloseFrame>(request.payload));
      return Answer(Close(frame));
    }
    case FrameType::kDestroy: {
      SMKI_ASSIGN_OR_RETURN(const DestroyFrame frame, DecodePayload<DestroyFrame>(request.payload));
      return Answer(Destroy(frame));
    }
    case FrameType::kStatus: {
      StatusFrame status = MakeStatus();
      if (!request.payload.empty()) {
        SMKI_ASSIGN_OR_RETURN(const StatusRequestFrame frame, DecodePayload<StatusRequestFrame>(request.payload));
        const uint64_t seen = frame.journal_records_seen;
        if (seen > 0 && seen <= journal_->records()) {
          SMKI_ASSIGN_OR_RETURN(status.journal_head_seen, journal_->HeadAfter(seen));
        }
        if (frame.orders_of) status.orders = OrdersOf(*frame.orders_of);
      }
      return MakeFrame(FrameType::kOk, status);
    }
    case FrameType::kOrder: {
      SMKI_ASSIGN_OR_RETURN(const OrderFrame frame, DecodePayload<OrderFrame>(request.payload));
      return Answer(Order(frame));
    }
    case FrameType::kRefusal: {
      SMKI_ASSIGN_OR_RETURN(const RefusalFrame frame, DecodePayload<RefusalFrame>(request.payload));
      if (procedures::ReasonFromCode(frame.reason)) {
        SMKI_RETURN_IF_ERROR(journal_->RecordRefusal(frame.reason, frame.detail, Now()));
        journal_->Sync();
      }
      return MakeFrame(FrameType::kOk, EmptyFrame{});
    }
    default:
      return Refuse(Reason::kBAD_REQUEST, fmt::format("frame type {}", static_cast<int>(request.type)));
  }
}

Status Signer::Refused(Status refusal) {
  const std::string reason = ReasonOf(refusal);
  if (reason.empty()) return refusal;
  Status recorded = journal_->RecordRefusal(reason, Message(refusal), Now());
  if (!recorded.ok()) {
    custody_.reset();
    FailClosed(recorded);
    return recorded;
  }
  journal_->Sync();
  return refusal;
}

// --- Prepare ---

Status Signer::TakePart(const Frame& part) {
  if (part.type == FrameType::kPrepareBegin) {
    bundle_.emplace();
    bundle_octets_ = 0;
    bundle_status_ = OkStatus();
    SMKI_ASSIGN_OR_RETURN(bundle_->header, DecodePayload<PrepareFrame>(part.payload));
    return OkStatus();
  }
  if (!bundle_) return Refuse(Reason::kBAD_REQUEST, "a part before its header");
  if (!bundle_status_.ok()) return bundle_status_;
  bundle_octets_ += part.payload.size();
  if (bundle_octets_ > kMaxBundleOctets || bundle_->certificates.size() > kMaxCertificates) {
    return Refuse(Reason::kBAD_REQUEST, "the materials of the Direction are too large");
  }
  if (part.type == FrameType::kCertificate) {
    SMKI_ASSIGN_OR_RETURN(CertificateFrame certificate, DecodePayload<CertificateFrame>(part.payload));
    bundle_->certificates.emplace(pki::Sha256(certificate.der), std::move(certificate.der));
    return OkStatus();
  }
  SMKI_ASSIGN_OR_RETURN(const PopulationFrame population, DecodePayload<PopulationFrame>(part.payload));
  Append(bundle_->populations[population.group], population.octets);
  return OkStatus();
}

StatusOr<CeremonyFrame> Signer::Prepare() {
  std::optional<Bundle> bundle;
  bundle.swap(bundle_);
  if (!bundle) return Refuse(Reason::kBAD_REQUEST, "nothing was handed over");
  SMKI_RETURN_IF_ERROR(bundle_status_);
  SMKI_RETURN_IF_ERROR(CheckTime());
  const UtcTime now = Now();
  SMKI_ASSIGN_OR_RETURN(const Bytes kept_list, KeptRevocationList());
  SMKI_ASSIGN_OR_RETURN(AdmittedDirection admitted, AdmitBundle(*bundle, parts_.tokens, *journal_, kept_list, now));
  // Durable before anything rests on it: nobody whom it revokes counts again after a crash.
  SMKI_RETURN_IF_ERROR(parts_.files.WriteDurably(parts_.revocation_list_path, bundle->header.revocation_list));
  if (activation_ != nullptr) {
    if (activation_->admitted.digest != admitted.digest) {
      return Refuse(Reason::kWRONG_DIRECTION, fmt::format("{} is prepared", activation_->admitted.direction.id));
    }
    if (activation_->open() || !activation_->ceremony.IsExpired(now))
      return activation_->ceremony.frame(activation_->open());
  }
  const DirectionHistory* const past = journal_->history().Find(admitted.digest);
  if (past == nullptr || past->admitted.digest != admitted.digest) {
    const procedures::Direction& d = admitted.direction;
    ledger::JournalDirection record;
    record.time = now;
    record.digest = admitted.digest;
    record.id = d.id;
    record.incident = d.incident;
    record.environment = d.environment.ToString();
    record.nonce = d.nonce;
    record.counter_first = d.counter_first;
    record.counter_last = d.counter_last;
    record.ledger_sequence = admitted.ledger_sequence;
    record.ledger_head = admitted.ledger_head;
    record.newest_evidence = admitted.newest_evidence;
    SMKI_RETURN_IF_ERROR(journal_->Append(record).status());
    journal_->Sync();
  }
  FailPoint("signer.prepare.journalled");
  // An incident waits for nobody. Nothing has changed in the token yet.
  EndCustody("an incident came first");
  if (activation_ != nullptr) {
    const bool was_read = activation_->symmetric != nullptr;
    AbandonActivation();
    if (was_read) return Refuse(Reason::kCEREMONY_EXPIRED, "the Symmetric Key was open and is closed again");
  }
  const std::string asked = admitted.discloses() ? kSymmetricKeyName : admitted.direction.key;
  SMKI_ASSIGN_OR_RETURN(Ceremony ceremony, Ceremony::Begin(AskedForBy(admitted, asked), *journal_, parts_.identity,
                                                           parts_.identity_certificate, parts_.random, now));
  KeyToken* const token = parts_.tokens.at(admitted.direction.key).get();
  activation_.reset(
      new Activation{std::move(admitted), token, std::move(ceremony), asked, nullptr, nullptr, nullptr, {}, {}});
  return activation_->ceremony.frame(false);
}

void Signer::AbandonActivation() {
  if (activation_->symmetric != nullptr) {
    activation_->symmetric->Close();
    ended_ = true;
  }
  activation_.reset();
}

// --- Ceremony ---

StatusOr<CeremonyFrame> Signer::Present(const PresentFrame& request) {
  SMKI_RETURN_IF_ERROR(CheckTime());
  if (custody_ != nullptr) return PresentForCustody(request);
  if (activation_ == nullptr) return Refuse(Reason::kNO_CEREMONY, "the key is closed");
  if (activation_->open()) return Refuse(Reason::kNO_CEREMONY, "the key is open already; no more shares are needed");
  if (Now() > activation_->admitted.direction.not_after) {
    return Refuse(Reason::kDIRECTION_EXPIRED, activation_->admitted.direction.id);
  }
  Ceremony& ceremony = activation_->ceremony;
  SMKI_ASSIGN_OR_RETURN(Ceremony::Presented presented,
                        ceremony.Judge(request, AskedForBy(activation_->admitted, activation_->asked), Now()));
  ForgetLeftovers();
  SMKI_RETURN_IF_ERROR(
      journal_->Append(ledger::JournalAttendance{Now(), ceremony.request_digest(), presented.person}).status());
  journal_->Sync();
  FailPoint("signer.present.journalled");
  ceremony.Accept(std::move(presented));
  if (!ceremony.complete()) return ceremony.frame(false);
  const bool another = activation_->asked != activation_->admitted.direction.key;
  const Status opened = another ? OpenSymmetricKey() : OpenKey();
  ceremony.Forget();
  if (!opened.ok()) {
    // Its shares are of no use to anybody now: the next attempt is a new ceremony.
    AbandonActivation();
    return opened;
  }
  if (another) return AskForDirectedKey();
  return ceremony.frame(true);
}

StatusOr<CeremonyFrame> Signer::AskForDirectedKey() {
  Activation& a = *activation_;
  a.asked = a.admitted.direction.key;
  auto next = Ceremony::Begin(AskedForBy(a.admitted, a.asked), *journal_, parts_.identity, parts_.identity_certificate,
                              parts_.random, Now());
  if (!next.ok()) {
    AbandonActivation();
    return next.status();
  }
  a.ceremony = *std::move(next);
  return a.ceremony.frame(false);
}

// I5: the custodians of the Symmetric Key have shown their shares; it stays here until its commands are made.
Status Signer::OpenSymmetricKey() {
  Activation& a = *activation_;
  KeyToken& token = *parts_.tokens.at(kSymmetricKeyName);
  SMKI_ASSIGN_OR_RETURN(const TokenWitness witness, token.ReadWitness());
  SMKI_RETURN_IF_ERROR(CheckWitness(witness, *journal_));
  auto secret = a.ceremony.Combine();
  if (!secret.ok()) return Refuse(Reason::kSHARE_WRONG, Message(secret.status()));
  const auto key = token.OpenAndRead(*secret);
  if (key.status().code() == StatusCode::kPermissionDenied)
    return Refuse(Reason::kSHARE_WRONG, "the shares do not open the token: " + Message(key.status()));
  SMKI_RETURN_IF_ERROR(key.status());
  a.symmetric = &token;  // from here on the process ends with this activation
  const procedures::TrustPolicy& policy = a.admitted.policy;
  SMKI_RETURN_IF_ERROR(
      ConcludeCustody(PartsForCustody(), token,
                      {policy.environment, kSymmetricKeyName, policy.version, a.admitted.policy_digest}, Now()));
  SMKI_RETURN_IF_ERROR(DiscloseIn(a.admitted, *key));
  ledger::JournalOpened record{Now(), a.admitted.digest, a.ceremony.request_digest(), journal_->history().epoch};
  SMKI_RETURN_IF_ERROR(journal_->AppendSymmetricRead(record).status());
  journal_->Sync();
  FailPoint("signer.symmetric.journalled");
  return token.WriteWitness({record.epoch, journal_->records(), journal_->head()});
}

Status Signer::OpenKey() {
  Activation& a = *activation_;
  auto gate = std::make_unique<Gate>(a.admitted.direction, std::move(a.admitted.populations));
  SMKI_RETURN_IF_ERROR(journal_->Replay(a.admitted.digest, *gate));
  // Since the Direction was admitted, another keyguard may have opened this token.
  SMKI_ASSIGN_OR_RETURN(const TokenWitness witness, a.token->ReadWitness());
  SMKI_RETURN_IF_ERROR(CheckWitness(witness, *journal_));
  auto secret = a.ceremony.Combine();
  if (!secret.ok()) return Refuse(Reason::kSHARE_WRONG, Message(secret.status()));
  auto signers = a.token->Open(*secret);
  if (signers.status().code() == StatusCode::kPermissionDenied) {
    return Refuse(Reason::kSHARE_WRONG, "the shares do not open the token: " + Message(signers.status()));
  }
  SMKI_RETURN_IF_ERROR(signers.status());
  // Which shares open it is known now.
  const procedures::TrustPolicy& policy = a.admitted.policy;
  const Status settled =
      ConcludeCustody(PartsForCustody(), *a.token,
                      {policy.environment, a.admitted.direction.key, policy.version, a.admitted.policy_digest}, Now());
  ledger::JournalOpened record{Now(), a.admitted.digest, a.ceremony.request_digest(), journal_->history().epoch + 1};
  Status status = settled.ok() ? journal_->Append(record).status() : settled;
  if (status.ok()) {
    journal_->Sync();
    status = a.token->WriteWitness({record.epoch, journal_->records(), journal_->head()});
  }
  if (!status.ok()) {
    signers->reset();
    a.token->Close();
    ended_ = true;  // memory that an open token was in is not used again
    return status;
  }
  a.gate = std::move(gate);
  a.signers = *std::move(signers);
  a.opened_at = Now();
  a.opened_since_boot = parts_.clock.SinceBoot();
  return OkStatus();
}

// --- Custody changes ---

CustodyParts Signer::PartsForCustody() {
  return {parts_.random,
          parts_.files,
          DirectoryOf(parts_.journal_path) + "/custody",
          parts_.revocation_list_path,
          parts_.identity,
          parts_.identity_certificate,
          *journal_};
}

StatusOr<CeremonyFrame> Signer::BeginCustody(const BeginCustodyFrame& request) {
  SMKI_RETURN_IF_ERROR(CheckTime());
  if (activation_ != nullptr) {
    return Refuse(Reason::kWRONG_DIRECTION, fmt::format("{} is prepared; custody is changed between incidents",
                                                        activation_->admitted.direction.id));
  }
  if (custody_ != nullptr && custody_->IsExpired(Now())) EndCustody(kNotInTime);
  if (custody_ != nullptr && custody_->digest() == pki::Sha256(request.change)) return custody_->frame();
  if (custody_ != nullptr) {
    return Refuse(Reason::kWRONG_DIRECTION, fmt::format("{} is under way", custody_->change().id));
  }
  SMKI_ASSIGN_OR_RETURN(const Bytes kept_list, KeptRevocationList());
  SMKI_ASSIGN_OR_RETURN(custody_, CustodyChanging::Begin(PartsForCustody(), request, parts_.tokens, kept_list, Now()));
  return custody_->frame();
}

StatusOr<CeremonyFrame> Signer::PresentForCustody(const PresentFrame& request) {
  StatusOr<CeremonyFrame> answer = custody_->Present(request, Now());
  if (custody_->over()) {
    ended_ = true;  // memory that a token's secret was in is not used again
    custody_.reset();
  }
  return answer;
}

void Signer::EndCustody(const std::string& why) {
  if (custody_ == nullptr) return;
  custody_->Abandon(why, Now()).IgnoreError();  // unrecorded it has changed nothing either
  custody_.reset();
}

// --- Time and the end ---

Status Signer::CheckClock() {
  const UtcTime now = Now();
  if (now + kClockTolerance < journal_->history().newest) {
    return Refuse(Reason::kCLOCK_IMPLAUSIBLE, fmt::format("it is {}, but the journal has seen {}", FormatTime(now),
                                                          FormatTime(journal_->history().newest)));
  }
  if (activation_ == nullptr || !activation_->open()) return OkStatus();
  const auto wall = now - activation_->opened_at;
  const auto boot = std::chrono::duration_cast<Millis>(parts_.clock.SinceBoot() - activation_->opened_since_boot);
  if (wall - boot > kClockTolerance) {
    return Refuse(Reason::kCLOCK_IMPLAUSIBLE,
                  fmt::format("the clock went {} in {}", FormatDuration(wall), FormatDuration(boot)));
  }
  return OkStatus();
}

Status Signer::CheckTime() {
  Status status = CheckClock();
  const bool open = activation_ != nullptr && activation_->open();
  if (status.ok() && open && parts_.clock.SinceBoot() - activation_->opened_since_boot >= kMaxActivation) {
    status = Refuse(Reason::kKEY_EXPIRED, "the activation has lasted 8 hours");
  }
  if (status.ok() && open && Now() > activation_->admitted.direction.not_after) {
    status = Refuse(Reason::kKEY_EXPIRED, fmt::format("the Direction's validity ended at {}",
                                                      FormatTime(activation_->admitted.direction.not_after)));
  }
  if (!status.ok() && open) EndActivation(Message(status)).IgnoreError();
  return status;
}

void Signer::Tick() {
  if (custody_ != nullptr && custody_->IsExpired(Now())) EndCustody(kNotInTime);
  if (activation_ == nullptr) return;
  if (activation_->open()) {
    Refused(CheckTime()).IgnoreError();
  } else if (activation_->ceremony.IsExpired(Now())) {
    AbandonActivation();  // shares and ceremony key with it; the next Prepare begins another ceremony
  }
}

Status Signer::EndActivation(const std::string& why) {
  FinishJobs(true);
  EndCustody(why);
  if (activation_ == nullptr) return OkStatus();
  // Moved away first: nothing that fails below may find the key still open.
  const std::unique_ptr<Activation> ending = std::move(activation_);
  ended_ = true;
  if (ending->symmetric != nullptr) ending->symmetric->Close();
  if (!ending->open()) return OkStatus();
  ending->signers.reset();
  Status status = journal_->FlushRefusals(Now());
  if (status.ok()) status = journal_->Append(ledger::JournalClosed{Now(), ending->admitted.digest, why}).status();
  if (status.ok()) {
    journal_->Sync();
    // A witness that cannot be written leaves the older one, which still holds.
    ending->token->WriteWitness({journal_->history().epoch, journal_->records(), journal_->head()}).IgnoreError();
  }
  ending->token->Close();
  return status;
}

void Signer::FailClosed(const Status& why) {
  if (activation_ == nullptr) return;
  const std::unique_ptr<Activation> ending = std::move(activation_);
  ended_ = true;
  for (Pending& pending : pending_) {
    if (!pending.answer) pending.answer = MakeErrorFrame(why);
    pending.job.reset();
  }
  if (ending->symmetric != nullptr) ending->symmetric->Close();
  if (!ending->open()) return;
  ending->signers.reset();
  ending->token->Close();
}

void Signer::Shutdown(const std::string& why) {
  EndActivation(CodeOf(Reason::kKEY_CLOSED) + ": " + why).IgnoreError();
}

Status Signer::CheckOpenFor(const Digest& direction) {
  if (activation_ != nullptr && activation_->admitted.digest == direction) {
    if (activation_->open()) return OkStatus();
    return Refuse(Reason::kSHARES_TOO_FEW,
                  fmt::format("{} of {} custodians have presented", activation_->ceremony.frame(false).presented.size(),
                              activation_->ceremony.request().threshold));
  }
  const DirectionHistory* const past = journal_->history().Find(direction);
  if (past != nullptr) {
    SMKI_RETURN_IF_ERROR(past->JudgeOrders(policy_, past->admitted.id));
  }
  if (activation_ != nullptr)
    return Refuse(Reason::kWRONG_DIRECTION, fmt::format("{} is prepared", activation_->admitted.direction.id));
  if (past == nullptr || past->admitted.digest != direction)
    return Refuse(Reason::kNO_DIRECTION, "Direction " + ToHex(direction));
  const std::string why = past->closed_because.empty() ? "it was never opened" : past->closed_because;
  Reason reason = ReasonOfClosing(past->closed_because);
  // The quorum has resumed since: what is missing is a ceremony.
  if (reason == Reason::kKEY_HALTED) reason = Reason::kKEY_CLOSED;
  return Refuse(reason, fmt::format("{}: {}", past->admitted.id, why));
}

StatusOr<StatusFrame> Signer::Close(const CloseFrame& request) {
  if (activation_ == nullptr || activation_->admitted.digest != request.direction) {
    const DirectionHistory* const past = journal_->history().Find(request.direction);
    // Closing what is closed is no error: an answer may have been lost. But that it is closed must have been written.
    if (activation_ == nullptr && past != nullptr && past->admitted.digest == request.direction) {
      if (journal_->history().open != request.direction) return MakeStatus();
      return Refuse(Reason::kAUDIT_NOT_DURABLE, "the key is closed, and the journal does not say so yet");
    }
    if (activation_ != nullptr)
      return Refuse(Reason::kWRONG_DIRECTION, fmt::format("{} is prepared", activation_->admitted.direction.id));
    return Refuse(Reason::kNO_DIRECTION, "Direction " + ToHex(request.direction));
  }
  // The key is closed either way; that it was asked for is said only if it is written down (I2).
  SMKI_RETURN_IF_ERROR(EndActivation(request.why.empty() ? kAsked : fmt::format("{}: {}", kAsked, request.why)));
  return MakeStatus();
}

// --- The end of a key ---

// What the Symmetric Key disclosed is known to every Device now: the pair has done what it was for (SEC L10).
StatusOr<StatusFrame> Signer::Destroy(const DestroyFrame& request) {
  SMKI_RETURN_IF_ERROR(CheckTime());
  // Asked again: an answer was lost, or a crash came between. How it ended is in the status.
  const DirectionHistory* const past = journal_->history().Find(request.direction);
  if (activation_ == nullptr && past != nullptr && past->ends_key) return MakeStatus();
  SMKI_RETURN_IF_ERROR(CheckOpenFor(request.direction));
  Activation& a = *activation_;
  if (!a.admitted.discloses())
    return Refuse(Reason::kBAD_REQUEST, fmt::format("{} directs the {} key, which is not used up by its use",
                                                    a.admitted.direction.id, a.admitted.direction.key));
  FinishJobs(true);
  if (activation_ == nullptr) return Refuse(Reason::kKEY_CLOSED, "the signatures under way could not be made");
  if (!a.gate->finished()) {
    return Refuse(Reason::kKEY_STILL_NEEDED,
                  fmt::format("{} of the Devices of {} are proven, and others have attempts left", a.gate->proven(),
                              a.admitted.direction.id));
  }
  // Intent first: a crash between leaves a key that no signer opens any more, in tokens that people must destroy.
  SMKI_RETURN_IF_ERROR(journal_
                           ->Append(ledger::JournalDestroyed{Now(), a.admitted.digest, a.admitted.direction.key,
                                                             a.admitted.key.identifier()})
                           .status());
  journal_->Sync();
  FailPoint("signer.destroy.journalled");
  Status destroyed = a.token->DestroyKey();
  if (destroyed.ok()) destroyed = a.symmetric->DestroyKey();
  SMKI_RETURN_IF_ERROR(EndActivation(destroyed.ok() ? "the contingency pair and the Symmetric Key were destroyed"
                                                    : "the end of the contingency pair was written down, but a token "
                                                      "refused: it is opened no more; destroy both tokens in the "
                                                      "secure room: " +
                                                          Message(destroyed)));
  SMKI_RETURN_IF_ERROR(destroyed);
  return MakeStatus();
}

// --- Proof ---

StatusOr<ProvedFrame> Signer::Prove(const ProveFrame& request) {
  SMKI_RETURN_IF_ERROR(CheckTime());
  SMKI_RETURN_IF_ERROR(CheckOpenFor(request.direction));
  if (request.proofs.size() > kMaxBatch) {
    return Refuse(Reason::kBATCH_TOO_LARGE, fmt::format("{} proofs; at most {}", request.proofs.size(), kMaxBatch));
  }
  const UtcTime now = Now();
  ProvedFrame out;
  ledger::JournalProven record{now, request.direction, {}};
  for (const ProofItem& proof : request.proofs) {
    const Status status = CheckProof(proof, activation_->admitted, *activation_->gate, now);
    if (status.ok()) {
      record.devices.push_back(proof.device);
      continue;
    }
    out.refused.push_back({proof.device, ReasonOf(status), Message(status)});
    SMKI_RETURN_IF_ERROR(journal_->RecordRefusal(ReasonOf(status), Message(status), now));
  }
  if (!record.devices.empty()) {
    SMKI_RETURN_IF_ERROR(journal_->Append(record).status());
    SMKI_RETURN_IF_ERROR(activation_->gate->ApplyProven(record.devices));
  }
  journal_->Sync();
  FailPoint("signer.proven.synced");
  out.outstanding = activation_->gate->outstanding();
  out.proven = activation_->gate->proven();
  return out;
}

// --- Status ---

StatusFrame Signer::MakeStatus() const {
  const History& history = journal_->history();
  StatusFrame s;
  s.environment = policy_.environment.kind;
  s.estate = policy_.environment.estate;
  s.policy_digest = policy_digest_;
  s.policy_version = policy_.version;
  s.time = parts_.clock.Now();
  s.journal_records = journal_->records();
  s.journal_octets = journal_->octets();
  s.journal_head = journal_->head();
  s.refusals = history.refusals;
  for (const auto& [code, count] : history.refusal_counts) s.refusal_counts.push_back({code, count});
  s.counter_floor = history.HighestCounter();
  s.epoch = history.epoch;
  s.ledger_sequence = history.ledger_sequence;
  s.ledger_head = history.ledger_head;

  if (custody_ != nullptr) {
    const CeremonyFrame ceremony = custody_->frame();
    s.state = KeyState::kCeremony;
    s.key = custody_->change().key;
    s.direction = custody_->digest();
    s.direction_id = custody_->change().id;
    s.ceremony = custody_->ceremony_id();
    s.presented = ceremony.presented;
    s.threshold = ceremony.threshold;
    return s;
  }
  const std::optional<Digest> digest =
      activation_ != nullptr ? std::optional<Digest>(activation_->admitted.digest) : history.newest_direction;
  const DirectionHistory* const past = digest ? history.Find(*digest) : nullptr;
  if (past == nullptr) return s;
  s.direction = digest;
  s.direction_id = past->admitted.id;
  s.incident = past->admitted.incident;
  s.signatures = past->signatures;
  s.proven = past->proven;
  s.closed_because = past->closed_because;
  if (activation_ == nullptr) return s;
  const Activation& a = *activation_;
  const CeremonyFrame ceremony = a.ceremony.frame(a.open());
  s.key = a.asked;
  s.ceremony = a.ceremony.request().id;
  s.presented = ceremony.presented;
  s.threshold = ceremony.threshold;
  s.total_limit = a.admitted.direction.limits.total;
  s.closed_because.clear();
  s.state = a.open() ? KeyState::kOpen : KeyState::kCeremony;
  if (!a.open()) return s;
  s.outstanding = a.gate->outstanding();
  s.proven = a.gate->proven();
  const UtcTime longest = a.opened_at + std::chrono::duration_cast<Millis>(kMaxActivation);
  s.open_until = std::min(longest, a.admitted.direction.not_after);
  return s;
}

}  // namespace smki::hsm
