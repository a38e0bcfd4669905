// Somebody on the orchestrator's host: has its transport identity, hears every call to the keyguard, and makes calls of
// their own, bent in one place each.
#pragma once

#include <set>
#include <string>
#include <vector>

#include "smki/keyguard/v1/keyguard.pb.h"
#include "tests/simulation/estate.h"
#include "tests/simulation/parts/machine.h"

namespace smki::simulation {

class Intruder {
 public:
  static constexpr char kIdentity[] = "orchestrator";
  static constexpr char kMachine[] = "intruder";

  Intruder(World world, const EstateImage& image);
  void Start(Network::Host& keyguard);
  void Overhear(const Server::Call& call);
  // The keyguard has believed a ledger head that the ledger does not have. Whoever has the orchestrator's identity can
  // do that; the true orchestrator then goes no further (JOURNAL_ROLLED_BACK), and people must find out why.
  bool lied() const { return lied_; }

 private:
  void Strike();
  bool Strikes(const std::string& place);
  void BendSign();
  void AskForMany();
  void BendPrepare();
  void Send(const std::string& method, std::vector<std::string> messages, const std::string& what, bool lie = false);
  // The newest ledger head that the orchestrator has quoted.
  void Quoted(uint64_t sequence, const std::string& head);
  // One of the fleet that no Direction names.
  Eui64 Bystander();
  std::string SomePopulationWith(const std::string& octets, Eui64 device) const;

  World world_;
  const EstateImage& image_;
  Process process_;
  std::unique_ptr<Transport> keyguard_;
  std::set<std::string> own_;  // what we have sent
  std::string last_method_;    // of the orchestrator's calls
  bool lied_ = false;
  std::vector<keyguard::v1::SignRequest> signs_;
  std::vector<keyguard::v1::PrepareRequest> prepare_;
  std::vector<std::string> checkpoints_;
  uint64_t ledger_sequence_ = 0;
  std::string ledger_head_;
  bool foisted_ = false;  // a population of ours was handed over
};

}  // namespace smki::simulation
