// smki-orchestrator on its machine: the real core, started and ended as its program does (orchestrator/main.cc).
#pragma once

#include "orchestrator/orchestrator.h"
#include "tests/simulation/estate.h"
#include "tests/simulation/parts/machine.h"

namespace smki::simulation {

class OrchestratorMachine : public Server {
 public:
  OrchestratorMachine(World world, const EstateImage& image);
  ~OrchestratorMachine() override;

  // `keyguard`, `estate`: whom it calls.
  void Start(Network::Host& keyguard, Network::Host& estate);
  Disk& disk() { return disk_; }
  Network::Host& host() { return host_; }
  Process& process() { return process_; }
  // Null while it is down.
  const orchestrator::Orchestrator* core() const { return core_.get(); }
  // Why the last start failed; empty if it did not.
  const std::string& start_failure() const { return start_failure_; }
  uint64_t starts() const { return starts_; }
  static constexpr char kName[] = "orchestrator";

  void Serve(Call call, Reply reply) override;
  void ServeStream(Call call, Stream stream) override;

 private:
  void Begin();
  Status Run();
  void Die(Fault how);
  void Bury(Disk::Image image);

  World world_;
  const EstateImage& image_;
  Process process_;
  Disk disk_;
  Network::Host host_;
  Network::Host* keyguard_host_ = nullptr;
  Network::Host* estate_host_ = nullptr;
  orchestrator::Site site_;
  std::string start_failure_;
  uint64_t starts_ = 0;
  bool shown_ = false;  // somebody has read a page of an incident
  // Of one life.
  std::unique_ptr<SeededRandom> random_;
  std::unique_ptr<orchestrator::InlineWorker> worker_;
  std::unique_ptr<Transport> keyguard_, estate_;
  std::unique_ptr<orchestrator::Orchestrator> core_;
};

}  // namespace smki::simulation
