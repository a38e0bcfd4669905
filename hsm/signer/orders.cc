// Orders of the PMA: halt, withdraw, resume. They reach the signer without the orchestrator.
#include <algorithm>

#include "hsm/signer/signer.h"
#include "pki/cms.h"
#include "pki/digest.h"
#include "procedures/documents.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

namespace {
constexpr size_t kMaxRevocationList = 1 << 20;
}  // namespace

// Empty if none was ever relied on. An error if there is one that cannot be read: then nobody is believed.
StatusOr<Bytes> Signer::KeptRevocationList() {
  if (!parts_.files.Exists(parts_.revocation_list_path)) return Bytes();
  return parts_.files.Read(parts_.revocation_list_path, kMaxRevocationList);
}

// The orders are judged by the keyguard's own copy of the trust policy; what reopens a key must be judged by the policy
// its token obeys.
Status Signer::CheckPolicyIsTheTokens() {
  for (const auto& [name, token] : parts_.tokens) {
    Status bound = CheckTokenPolicy(*token, name, policy_, policy_digest_, *journal_);
    if (!bound.ok()) return bound;
  }
  return OkStatus();
}

StatusOr<ledger::JournalOrder> Signer::JudgeOrder(const OrderFrame& request, const procedures::PmaOrder& order) {
  if (order.order == "resume") SMKI_RETURN_IF_ERROR(CheckPolicyIsTheTokens());
  SMKI_ASSIGN_OR_RETURN(procedures::PolicyVerifier verifier, procedures::PolicyVerifier::Make(policy_));
  const auto list = KeptRevocationList();
  if (list.ok()) verifier.UseRevocationList(*list, Now()).IgnoreError();
  procedures::SignatureFinding finding =
      verifier.Verify(AsBytes(request.order), request.signature, Now(), procedures::kOrderHint);
  if (finding.fault == Reason::kREVOCATION_LIST_STALE && order.order != "resume") {
    // To stop must work when nothing else does: a stale list keeps nobody from closing a key.
    const pki::Certificate* const certificate = verifier.SigningCertificateOf(order.person);
    if (certificate == nullptr)
      return Refuse(Reason::kNOT_PERMITTED, order.person + " is no person of the trust policy");
    const pki::CmsVerdict verdict = pki::VerifyDetached(AsBytes(request.order), request.signature, *certificate);
    if (!verdict.ok()) return Refuse(Reason::kAPPROVAL_BAD_SIGNATURE, verdict.detail);
    if (!certificate->IsValidAt(Now())) return Refuse(Reason::kSIGNER_CERTIFICATE_EXPIRED, order.person);
    finding = {};
    finding.person = order.person;
  }
  if (finding.fault) return Refuse(*finding.fault, finding.detail);
  const procedures::Seat* const seat = policy_.SeatOf(order.person);
  if (finding.person != order.person || seat == nullptr) {
    return Refuse(Reason::kNOT_PERMITTED,
                  fmt::format("{}'s order, signed by {}: only PMA members and alternates give orders", order.person,
                              finding.person));
  }
  if (order.time > Now() + kClockTolerance)
    return Refuse(Reason::kBAD_REQUEST, "the order is dated " + FormatTime(order.time));
  return ledger::JournalOrder{
      Now(),     order.order, order.person, order.direction, ToBytes(AsBytes(request.order)), request.signature,
      seat->name};
}

std::vector<GivenOrderFrame> Signer::OrdersOf(const Digest& direction) const {
  std::vector<GivenOrderFrame> out;
  const DirectionHistory* const past = journal_->history().Find(direction);
  if (past == nullptr) return out;
  const size_t all = past->orders.size();
  for (size_t i = all - std::min(all, kMaxShownOrders); i < all; ++i) {
    const ledger::JournalOrder& order = past->orders[i];
    out.push_back({ToString(order.document), order.cms, order.time, order.seat});
  }
  return out;
}

StatusOr<StatusFrame> Signer::Order(const OrderFrame& request) {
  const auto order = procedures::ParsePmaOrder(request.order);
  if (!order.ok()) return Refuse(Reason::kBAD_REQUEST, Message(order.status()));
  if (order->environment != policy_.environment) {  // I8
    return Refuse(Reason::kENVIRONMENT_MISMATCH,
                  fmt::format("the order is for {}, this keyguard is of {}", order->environment.ToString(),
                              policy_.environment.ToString()));
  }
  SMKI_ASSIGN_OR_RETURN(const ledger::JournalOrder record, JudgeOrder(request, *order));
  const DirectionHistory* const past = journal_->history().Find(order->direction);
  for (const ledger::JournalOrder& earlier : past != nullptr ? past->orders : std::vector<ledger::JournalOrder>()) {
    // The same document again changes nothing, neither a repeated answer nor a replayed halt.
    if (earlier.document == record.document) return MakeStatus();
    if (earlier.order != "halt" || order->order != "resume") continue;
    SMKI_ASSIGN_OR_RETURN(const procedures::PmaOrder halt, procedures::ParsePmaOrder(AsText(earlier.document)));
    if (order->time < halt.time) return Refuse(Reason::kBAD_REQUEST, "the order to resume is older than the halt");
  }
  if (const Status written = journal_->Append(record).status(); !written.ok()) {
    // Unrecorded, but not unheard: whoever says stop is obeyed also when the disk is full (I5, I10).
    if (order->order != "resume" && activation_ != nullptr && activation_->admitted.digest == order->direction)
      FailClosed(written);
    return written;
  }
  journal_->Sync();

  const Status standing = journal_->history().Find(order->direction)->JudgeOrders(policy_, order->order);
  if (standing.ok()) return MakeStatus();
  const std::string why = fmt::format("{} by {}: {}", order->order, order->person, order->reason.text);
  if (activation_ != nullptr && activation_->admitted.digest == order->direction)
    EndActivation(fmt::format("{}: {}", ReasonOf(standing), why)).IgnoreError();  // the order itself is durable
  if (custody_ != nullptr && custody_->digest() == order->direction) EndCustody(why);
  return MakeStatus();
}

}  // namespace smki::hsm
