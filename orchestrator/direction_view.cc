// What a PMA member is handed to judge a Direction by: exact octets, each of which their own tool checks.
#include "orchestrator/actions/directed_use.h"
#include "orchestrator/orchestrator.h"

namespace smki::orchestrator {
namespace {

using recovery::v1::DirectionView;

constexpr int kMostEarlier = 50;
constexpr Millis kLongestValidity = std::chrono::hours(24 * 30);  // procedures/direction.h

void DescribeVotes(const DirectedUse& use, const procedures::IncidentState& state, DirectionView& view) {
  for (const Vote& vote : use.approvals) {
    view.add_approvals(ToString(vote.cms));
    view.add_approved_by(vote.person);
  }
  for (const Vote& rejection : use.rejections) {
    recovery::v1::Rejection& one = *view.add_rejections();
    one.set_person(rejection.person);
    const auto reason = state.rejections.find(rejection.person);
    if (reason != state.rejections.end()) one.set_reason(reason->second);
    one.set_document(rejection.text);
    one.set_signature(ToString(rejection.cms));
  }
  if (use.cast) {
    view.mutable_casting_vote()->set_document(use.cast->text);
    view.mutable_casting_vote()->set_signature(ToString(use.cast->cms));
  }
}

void DescribeMaterials(const DirectedUse& use, DirectionView& view) {
  for (const auto& [group, file] : use.populations) {
    recovery::v1::Blob& blob = *view.add_populations();
    blob.set_name(group);
    blob.set_octets(ToString(file));
  }
  for (const auto& [digest, der] : use.certificates) {
    recovery::v1::Blob& blob = *view.add_certificates();
    blob.set_name(ToHex(digest));
    blob.set_octets(ToString(der));
  }
}

// The runbook that the Direction names; the incident may have been re-pinned since.
Status DescribeRunbook(const IncidentBook& book, const Incident& incident, const DirectedUse& use,
                       DirectionView& view) {
  for (const Artefact& artefact : incident.artefacts) {
    if (artefact.sha256 != use.direction.procedure_digest) continue;
    SMKI_ASSIGN_OR_RETURN(const Bytes text, book.ReadArtefact(incident, artefact));
    view.set_runbook(ToString(text));
    return OkStatus();
  }
  return OkStatus();
}

// What other incidents' Directions may still allow. What cannot be read of an old one is counted: it must not keep the
// members from the new one.
void DescribeEarlier(const IncidentBook& book, const Incident& incident, UtcTime now, DirectionView& view) {
  uint64_t left_out = 0;
  for (auto other = book.incidents().rbegin(); other != book.incidents().rend(); ++other) {
    const Incident& one = **other;
    if (&one == &incident || one.Find(kDirectionArtefact) == nullptr || one.state.newest + kLongestValidity < now)
      continue;
    const auto use = LoadDirection(book, one);
    if (use.ok() && use->direction.not_after < now) continue;
    if (!use.ok() || view.earlier_size() == kMostEarlier) {
      ++left_out;
      continue;
    }
    DirectionView& earlier = *view.add_earlier();
    earlier.set_direction(use->text);
    DescribeVotes(*use, one.state, earlier);
  }
  view.set_earlier_left_out(left_out);
}

}  // namespace

StatusOr<DirectionView> Orchestrator::GetDirection(const std::string& caller, const std::string& incident,
                                                   bool votes_only) {
  SMKI_ASSIGN_OR_RETURN(const Incident* found, Readable(caller, incident, "GetDirection"));
  SMKI_ASSIGN_OR_RETURN(const DirectedUse use,
                        votes_only ? LoadDirection(*book_, *found) : LoadDirectedUse(*book_, *found));
  DirectionView view;
  view.set_direction(use.text);
  view.set_approvals_needed(static_cast<uint32_t>(trust_->policy().approvals_needed));
  DescribeVotes(use, found->state, view);
  if (votes_only) return view;
  DescribeMaterials(use, view);
  SMKI_RETURN_IF_ERROR(DescribeRunbook(*book_, *found, use, view));
  DescribeEarlier(*book_, *found, core_->outside.clock.Now(), view);
  view.set_repository(site_.store);
  return view;
}

}  // namespace smki::orchestrator
