// evidence.report: the texts for people and the policy, before somebody reviews them. The folder is completed when the
// incident is closed (orchestrator/evidence/exporter.h).
#include "orchestrator/actions/action.h"
#include "orchestrator/actions/campaigns.h"
#include "orchestrator/evidence/exporter.h"

namespace smki::orchestrator {
namespace {

class ReportAction : public Action {
 public:
  using Action::Action;

  void Start() override {
    Status written = core().campaigns.Conclude(core(), incident());
    if (written.ok()) written = Exporter::WritePolicy(core(), incident());
    if (written.ok()) written = Exporter::WriteReport(core(), incident());
    if (!written.ok()) return Fail(written);
    Succeed("report.md and report.json are in " + incident().folder);
  }
};

}  // namespace

std::unique_ptr<Action> MakeReportAction(Action::Context context) {
  if (context.step.action != "evidence.report") return nullptr;
  return std::make_unique<ReportAction>(std::move(context));
}

}  // namespace smki::orchestrator
