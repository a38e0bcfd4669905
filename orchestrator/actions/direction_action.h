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

  // A member's vote: an approval if `rejection` is empty. Verified, judged together with those before, durable when OK.
  Status TakeVote(const procedures::Person& person, ByteSpan rejection, ByteSpan cms);

 private:
  void CheckParty();
  void ListDevices(uint64_t after);
  void AskKeyguard();
  Status MakeDraft(uint64_t counter_floor);
  void Show();
  Status TakeApproval(const procedures::Person& person, ByteSpan cms);
  Status TakeRejection(const procedures::Person& person, ByteSpan document, ByteSpan cms);
  // OK if the votes so far are a quorum.
  Status Judge(const Vote* one_more);
  // Ends the step once the quorum stands, or can no longer be reached.
  void FinishIfDecided();
  size_t VotesRecorded(const std::string& prefix) const;

  std::vector<estate::v1::Device> devices_;
  std::optional<DirectedUse> use_;
  std::string waiting_for_ = "the certificate authority";
};

}  // namespace smki::orchestrator
