// direction.draft: drafts the Direction, then takes the PMA members' votes until the quorum stands (SEC L10.9).
#pragma once

#include "orchestrator/actions/action.h"
#include "orchestrator/actions/directed_use.h"
#include "smki/estate/v1/estate.pb.h"

namespace smki::orchestrator {

class DirectionAction : public Action {
 public:
  using Action::Action;

  void Start() override;
  std::vector<std::string> WaitingFor() const override;

  // A vote that `vote.person` sent: verified, judged together with those before, durable when OK.
  enum class Kind { kApproval, kRejection, kCastingVote };
  Status TakeVote(Kind kind, Vote vote);

 private:
  void CheckParty();
  void ListDevices(uint64_t after);
  void AskKeyguard();
  Status MakeDraft(uint64_t counter_floor);
  void Show();
  Status TakeApproval(Vote vote);
  Status TakeRejection(Vote vote);
  Status TakeCastingVote(Vote vote);
  // What these votes amount to: OK if they direct.
  StatusOr<procedures::Votes> Verified(const procedures::SignedVotes& votes);
  Status Judge(const procedures::Votes& votes);
  // Files, event and what names the files: all or nothing.
  Status Record(const procedures::Request& request, const char* prefix, const char* folder, const Vote& vote);
  // Ends the step once the quorum stands, or can no longer be reached.
  void FinishIfDecided();
  size_t VotesRecorded(const std::string& prefix) const;

  std::vector<estate::v1::Device> devices_;
  std::optional<DirectedUse> use_;
  std::string waiting_for_ = "the certificate authority";
};

}  // namespace smki::orchestrator
