#include "hsm/signer/custody_change.h"

#include <algorithm>

#include "base/fail_point.h"
#include "hsm/custody/shares.h"
#include "pki/cms.h"
#include "pki/digest.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

namespace {

constexpr char kNoIncident[] = "none";

std::string PolicyFile(const CustodyParts& parts, uint64_t version) {
  return fmt::format("{}/policy-v{}", parts.folder, version);
}

Status CheckHistory(const procedures::CustodyChange& change, const Digest& digest,
                    const procedures::TrustPolicy& policy, const History& history) {
  const auto nonce = history.nonces.find(change.nonce);
  if (nonce != history.nonces.end() && nonce->second != digest) {
    return Refuse(Reason::kNONCE_REPLAYED,
                  fmt::format("nonce {} of {} was used by {}", change.nonce, change.id, ToHex(nonce->second)));
  }
  const DirectionHistory* const past = history.Find(digest);
  return past == nullptr ? OkStatus() : past->JudgeOrders(policy, change.id);
}

// The certificates of those who are appointed are in order: better found now than when the old custodians have
// presented.
Status CheckNextPolicy(const procedures::TrustPolicy& policy, const procedures::CustodyChange& change, UtcTime now) {
  const std::vector<Digest> placeholders(change.custodians.size());
  SMKI_ASSIGN_OR_RETURN(const procedures::TrustPolicy next,
                        procedures::ChangedPolicy(policy, change, placeholders, now));
  return procedures::PolicyVerifier::Make(next).status();
}

// The keyguard's word that the change was carried out.
Status WriteRecord(const CustodyParts& parts, const ledger::JournalCustody& outcome, const TokenBinding& opened) {
  const procedures::CustodyRecord record{
      opened.environment,      opened.key,           outcome.id,
      outcome.change,          outcome.from_version, outcome.from,
      opened.policy_version,   outcome.to,           outcome.custodians,
      parts.journal.records(), parts.journal.head(), {outcome.time.ms / 1000 * 1000}};
  const std::string text = Render(record);
  SMKI_ASSIGN_OR_RETURN(const Bytes signature,
                        pki::SignDetached(AsBytes(text), parts.identity, parts.identity_certificate, outcome.time,
                                          procedures::kCustodyRecordHint));
  const std::string base = PolicyFile(parts, opened.policy_version);
  SMKI_RETURN_IF_ERROR(parts.files.WriteDurably(base + ".record.yaml.cms", signature));
  return parts.files.WriteDurably(base + ".record.yaml", AsBytes(text));
}

}  // namespace

StatusOr<std::unique_ptr<CustodyChanging>> CustodyChanging::Begin(CustodyParts parts, const BeginCustodyFrame& request,
                                                                  const KeyTokens& tokens, ByteSpan kept_list,
                                                                  UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(const procedures::CustodyChange change, procedures::ParseCustodyChange(request.change));
  const auto token = tokens.find(change.key);
  if (token == tokens.end()) {
    return Refuse(Reason::kKEY_NOT_DIRECTED, fmt::format("this keyguard holds no key named '{}'", change.key));
  }
  auto policy = procedures::ParsePolicy(AsText(request.policy));
  if (!policy.ok()) return Refuse(Reason::kPOLICY_INCOMPLETE, Message(policy.status()));
  const Digest policy_digest = pki::Sha256(request.policy);
  SMKI_RETURN_IF_ERROR(CheckTokenPolicy(*token->second, change.key, *policy, policy_digest, parts.journal));
  SMKI_ASSIGN_OR_RETURN(const TokenWitness witness, token->second->ReadWitness());
  SMKI_RETURN_IF_ERROR(CheckWitness(witness, parts.journal));

  SMKI_ASSIGN_OR_RETURN(procedures::PolicyVerifier verifier, procedures::PolicyVerifier::Make(*policy));
  // One that has become stale holds nobody up: the list handed over is judged next.
  if (!kept_list.empty()) verifier.UseRevocationList(kept_list, now).IgnoreError();
  SMKI_RETURN_IF_ERROR(verifier.UseRevocationList(request.revocation_list, now));
  SMKI_ASSIGN_OR_RETURN(
      procedures::AdmittedCustodyChange admitted,
      procedures::AdmitCustodyChange(*policy, policy_digest, verifier, request.change, request.approvals, now));
  SMKI_RETURN_IF_ERROR(CheckHistory(change, admitted.digest, *policy, parts.journal.history()));
  SMKI_RETURN_IF_ERROR(CheckNextPolicy(*policy, change, now));
  // Durable before anything rests on it: nobody whom it revokes counts again after a crash.
  SMKI_RETURN_IF_ERROR(parts.files.WriteDurably(parts.revocation_list_path, request.revocation_list));

  const AskedFor asked{*policy,   verifier,   admitted.approvers,  policy_digest,  kNoIncident,
                       change.id, change.key, change.requested_by, admitted.digest};
  SMKI_ASSIGN_OR_RETURN(Ceremony ceremony, Ceremony::Begin(asked, parts.journal, parts.identity,
                                                           parts.identity_certificate, parts.random, now));
  auto out = std::unique_ptr<CustodyChanging>(new CustodyChanging(std::move(parts), *std::move(policy),
                                                                  std::move(verifier), std::move(admitted), request,
                                                                  *token->second, std::move(ceremony)));
  SMKI_RETURN_IF_ERROR(out->Append(out->RecordOf("begun", now)));
  return out;
}

AskedFor CustodyChanging::Asked() const {
  const procedures::CustodyChange& c = admitted_.change;
  return {offer_ ? offer_->policy : policy_,
          offer_ ? offer_->verifier : verifier_,
          admitted_.approvers,
          offer_ ? offer_->policy_digest : c.policy,
          kNoIncident,
          c.id,
          c.key,
          c.requested_by,
          admitted_.digest};
}

ledger::JournalCustody CustodyChanging::RecordOf(const std::string& stage, UtcTime now) const {
  const procedures::CustodyChange& c = admitted_.change;
  return {now,
          stage,
          admitted_.digest,
          c.id,
          c.key,
          c.environment.ToString(),
          c.nonce,
          c.policy_version,
          c.policy,
          offer_ ? offer_->policy_digest : Digest{},
          c.custodians,
          "",
          std::max(admitted_.newest_approval, verifier_.RevocationListTime().value_or(UtcTime{}))};
}

Status CustodyChanging::Append(const ledger::JournalCustody& record) {
  SMKI_RETURN_IF_ERROR(parts_.journal.Append(record).status());
  parts_.journal.Sync();
  return OkStatus();
}

Status CustodyChanging::Abandon(const std::string& why, UtcTime now) {
  over_ = true;
  ledger::JournalCustody record = RecordOf("abandoned", now);
  record.detail = why;
  return Append(record);
}

CustodyFrame CustodyChanging::Describe(const std::string& person) const {
  CustodyFrame out;
  out.change = request_.change;
  out.approvals = request_.approvals;
  out.ceremony = frame();
  if (!offer_) return out;
  out.offered = true;
  out.policy = offer_->policy_text;
  const auto envelope = offer_->envelopes.find(person);
  if (envelope != offer_->envelopes.end()) out.envelope = envelope->second;
  return out;
}

StatusOr<CeremonyFrame> CustodyChanging::Present(const PresentFrame& request, UtcTime now) {
  if (now > change().not_after) {
    return Refuse(Reason::kCUSTODY_CHANGE_EXPIRED,
                  fmt::format("{} was valid until {}", change().id, FormatTime(change().not_after)));
  }
  Ceremony& current = offer_ ? offer_->ceremony : old_ceremony_;
  SMKI_ASSIGN_OR_RETURN(Ceremony::Presented presented, current.Judge(request, Asked(), now));
  const Status attended =
      parts_.journal.Append(ledger::JournalAttendance{now, current.request_digest(), presented.person}).status();
  if (!attended.ok()) {
    over_ = true;
    return attended;
  }
  parts_.journal.Sync();
  current.Accept(std::move(presented));
  const bool all_back = offer_ && current.count() == change().custodians.size();
  if (all_back || (!offer_ && current.complete())) {
    const CeremonyFrame done = current.frame(false);
    Status status = all_back ? CarryOut(now) : MakeOffer(now);
    if (!status.ok()) {
      over_ = true;
      return status;
    }
    return done;
  }
  return current.frame(false);
}

// The old custodians have presented: their secret is proven, a new one made, split and enveloped. Nothing has changed
// in the token.
Status CustodyChanging::MakeOffer(UtcTime now) {
  auto old_secret = old_ceremony_.Combine();
  if (!old_secret.ok()) return Refuse(Reason::kSHARE_WRONG, Message(old_secret.status()));
  auto signers = token_.Open(*old_secret);
  if (signers.status().code() == StatusCode::kPermissionDenied) {
    return Refuse(Reason::kSHARE_WRONG, "the shares do not open the token: " + Message(signers.status()));
  }
  SMKI_RETURN_IF_ERROR(signers.status());
  signers->reset();
  // If an earlier change was left unfinished, which shares open the token is known now.
  const Status settled =
      ConcludeCustody(parts_, token_, {policy_.environment, change().key, policy_.version, change().policy}, now);
  token_.Close();
  SMKI_RETURN_IF_ERROR(settled);
  SMKI_ASSIGN_OR_RETURN(Custody custody, MakeCustody(change().environment, change().key, change().custodians,
                                                     static_cast<uint8_t>(change().threshold), parts_.random));
  std::vector<Digest> commitments;
  for (const procedures::ShareRecord& share : custody.shares) commitments.push_back(procedures::CommitmentOf(share));
  SMKI_ASSIGN_OR_RETURN(procedures::TrustPolicy next, procedures::ChangedPolicy(policy_, change(), commitments, now));
  SMKI_ASSIGN_OR_RETURN(procedures::PolicyVerifier verifier, procedures::PolicyVerifier::Make(next));
  SMKI_RETURN_IF_ERROR(verifier.UseRevocationList(request_.revocation_list, now));
  std::map<std::string, Bytes> envelopes;
  for (const procedures::ShareRecord& share : custody.shares) {
    const Secret record = procedures::EncodeShareRecord(share);
    SMKI_ASSIGN_OR_RETURN(envelopes[share.person],
                          pki::Envelop(record.span(), *verifier.AgreementCertificateOf(share.person)));
  }
  const std::string text = procedures::RenderPolicy(next);
  const Digest digest = pki::Sha256(text);
  const AskedFor asked{next,        verifier,     admitted_.approvers,   digest,          kNoIncident,
                       change().id, change().key, change().requested_by, admitted_.digest};
  SMKI_ASSIGN_OR_RETURN(Ceremony ceremony, Ceremony::Begin(asked, parts_.journal, parts_.identity,
                                                           parts_.identity_certificate, parts_.random, now));
  offer_.emplace(Offer{*std::move(old_secret), std::move(custody.secret), std::move(next), text, digest,
                       std::move(verifier), std::move(envelopes), std::move(ceremony)});
  SMKI_RETURN_IF_ERROR(Append(RecordOf("offered", now)));
  FailPoint("signer.custody.offered");
  return OkStatus();
}

Status CustodyChanging::WritePolicy() const {
  SMKI_RETURN_IF_ERROR(parts_.files.CreateDirectories(parts_.folder));
  const std::string base = PolicyFile(parts_, offer_->policy.version);
  SMKI_RETURN_IF_ERROR(parts_.files.WriteDurably(base + ".change.yaml", AsBytes(request_.change)));
  for (size_t i = 0; i < request_.approvals.size(); ++i) {
    SMKI_RETURN_IF_ERROR(
        parts_.files.WriteDurably(fmt::format("{}.approval-{}.cms", base, i + 1), request_.approvals[i]));
  }
  return parts_.files.WriteDurably(base + ".yaml", AsBytes(offer_->policy_text));
}

// Every new custodian has shown their share back.
Status CustodyChanging::CarryOut(UtcTime now) {
  auto shown = offer_->ceremony.Combine();
  if (!shown.ok() || !ConstantTimeEqual(shown->span(), offer_->new_secret.span())) {
    return Refuse(Reason::kSHARE_WRONG, "the new shares do not give the new secret");
  }
  SMKI_RETURN_IF_ERROR(WritePolicy());
  SMKI_RETURN_IF_ERROR(Append(RecordOf("changing", now)));
  FailPoint("signer.custody.changing");
  SMKI_RETURN_IF_ERROR(token_.ChangeSecret(offer_->old_secret, *shown));
  FailPoint("signer.custody.secret-changed");
  SMKI_ASSIGN_OR_RETURN(std::unique_ptr<BatchSigner> signers, token_.Open(*shown));
  signers.reset();
  const TokenBinding bound{change().environment, change().key, offer_->policy.version, offer_->policy_digest};
  Status status = ConcludeCustody(parts_, token_, bound, now);
  if (status.ok()) {
    // A witness that cannot be written leaves the older one, which still holds.
    token_.WriteWitness({parts_.journal.history().epoch, parts_.journal.records(), parts_.journal.head()})
        .IgnoreError();
  }
  token_.Close();
  over_ = true;
  return status;
}

Status ConcludeCustody(const CustodyParts& parts, KeyToken& token, const TokenBinding& opened, UtcTime now) {
  SMKI_ASSIGN_OR_RETURN(const std::vector<TokenBinding> bindings, token.ReadBindings());
  if (bindings.size() != 1 || bindings[0].policy != opened.policy) SMKI_RETURN_IF_ERROR(token.WriteBinding(opened));
  const ledger::JournalCustody* const unfinished = parts.journal.history().UnfinishedCustody(opened.key);
  if (unfinished == nullptr) return OkStatus();
  FailPoint("signer.custody.bound");
  ledger::JournalCustody outcome = *unfinished;
  outcome.time = now;
  if (opened.policy == outcome.to) {
    SMKI_RETURN_IF_ERROR(WriteRecord(parts, outcome, opened));
    outcome.stage = "changed";
  } else {
    outcome.stage = "abandoned";
    outcome.detail = "the old shares still open the token";
  }
  SMKI_RETURN_IF_ERROR(parts.journal.Append(outcome).status());
  parts.journal.Sync();
  FailPoint("signer.custody.concluded");
  return OkStatus();
}

}  // namespace smki::hsm
