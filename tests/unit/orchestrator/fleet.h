// A small campaign and both its other sides: a keyguard that signs what it is asked within its limits, and Devices
// that answer with real, signed responses, unless a test tells them otherwise.
#pragma once

#include <climits>
#include <filesystem>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "fake_transport.h"
#include "gbcs/message.h"
#include "orchestrator/campaign/campaign.h"
#include "pki/key.h"
#include "tests/harness/disk.h"

namespace smki::orchestrator::test {

template <typename T>
T Must(StatusOr<T> value) {
  if (!value.ok()) CheckFailed(Message(value.status()).c_str(), __FILE__, __LINE__);
  return std::move(value).value();
}

// A folder that goes with the object.
class Scratch {
 public:
  Scratch();
  ~Scratch();
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

inline constexpr char kResponses[] = "/smki.estate.v1.DeviceGateway/Responses";
inline constexpr char kDeliver[] = "/smki.estate.v1.DeviceGateway/Deliver";
inline constexpr char kSign[] = "/smki.keyguard.v1.Keyguard/Sign";
inline constexpr char kProve[] = "/smki.keyguard.v1.Keyguard/Prove";

inline const Eui64 kOriginator{0x90B3D51F30000001};
inline const Eui64 kSupplier{0x90B3D51F30010000};

// The Repository of these Devices.
class FleetStore : public repository::Store {
 public:
  StatusOr<std::vector<repository::CertificateRecord>> ByEui(Eui64 eui) const override {
    const auto it = records.find(eui);
    return it == records.end() ? std::vector<repository::CertificateRecord>() : it->second;
  }
  StatusOr<std::vector<repository::CertificateRecord>> BySerial(ByteSpan) const override {
    return Internal("not asked");
  }
  StatusOr<std::optional<repository::CertificateRecord>> ByDigest(const Digest&) const override {
    return Internal("not asked");
  }
  StatusOr<std::vector<repository::CertificateRecord>> Authorities() const override { return authorities; }
  const repository::StoreSummary& summary() const override { return summary_; }

  std::map<Eui64, std::vector<repository::CertificateRecord>> records;
  std::vector<repository::CertificateRecord> authorities;

 private:
  repository::StoreSummary summary_;
};

// How one Device behaves.
struct Behaviour {
  int lose_commands = 0;   // so many commands never arrive
  int lose_responses = 0;  // so many answers never come back
  int fail_cells = 0;      // so many times its last cell fails
  bool fail_all = false;   // no cell ever changes
  bool silent = false;
  int answers = INT_MAX;         // so many, then it is silent
  std::optional<Eui64> sign_as;  // with another Device's key
  bool other_counter = false;    // answers a counter nobody signed
  bool other_key = false;        // reports success, but holds another key
  bool extra_cell = false;       // reports a cell nobody directed
};

class Fleet {
 public:
  Fleet(size_t esme, size_t gpf);

  procedures::Direction direction;
  Digest digest{};
  std::vector<procedures::Population> populations;
  std::vector<GroupIntent> intents;
  std::shared_ptr<FleetStore> store = std::make_shared<FleetStore>();
  std::map<Eui64, Behaviour> behaviour;

  // The signed answer of `device` to counter `counter`.
  std::string Respond(Eui64 device, uint64_t counter, const Behaviour& behaviour);
  size_t size() const { return keys_.size(); }
  Eui64 Device(size_t rank) const;
  const pki::Certificate& CertificateOf(Eui64 device) const { return certificates_.at(device); }

 private:
  void AddDevice(Eui64 device);
  std::map<Eui64, pki::PrivateKey> keys_;
  std::map<Eui64, pki::Certificate> certificates_;
  pki::PrivateKey authority_;
};

// Keyguard and gateway around a Fleet, and the Campaign under test, restartable at any moment.
class CampaignWorld {
 public:
  explicit CampaignWorld(Fleet& fleet);

  // Opens the campaign anew from its log, as after a restart.
  void Reopen();
  // Runs the wave to its end, at most `limit` of virtual time.
  Status Run(const std::string& wave, Millis limit = std::chrono::minutes(10));
  void Begin(const std::string& wave);
  void Push(const std::string& response, Eui64 device);

  Fleet& fleet;
  ManualClock clock{*ParseTime("2026-11-21T03:00:00Z")};
  ManualExecutor executor{clock};
  FakeTransport keyguard{executor}, estate{executor};
  Scratch scratch;
  ::smki::test::Disk disk;
  CampaignSettings settings;
  std::unique_ptr<Campaign> campaign;
  std::optional<Status> ended;

  std::vector<std::pair<std::string, Bytes>> ledger;  // kind, payload
  uint64_t last_batch = 0, summarised = 0;
  std::map<std::pair<Eui64, uint32_t>, std::string> signed_;  // the keyguard's memory
  std::vector<std::pair<Eui64, uint64_t>> delivered;          // device, counter
  std::set<Eui64> proven, proof_refused;
  uint64_t next_counter = 1000;
  int sign_calls = 0, reopened = 0;
  std::optional<Status> sign_error, reopen_status;
  std::function<void(const std::string& kind)> on_record;
  std::string record_fails_once;  // this kind
  int lose_delivery_answers = 0;  // so many times the gateway takes the commands and its answer never comes
  std::map<uint64_t, std::pair<Eui64, std::string>> outbox;  // of the gateway, by sequence

 private:
  // What of the campaign log a power cut would leave: counters signed, Devices that answered.
  struct Durable {
    std::set<uint64_t> counters;
    std::set<Eui64> answered;
  };
  Durable ReadDurable();
  StatusOr<keyguard::v1::SignResponse> Sign(const keyguard::v1::SignRequest& request);
  StatusOr<estate::v1::DeliverResponse> Deliver(const estate::v1::DeliverRequest& request);
};

}  // namespace smki::orchestrator::test
