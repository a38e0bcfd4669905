// An incident as tests drive it: method-3 under the sample policy, every accepted request applied at once.
#pragma once

#include <string>
#include <vector>

#include "procedures/machine.h"
#include "sample.h"

namespace smki::procedures::test {

inline const std::string kVoteDigest(64, 'a');

class Incident {
 public:
  explicit Incident(Runbook runbook = MethodThree())
      : runbook_(std::move(runbook)), policy_(SamplePolicy()), machine_(runbook_, policy_) {}

  // Decides with the sequence of the state at hand and applies what comes of it.
  template <typename Body>
  Status Do(const Body& body) {
    return Do(Request{body, state_.events});
  }
  Status Do(const Request& request) {
    now_ = now_ + Millis(1000);
    auto events = machine_.Decide(state_, request, now_);
    if (!events.ok()) return events.status();
    for (const Event& event : *events) {
      SMKI_RETURN_IF_ERROR(machine_.Apply(state_, event));
      log_.push_back(event);
    }
    return OkStatus();
  }

  // One asks, another approves: what a deviation takes.
  Status Ask(const Deviation& asked, const std::string& person = "leo") {
    return Do(DeviateRequest{person, asked, fmt::format("{:064x}", ++asked_)});
  }
  Status Approve(const std::string& person) { return Do(ApproveRequest{person, Digest()}); }
  Status Deviate(const Deviation& asked) {
    SMKI_RETURN_IF_ERROR(Ask(asked));
    return Approve("pam");
  }
  // Of the newest request.
  std::string Digest() const { return fmt::format("{:064x}", asked_); }

  Status Open(const std::string& person = "leo") { return Do(OpenRequest{"INC-1", person, {{"party", "supplier-a"}}}); }
  // With every mandatory factor answered.
  Status Choose(const std::string& step, const std::string& choice) {
    return Do(DecideRequest{step, "leo", choice, "", Answers(runbook_, step)});
  }
  // A system step, from start to a good end.
  void Run(const std::string& step, std::map<std::string, std::string> outputs = {}) {
    SMKI_CHECK(Do(StartRequest{step, ""}).ok());
    SMKI_CHECK(Do(ActionResult{step, true, "good", std::move(outputs)}).ok());
  }
  void Must(const Status& status) {
    if (!status.ok()) throw std::runtime_error(Message(status));
  }
  // Everything before `step` in the shortest way, `step` itself not.
  void Reach(const std::string& step);

  StepStatus StatusOf(const std::string& step) const { return state_.steps.at(step).status; }

  Runbook runbook_;
  TrustPolicy policy_;
  Machine machine_;
  IncidentState state_;
  std::vector<Event> log_;
  UtcTime now_ = Now();
  uint64_t asked_ = 0;
};

inline Deviation Skip(const std::string& step) {
  return {DeviationKind::kSkip, step, "", "", "it cannot be done", "WB"};
}
inline Deviation Repeat(const std::string& step) {
  return {DeviationKind::kRepeat, step, "", "", "it was done wrongly", "WB"};
}
inline Deviation Reorder(const std::string& step, const std::string& not_after) {
  return {DeviationKind::kReorder, step, not_after, "", "it need not wait", "WB"};
}
inline Deviation Repin(const std::string& runbook) {
  return {DeviationKind::kRepin, "", "", runbook, "the runbook is wrong", "WB"};
}

inline void Incident::Reach(const std::string& step) {
  if (!state_.open) Must(Open());
  for (const Step& s : runbook_.steps) {
    if (s.id == step) return;
    const StepStatus at = StatusOf(s.id);
    if (at == StepStatus::kDone || at == StepStatus::kSkipped) continue;
    if (s.kind == StepKind::kAttest) {
      Must(Do(DoneRequest{s.id, s.actor == "incident-lead" ? "leo" : "ola", "seen"}));
    } else if (s.kind == StepKind::kDecide) {
      Must(Choose(s.id, s.choices.front()));
    } else if (s.kind == StepKind::kDirection) {
      Must(Do(StartRequest{s.id, "leo"}));
      for (const char* member : {"ann", "bob", "cal"}) Must(Do(ApprovalRequest{s.id, member, kVoteDigest}));
      Must(Do(ActionResult{s.id, true, "approved", {{"direction.digest", kVoteDigest}}}));
    } else {
      Run(s.id);
    }
  }
}

}  // namespace smki::procedures::test
