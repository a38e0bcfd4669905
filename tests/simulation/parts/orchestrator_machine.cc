#include "tests/simulation/parts/orchestrator_machine.h"

namespace smki::simulation {
namespace {

using orchestrator::Orchestrator;

orchestrator::Site SiteOf() {
  orchestrator::Site site;
  site.policy = "orchestrator/policy/trust-policy.yaml";
  site.revocation_list = "orchestrator/policy/persons.crl";
  site.identity_certificate = "orchestrator/identity.crt.pem";
  site.identity_key = "orchestrator/identity.key.pem";
  site.data = "orchestrator/data";
  site.evidence = "orchestrator/data/evidence";
  site.runbooks = "orchestrator/runbooks";
  site.extracts = "repository/extracts";
  site.store = "repository/repository.store";
  // Small, so that a small estate has several batches and waves of more than one.
  site.campaign.batch = 5;
  site.campaign.canary = 4;
  site.campaign.canary_percent = 50;
  site.campaign.window = 12;
  site.campaign.response_timeout = Millis(20'000);
  site.direction.rate_per_second = 10000;
  return site;
}

template <typename Request>
StatusOr<Request> Parsed(const Server::Call& call) {
  Request request;
  if (call.messages.size() != 1 || !request.ParseFromString(call.messages[0]))
    return InvalidArgument("{}: the request cannot be read", call.method);
  return request;
}

template <typename Response>
StatusOr<std::string> Octets(const StatusOr<Response>& response) {
  if (!response.ok()) return response.status();
  return response->SerializeAsString();
}

// A call that is answered at once.
template <typename Request, typename F>
void Answer(const Server::Call& call, const Server::Reply& reply, F f) {
  const auto request = Parsed<Request>(call);
  if (!request.ok()) return reply(request.status());
  reply(Octets(f(*request)));
}

}  // namespace

OrchestratorMachine::OrchestratorMachine(World world, const EstateImage& image)
    : world_(world),
      image_(image),
      process_(world.clockwork, kName),
      disk_(kName, world.clockwork, world.fates, [this](Fault how) { Die(how); }),
      host_(kName, process_),
      site_(SiteOf()) {
  // A limit that is reached, in some.
  if (world.fates.Draw("outstanding", 3) == 0) site_.direction.outstanding = 5 + world.fates.Draw("outstanding", 8);
  for (const auto& [to, from] :
       std::map<std::string, std::string>{{site_.policy, "policy/trust-policy.yaml"},
                                          {site_.revocation_list, "policy/persons.crl"},
                                          {site_.identity_certificate, "orchestrator/identity.crt.pem"},
                                          {site_.identity_key, "orchestrator/identity.key.pem"}}) {
    disk_.Put(to, image.File(from));
  }
  disk_.Put("orchestrator/data/evidence/.made", {});
  disk_.SeeThrough("repository/");
}

OrchestratorMachine::~OrchestratorMachine() {
  core_.reset();
}

void OrchestratorMachine::Start(Network::Host& keyguard, Network::Host& estate) {
  keyguard_host_ = &keyguard;
  estate_host_ = &estate;
  Begin();
}

void OrchestratorMachine::Begin() {
  process_.Begin();
  process_.Post([this] {
    disk_.SetStarting(true);
    const Status status = Run();
    disk_.SetStarting(false);
    if (process_.ghost()) return;
    start_failure_ = status.ok() ? "" : Message(status);
    if (status.ok()) return host_.Up(this);
    world_.story.Tell(kName, "does not start: {}", start_failure_);
    // It ends as a program ends: with everything written.
    process_.Die("its own hand", [this, image = disk_.Left(true)]() mutable { Bury(std::move(image)); });
  });
}

Status OrchestratorMachine::Run() {
  ++starts_;
  random_ = std::make_unique<SeededRandom>(world_.fates.SeedFor(fmt::format("orchestrator life {}", process_.life())));
  worker_ = std::make_unique<orchestrator::InlineWorker>(process_);
  keyguard_ = world_.network.Connect(process_, kName, kName, *keyguard_host_);
  estate_ = world_.network.Connect(process_, kName, kName, *estate_host_);
  SMKI_ASSIGN_OR_RETURN(
      core_, Orchestrator::Create(site_, {process_, process_, *random_, disk_, *worker_, *keyguard_, *estate_}));
  world_.story.Tell(kName, "starts; the ledger has {} entries", core_->book().ledger().head().entries);
  process_.Post([this] { core_->Resume(); });
  return OkStatus();
}

void OrchestratorMachine::Die(Fault how) {
  world_.story.Tell(kName, "dies: {}", Name(how));
  process_.Die(std::string(Name(how)),
               [this, image = disk_.Left(how == Fault::kKill)]() mutable { Bury(std::move(image)); });
}

void OrchestratorMachine::Bury(Disk::Image image) {
  host_.Down();
  core_.reset();
  worker_.reset();
  keyguard_.reset();
  estate_.reset();
  disk_.Become(std::move(image));
  // While an incident runs, somebody puts a new edition of its runbook on the shelf.
  if (shown_ && world_.fates.Strikes(Fault::kPersonWrong, "runbook")) {
    const std::string path = "orchestrator/runbooks/appendix-l/method-3.yaml";
    const auto text = disk_.Durable(path);
    SMKI_CHECK(text.has_value());
    disk_.Put(path, ToBytes(AsBytes(ToString(*text) + "# A new edition.\n")));
    world_.story.Tell(kName, "has a new edition of the runbook on its shelf");
  }
  world_.clockwork.After(RestartDelay(world_, kName), [this] { Begin(); });
}

// As orchestrator/services/recovery_service.cc.
void OrchestratorMachine::Serve(Call call, Reply reply) {
  namespace v1 = recovery::v1;
  Orchestrator& core = *core_;
  const std::string& method = call.method;
  shown_ = shown_ || (method == "GetIncident" && !core.book().incidents().empty());
  if (method == "OpenIncident" || method == "Act") {
    const auto answer = [reply](StatusOr<v1::IncidentView> view) { reply(Octets(view)); };
    if (method == "OpenIncident") {
      const auto request = Parsed<v1::OpenIncidentRequest>(call);
      return request.ok() ? core.OpenIncident(call.caller, *request, answer) : reply(request.status());
    }
    const auto request = Parsed<v1::ActRequest>(call);
    return request.ok() ? core.Act(call.caller, *request, answer) : reply(request.status());
  }
  if (method == "GetIncident")
    return Answer<v1::GetIncidentRequest>(
        call, reply, [&](const auto& request) { return core.GetIncident(call.caller, request.incident()); });
  if (method == "ListIncidents")
    return Answer<v1::ListIncidentsRequest>(call, reply, [&](const auto&) { return core.ListIncidents(call.caller); });
  if (method == "GetDirection")
    return Answer<v1::GetDirectionRequest>(call, reply, [&](const auto& request) {
      return core.GetDirection(call.caller, request.incident(), request.votes_only());
    });
  if (method == "SubmitVote")
    return Answer<v1::SubmitVoteRequest>(call, reply,
                                         [&](const auto& request) { return core.SubmitVote(call.caller, request); });
  if (method == "GetProgress")
    return Answer<v1::GetProgressRequest>(
        call, reply, [&](const auto& request) { return core.GetProgress(call.caller, request.incident()); });
  reply(Error(StatusCode::kUnimplemented, "there is no call {}", method));
}

void OrchestratorMachine::ServeStream(Call call, Stream stream) {
  stream.end(Error(StatusCode::kUnimplemented, "there is no stream {}", call.method));
}

}  // namespace smki::simulation
