#include "tests/simulation/parts/keyguard_machine.h"

#include <p11-kit/pkcs11.h>

#include "procedures/reason.h"

namespace smki::simulation {
namespace {

using hsm::FrameType;

constexpr size_t kMaxInFlight = 4;
constexpr Millis kTickOpen{1'000};
constexpr Millis kTickClosed{30'000};
constexpr Millis kChildRestart{1'000};
constexpr Nanos kSocket = std::chrono::microseconds(50);
constexpr uint64_t kLongestAway = 900'000;  // ms

hsm::Frame FrameOf(const Bytes& octets) {
  hsm::FrameReader reader;
  const std::span<uint8_t> room = reader.Room(octets.size());
  std::copy(octets.begin(), octets.end(), room.begin());
  reader.Filled(octets.size());
  auto frame = reader.Next();
  SMKI_CHECK(frame.ok() && frame->has_value());
  return **std::move(frame);
}

// May be asked twice (signer_process.cc).
bool IsHarmless(const std::vector<Bytes>& frames) {
  const auto type = static_cast<FrameType>(frames[0][4]);
  return type == FrameType::kStatus || type == FrameType::kGetCeremony || type == FrameType::kRefusal;
}

// Runs one unary call: the response lives until it is answered.
template <typename Calls, typename Request, typename Response>
void Unary(Calls& calls, const Server::Call& call, const Server::Reply& reply,
           void (Calls::*method)(const std::string&, const Request&, Response&, hsm::Done)) {
  Request request;
  if (call.messages.size() != 1 || !request.ParseFromString(call.messages[0]))
    return reply(InvalidArgument("{}: the request cannot be read", call.method));
  auto response = std::make_shared<Response>();
  (calls.*method)(call.caller, request, *response, [response, reply](const Status& status) {
    if (status.ok()) {
      reply(response->SerializeAsString());
    } else {
      reply(status);
    }
  });
}

}  // namespace

KeyguardMachine::KeyguardMachine(World world, const EstateImage& image, SimHsm& hsm, hsm::pkcs11::Module& module)
    : world_(world),
      image_(image),
      hsm_(hsm),
      module_(module),
      recovery_token_(fmt::format("smki-recovery-{}", image.estate.id)),
      contingency_token_(fmt::format("smki-contingency-{}", image.estate.id)),
      keyguard_(world.clockwork, kName),
      signer_process_(world.clockwork, "signer"),
      disk_(kName, world.clockwork, world.fates, [this](Fault how) { Die(how); }),
      host_(kName, keyguard_),
      persons_host_(kName, keyguard_),
      front_(*this, false),
      persons_front_(*this, true) {
  disk_.Put("keyguard/data/.made", {});
}

KeyguardMachine::~KeyguardMachine() {
  signer_.reset();
}

void KeyguardMachine::Start() {
  Begin();
}

// --- the keyguard ---

void KeyguardMachine::Begin() {
  if (keyguard_.alive()) return;  // killed, and then without power: one start is enough
  keyguard_.Begin();
  keyguard_.Post([this] {
    disk_.SetStarting(true);
    const Status status = Run();
    disk_.SetStarting(false);
    if (keyguard_.ghost()) return;
    start_failure_ = status.ok() ? "" : Message(status);
    if (status.ok()) {
      world_.story.Tell(kName, "starts");
      return BeginSigner();
    }
    world_.story.Tell(kName, "does not start: {}", start_failure_);
    keyguard_.Die("its own hand", [this] {
      EndKeyguard();
      world_.clockwork.After(RestartDelay(world_, kName), [this] { Begin(); });
    });
  });
}

// As keyguard_main.cc.
Status KeyguardMachine::Run() {
  const std::string policy_text = image_.Text("policy/trust-policy.yaml");
  SMKI_ASSIGN_OR_RETURN(const procedures::TrustPolicy policy, procedures::ParsePolicy(policy_text));
  SMKI_ASSIGN_OR_RETURN(const procedures::PolicyVerifier verifier, procedures::PolicyVerifier::Make(policy));
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey identity,
                        pki::PrivateKey::FromPem(AsText(image_.File("keyguard/identity.key.pem"))));
  const pki::Certificate& certificate = verifier.KeyguardCertificate();
  SMKI_ASSIGN_OR_RETURN(countersigner_,
                        hsm::Countersigner::Make({disk_, kCheckpoint, std::move(identity), certificate.subject_cn,
                                                  verifier.OrchestratorCertificate(), policy.environment}));
  const auto ask = [this](std::vector<Bytes> frames, SignerReply reply) { Ask(std::move(frames), std::move(reply)); };
  calls_ = std::make_unique<hsm::KeyguardCalls>(
      hsm::KeyguardCalls::Parts{ask, *countersigner_, disk_, kJournal, hsm::kMaxUploadOctets});
  std::set<std::string> persons;
  for (const procedures::Person& person : policy.persons) persons.insert(person.id);
  persons_calls_ = std::make_unique<hsm::PersonsCalls>(ask, std::move(persons));
  return OkStatus();
}

void KeyguardMachine::EndKeyguard() {
  if (on_keyguard_end) on_keyguard_end();
  host_.Down();
  persons_host_.Down();
  waiting_.clear();
  in_flight_.clear();
  child_ready_ = false;
  calls_.reset();
  persons_calls_.reset();
  countersigner_.reset();
}

void KeyguardMachine::Front::Serve(Call call, Reply reply) {
  if (persons_) {
    machine_.ServePersons(call, reply);
  } else {
    machine_.ServeKeyguard(call, reply);
  }
}

void KeyguardMachine::ServeKeyguard(const Server::Call& call, const Server::Reply& reply) {
  using hsm::KeyguardCalls;
  KeyguardCalls& calls = *calls_;
  const std::string& method = call.method;
  if (method == "Sign") return Unary(calls, call, reply, &KeyguardCalls::Sign);
  if (method == "Prove") return Unary(calls, call, reply, &KeyguardCalls::Prove);
  if (method == "Close") return Unary(calls, call, reply, &KeyguardCalls::Close);
  if (method == "Destroy") return Unary(calls, call, reply, &KeyguardCalls::Destroy);
  if (method == "GetStatus") return Unary(calls, call, reply, &KeyguardCalls::GetStatus);
  if (method == "Countersign") return Unary(calls, call, reply, &KeyguardCalls::Countersign);
  if (method != "Prepare") return reply(Error(StatusCode::kUnimplemented, "there is no call {}", method));
  const auto upload = std::make_shared<KeyguardCalls::Upload>(calls, call.caller);
  const auto response = std::make_shared<hsm::kg::PrepareResponse>();
  for (const std::string& octets : call.messages) {
    hsm::kg::PrepareRequest part;
    if (!part.ParseFromString(octets)) return reply(InvalidArgument("Prepare: a part cannot be read"));
    upload->Take(part);
  }
  upload->HandOver(*response, [upload, response, reply](const Status& status) {
    if (status.ok()) {
      reply(response->SerializeAsString());
    } else {
      reply(status);
    }
  });
}

void KeyguardMachine::ServePersons(const Server::Call& call, const Server::Reply& reply) {
  using hsm::PersonsCalls;
  PersonsCalls& calls = *persons_calls_;
  const std::string& method = call.method;
  if (method == "GetStatus") return Unary(calls, call, reply, &PersonsCalls::GetStatus);
  if (method == "GetCeremony") return Unary(calls, call, reply, &PersonsCalls::GetCeremony);
  if (method == "PresentShare") return Unary(calls, call, reply, &PersonsCalls::PresentShare);
  if (method == "Order") return Unary(calls, call, reply, &PersonsCalls::Order);
  if (method == "BeginCustodyChange") return Unary(calls, call, reply, &PersonsCalls::BeginCustodyChange);
  if (method == "GetCustody") return Unary(calls, call, reply, &PersonsCalls::GetCustody);
  reply(Error(StatusCode::kUnimplemented, "there is no call {}", method));
}

void KeyguardMachine::Front::ServeStream(Call call, Stream stream) {
  if (persons_ || call.method != "ExportJournal")
    return stream.end(Error(StatusCode::kUnimplemented, "there is no stream {}", call.method));
  machine_.calls_->OpenJournal(call.caller, [stream](StatusOr<hsm::KeyguardCalls::JournalFile> journal) {
    if (!journal.ok()) return stream.end(journal.status());
    for (uint64_t at = 0; at < journal->end;) {
      const auto chunk = journal->Next(at);
      if (!chunk.ok()) return stream.end(chunk.status());
      stream.message(chunk->SerializeAsString());
    }
    stream.end(OkStatus());
  });
}

// --- as signer_process.cc ---

void KeyguardMachine::Ask(std::vector<Bytes> frames, SignerReply reply) {
  waiting_.push_back({std::move(frames), std::move(reply)});
  SendSome();
}

void KeyguardMachine::SendSome() {
  while (child_ready_ && in_flight_.size() < kMaxInFlight && !waiting_.empty()) {
    in_flight_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
    signer_process_.Deliver(kSocket, [this, frames = in_flight_.back().frames] { Submit(frames); });
  }
}

void KeyguardMachine::TakeAnswer(Bytes octets) {
  if (in_flight_.empty()) return;
  const hsm::Frame frame = FrameOf(octets);
  const Request request = std::move(in_flight_.front());
  in_flight_.pop_front();
  SendSome();
  if (frame.type == FrameType::kOk) return request.reply(frame.payload);
  const auto error = hsm::DecodePayload<hsm::ErrorFrame>(frame.payload);
  SMKI_CHECK(error.ok());
  request.reply(hsm::StatusOf(*error));
}

void KeyguardMachine::OnChildEnd(bool orderly) {
  child_ready_ = false;
  std::deque<Request> unanswered;
  unanswered.swap(in_flight_);
  while (!unanswered.empty()) {
    Request request = std::move(unanswered.back());
    unanswered.pop_back();
    // An orderly child answered all that it read: its successor takes the rest as if nothing had been sent.
    if (orderly || IsHarmless(request.frames)) {
      waiting_.push_front(std::move(request));
    } else {
      request.reply(procedures::Refuse(procedures::Reason::kKEY_CLOSED, "the signer ended unexpectedly"));
    }
  }
  if (orderly) return BeginSigner();
  keyguard_.PostAfter(kChildRestart, [this] { BeginSigner(); });
}

// --- the signer ---

void KeyguardMachine::BeginSigner() {
  if (signer_process_.alive()) {  // of a keyguard that was killed: it still closes the key
    keyguard_.PostAfter(kChildRestart, [this] { BeginSigner(); });
    return;
  }
  signer_process_.Begin();
  signer_process_.SetWallError(keyguard_.wall_error());
  ended_ = false;
  tick_ = 0;
  signer_process_.Post([this] {
    disk_.SetStarting(true);
    auto signer = MakeSigner();
    disk_.SetStarting(false);
    if (signer_process_.ghost()) return;
    const std::string failure = signer.ok() ? "" : Message(signer.status());
    const bool known = failure == std::exchange(start_failure_, failure);
    if (!signer.ok()) {
      if (!known) world_.story.Tell("signer", "does not start: {}", failure);
      signer_process_.Die("its own hand", [this] {
        EndSigner();
        keyguard_.Post([this] {
          for (Request& request : waiting_)
            request.reply(Unavailable("the signer cannot start; see the keyguard's log"));
          waiting_.clear();
          OnChildEnd(false);
        });
      });
      return;
    }
    signer_ = *std::move(signer);
    PlanTick();
    keyguard_.Deliver(kSocket, [this] {
      child_ready_ = true;
      host_.Up(&front_);
      persons_host_.Up(&persons_front_);
      SendSome();
    });
  });
}

// As signer_main.cc.
StatusOr<std::unique_ptr<hsm::Signer>> KeyguardMachine::MakeSigner() {
  random_ = std::make_unique<SeededRandom>(world_.fates.SeedFor(fmt::format("signer life {}", signer_process_.life())));
  hsm::KeyTokens tokens;
  for (const auto& [key, token] :
       {std::pair<std::string, std::string>{"recovery", recovery_token_}, {"contingency", contingency_token_}}) {
    SMKI_ASSIGN_OR_RETURN(tokens[key], hsm::FindKeyToken(module_, key, "pkcs11:token=" + token, 0));
  }
  SMKI_ASSIGN_OR_RETURN(pki::PrivateKey identity,
                        pki::PrivateKey::FromPem(AsText(image_.File("keyguard/identity.key.pem"))));
  SMKI_ASSIGN_OR_RETURN(pki::Certificate certificate,
                        pki::Certificate::FromPem(AsText(image_.File("keyguard/identity.crt.pem"))));
  return hsm::Signer::Make({signer_process_, *random_, disk_, kJournal, "keyguard/data/persons.crl",
                            std::move(identity), std::move(certificate), image_.File("policy/trust-policy.yaml"),
                            std::move(tokens)});
}

void KeyguardMachine::Submit(const std::vector<Bytes>& frames) {
  if (ended_) return;  // not read any more: the successor gets it
  for (const Bytes& frame : frames) signer_->Submit(FrameOf(frame));
  // Often the next request is there before the answers are taken: several are under way at once.
  if (world_.fates.Draw("signer takes its time", 2) == 0) {
    GiveAnswers(false);
  } else {
    signer_process_.PostAfter(Millis(1), [this] { GiveAnswers(true); });
  }
}

void KeyguardMachine::GiveAnswers(bool wait) {
  if (ended_) return;
  std::vector<Bytes> answers = signer_->TakeAnswers(wait || signer_->ended());
  // Whoever died while it worked on them says nothing.
  if (signer_process_.ghost()) return;
  for (Bytes& answer : answers) {
    keyguard_.Deliver(kSocket, [this, octets = std::move(answer)]() mutable { TakeAnswer(std::move(octets)); });
  }
  if (!signer_->ended() || signer_->busy()) return;
  ended_ = true;
  world_.story.Tell("signer", "ends: its activation is over");
  signer_process_.Die("its end", [this] {
    EndSigner();
    keyguard_.Deliver(kSocket, [this] { OnChildEnd(true); });
  });
}

void KeyguardMachine::Tick() {
  if (ended_) return;
  signer_->Tick();
  GiveAnswers(false);
  PlanTick();
}

// Every second while a key is open, as its program does; more rarely else, since nothing can end then.
void KeyguardMachine::PlanTick() {
  if (tick_ != 0) signer_process_.Cancel(tick_);
  tick_ = ended_ ? 0 : signer_process_.PostAfter(logged_in_ ? kTickOpen : kTickClosed, [this] {
    tick_ = 0;
    Tick();
  });
}

void KeyguardMachine::EndSigner() {
  signer_.reset();
  // Told when the disk is what was left of it, not as the ghost saw it.
  world_.clockwork.After(Nanos(0), [this] {
    if (on_signer_end) on_signer_end();
  });
}

// --- dying ---

void KeyguardMachine::Die(Fault how) {
  if (how != Fault::kKill) return DieOfPower(how);
  Process* const who = Process::Running();
  world_.story.Tell(who == &signer_process_ ? "signer" : kName, "dies: kill");
  if (who == &signer_process_) {
    signer_process_.Die("kill", [this, image = disk_.Left(true)]() mutable {
      EndSigner();
      disk_.Become(std::move(image));
      keyguard_.Deliver(kSocket, [this] { OnChildEnd(false); });
    });
    return;
  }
  disk_.Mute(keyguard_);
  keyguard_.Die("kill", [this] {
    EndKeyguard();
    // The child finds its parent gone and closes the key in order.
    signer_process_.Deliver(kSocket, [this] {
      if (ended_) return;
      ended_ = true;
      signer_->Shutdown("the keyguard ended");
      signer_process_.Die("its parent's end", [this] { EndSigner(); });
    });
    world_.clockwork.After(RestartDelay(world_, kName), [this] { Begin(); });
  });
}

void KeyguardMachine::DieOfPower(Fault how) {
  if (std::exchange(down_, true)) return;
  world_.story.Tell(kName, "the machine dies: {}", Name(how));
  auto image = std::make_shared<Disk::Image>(disk_.Left(false));
  // Whoever is not running now is buried at once; whoever is, at the end of its event; then the disk is what was left.
  const auto last = [this, image] {
    if (keyguard_.ghost() && signer_process_.ghost()) return;
    disk_.Become(*image);
    down_ = false;
    world_.clockwork.After(RestartDelay(world_, kName), [this] { Begin(); });
  };
  Process* const running = Process::Running();
  const auto bury_keyguard = [this] { EndKeyguard(); };
  const auto bury_signer = [this] { EndSigner(); };
  if (running == &signer_process_) {
    keyguard_.Die(std::string(Name(how)), bury_keyguard);
    signer_process_.Die(std::string(Name(how)), [bury_signer, last] {
      bury_signer();
      last();
    });
  } else {
    signer_process_.Die(std::string(Name(how)), bury_signer);
    keyguard_.Die(std::string(Name(how)), [bury_keyguard, last] {
      bury_keyguard();
      last();
    });
  }
}

// --- the tokens ---

void KeyguardMachine::OnLogin(const std::string& token, bool logged_in) {
  if (!Owns(token)) return;
  logged_in_ = logged_in;
  if (logged_in && signer_process_.alive() && !signer_process_.ghost()) PlanTick();
}

unsigned long KeyguardMachine::BeforeHsm(const char* function, const std::string& token) {
  if (!Owns(token)) return CKR_OK;
  Process* const who = Process::Running();
  if (who == nullptr || who != &signer_process_) return CKR_OK;
  if (who->ghost()) return CKR_DEVICE_REMOVED;  // nothing that it does has an effect any more
  Fates& fates = world_.fates;
  const std::string place = std::string("hsm ") + function;
  if (fates.Strikes(Fault::kPowerCut, place)) {
    DieOfPower(Fault::kPowerCut);
    return CKR_DEVICE_REMOVED;
  }
  if (fates.Strikes(Fault::kKill, place)) {
    Die(Fault::kKill);
    return CKR_DEVICE_REMOVED;
  }
  if (fates.Strikes(Fault::kTokenFails, place)) {
    world_.story.Tell("token", "{} fails", function);
    return CKR_DEVICE_ERROR;
  }
  if (fates.Strikes(Fault::kSessionDies, place)) {
    world_.story.Tell("token", "its sessions die at {}", function);
    if (on_severed) on_severed(token);
    hsm_.KillSessions(token);
    return CKR_SESSION_HANDLE_INVALID;
  }
  if (!token_away_ && fates.Strikes(Fault::kTokenVanishes, place)) {
    token_away_ = true;
    world_.story.Tell("token", "is taken out at {}", function);
    if (on_severed) on_severed(token);
    hsm_.SetPresent(token, false);
    world_.clockwork.After(Millis(1'000 + fates.Draw("token away", kLongestAway)), [this, token] {
      token_away_ = false;
      hsm_.SetPresent(token, true);
      world_.story.Tell("token", "is back");
    });
    return CKR_DEVICE_REMOVED;
  }
  return CKR_OK;
}

}  // namespace smki::simulation
