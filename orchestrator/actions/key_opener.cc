#include "orchestrator/actions/key_opener.h"

#include <fmt/ranges.h>

#include "orchestrator/incident/event_codec.h"
#include "pki/cms.h"
#include "procedures/documents.h"
#include "procedures/reason.h"
#include "proto/rpc/channel.h"

namespace smki::orchestrator {

using procedures::Reason;
using procedures::Refuse;

namespace {

constexpr Millis kCallDeadline{30000};
constexpr Millis kPoll{300};
constexpr Millis kRetryDelay{1000};
constexpr size_t kPartOctets = 1 << 20;

bool Passing(const Status& status) {
  return ReasonOf(status).empty() &&
         (status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded ||
          status.code() == StatusCode::kCancelled);
}

void SetSigned(const Vote& vote, keyguard::v1::SignedDocument& out) {
  out.set_document(vote.text);
  out.set_signature(ToString(vote.cms));
}

}  // namespace

ledger::NewEntry KeyguardEntry(const Incident& incident, const std::string& what, const keyguard::v1::Status& status,
                               const std::string& detail) {
  ledger::v1::KeyguardRecord record;
  record.set_what(what);
  record.set_direction_digest(status.direction_digest());
  record.set_journal_records(status.journal_records());
  record.set_journal_head(status.journal_head());
  record.set_signatures(status.signatures());
  record.set_detail(detail);
  return MakeEntry(incident.state.id, "", "keyguard", record);
}

void KeyOpener::Open(Done done) {
  const bool looking = running();
  done_ = std::move(done);
  if (looking) return;
  auto use = LoadDirectedUse(core_.book, incident_);
  if (!use.ok()) return Finish(use.status());
  use_ = std::move(*use);
  waiting_for_ = "the keyguard";
  Look();
}

void KeyOpener::Stop() {
  done_ = nullptr;
  waiting_for_.clear();
  lifeline_.Renew();
}

void KeyOpener::Look() {
  keyguard::v1::GetStatusRequest request;
  request.set_journal_records_seen(core_.book.journal_seen().records);
  rpc::Call<keyguard::v1::Status>(core_.outside.keyguard, "/smki.keyguard.v1.Keyguard/GetStatus", request,
                                  kCallDeadline, lifeline_.Guard([this](StatusOr<keyguard::v1::Status> status) {
                                    if (status.ok()) return OnStatus(*status);
                                    if (!Passing(status.status())) return Finish(status.status());
                                    waiting_for_ = "the keyguard: " + Message(status.status());
                                    After(kRetryDelay, [this] { Look(); });
                                  }));
}

Status KeyOpener::CheckWitnesses(const keyguard::v1::Status& status) const {
  const IncidentBook::JournalSeen& seen = core_.book.journal_seen();
  if (status.journal_records() < seen.records ||
      (seen.records > 0 && status.journal_head_seen() != AsText(seen.head))) {
    return Refuse(Reason::kJOURNAL_ROLLED_BACK,
                  fmt::format("the keyguard's journal has {} records; this ledger has seen {} with head {}, which are "
                              "not in it: its disk was set back, or it is another keyguard",
                              status.journal_records(), seen.records, ToHex(seen.head)));
  }
  if (status.ledger_head().empty()) return OkStatus();
  SMKI_ASSIGN_OR_RETURN(const std::vector<ledger::Entry> shown, core_.book.ledger().Read(status.ledger_sequence(), 1));
  if (!shown.empty() && AsText(shown[0].hash) == status.ledger_head()) return OkStatus();
  return Refuse(Reason::kJOURNAL_ROLLED_BACK,
                fmt::format("the keyguard was shown ledger entry {} with head {}, which is not in this ledger: the "
                            "orchestrator's disk was set back",
                            status.ledger_sequence(), ToHex(AsBytes(status.ledger_head()))));
}

void KeyOpener::OnStatus(const keyguard::v1::Status& status) {
  if (const Status seen = CheckWitnesses(status); !seen.ok()) return Finish(seen);
  const bool ours = status.direction_digest() == AsText(use_->digest);
  if (status.state() == keyguard::v1::Status::OPEN && ours) return Finish(RecordOpened(status));
  const bool asked =
      ours && status.state() == keyguard::v1::Status::CEREMONY && incident_.ceremonies.count(status.ceremony()) > 0;
  if (!asked) return Prepare();
  waiting_for_ = fmt::format(
      "{} of {} custodians in ceremony {}{}", status.presented_size(), status.threshold(), status.ceremony(),
      status.presented_size() == 0 ? "" : fmt::format(" ({})", fmt::join(status.presented(), ", ")));
  After(kPoll, [this] { Look(); });
}

void KeyOpener::Prepare() {
  const IncidentBook::Newest newest = core_.book.newest();
  std::vector<std::string> messages;
  keyguard::v1::PrepareRequest first;
  keyguard::v1::PrepareHeader& header = *first.mutable_header();
  header.set_incident(incident_.state.id);
  header.set_key(use_->direction.key);
  header.set_direction(use_->text);
  for (const Vote& vote : use_->approvals) header.add_approvals(ToString(vote.cms));
  if (use_->cast) {
    for (const Vote& no : use_->rejections) SetSigned(no, *header.add_rejections());
    SetSigned(*use_->cast, *header.mutable_casting_vote());
  }
  header.set_policy(core_.trust.policy_text());
  core_.trust.VerifierAt(core_.Now());  // takes a newer revocation list into use
  header.set_revocation_list(ToString(core_.trust.revocation_list()));
  header.set_ledger_sequence(newest.sequence);
  header.set_ledger_head(ToString(newest.hash));
  messages.push_back(first.SerializeAsString());
  for (const auto& [group, file] : use_->populations) {
    for (size_t at = 0; at < file.size(); at += kPartOctets) {
      keyguard::v1::PrepareRequest part;
      part.mutable_population()->set_group(group);
      part.mutable_population()->set_octets(
          ToString(ByteSpan(file).subspan(at, std::min(kPartOctets, file.size() - at))));
      messages.push_back(part.SerializeAsString());
    }
  }
  for (const auto& [digest, der] : use_->certificates) {
    keyguard::v1::PrepareRequest part;
    part.set_certificate(ToString(der));
    messages.push_back(part.SerializeAsString());
  }
  core_.outside.keyguard.Upload("/smki.keyguard.v1.Keyguard/Prepare", std::move(messages), kCallDeadline,
                                lifeline_.Guard([this](StatusOr<std::string> octets) {
                                  if (!octets.ok() && Passing(octets.status()))
                                    return After(kRetryDelay, [this] { Look(); });
                                  if (!octets.ok()) return Finish(octets.status());
                                  keyguard::v1::PrepareResponse response;
                                  if (!response.ParseFromString(*octets))
                                    return Finish(Internal("the keyguard's answer to Prepare cannot be read"));
                                  if (const Status kept = OnCeremony(response.ceremony()); !kept.ok())
                                    return Finish(kept);
                                  After(kPoll, [this] { Look(); });
                                }));
}

// The request is evidence only if it is the keyguard's own, about this Direction.
Status KeyOpener::OnCeremony(const keyguard::v1::Ceremony& ceremony) {
  const pki::Certificate& keyguard = core_.trust.VerifierAt(core_.Now()).KeyguardCertificate();
  const pki::CmsVerdict verdict =
      pki::VerifyDetached(AsBytes(ceremony.request()), AsBytes(ceremony.signature()), keyguard);
  if (!verdict.ok())
    return DataLoss("the ceremony request is not signed by the keyguard of the trust policy: {}", verdict.detail);
  SMKI_ASSIGN_OR_RETURN(const procedures::CeremonyRequest request,
                        procedures::ParseCeremonyRequest(ceremony.request()));
  if (request.direction != use_->digest || request.environment != core_.policy().environment ||
      request.incident != incident_.state.id) {
    return DataLoss("the ceremony request {} is about another Direction, incident or environment", request.id);
  }
  if (incident_.ceremonies.count(request.id) > 0) return OkStatus();
  const std::string stem = "ceremony/" + request.id;
  SMKI_RETURN_IF_ERROR(core_.book.AddArtefact(incident_, "ceremony-request:" + request.id, stem + ".request.txt",
                                              AsBytes(ceremony.request()), ""));
  SMKI_RETURN_IF_ERROR(core_.book.AddArtefact(incident_, "ceremony-signature:" + request.id, stem + ".request.cms",
                                              AsBytes(ceremony.signature()), ""));
  keyguard::v1::Status head;
  head.set_direction_digest(ToString(use_->digest));
  head.set_journal_records(request.journal_records);
  head.set_journal_head(ToString(request.journal_head));
  std::vector<ledger::NewEntry> entries;
  entries.push_back(KeyguardEntry(incident_, "ceremony-requested", head, request.id));
  waiting_for_ = fmt::format("0 of {} custodians in ceremony {}", ceremony.threshold(), request.id);
  return core_.book.Append(std::move(entries)).status();
}

Status KeyOpener::RecordOpened(const keyguard::v1::Status& status) {
  if (incident_.ceremonies_opened.count(status.ceremony()) > 0) return OkStatus();
  std::vector<ledger::NewEntry> entries;
  entries.push_back(KeyguardEntry(incident_, "opened", status, status.ceremony()));
  return core_.book.Append(std::move(entries)).status();
}

void KeyOpener::Finish(const Status& status) {
  waiting_for_.clear();
  Done done = std::move(done_);
  done_ = nullptr;
  done(status);
}

}  // namespace smki::orchestrator
