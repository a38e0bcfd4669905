// fleet.proven: waits until every Device of the affected organisation has said, over its own signature, that its cells
// hold the organisation's new keys, whoever commanded it. No key of ours is used; what is not proven is told as
// reported.
//
// What shall be proven, and each response that proves it, stands in a log of the evidence folder from the beginning
// (ledger/proof_records.h), so a restart goes on and an auditor reads the same.
#include <algorithm>

#include "ledger/proof_records.h"
#include "ledger/record_log.h"
#include "orchestrator/actions/action.h"
#include "orchestrator/actions/holder.h"
#include "orchestrator/campaign/device_certificates.h"
#include "orchestrator/campaign/judge.h"
#include "proto/rpc/channel.h"
#include "smki/estate/v1/estate.pb.h"

namespace smki::orchestrator {
namespace {

using ledger::ProofType;

constexpr Millis kCallDeadline{30000};
constexpr Millis kRetryDelay{1000};
constexpr Millis kDefaultDeadline = std::chrono::hours(24);
constexpr uint32_t kDevicesInPage = 10000;
constexpr size_t kMaxDevices = 100'000'000;
constexpr size_t kMaxReasons = 32;  // told apart; more are "other"

bool Passing(const Status& status) {
  return ReasonOf(status).empty() &&
         (status.code() == StatusCode::kUnavailable || status.code() == StatusCode::kDeadlineExceeded);
}

class ProofAction : public Action {
 public:
  using Action::Action;

  void Start() override {
    deadline_ = step_state().started + step().deadline.value_or(kDefaultDeadline);
    Status ready = Prepare();
    if (ready.ok()) ready = OpenLog();
    if (!ready.ok()) return Fail(ready);
    if (begun_) return Listen();
    waiting_for_ = "the Inventory";
    List(0);
  }
  std::vector<std::string> WaitingFor() const override {
    if (!begun_) return {waiting_for_};
    return {Told()};
  }

 private:
  struct Cells {
    std::vector<GroupIntent> intents;  // one for each who may have commanded it
  };
  struct DeviceProof {
    uint32_t group = 0;
    bool proven = false;
  };

  // Whose Devices, which certificates, and by whose command: the organisation's own, or the broker's at a handover.
  Status Prepare() {
    SMKI_ASSIGN_OR_RETURN(organisation_, OrganisationOf(incident().state));
    SMKI_ASSIGN_OR_RETURN(const UtcTime compromised, CompromiseOf(incident().state));
    SMKI_ASSIGN_OR_RETURN(store_, core().repository.Current());
    SMKI_ASSIGN_OR_RETURN(const auto records, store_->ByEui(organisation_));
    const gbcs::Role role = RoleOf(records);
    supplier_ = role == gbcs::Role::kSupplier;
    SMKI_ASSIGN_OR_RETURN(OrganisationCertificates chosen, ChooseReplacements(records, compromised, role));
    certificates_ = std::move(chosen.replacements);
    mode_ = supplier_ ? gbcs::Mode::kSupplierBySupplier : gbcs::Mode::kNetworkOperatorByNetworkOperator;
    originators_ = {organisation_, core().site.direction.dcc_organisations.at("accessControlBroker")};
    return OkStatus();
  }

  // --- the log ---

  std::string LogPath() const { return incident().folder + "/proof/" + step().id + ".log"; }

  Status OpenLog() {
    FileSystem& files = core().outside.files;
    SMKI_RETURN_IF_ERROR(files.CreateDirectories(DirectoryOf(LogPath())));
    log_.reset();
    groups_.clear();
    devices_.clear();
    proven_ = 0;
    begun_ = false;
    SMKI_ASSIGN_OR_RETURN(log_, ledger::RecordLog::Open(files, LogPath(), ledger::kProofKind,
                                                        [this](const ledger::Record& record) { return Fold(record); }));
    if (begun_ || log_->records() == 0) return OkStatus();
    // A crash came between its first record and its last group: nobody has seen it.
    log_.reset();
    for (const std::string& file : {ledger::CommittedPathOf(LogPath()), LogPath()}) {
      if (files.Exists(file)) SMKI_RETURN_IF_ERROR(files.Remove(file));
    }
    return OpenLog();
  }

  Status Fold(const ledger::Record& record) {
    switch (static_cast<ProofType>(record.type)) {
      case ProofType::kScope:
        return FoldScope(record.payload);
      case ProofType::kGroup: {
        SMKI_ASSIGN_OR_RETURN(const ledger::ProofGroup group, ledger::DecodeProofGroup(record.payload));
        return AddGroup(group);
      }
      case ProofType::kBegun:
        begun_ = true;
        return OkStatus();
      case ProofType::kResponse: {
        SMKI_ASSIGN_OR_RETURN(const ledger::ProofResponse response, ledger::DecodeProofResponse(record.payload));
        const auto device = devices_.find(response.device);
        if (device == devices_.end()) return DataLoss("{}: {} is in no group", LogPath(), response.device.ToString());
        proven_ += device->second.proven ? 0 : 1;
        device->second.proven = true;
        return OkStatus();
      }
    }
    return DataLoss("{}: record type {} is unknown", LogPath(), record.type);
  }

  Status FoldScope(ByteSpan payload) {
    SMKI_ASSIGN_OR_RETURN(const ledger::ProofScope scope, ledger::DecodeProofScope(payload));
    if (scope.incident != incident().state.id || scope.step != step().id)
      return DataLoss("{} is of step {} of {}", LogPath(), scope.step, scope.incident);
    return OkStatus();
  }

  // The cells as they are recorded, whatever the Repository says by now.
  Status AddGroup(const ledger::ProofGroup& group) {
    Cells cells;
    GroupIntent intent;
    intent.mode = mode_;
    for (const ledger::ProofCell& one : group.cells) {
      const auto cell = gbcs::TrustAnchorCell::Parse(one.cell);
      SMKI_ASSIGN_OR_RETURN(const auto record, store_->ByDigest(one.certificate));
      if (!cell || !record) return DataLoss("{}: the certificate for {} is not in the Repository", LogPath(), one.cell);
      SMKI_ASSIGN_OR_RETURN(const pki::Certificate certificate, pki::Certificate::Parse(record->der));
      intent.cells.push_back({*cell, certificate.public_key->identifier(), certificate.subject_eui.value_or(Eui64())});
    }
    for (const Eui64 originator : originators_) {
      intent.originator = originator;
      cells.intents.push_back(intent);
    }
    for (const Eui64 device : group.devices) devices_[device] = {static_cast<uint32_t>(groups_.size()), false};
    groups_.push_back(std::move(cells));
    return OkStatus();
  }

  Status Append(ProofType type, const Bytes& payload) {
    return log_->Append(static_cast<uint8_t>(type), payload).status();
  }

  // --- who shall prove it ---

  void List(uint64_t after) {
    estate::v1::ListDevicesRequest request;
    request.set_after(after);
    request.set_limit(kDevicesInPage);
    if (supplier_) request.set_supplier(organisation_.value());
    rpc::Call<estate::v1::ListDevicesResponse>(
        core().outside.estate, "/smki.estate.v1.Inventory/ListDevices", request, kCallDeadline,
        Guard([this, after](StatusOr<estate::v1::ListDevicesResponse> page) {
          if (!page.ok() && Passing(page.status())) return After(kRetryDelay, [this, after] { List(after); });
          if (!page.ok()) return Fail(page.status());
          uint64_t last = after;
          for (const estate::v1::Device& device : page->devices()) {
            last = device.eui();
            Take(device);
          }
          if (listed_count_ > kMaxDevices)
            return Fail(FailedPrecondition("the Inventory lists more than {} Devices", kMaxDevices));
          if (page->more() && last > after) return List(last);
          const Status begun = Begin();
          if (!begun.ok()) return Fail(begun);
          Listen();
        }));
  }

  void Take(const estate::v1::Device& device) {
    const uint64_t owner = supplier_ ? device.supplier() : device.network_operator();
    if (owner != organisation_.value()) return;
    std::vector<std::string> cells;
    for (const std::string& cell : device.cells()) {
      if (certificates_.count(cell) > 0) cells.push_back(cell);
    }
    std::sort(cells.begin(), cells.end());
    cells.erase(std::unique(cells.begin(), cells.end()), cells.end());
    if (cells.empty()) return;
    listed_[cells].push_back(Eui64(device.eui()));
    ++listed_count_;
  }

  Status Begin() {
    if (listed_.empty())
      return FailedPrecondition("the Inventory lists no Device of {} with a cell of its role",
                                organisation_.ToString());
    SMKI_RETURN_IF_ERROR(
        Append(ProofType::kScope, Encode(ledger::ProofScope{core().Now(), incident().state.id, step().id,
                                                            gbcs::MessageCodeOf(mode_), originators_})));
    for (auto& [cells, devices] : listed_) {
      std::sort(devices.begin(), devices.end());
      if (std::adjacent_find(devices.begin(), devices.end()) != devices.end())
        return FailedPrecondition("the Inventory lists a Device of {} twice", organisation_.ToString());
      for (size_t at = 0; at < devices.size(); at += ledger::kMaxProofDevices) {
        const size_t end = std::min(devices.size(), at + ledger::kMaxProofDevices);
        ledger::ProofGroup group;
        group.devices.assign(devices.begin() + static_cast<ptrdiff_t>(at),
                             devices.begin() + static_cast<ptrdiff_t>(end));
        for (const std::string& cell : cells) group.cells.push_back({cell, certificates_.at(cell).sha256()});
        SMKI_RETURN_IF_ERROR(Append(ProofType::kGroup, Encode(group)));
        SMKI_RETURN_IF_ERROR(AddGroup(group));
      }
    }
    listed_.clear();
    SMKI_RETURN_IF_ERROR(Append(ProofType::kBegun, Encode(ledger::ProofBegun{devices_.size()})));
    log_->Sync();
    begun_ = true;
    return OkStatus();
  }

  // --- what they say ---

  // From the gateway's first response: a Device may have answered before anybody asked.
  void Listen() {
    if (proven_ == devices_.size()) return Finish();
    estate::v1::ResponsesRequest request;
    request.set_after_sequence(heard_);
    stream_ = core().outside.estate.Open("/smki.estate.v1.DeviceGateway/Responses", request.SerializeAsString(),
                                         Guard([this](const std::string& octets) { Hear(octets); }),
                                         Guard([this](const Status&) {
                                           After(kRetryDelay, [this] {
                                             stream_.reset();
                                             Listen();
                                           });
                                         }));
    WatchDeadline();
  }

  void WatchDeadline() {
    if (watching_) return;
    watching_ = true;
    After(std::max(Millis(0), deadline_ - core().Now()), [this] {
      watching_ = false;
      stream_.reset();
      Fail(
          FailedPrecondition("the deadline of the step has passed: {}. Whoever commands these Devices goes on, and "
                             "the step is started again; or Method 2 or 3 is directed for those that are left",
                             Told()));
    });
  }

  void Hear(const std::string& octets) {
    estate::v1::ResponseBatch batch;
    if (!batch.ParseFromString(octets)) return;  // its sequence will be asked for again
    for (const estate::v1::Response& response : batch.responses()) {
      const Status heard = Judge(response);
      if (!heard.ok()) {
        stream_.reset();
        return Fail(heard);
      }
      heard_ = std::max(heard_, response.sequence());
    }
    log_->Sync();
    if (proven_ == devices_.size()) Finish();
  }

  Status Judge(const estate::v1::Response& response) {
    const auto device = devices_.find(Eui64(response.device()));
    if (device == devices_.end() || device->second.proven) return OkStatus();
    for (const GroupIntent& intent : groups_[device->second.group].intents) {
      const auto read = ReadRecoveryResponse(AsBytes(response.message()), intent, device->first);
      if (!read.ok()) continue;  // of another command, or to somebody else
      const auto keys = DeviceCertificates(*store_, device->first);
      const bool genuine = std::any_of(keys.begin(), keys.end(),
                                       [&](const pki::Certificate& key) { return IsSignedBy(*read, *key.public_key); });
      const Judgement judged = orchestrator::Judge(intent, read->outcome);
      if (!genuine || judged.outcome != ledger::DeviceOutcome::kRecovered) {
        Note(genuine ? judged.reason : "not-signed-by-device");
        continue;
      }
      const ledger::ProofResponse proof{response.sequence(), device->first, ToBytes(AsBytes(response.message()))};
      SMKI_RETURN_IF_ERROR(Append(ProofType::kResponse, Encode(proof)));
      device->second.proven = true;
      ++proven_;
      return OkStatus();
    }
    return OkStatus();
  }

  void Note(const std::string& reason) {
    if (reported_.size() < kMaxReasons || reported_.contains(reason)) {
      ++reported_[reason];
    } else {
      ++reported_["other"];
    }
  }

  std::string Told() const {
    std::string out = fmt::format("{} of {} Devices have proven it", proven_, devices_.size());
    for (const auto& [reason, count] : reported_) out += fmt::format(", {} answers {}", count, reason);
    return out;
  }

  void Finish() {
    stream_.reset();
    Succeed(Told(),
            {{"proven.devices", fmt::format("{}", devices_.size())}, {"proven.recovered", fmt::format("{}", proven_)}});
  }

  Eui64 organisation_;
  bool supplier_ = true;
  gbcs::Mode mode_ = gbcs::Mode::kSupplierBySupplier;
  std::vector<Eui64> originators_;
  CellCertificates certificates_;
  std::shared_ptr<const repository::Store> store_;
  std::unique_ptr<ledger::RecordLog> log_;
  std::map<std::vector<std::string>, std::vector<Eui64>> listed_;  // by cells, until it has begun
  size_t listed_count_ = 0;
  std::vector<Cells> groups_;
  std::map<Eui64, DeviceProof> devices_;
  uint64_t proven_ = 0, heard_ = 0;
  bool begun_ = false, watching_ = false;
  UtcTime deadline_;
  std::map<std::string, uint64_t> reported_;  // answers that prove nothing, by reason
  std::string waiting_for_;
  std::unique_ptr<Transport::Watch> stream_;
};

}  // namespace

std::unique_ptr<Action> MakeProofAction(Action::Context context) {
  if (context.step.action != "fleet.proven") return nullptr;
  return std::make_unique<ProofAction>(std::move(context));
}

}  // namespace smki::orchestrator
