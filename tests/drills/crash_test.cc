// I2 basics: each server is killed by itself (SIGKILL) at a named fail point in the middle of a drill; it is started
// again and the recovery ends in the same recovered set. A keyguard crash costs one more ceremony, nothing else.
#include "tests/drills/drill.h"

namespace smki::test {
namespace {

struct CrashCase {
  sim::ServerName server;
  const char* fail_point;
  bool costs_ceremony = false;
};

void PrintTo(const CrashCase& crash, std::ostream* out) {
  *out << crash.fail_point;
}

std::string NameOf(const ::testing::TestParamInfo<CrashCase>& info) {
  std::string name;
  for (const char* c = info.param.fail_point; *c != 0; ++c) name += (*c == '.' || *c == '-' || *c == ':') ? '_' : *c;
  return name;
}

class Crash : public Drill, public ::testing::WithParamInterface<CrashCase> {
 protected:
  size_t Ceremonies() const {
    size_t requests = 0;
    for (const auto& file : std::filesystem::directory_iterator(rehearsal_->EvidenceFolder() + "/ceremony")) {
      requests += file.path().extension() == ".cms" ? 1 : 0;
    }
    return requests;
  }
};

TEST_P(Crash, I2_EndsInTheSameRecoveredSet) {
  const CrashCase& crash = GetParam();
  const std::string variable = std::string("SMKI_FAIL_POINT=") + crash.fail_point;
  for (const auto server : {sim::ServerName::kSim, sim::ServerName::kKeyguard, sim::ServerName::kOrchestrator}) {
    const Status started = rehearsal_->Start(
        server, server == crash.server ? std::vector<std::string>{variable} : std::vector<std::string>{});
    ASSERT_TRUE(started.ok()) << Message(started);
  }
  const Status opened = rehearsal_->Open();  // may itself meet the fail point; Drive goes on from what is durable
  const Status driven = rehearsal_->Drive();
  ASSERT_TRUE(driven.ok()) << Message(driven) << (opened.ok() ? "" : "; opening: " + Message(opened));
  if (crash.server == sim::ServerName::kKeyguard) {
    EXPECT_GE(Ceremonies(), crash.costs_ceremony ? 2u : 1u) << "the fail point was never reached";
  }
  if (std::string(crash.fail_point).rfind("signer.", 0) != 0) {
    EXPECT_GE(rehearsal_->restarts(), 1u) << "the fail point was never reached";
  }
  ExpectRecovered();
}

INSTANTIATE_TEST_SUITE_P(Signer, Crash,
                         ::testing::Values(CrashCase{sim::ServerName::kKeyguard, "signer.prepare.journalled", false},
                                           CrashCase{sim::ServerName::kKeyguard, "signer.present.journalled:2", true},
                                           CrashCase{sim::ServerName::kKeyguard, "signer.burn.before-sync", true},
                                           CrashCase{sim::ServerName::kKeyguard, "signer.burn.synced:2", true},
                                           CrashCase{sim::ServerName::kKeyguard, "signer.sign.done", true},
                                           CrashCase{sim::ServerName::kKeyguard, "signer.signatures.synced:2", true},
                                           CrashCase{sim::ServerName::kKeyguard, "signer.proven.synced", true}),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(Keyguard, Crash,
                         ::testing::Values(CrashCase{sim::ServerName::kKeyguard, "keyguard.prepare.before-reply",
                                                     false},
                                           CrashCase{sim::ServerName::kKeyguard, "keyguard.sign.before-reply:2", true},
                                           CrashCase{sim::ServerName::kKeyguard, "keyguard.close.before-reply", false}),
                         NameOf);
INSTANTIATE_TEST_SUITE_P(
    Orchestrator, Crash,
    ::testing::Values(CrashCase{sim::ServerName::kOrchestrator, "orchestrator.incident.appended:3"},
                      CrashCase{sim::ServerName::kOrchestrator, "orchestrator.direction.drafted"},
                      CrashCase{sim::ServerName::kOrchestrator, "orchestrator.vote.recorded:2"},
                      CrashCase{sim::ServerName::kOrchestrator, "orchestrator.campaign.intent:2"},
                      CrashCase{sim::ServerName::kOrchestrator, "orchestrator.campaign.signed"},
                      CrashCase{sim::ServerName::kOrchestrator, "orchestrator.campaign.delivered:2"},
                      CrashCase{sim::ServerName::kOrchestrator, "orchestrator.campaign.response-logged"},
                      CrashCase{sim::ServerName::kOrchestrator, "orchestrator.campaign.wave-done"},
                      CrashCase{sim::ServerName::kOrchestrator, "orchestrator.action.effect-done:2"},
                      CrashCase{sim::ServerName::kOrchestrator, "orchestrator.evidence.written"},
                      CrashCase{sim::ServerName::kOrchestrator, "repository.rebuild.before-swap"},
                      CrashCase{sim::ServerName::kOrchestrator, "repository.rebuild.after-swap:2"}),
    NameOf);
INSTANTIATE_TEST_SUITE_P(Sim, Crash,
                         ::testing::Values(CrashCase{sim::ServerName::kSim, "sim.deliver.durable"},
                                           CrashCase{sim::ServerName::kSim, "sim.device.applied"},
                                           CrashCase{sim::ServerName::kSim, "sim.response.before-send:2"},
                                           CrashCase{sim::ServerName::kSim, "sim.certificate.issued:2"},
                                           CrashCase{sim::ServerName::kSim, "sim.delta.begun"},
                                           CrashCase{sim::ServerName::kSim, "sim.delta.before-rename"},
                                           CrashCase{sim::ServerName::kSim, "sim.delta.renamed"},
                                           CrashCase{sim::ServerName::kSim, "sim.delta.published"},
                                           CrashCase{sim::ServerName::kSim, "sim.certificate.revoked:2"},
                                           CrashCase{sim::ServerName::kSim, "sim.crl.numbered"}),
                         NameOf);
}  // namespace
}  // namespace smki::test
