// Somebody on the orchestrator's host: has its transport identity, hears every call to the keyguard, and makes calls of
// their own, bent in one place each.
#pragma once

#include <optional>
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
  void BendSign();
  void BendPrepare();
  void Send(const std::string& method, std::vector<std::string> messages, const std::string& what, bool lie = false);
  std::string SomePopulationWith(const std::string& octets, uint64_t device) const;

  World world_;
  const EstateImage& image_;
  Process process_;
  std::unique_ptr<Transport> keyguard_;
  bool lied_ = false;
  std::vector<keyguard::v1::SignRequest> signs_;
  std::vector<keyguard::v1::PrepareRequest> prepare_;
};

}  // namespace smki::simulation
