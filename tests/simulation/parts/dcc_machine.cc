#include "tests/simulation/parts/dcc_machine.h"

#include <algorithm>

#include "sim/authority/token_key.h"

namespace smki::simulation {
namespace {

constexpr char kFleet[] = "dcc/fleet.sqlite";
constexpr char kState[] = "dcc/state.sqlite";
constexpr char kExtracts[] = "repository/extracts";

// The fates' rates are per million, the gateway's per mille.
uint32_t PerMille(Fates& fates, Fault fault) {
  return (fates.Lent(fault, "devices") + 999) / 1000;
}

sim::Faults FaultsOf(Fates& fates) {
  sim::Faults out;
  out.seed = fates.SeedFor("devices");
  out.lose_command = PerMille(fates, Fault::kCommandLost);
  out.lose_response = PerMille(fates, Fault::kResponseLost);
  out.duplicate_command = PerMille(fates, Fault::kCommandTwice);
  out.duplicate_response = PerMille(fates, Fault::kResponseTwice);
  out.delay = PerMille(fates, Fault::kResponseLate);
  out.delay_time = std::chrono::seconds(45);
  out.silent = PerMille(fates, Fault::kDeviceSilent);
  return out;
}

template <typename Request, typename Response>
void Run(sim::EstateCalls& calls, const Server::Call& call, const Server::Reply& reply,
         Status (sim::EstateCalls::*method)(const std::string&, const Request&, Response&)) {
  Request request;
  if (call.messages.size() != 1 || !request.ParseFromString(call.messages[0]))
    return reply(InvalidArgument("{}: the request cannot be read", call.method));
  Response response;
  const Status status = (calls.*method)(call.caller, request, response);
  if (!status.ok()) return reply(status);
  reply(response.SerializeAsString());
}

}  // namespace

DccMachine::DccMachine(World world, const EstateImage& image, hsm::pkcs11::Module& module)
    : world_(world),
      image_(image),
      module_(module),
      process_(world.clockwork, kName),
      disk_(kName, world.clockwork, world.fates, [this](Fault how) { Die(how); }),
      host_(kName, process_),
      faults_(FaultsOf(world.fates)) {
  disk_.Put(kFleet, image.File("fleet/fleet.sqlite"));
  disk_.Put(kState, image.File("authority/state.sqlite"));
}

DccMachine::~DccMachine() {
  End();
}

void DccMachine::Start() {
  Begin();
}

void DccMachine::Begin() {
  process_.Begin();
  process_.Post([this] {
    const Status status = Run();
    if (process_.ghost()) return;
    SMKI_CHECK(status.ok());
    host_.Up(this);
  });
}

Status DccMachine::Run() {
  random_ = std::make_unique<SeededRandom>(world_.fates.SeedFor(fmt::format("dcc life {}", process_.life())));
  const std::string token = fmt::format("smki-issuing-oca-{}", image_.estate.id);
  SMKI_ASSIGN_OR_RETURN(issuing_key_,
                        sim::OpenAuthorityKey(module_, token, image_.folder + "/authority/pins/" + token + ".pin"));
  SMKI_ASSIGN_OR_RETURN(const pki::Certificate issuing,
                        pki::Certificate::FromPem(AsText(image_.File("authority/issuing-oca.pem"))));
  SMKI_ASSIGN_OR_RETURN(state_, sim::AuthorityState::Open(kState));
  SMKI_ASSIGN_OR_RETURN(fleet_, sim::FleetStore::Open(kFleet));
  authority_ = std::make_unique<sim::Authority>(*state_, pki::IssuerIdentity{issuing_key_.get(), issuing.subject},
                                                kExtracts, process_, *random_);
  gateway_ =
      std::make_unique<sim::Gateway>(*fleet_, process_, process_, world_.fates.stopped() ? sim::Faults() : faults_);
  calls_ = std::make_unique<sim::EstateCalls>(*gateway_, *fleet_, *authority_);
  world_.story.Tell(kName, "starts");
  return OkStatus();
}

void DccMachine::Die(Fault how) {
  world_.story.Tell(kName, "dies: {}", Name(how));
  process_.Die(std::string(Name(how)), [this, image = disk_.Left(how == Fault::kKill)]() mutable {
    host_.Down();
    End();
    disk_.Become(std::move(image));
    world_.clockwork.After(RestartDelay(world_, kName), [this] { Begin(); });
  });
}

void DccMachine::End() {
  calls_.reset();
  gateway_.reset();
  authority_.reset();
  fleet_.reset();
  state_.reset();
  issuing_key_.reset();
}

StatusOr<std::vector<sim::FleetDevice>> DccMachine::Devices() {
  if (fleet_ == nullptr) return Unavailable("the gateway is down");
  std::vector<sim::FleetDevice> out;
  SMKI_RETURN_IF_ERROR(fleet_->ForEach([&](const sim::FleetDevice& device) { out.push_back(device); }));
  return out;
}

// A Device that has lost a cell since the Inventory was written replaces the others only. Where Devices may be silent,
// some do.
void DccMachine::LoseCells(const Call& call) {
  if (world_.fates.rate(Fault::kDeviceSilent) == 0 || call.messages.empty()) return;
  estate::v1::DeliverRequest request;
  if (!request.ParseFromString(call.messages[0])) return;
  for (const auto& command : request.commands()) {
    const Eui64 eui(command.device());
    if (!seen_.insert(eui).second || world_.fates.Draw("loses a cell", 12) != 0) continue;
    auto loaded = fleet_->Load(eui);
    if (!loaded.ok() || *loaded == nullptr) continue;
    sim::DeviceState state = (*loaded)->device.state;
    const auto last = std::find_if(state.cells.rbegin(), state.cells.rend(),
                                   [](const auto& cell) { return cell.first.role == gbcs::Role::kSupplier; });
    if (last == state.cells.rend()) continue;
    world_.story.Tell(kName, "{} has lost its cell {}", eui.ToString(), last->first.ToString());
    lost_cells_[eui] = last->first.ToString();
    state.cells.erase(std::next(last).base());
    auto transaction = fleet_->Begin();
    if (!transaction.ok() || !fleet_->SaveState(state).ok() || !fleet_->Commit(*std::move(transaction)).ok()) return;
  }
}

// As sim/network/estate_service.cc.
void DccMachine::Serve(Call call, Reply reply) {
  using sim::EstateCalls;
  EstateCalls& calls = *calls_;
  const std::string& method = call.method;
  if (method == "Deliver") {
    LoseCells(call);
    return simulation::Run(calls, call, reply, &EstateCalls::Deliver);
  }
  if (method == "ListDevices") return simulation::Run(calls, call, reply, &EstateCalls::ListDevices);
  if (method == "SubmitRequest") return simulation::Run(calls, call, reply, &EstateCalls::SubmitRequest);
  if (method == "Revoke") return simulation::Run(calls, call, reply, &EstateCalls::Revoke);
  if (method == "PublishRevocationList")
    return simulation::Run(calls, call, reply, &EstateCalls::PublishRevocationList);
  if (method == "PublishDelta") return simulation::Run(calls, call, reply, &EstateCalls::PublishDelta);
  if (method == "FindParty") return simulation::Run(calls, call, reply, &EstateCalls::FindParty);
  reply(Error(StatusCode::kUnimplemented, "there is no call {}", method));
}

void DccMachine::ServeStream(Call call, Stream stream) {
  estate::v1::ResponsesRequest request;
  if (call.method != "Responses" || call.messages.size() != 1 || !request.ParseFromString(call.messages[0]))
    return stream.end(Error(StatusCode::kUnimplemented, "there is no stream {}", call.method));
  const auto readable = calls_->ReadableBy(call.caller);
  if (!readable.ok()) return stream.end(readable.status());
  struct Reader {
    uint64_t after;
    std::optional<Eui64> addressed_to;
    Stream stream;
    sim::Gateway::WatchId watch = 0;
  };
  auto reader = std::make_shared<Reader>(Reader{request.after_sequence(), *readable, std::move(stream)});
  const auto send = [this, reader] {
    if (reader->stream.gone()) {
      if (reader->watch != 0) gateway_->Unwatch(std::exchange(reader->watch, 0));
      return;
    }
    while (true) {
      const auto batch = calls_->ResponsesAfter(reader->after, reader->addressed_to);
      if (!batch.ok()) return reader->stream.end(batch.status());
      if (batch->responses_size() == 0) return;
      reader->stream.message(batch->SerializeAsString());
    }
  };
  reader->watch = gateway_->Watch(send);
  send();
}

}  // namespace smki::simulation
