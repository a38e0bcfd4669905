// What a real DCC plugs in, on one machine: the gateway with the Devices behind it, the inventory, the Issuing OCA. It
// is test equipment, but its processes end and begin again like others, and the network between gateway and Devices is
// bad.
#pragma once

#include <map>
#include <set>

#include "hsm/pkcs11/module.h"
#include "sim/network/estate_calls.h"
#include "tests/simulation/estate.h"
#include "tests/simulation/parts/machine.h"

namespace smki::simulation {

class DccMachine : public Server {
 public:
  DccMachine(World world, const EstateImage& image, hsm::pkcs11::Module& module);
  ~DccMachine() override;
  void Start();
  Disk& disk() { return disk_; }
  Network::Host& host() { return host_; }
  Process& process() { return process_; }
  // Every Device as it is; the process need not run. Only when the run is over.
  StatusOr<std::vector<sim::FleetDevice>> Devices();
  const std::map<Eui64, std::string>& lost_cells() const { return lost_cells_; }
  static constexpr char kName[] = "dcc";

  void Serve(Call call, Reply reply) override;
  void ServeStream(Call call, Stream stream) override;

 private:
  void Begin();
  Status Run();
  void Die(Fault how);
  void End();
  void LoseCells(const Call& call);

  World world_;
  const EstateImage& image_;
  hsm::pkcs11::Module& module_;
  Process process_;
  Disk disk_;
  Network::Host host_;
  sim::Faults faults_;
  std::set<Eui64> seen_;  // Devices that a command was sent to
  std::map<Eui64, std::string> lost_cells_;
  // Of one life.
  std::unique_ptr<SeededRandom> random_;
  std::unique_ptr<hsm::pkcs11::TokenSigner> issuing_key_;
  std::unique_ptr<sim::AuthorityState> state_;
  std::unique_ptr<sim::FleetStore> fleet_;
  std::unique_ptr<sim::Authority> authority_;
  std::unique_ptr<sim::Gateway> gateway_;
  std::unique_ptr<sim::EstateCalls> calls_;
};

}  // namespace smki::simulation
