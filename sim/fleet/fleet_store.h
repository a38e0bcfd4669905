// The fleet on disk (docs/formats/fleet.md): every Device's state, its own key, and what it has sent. A Device must not
// forget: a response leaves only when the state it tells of is durable. One thread,
// one writing process.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "pki/key.h"
#include "sim/fleet/device.h"
#include "sim/store/database.h"

namespace smki::sim {

// What the inventory knows of a Device.
struct Enrolment {
  Eui64 eui;
  std::string type;
  Eui64 supplier;
  Eui64 network_operator;
  std::string status;  // Commissioned, ...
};

struct FleetDevice {
  Enrolment enrolment;
  Eui64 first_supplier;  // whose it was when the estate was made
  DeviceState state;
  uint64_t transmissions = 0;  // commands sent towards it, lost ones included
  uint64_t accepted = 0;       // commands it answered
};

struct FleetResponse {
  uint64_t sequence = 0;  // from 1, without gaps
  Eui64 device;
  Bytes message;
};

class FleetStore {
 public:
  static StatusOr<std::unique_ptr<FleetStore>> Create(const std::string& path);
  static StatusOr<std::unique_ptr<FleetStore>> Open(const std::string& path);
  // For looking, also while another process serves the fleet; every writing call fails.
  static StatusOr<std::unique_ptr<FleetStore>> OpenReadOnly(const std::string& path);
  ~FleetStore();

  // --- Writing: always inside a transaction of the caller's. ---
  StatusOr<Transaction> Begin() { return Transaction::Begin(database_); }
  // Durable when it returns OK.
  Status Commit(Transaction transaction);
  // `key` for signatures, `agreement` for MACs.
  Status Add(const Enrolment& enrolment, const DeviceState& state, const pki::PrivateKey& key,
             const pki::PrivateKey& agreement);
  Status SaveState(const DeviceState& state);        // counts it as accepted
  Status SaveEnrolment(const Enrolment& enrolment);  // its supplier and status
  Status CountTransmission(Eui64 device);
  // Sent: the next sequence. In flight: becomes sent at `due`.
  Status AppendResponse(Eui64 device, ByteSpan message);
  Status AppendInFlight(UtcTime due, Eui64 device, ByteSpan message);
  // Moves what is due by `now` to the sent responses; true if there was any.
  StatusOr<bool> Land(UtcTime now);
  Status CountEvent(const std::string& what);

  // --- Reading ---
  // The Device with its keys, or null.
  struct Loaded {
    FleetDevice device;
    pki::PrivateKey key;
    Secret agreement;  // scalar
  };
  StatusOr<std::unique_ptr<Loaded>> Load(Eui64 device);
  bool Serves(Eui64 device);
  StatusOr<std::vector<FleetResponse>> Responses(uint64_t after, size_t limit);
  StatusOr<std::optional<UtcTime>> NextDue();
  // In EUI-64 order, `after` exclusive; `supplier` 0: all.
  StatusOr<std::vector<FleetDevice>> List(Eui64 after, size_t limit, Eui64 supplier);
  Status ForEach(const std::function<void(const FleetDevice&)>& visit);
  StatusOr<std::map<std::string, uint64_t>> Events();

 private:
  explicit FleetStore(Database database);
  static StatusOr<std::unique_ptr<FleetStore>> Load(StatusOr<Database> database);
  Status Prepare();
  Status LoadAnchors();
  StatusOr<uint32_t> AnchorId(const AnchorPtr& anchor);
  StatusOr<Bytes> Encode(const DeviceState& state);
  Status Decode(ByteSpan octets, DeviceState& state) const;
  StatusOr<FleetDevice> ReadDevice(const Statement& row) const;
  StatusOr<std::vector<FleetDevice>> ReadDevices(Statement& query) const;

  Database database_;
  std::vector<AnchorPtr> anchors_;              // by id; null where an id was never made durable
  std::map<std::string, uint32_t> anchor_ids_;  // by certificate, or by key if there is none
  size_t durable_anchors_ = 0;                  // ids below need not be written again
  struct Statements;
  std::unique_ptr<Statements> statements_;
};

}  // namespace smki::sim
