#include "orchestrator/actions/action.h"

namespace smki::orchestrator {

std::unique_ptr<Action> MakeAction(Action::Context context) {
  const std::string family = context.step.action.substr(0, context.step.action.find('.'));
  if (family == "repository") return MakeRepositoryAction(std::move(context));
  if (family == "direction") return MakeDirectionAction(std::move(context));
  if (family == "keyguard") return MakeKeyguardAction(std::move(context));
  if (family == "campaign") return MakeCampaignAction(std::move(context));
  if (family == "authority") return MakeAuthorityAction(std::move(context));
  if (family == "hierarchy") return MakeHierarchyAction(std::move(context));
  if (family == "fleet") return MakeProofAction(std::move(context));
  if (family == "evidence") return MakeReportAction(std::move(context));
  return nullptr;
}

}  // namespace smki::orchestrator
