#include "orchestrator/actions/direction_action.h"

#include <algorithm>

#include "base/fail_point.h"
#include "orchestrator/actions/draft.h"
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
  const auto organisation = OrganisationOf(incident().state);
  if (!organisation.ok()) return Fail(organisation.status());
  waiting_for_ = "the certificate authority";
  FindParty(core().outside.estate, incident().state.facts.at("party"), *organisation, kCallDeadline,
            Guard([this](const Status& found) {
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
  const size_t needed = core().policy().approvals_needed;
  return {fmt::format("{} of {} approvals of {} by PMA members", use_->approvals.size(), needed, use_->direction.id)};
}

// --- votes ---

Status DirectionAction::TakeVote(const procedures::Person& person, ByteSpan rejection, ByteSpan cms) {
  if (!use_) return procedures::Refuse(Reason::kNO_DIRECTION, "no Direction is drafted yet");
  SMKI_RETURN_IF_ERROR(rejection.empty() ? TakeApproval(person, cms) : TakeRejection(person, rejection, cms));
  FailPoint("orchestrator.vote.recorded");
  FinishIfDecided();
  return OkStatus();
}

Status DirectionAction::Judge(const Vote* one_more) {
  const UtcTime now = core().Now();
  const procedures::PolicyVerifier& verifier = core().trust.VerifierAt(now);
  std::vector<procedures::SignatureFinding> findings;
  for (const Vote& vote : use_->approvals) {
    findings.push_back(verifier.VerifyApproval(use_->direction, AsBytes(use_->text), vote.cms, now));
  }
  if (one_more != nullptr) {
    findings.push_back(verifier.VerifyApproval(use_->direction, AsBytes(use_->text), one_more->cms, now));
    const procedures::SignatureFinding& finding = findings.back();
    if (finding.fault) return procedures::Refuse(*finding.fault, finding.detail);
    if (finding.person != one_more->person) {
      return procedures::Refuse(Reason::kNOT_PERMITTED,
                                fmt::format("{} sends an approval signed by {}", one_more->person, finding.person));
    }
  }
  return procedures::JudgeApprovals(core().policy(), use_->direction, findings, now);
}

size_t DirectionAction::VotesRecorded(const std::string& prefix) const {
  return static_cast<size_t>(
      std::count_if(incident().artefacts.begin(), incident().artefacts.end(),
                    [&](const Artefact& a) { return a.name.compare(0, prefix.size(), prefix) == 0; }));
}

Status DirectionAction::TakeApproval(const procedures::Person& person, ByteSpan cms) {
  Vote vote{person.id, ToBytes(cms)};
  const Status judged = Judge(&vote);
  if (!judged.ok() && !procedures::IsRefusal(judged, Reason::kQUORUM_SHORT)) return judged;
  const procedures::Request request{procedures::ApprovalRequest{step().id, person.id, ToHex(use_->digest), false},
                                    std::nullopt};
  SMKI_RETURN_IF_ERROR(incident().machine.Decide(incident().state, request, core().Now()).status());
  const std::string file = fmt::format("direction/votes/{}-{}.cms", VotesRecorded(kApprovalPrefix) + 1, person.id);
  const std::string path = incident().folder + "/" + file;
  SMKI_RETURN_IF_ERROR(core().outside.files.CreateDirectories(DirectoryOf(path)));
  SMKI_RETURN_IF_ERROR(core().outside.files.WriteDurably(path, cms));
  std::vector<ledger::NewEntry> artefact;
  artefact.push_back(IncidentBook::ArtefactEntry(incident(), kApprovalPrefix + person.id, file, pki::Sha256(cms),
                                                 cms.size(), person.id));
  SMKI_RETURN_IF_ERROR(core().book.Change(incident(), request, {}, std::move(artefact)));
  use_->approvals.push_back(std::move(vote));
  return OkStatus();
}

Status DirectionAction::TakeRejection(const procedures::Person& person, ByteSpan document, ByteSpan cms) {
  const auto rejection = procedures::ParseRejection(AsText(document));
  if (!rejection.ok()) return procedures::Refuse(Reason::kAPPROVAL_MALFORMED, Message(rejection.status()));
  const UtcTime now = core().Now();
  const procedures::SignatureFinding finding =
      core().trust.VerifierAt(now).Verify(document, cms, now, procedures::kRejectionHint);
  if (finding.fault) return procedures::Refuse(*finding.fault, finding.detail);
  if (finding.person != person.id || rejection->person != person.id) {
    return procedures::Refuse(Reason::kNOT_PERMITTED, fmt::format("{} sends a rejection by {}, signed by {}", person.id,
                                                                  rejection->person, finding.person));
  }
  if (rejection->environment != core().policy().environment) {
    return procedures::Refuse(Reason::kENVIRONMENT_MISMATCH,
                              "the rejection is for " + rejection->environment.ToString());
  }
  if (rejection->direction != use_->digest)
    return procedures::Refuse(Reason::kAPPROVAL_OTHER_DOCUMENT, "the rejection is of another Direction");
  if (rejection->reason.text.find_first_not_of(' ') == std::string::npos) {
    return procedures::Refuse(Reason::kBAD_REQUEST,
                              "the rejection gives no reason; reject again and say why, so that the team can mend it");
  }
  const procedures::Request request{
      procedures::ApprovalRequest{step().id, person.id, ToHex(use_->digest), true, rejection->reason.text},
      std::nullopt};
  SMKI_RETURN_IF_ERROR(incident().machine.Decide(incident().state, request, now).status());
  const std::string stem =
      fmt::format("direction/rejections/{}-{}", VotesRecorded(kRejectionPrefix) / 2 + 1, person.id);
  SMKI_RETURN_IF_ERROR(
      core().book.AddArtefact(incident(), kRejectionPrefix + person.id, stem + ".txt", document, person.id));
  SMKI_RETURN_IF_ERROR(
      core().book.AddArtefact(incident(), kRejectionPrefix + person.id, stem + ".cms", cms, person.id));
  return core().book.Change(incident(), request);
}

// What counted lies apart from what was sent, so that a Direction drafted again starts without old approvals.
void DirectionAction::FinishIfDecided() {
  const size_t refused = incident().state.rejected_by.size();
  if (core().policy().seats.size() - refused < core().policy().approvals_needed) {
    return Fail(procedures::Refuse(
        Reason::kQUORUM_SHORT, fmt::format("the PMA has refused {}: {} members said no", use_->direction.id, refused)));
  }
  if (!Judge(nullptr).ok()) return;
  for (size_t i = 0; i < use_->approvals.size(); ++i) {
    const Vote& vote = use_->approvals[i];
    const Status kept = core().book.AddArtefact(incident(), kCountedPrefix + vote.person,
                                                fmt::format("direction/approvals/{}-{}.cms", i + 1, vote.person),
                                                vote.cms, vote.person);
    if (!kept.ok()) return Fail(kept);
  }
  Succeed(fmt::format("{} is approved by {} members", use_->direction.id, use_->approvals.size()),
          {{"direction.digest", ToHex(use_->digest)}, {"direction.id", use_->direction.id}});
}

std::unique_ptr<Action> MakeDirectionAction(Action::Context context) {
  if (context.step.action != "direction.draft") return nullptr;
  return std::make_unique<DirectionAction>(std::move(context));
}

}  // namespace smki::orchestrator
