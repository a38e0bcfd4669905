#include "hsm/keyguard/translate.h"

#include <algorithm>

#include "procedures/canonical.h"
#include "procedures/reason.h"

namespace smki::hsm {

using procedures::Reason;
using procedures::Refuse;

namespace {

constexpr size_t kMaxApprovals = 64;
constexpr size_t kMaxSmall = 64 * 1024;
constexpr size_t kMaxRevocationList = 1 << 20;
constexpr size_t kMaxText = 4000;

Bytes ToOctets(const std::string& text) {
  return ToBytes(AsBytes(text));
}

Status TakeDigest(const std::string& octets, const char* field, Digest& out) {
  if (octets.size() != out.size()) {
    return Refuse(Reason::kBAD_REQUEST,
                  fmt::format("'{}' must be a SHA-256 digest of 32 octets, found {}", field, octets.size()));
  }
  std::copy(octets.begin(), octets.end(), out.begin());
  return OkStatus();
}

Status AtMost(size_t limit, size_t size, const char* field) {
  if (size <= limit) return OkStatus();
  return Refuse(Reason::kBAD_REQUEST, fmt::format("'{}' has {} octets or items; at most {}", field, size, limit));
}

std::string Octets(ByteSpan bytes) {
  return ToString(bytes);
}

}  // namespace

StatusOr<PrepareFrame> ToFrame(const kg::PrepareHeader& header) {
  PrepareFrame out;
  SMKI_RETURN_IF_ERROR(AtMost(kMaxText, header.incident().size(), "incident"));
  SMKI_RETURN_IF_ERROR(AtMost(kMaxText, header.key().size(), "key"));
  SMKI_RETURN_IF_ERROR(AtMost(procedures::kMaxDocument, header.direction().size(), "direction"));
  SMKI_RETURN_IF_ERROR(AtMost(procedures::kMaxPolicy, header.policy().size(), "policy"));
  SMKI_RETURN_IF_ERROR(AtMost(kMaxRevocationList, header.revocation_list().size(), "revocation_list"));
  SMKI_RETURN_IF_ERROR(AtMost(kMaxApprovals, static_cast<size_t>(header.approvals_size()), "approvals"));
  out.incident = header.incident();
  out.key = header.key();
  out.direction = ToOctets(header.direction());
  for (const std::string& approval : header.approvals()) {
    SMKI_RETURN_IF_ERROR(AtMost(kMaxSmall, approval.size(), "approvals"));
    out.approvals.push_back(ToOctets(approval));
  }
  SMKI_RETURN_IF_ERROR(AtMost(kMaxApprovals, static_cast<size_t>(header.rejections_size()), "rejections"));
  for (const kg::SignedDocument& no : header.rejections()) {
    SMKI_RETURN_IF_ERROR(AtMost(kMaxSmall, std::max(no.document().size(), no.signature().size()), "rejections"));
    out.rejections.push_back({no.document(), ToOctets(no.signature())});
  }
  const kg::SignedDocument& cast = header.casting_vote();
  SMKI_RETURN_IF_ERROR(AtMost(kMaxSmall, std::max(cast.document().size(), cast.signature().size()), "casting_vote"));
  out.casting_vote = cast.document();
  out.casting_signature = ToOctets(cast.signature());
  out.policy = ToOctets(header.policy());
  out.revocation_list = ToOctets(header.revocation_list());
  out.ledger_sequence = header.ledger_sequence();
  SMKI_RETURN_IF_ERROR(TakeDigest(header.ledger_head(), "ledger_head", out.ledger_head));
  return out;
}

StatusOr<SignFrame> ToFrame(const kg::SignRequest& request) {
  SignFrame out;
  SMKI_RETURN_IF_ERROR(TakeDigest(request.direction_digest(), "direction_digest", out.direction));
  SMKI_RETURN_IF_ERROR(TakeDigest(request.ledger_head(), "ledger_head", out.ledger_head));
  SMKI_RETURN_IF_ERROR(AtMost(kMaxText, request.group().size(), "group"));
  out.group = request.group();
  out.ledger_sequence = request.ledger_sequence();
  if (static_cast<size_t>(request.items_size()) > kMaxBatch) {
    return Refuse(Reason::kBATCH_TOO_LARGE, fmt::format("{} items; at most {}", request.items_size(), kMaxBatch));
  }
  out.items.reserve(static_cast<size_t>(request.items_size()));
  for (const kg::SignItem& item : request.items()) out.items.push_back({Eui64(item.device()), item.attempt()});
  return out;
}

StatusOr<ProveFrame> ToFrame(const kg::ProveRequest& request) {
  ProveFrame out;
  SMKI_RETURN_IF_ERROR(TakeDigest(request.direction_digest(), "direction_digest", out.direction));
  if (static_cast<size_t>(request.proofs_size()) > kMaxBatch) {
    return Refuse(Reason::kBATCH_TOO_LARGE, fmt::format("{} proofs; at most {}", request.proofs_size(), kMaxBatch));
  }
  for (const kg::Proof& proof : request.proofs()) {
    out.proofs.push_back({Eui64(proof.device()), ToOctets(proof.response()), ToOctets(proof.device_certificate())});
  }
  return out;
}

StatusOr<CloseFrame> ToFrame(const kg::CloseRequest& request) {
  CloseFrame out;
  SMKI_RETURN_IF_ERROR(TakeDigest(request.direction_digest(), "direction_digest", out.direction));
  out.why = procedures::CleanText(request.why()).text;
  return out;
}

StatusOr<DestroyFrame> ToFrame(const kg::DestroyRequest& request) {
  DestroyFrame out;
  SMKI_RETURN_IF_ERROR(TakeDigest(request.direction_digest(), "direction_digest", out.direction));
  return out;
}

PresentFrame ToFrame(const kg::PresentShareRequest& request) {
  return {request.presentation(), ToOctets(request.signature()), ToOctets(request.envelope())};
}

StatusOr<StatusRequestFrame> ToFrame(const kg::GetStatusRequest& request) {
  StatusRequestFrame out{request.journal_records_seen(), std::nullopt};
  if (!request.orders_of().empty())
    SMKI_RETURN_IF_ERROR(TakeDigest(request.orders_of(), "orders_of", out.orders_of.emplace()));
  return out;
}

OrderFrame ToFrame(const kg::OrderRequest& request) {
  return {request.order(), ToOctets(request.signature())};
}

StatusOr<BeginCustodyFrame> ToFrame(const kg::BeginCustodyChangeRequest& request) {
  BeginCustodyFrame out;
  SMKI_RETURN_IF_ERROR(AtMost(procedures::kMaxDocument, request.change().size(), "change"));
  SMKI_RETURN_IF_ERROR(AtMost(procedures::kMaxPolicy, request.policy().size(), "policy"));
  SMKI_RETURN_IF_ERROR(AtMost(kMaxRevocationList, request.revocation_list().size(), "revocation_list"));
  SMKI_RETURN_IF_ERROR(AtMost(kMaxApprovals, static_cast<size_t>(request.approvals_size()), "approvals"));
  out.change = request.change();
  for (const std::string& approval : request.approvals()) {
    SMKI_RETURN_IF_ERROR(AtMost(kMaxSmall, approval.size(), "approvals"));
    out.approvals.push_back(ToOctets(approval));
  }
  out.policy = ToOctets(request.policy());
  out.revocation_list = ToOctets(request.revocation_list());
  return out;
}

void FromFrame(CeremonyFrame frame, kg::Ceremony& out) {
  out.set_request(std::move(frame.request));
  out.set_signature(Octets(frame.signature));
  for (std::string& person : frame.presented) out.add_presented(std::move(person));
  out.set_threshold(frame.threshold);
  out.set_open(frame.open);
}

void FromFrame(SignedFrame frame, kg::SignResponse& out) {
  out.mutable_commands()->Reserve(static_cast<int>(frame.items.size()));
  for (SignedItem& item : frame.items) {
    kg::SignedCommand& command = *out.add_commands();
    command.set_device(item.device.value());
    command.set_attempt(item.attempt);
    command.set_counter(item.counter);
    command.set_command(item.command.data(), item.command.size());
    command.set_refusal(std::move(item.refusal));
    command.set_detail(std::move(item.detail));
  }
}

void FromFrame(ProvedFrame frame, kg::ProveResponse& out) {
  out.set_outstanding(frame.outstanding);
  out.set_proven(frame.proven);
  for (ProofRefusal& refusal : frame.refused) {
    kg::ProofRefusal& r = *out.add_refused();
    r.set_device(refusal.device.value());
    r.set_reason(std::move(refusal.reason));
    r.set_detail(std::move(refusal.detail));
  }
}

void FromFrame(CustodyFrame frame, kg::Custody& out) {
  out.set_change(std::move(frame.change));
  for (const Bytes& approval : frame.approvals) out.add_approvals(Octets(approval));
  out.set_offered(frame.offered);
  out.set_policy(std::move(frame.policy));
  FromFrame(std::move(frame.ceremony), *out.mutable_ceremony());
  out.set_envelope(Octets(frame.envelope));
}

void FromFrame(StatusFrame frame, kg::Status& out) {
  out.set_state(static_cast<kg::Status::State>(frame.state));
  out.set_environment(std::move(frame.environment));
  out.set_estate(std::move(frame.estate));
  out.set_key(std::move(frame.key));
  out.set_incident(std::move(frame.incident));
  if (frame.direction) out.set_direction_digest(Octets(*frame.direction));
  out.set_direction_id(std::move(frame.direction_id));
  out.set_ceremony(std::move(frame.ceremony));
  for (std::string& person : frame.presented) out.add_presented(std::move(person));
  out.set_threshold(frame.threshold);
  out.set_signatures(frame.signatures);
  out.set_refusals(frame.refusals);
  out.set_outstanding(frame.outstanding);
  out.set_proven(frame.proven);
  out.set_total_limit(frame.total_limit);
  out.set_open_until_ms(frame.open_until.ms);
  out.set_journal_records(frame.journal_records);
  out.set_journal_head(Octets(frame.journal_head));
  out.set_closed_because(std::move(frame.closed_because));
  out.set_policy_digest(Octets(frame.policy_digest));
  out.set_policy_version(frame.policy_version);
  out.set_time_ms(frame.time.ms);
  for (RefusalCount& count : frame.refusal_counts) {
    kg::ReasonCount& c = *out.add_refusal_counts();
    c.set_code(std::move(count.code));
    c.set_count(count.count);
  }
  out.set_counter_floor(frame.counter_floor);
  if (frame.journal_head_seen) out.set_journal_head_seen(Octets(*frame.journal_head_seen));
  out.set_epoch(frame.epoch);
  out.set_ledger_sequence(frame.ledger_sequence);
  if (frame.ledger_head) out.set_ledger_head(Octets(*frame.ledger_head));
  for (GivenOrderFrame& order : frame.orders) {
    kg::GivenOrder& o = *out.add_orders();
    o.set_document(std::move(order.document));
    o.set_signature(Octets(order.signature));
    o.set_time_ms(order.time.ms);
    o.set_seat(std::move(order.seat));
  }
}

}  // namespace smki::hsm
