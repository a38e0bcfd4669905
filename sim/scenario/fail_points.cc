#include "sim/scenario/fail_points.h"

#include <algorithm>
#include <charconv>

namespace smki::sim {
namespace {

constexpr uint64_t kMostHits = 1'000'000;

}  // namespace

std::string Name(ServerName server) {
  switch (server) {
    case ServerName::kSim:
      return "smki-sim";
    case ServerName::kKeyguard:
      return "smki-keyguard";
    case ServerName::kOrchestrator:
      return "smki-orchestrator";
  }
  return "";
}

const std::vector<FailPointName>& FailPointNames() {
  static const std::vector<FailPointName> names = {
      {"signer.prepare.journalled", ServerName::kKeyguard},
      {"signer.present.journalled", ServerName::kKeyguard},
      {"signer.burn.before-sync", ServerName::kKeyguard},
      {"signer.burn.synced", ServerName::kKeyguard},
      {"signer.sign.done", ServerName::kKeyguard},
      {"signer.signatures.synced", ServerName::kKeyguard},
      {"signer.proven.synced", ServerName::kKeyguard},
      {"signer.symmetric.journalled", ServerName::kKeyguard},
      {"signer.destroy.journalled", ServerName::kKeyguard},
      {"signer.custody.offered", ServerName::kKeyguard},
      {"signer.custody.changing", ServerName::kKeyguard},
      {"signer.custody.secret-changed", ServerName::kKeyguard},
      {"signer.custody.bound", ServerName::kKeyguard},
      {"signer.custody.concluded", ServerName::kKeyguard},
      {"keyguard.prepare.before-reply", ServerName::kKeyguard},
      {"keyguard.sign.before-reply", ServerName::kKeyguard},
      {"keyguard.close.before-reply", ServerName::kKeyguard},
      {"orchestrator.incident.appended", ServerName::kOrchestrator},
      {"orchestrator.direction.drafted", ServerName::kOrchestrator},
      {"orchestrator.vote.recorded", ServerName::kOrchestrator},
      {"orchestrator.campaign.intent", ServerName::kOrchestrator},
      {"orchestrator.campaign.signed", ServerName::kOrchestrator},
      {"orchestrator.campaign.delivered", ServerName::kOrchestrator},
      {"orchestrator.campaign.response-logged", ServerName::kOrchestrator},
      {"orchestrator.campaign.wave-done", ServerName::kOrchestrator},
      {"orchestrator.action.effect-done", ServerName::kOrchestrator},
      {"orchestrator.evidence.written", ServerName::kOrchestrator},
      {"repository.rebuild.read", ServerName::kOrchestrator},
      {"repository.rebuild.decided", ServerName::kOrchestrator},
      {"repository.rebuild.before-swap", ServerName::kOrchestrator},
      {"repository.rebuild.after-swap", ServerName::kOrchestrator},
      {"sim.deliver.durable", ServerName::kSim},
      {"sim.device.applied", ServerName::kSim},
      {"sim.response.before-send", ServerName::kSim},
      {"sim.certificate.issued", ServerName::kSim},
      {"sim.delta.begun", ServerName::kSim},
      {"sim.delta.before-rename", ServerName::kSim},
      {"sim.delta.renamed", ServerName::kSim},
      {"sim.delta.published", ServerName::kSim},
      {"sim.certificate.revoked", ServerName::kSim},
      {"sim.crl.numbered", ServerName::kSim},
  };
  return names;
}

StatusOr<FailPointChoice> ParseFailPoint(const std::string& text) {
  const size_t colon = text.find(':');
  FailPointChoice out;
  out.name = text.substr(0, colon);
  const std::string number = colon == std::string::npos ? "1" : text.substr(colon + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), out.hit);
  if (error != std::errc() || end != number.data() + number.size() || out.hit == 0 || out.hit > kMostHits)
    return InvalidArgument("'{}' must be POINT or POINT:N, N from 1 to {}", text, kMostHits);
  std::string known;
  for (const FailPointName& one : FailPointNames()) {
    if (out.name == one.name) {
      out.server = one.server;
      return out;
    }
    known += fmt::format("\n  {}", one.name);
  }
  return InvalidArgument("there is no fail point '{}' in a drill's servers; there are:{}", out.name, known);
}

}  // namespace smki::sim
