#include "orchestrator/actions/direction_action.h"

#include <algorithm>

#include "base/fail_point.h"
#include "orchestrator/actions/draft.h"
#include "orchestrator/actions/holder.h"
#include "orchestrator/actions/party.h"
#include "pki/digest.h"
#include "procedures/documents.h"
#include "procedures/reason.h"
#include "proto/rpc/channel.h"
#include "smki/keyguard/v1/keyguard.pb.h"

namespace smki::orchestrator {
namespace {

using procedures::Reason;

constexpr Millis kCallDeadline{30000};
constexpr Millis kRetryDelay{1000};
constexpr uint32_t kDevicesInPage = 10000;
constexpr size_t kMaxDevices = 100'000'000;
constexpr size_t kNonceOctets = 16;
constexpr char kCountedPrefix[] = "counted-approval:";

bool Passing(const Status& status) {
  return ReasonOf(status).empty() &&
         (status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded);
}

}  // namespace

void DirectionAction::Start() {
  // A draft of this attempt is shown as it is: members may have begun to read it.
  const auto mark = incident().actions.find(step().id);
  const Artefact* direction = incident().Find(kDirectionArtefact);
  if (direction != nullptr && mark != incident().actions.end() && direction->sequence > mark->second.intent)
    return Show();
  devices_.clear();
  CheckParty();
}

// What the notification says was perhaps typed late at night, and opening may have found nobody to ask.
void DirectionAction::CheckParty() {
  waiting_for_ = "the certificate authority";
  FindParties(core().outside.estate, incident().state.facts, kCallDeadline, Guard([this](const Status& found) {
                if (!found.ok() && Passing(found)) return After(kRetryDelay, [this] { CheckParty(); });
                if (!found.ok()) return Fail(found);
                waiting_for_ = "the Inventory";
                ListDevices(0);
              }));
}

void DirectionAction::ListDevices(uint64_t after) {
  const auto organisation = OrganisationOf(incident().state);
  if (!organisation.ok()) return Fail(organisation.status());
  estate::v1::ListDevicesRequest request;
  request.set_after(after);
  request.set_limit(kDevicesInPage);
  request.set_supplier(organisation->value());
  rpc::Call<estate::v1::ListDevicesResponse>(
      core().outside.estate, "/smki.estate.v1.Inventory/ListDevices", request, kCallDeadline,
      Guard([this, after](StatusOr<estate::v1::ListDevicesResponse> page) {
        if (!page.ok() && Passing(page.status())) return After(kRetryDelay, [this, after] { ListDevices(after); });
        if (!page.ok()) return Fail(page.status());
        for (estate::v1::Device& device : *page->mutable_devices()) devices_.push_back(std::move(device));
        if (devices_.size() > kMaxDevices)
          return Fail(FailedPrecondition("the Inventory lists more than {} Devices", kMaxDevices));
        if (!page->more() || page->devices().empty()) return AskKeyguard();
        ListDevices(devices_.back().eui());
      }));
}

void DirectionAction::AskKeyguard() {
  waiting_for_ = "the keyguard";
  rpc::Call<keyguard::v1::Status>(core().outside.keyguard, "/smki.keyguard.v1.Keyguard/GetStatus",
                                  keyguard::v1::GetStatusRequest(), kCallDeadline,
                                  Guard([this](StatusOr<keyguard::v1::Status> status) {
                                    if (!status.ok() && Passing(status.status()))
                                      return After(kRetryDelay, [this] { AskKeyguard(); });
                                    if (!status.ok()) return Fail(status.status());
                                    const Status drafted = MakeDraft(status->counter_floor());
                                    if (!drafted.ok()) return Fail(drafted);
                                    FailPoint("orchestrator.direction.drafted");
                                    Show();
                                  }));
}

Status DirectionAction::MakeDraft(uint64_t counter_floor) {
  SMKI_ASSIGN_OR_RETURN(const auto store, core().repository.Current());
  const procedures::IncidentState& state = incident().state;
  const IncidentBook::Newest newest = core().book.newest();
  const std::string requester = step_state().person.empty() ? state.opened_by : step_state().person;
  DraftInputs inputs{core().policy(), incident().runbook,    state,        *store,
                     devices_,        core().site.direction, requester,    counter_floor,
                     newest.sequence, newest.hash,           core().Now(), core().outside.random.Take(kNonceOctets)};
  SMKI_ASSIGN_OR_RETURN(const DirectedUse use, DraftDirection(inputs));
  devices_.clear();
  return SaveDraft(core().book, incident(), use, requester);
}

void DirectionAction::Show() {
  auto use = LoadDirectedUse(core().book, incident());
  if (!use.ok()) return Fail(use.status());
  use_ = std::move(*use);
  FinishIfDecided();
}

std::vector<std::string> DirectionAction::WaitingFor() const {
  if (!use_) return {waiting_for_};
  const procedures::TrustPolicy& policy = core().policy();
  const size_t approve = use_->approvals.size(), reject = use_->rejections.size();
  std::vector<std::string> out = {
      fmt::format("{} of {} approvals of {} by PMA members", approve, policy.approvals_needed, use_->direction.id)};
  if (policy.chair && approve == reject && approve + 1 >= policy.approvals_needed)
    out.push_back(fmt::format("or, {} to {}, the casting vote of the Chair, {}", approve, reject, *policy.chair));
  return out;
}

// --- votes ---

Status DirectionAction::TakeVote(Kind kind, Vote vote) {
  if (!use_) return procedures::Refuse(Reason::kNO_DIRECTION, "no Direction is drafted yet");
  Status taken;
  switch (kind) {
    case Kind::kApproval:
      taken = TakeApproval(std::move(vote));
      break;
    case Kind::kRejection:
      taken = TakeRejection(std::move(vote));
      break;
    case Kind::kCastingVote:
      taken = TakeCastingVote(std::move(vote));
      break;
  }
  SMKI_RETURN_IF_ERROR(taken);
  FailPoint("orchestrator.vote.recorded");
  FinishIfDecided();
  return OkStatus();
}

StatusOr<procedures::Votes> DirectionAction::Verified(const procedures::SignedVotes& votes) {
  const UtcTime now = core().Now();
  return procedures::VerifyVotes(core().policy(), core().trust.VerifierAt(now), use_->direction, AsBytes(use_->text),
                                 votes, now);
}

Status DirectionAction::Judge(const procedures::Votes& votes) {
  return procedures::JudgeVotes(core().policy(), use_->direction, use_->digest, votes, core().Now());
}

size_t DirectionAction::VotesRecorded(const std::string& prefix) const {
  return static_cast<size_t>(
      std::count_if(incident().artefacts.begin(), incident().artefacts.end(),
                    [&](const Artefact& a) { return a.name.starts_with(prefix) && a.file.ends_with(".cms"); }));
}

Status DirectionAction::Record(const procedures::Request& request, const char* prefix, const char* folder,
                               const Vote& vote) {
  SMKI_RETURN_IF_ERROR(incident().machine.Decide(incident().state, request, core().Now()).status());
  const std::string stem = fmt::format("direction/{}/{}-{}", folder, VotesRecorded(prefix) + 1, vote.person);
  SMKI_RETURN_IF_ERROR(core().outside.files.CreateDirectories(DirectoryOf(incident().folder + "/" + stem)));
  std::vector<ledger::NewEntry> artefacts;
  const auto keep = [&](const std::string& file, ByteSpan octets) -> Status {
    artefacts.push_back(IncidentBook::ArtefactEntry(incident(), prefix + vote.person, file, pki::Sha256(octets),
                                                    octets.size(), vote.person));
    return core().outside.files.WriteDurably(incident().folder + "/" + file, octets);
  };
  if (!vote.text.empty()) SMKI_RETURN_IF_ERROR(keep(stem + ".txt", AsBytes(vote.text)));
  SMKI_RETURN_IF_ERROR(keep(stem + ".cms", vote.cms));
  return core().book.Change(incident(), request, {}, std::move(artefacts));
}

namespace {

// Free of fault, and by whoever sent it.
Status MustBeSentBy(const std::string& sender, const procedures::SignatureFinding& finding, const char* what) {
  if (finding.fault) return procedures::Refuse(*finding.fault, finding.detail);
  if (finding.person == sender) return OkStatus();
  return procedures::Refuse(Reason::kNOT_PERMITTED,
                            fmt::format("{} sends {} signed by {}", sender, what, finding.person));
}

}  // namespace

Status DirectionAction::TakeApproval(Vote vote) {
  procedures::SignedVotes signed_votes = use_->Votes();
  signed_votes.approvals.push_back(vote.cms);
  SMKI_ASSIGN_OR_RETURN(const procedures::Votes votes, Verified(signed_votes));
  SMKI_RETURN_IF_ERROR(MustBeSentBy(vote.person, votes.approvals.back().finding, "an approval"));
  // With a casting vote there is nothing to approve any more: the machine says so.
  const Status judged = votes.cast ? OkStatus() : Judge(votes);
  if (!judged.ok() && !procedures::IsRefusal(judged, Reason::kQUORUM_SHORT)) return judged;
  const procedures::ApprovalRequest request{step().id, vote.person, ToHex(use_->digest), false};
  SMKI_RETURN_IF_ERROR(Record({request, std::nullopt}, kApprovalPrefix, "votes", vote));
  use_->approvals.push_back(std::move(vote));
  return OkStatus();
}

Status DirectionAction::TakeRejection(Vote vote) {
  const UtcTime now = core().Now();
  const procedures::SignatureFinding finding = procedures::VerifyRejection(
      core().policy(), core().trust.VerifierAt(now), use_->digest, {vote.text, vote.cms}, now);
  SMKI_RETURN_IF_ERROR(MustBeSentBy(vote.person, finding, "a rejection"));
  SMKI_ASSIGN_OR_RETURN(const procedures::Rejection rejection, procedures::ParseRejection(vote.text));
  const procedures::ApprovalRequest request{step().id, vote.person, ToHex(use_->digest), true, rejection.reason.text};
  SMKI_RETURN_IF_ERROR(Record({request, std::nullopt}, kRejectionPrefix, "rejections", vote));
  use_->rejections.push_back(std::move(vote));
  return OkStatus();
}

Status DirectionAction::TakeCastingVote(Vote vote) {
  procedures::SignedVotes signed_votes = use_->Votes();
  signed_votes.cast = procedures::SignedText{vote.text, vote.cms};
  SMKI_ASSIGN_OR_RETURN(const procedures::Votes votes, Verified(signed_votes));
  SMKI_RETURN_IF_ERROR(MustBeSentBy(vote.person, votes.cast->finding, "a casting vote"));
  const Status judged = Judge(votes);
  if (!judged.ok() && !procedures::IsRefusal(judged, Reason::kDIRECTION_REJECTED)) return judged;
  const procedures::CastingVote& cast = votes.cast->document;
  const procedures::CastingRequest request{step().id, vote.person, ToHex(use_->digest), cast.decision,
                                           cast.reason.text};
  SMKI_RETURN_IF_ERROR(Record({request, std::nullopt}, kCastPrefix, "casting", vote));
  use_->cast = std::move(vote);
  return OkStatus();
}

// What counted lies apart from what was sent, so that a Direction drafted again starts without old approvals.
void DirectionAction::FinishIfDecided() {
  const auto votes = Verified(use_->Votes());
  const Status judged = votes.ok() ? Judge(*votes) : votes.status();
  if (procedures::IsRefusal(judged, Reason::kDIRECTION_REJECTED)) return Fail(judged);
  if (!judged.ok()) {
    const size_t refused = use_->rejections.size();
    if (procedures::QuorumReachable(core().policy(), use_->approvals.size(), refused)) return;
    return Fail(procedures::Refuse(
        Reason::kQUORUM_SHORT, fmt::format("the PMA has refused {}: {} members said no", use_->direction.id, refused)));
  }
  for (size_t i = 0; i < use_->approvals.size(); ++i) {
    const Vote& vote = use_->approvals[i];
    const Status kept = core().book.AddArtefact(incident(), kCountedPrefix + vote.person,
                                                fmt::format("direction/approvals/{}-{}.cms", i + 1, vote.person),
                                                vote.cms, vote.person);
    if (!kept.ok()) return Fail(kept);
  }
  Succeed(fmt::format("{} is approved by {} members{}", use_->direction.id, use_->approvals.size(),
                      use_->cast ? " and the Chair's casting vote" : ""),
          {{"direction.digest", ToHex(use_->digest)}, {"direction.id", use_->direction.id}});
}

std::unique_ptr<Action> MakeDirectionAction(Action::Context context) {
  if (context.step.action != "direction.draft") return nullptr;
  return std::make_unique<DirectionAction>(std::move(context));
}

}  // namespace smki::orchestrator
