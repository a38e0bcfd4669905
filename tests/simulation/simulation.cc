#include "tests/simulation/simulation.h"

#include <p11-kit/pkcs11.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <filesystem>

#include "pki/digest.h"
#include "tests/simulation/parts/dcc_machine.h"
#include "tests/simulation/parts/intruder.h"
#include "tests/simulation/parts/keyguard_machine.h"
#include "tests/simulation/parts/orchestrator_machine.h"
#include "tests/simulation/parts/people.h"
#include "tests/simulation/world/randomness.h"
#include "tests/simulation/world/sqlite_files.h"

namespace smki::simulation {
namespace {

namespace fs = std::filesystem;

constexpr uint64_t kFewDevices = 12;
constexpr uint64_t kMoreDevices = 9;
// Faults go on for two to ten hours; then everything must come to an end within eight hours.
constexpr uint64_t kFaultyHours = 8;
constexpr Nanos kPatience = std::chrono::hours(8);
constexpr Nanos kClockLook = std::chrono::minutes(5);
// Forward or back; further than the five minutes that are tolerated, and never so far that waiting is of no use.
constexpr uint64_t kLongestJump = 1'800'000;  // ms
constexpr Nanos kSettling = std::chrono::minutes(10);

class WholeWorld {
 public:
  WholeWorld(const Stage& stage, const RunOptions& options)
      : stage_(stage),
        image_(stage.estates[options.seed % stage.estates.size()]),
        openssl_(options.seed),
        clockwork_(kStart),
        fates_(options.seed, options.quiet),
        network_(clockwork_, fates_),
        story_(clockwork_),
        world_{clockwork_, fates_, network_, story_} {
    for (const Fault fault : options.without) fates_.Without(fault);
    if (options.only) fates_.AllowOnly(*options.only);
    story_.on_line = options.on_line;
    MakeFolder();
    stage.hsm.hsm->Restore(image_.tokens);
    dcc_ = std::make_unique<DccMachine>(world_, image_, *stage.module);
    keyguard_ = std::make_unique<KeyguardMachine>(world_, image_, *stage.hsm.hsm, *stage.module);
    orchestrator_ = std::make_unique<OrchestratorMachine>(world_, image_);
    orchestrator_->disk().Put("orchestrator/runbooks/appendix-l/method-3.yaml", ToBytes(AsBytes(stage.runbook)));
    mounted_ = std::make_unique<Mounted>(
        std::map<std::string, Disk*>{
            {"orchestrator", &orchestrator_->disk()}, {"keyguard", &keyguard_->disk()}, {"dcc", &dcc_->disk()}},
        clockwork_);
    MakeChecks();
    people_ =
        std::make_unique<People>(world_, image_,
                                 PeopleWitness{[this](const std::string& person, ByteSpan document, ByteSpan cms) {
                                                 checks_->OnPersonSigned(clockwork_.Now(), person, document, cms);
                                               },
                                               [this](const std::string& person, const std::string& request) {
                                                 checks_->OnPersonPresented(clockwork_.Now(), person, request);
                                               }});
    intruder_ = std::make_unique<Intruder>(world_, image_);
    WatchHsm();
    WatchNetwork();
  }

  ~WholeWorld() {
    stage_.hsm.hsm->SetBefore({});
    stage_.hsm.hsm->SetOnSign({});
    stage_.hsm.hsm->SetOnLogin({});
  }

  Run Play() {
    dcc_->Start();
    keyguard_->Start();
    orchestrator_->Start(keyguard_->host(), dcc_->host());
    people_->Start(orchestrator_->host(), keyguard_->persons_host(), dcc_->host());
    intruder_->Start(keyguard_->host());

    clockwork_.After(std::chrono::seconds(1), [this] {
      const auto devices = dcc_->Devices();
      if (devices.ok()) before_ = CellsOf(*devices);
    });
    LookAtClocks();
    const Nanos faults_end = std::chrono::minutes(120 + fates_.Draw("faults end", kFaultyHours * 60));
    std::optional<Nanos> settled;
    while (clockwork_.elapsed() < faults_end + kPatience && checks_->violations().empty()) {
      fates_.SetMoment(clockwork_.Now());
      if (!clockwork_.RunNext()) break;
      if (!fates_.stopped() && clockwork_.elapsed() > faults_end) StopFaults();
      if (people_->incident_closed() && !settled) settled = clockwork_.elapsed() + kSettling;
      if (settled && clockwork_.elapsed() > *settled) break;
    }
    StopFaults();
    return Judge();
  }

 private:
  void MakeFolder() {
    const std::string folder = stage_.scratch + "/world";
    fs::remove_all(folder);
    fs::create_directories(folder + "/repository");
    fs::create_directories(folder + "/dcc");
    fs::copy(image_.folder + "/repository/extracts", folder + "/repository/extracts");
    SMKI_CHECK(::chdir(folder.c_str()) == 0);
  }

  void MakeChecks() {
    Checks::World seen;
    seen.policy = image_.Text("policy/trust-policy.yaml");
    seen.runbooks = {stage_.runbook};
    seen.durable = [this](const std::string& path) {
      return path.starts_with("keyguard/") ? keyguard_->disk().Durable(path) : orchestrator_->disk().Durable(path);
    };
    seen.journal_path = KeyguardMachine::kJournal;
    seen.checkpoint_path = KeyguardMachine::kCheckpoint;
    seen.campaign_folder = "orchestrator/data/evidence";
    seen.ledger_path = "orchestrator/data/ledger.sqlite";
    for (const char* key : {"recovery", "contingency"}) {
      const std::string token = fmt::format("smki-{}-{}", key, image_.estate.id);
      const auto point = stage_.hsm.hsm->PublicPointOf(token, key);
      seen.token_public_points[key] = Bytes(point.begin(), point.end());
    }
    seen.true_time = [this] { return clockwork_.Now(); };
    checks_ = std::make_unique<Checks>(std::move(seen));
  }

  std::string KeyOf(const std::string& token) const {
    return token == keyguard_->recovery_token() ? "recovery" : "contingency";
  }
  // What the keyguard's machine takes for the time.
  UtcTime KeyguardNow() { return keyguard_->process().Now(); }

  void WatchHsm() {
    SimHsm& hsm = *stage_.hsm.hsm;
    hsm.SetBefore(
        [this](const char* function, const std::string& token) { return keyguard_->BeforeHsm(function, token); });
    hsm.SetOnSign([this](const std::string& token, const std::string&, std::span<const uint8_t> digest) {
      if (!keyguard_->Owns(token)) return;
      Digest copy{};
      std::copy(digest.begin(), digest.end(), copy.begin());
      checks_->OnTokenSign(KeyguardNow(), KeyOf(token), copy);
    });
    hsm.SetOnLogin([this](const std::string& token, bool logged_in) {
      if (!keyguard_->Owns(token)) return;
      checks_->OnTokenLogin(KeyguardNow(), KeyOf(token), logged_in);
      keyguard_->OnLogin(token, logged_in);
      story_.Tell("token", "{} {}", KeyOf(token), logged_in ? "is open" : "is closed");
    });
    keyguard_->on_severed = [this](const std::string& token) { checks_->OnTokenSevered(KeyOf(token)); };
    keyguard_->on_keyguard_end = [this] { checks_->OnKeyguardDied(KeyguardNow()); };
    keyguard_->on_signer_end = [this] { checks_->OnSignerDied(KeyguardNow()); };
  }

  bool IsKeyguard(const Network::Host& host) const {
    return &host == &keyguard_->host() || &host == &keyguard_->persons_host();
  }
  // The checks are told who it really was; the keyguard cannot know.
  static std::string CallerOf(const Server::Call& call) {
    return call.from == Intruder::kMachine ? Checks::kIntruder : call.caller;
  }
  std::string MethodAt(const Network::Host& host, const std::string& method) const {
    return &host == &keyguard_->persons_host() && method == "GetStatus" ? "PersonsGetStatus" : method;
  }

  void WatchNetwork() {
    network_.on_request = [this](const Network::Host& host, const Server::Call& call) {
      for (const std::string& message : call.messages) story_.Note(call.method, AsBytes(message));
      if (IsKeyguard(host)) {
        if (call.from != Intruder::kMachine) intruder_->Overhear(call);
        checks_->OnKeyguardRequest(KeyguardNow(), CallerOf(call), MethodAt(host, call.method), call.messages);
      } else if (&host == &dcc_->host() && call.method == "Deliver") {
        checks_->OnDeliver(clockwork_.Now(), call.messages[0]);
        estate::v1::DeliverRequest request;
        if (!request.ParseFromString(call.messages[0])) return;
        for (const auto& command : request.commands())
          checks_->OnDeviceCommand(clockwork_.Now(), Eui64(command.device()), AsBytes(command.message()));
      }
    };
    network_.on_answer = [this](const Network::Host& host, const Server::Call& call,
                                const StatusOr<std::string>& answer) {
      story_.Note(call.method, AsBytes(answer.ok() ? *answer : Message(answer.status())));
      if (IsKeyguard(host)) {
        const std::string method = MethodAt(host, call.method);
        if (answer.ok()) {
          checks_->OnKeyguardAnswer(KeyguardNow(), CallerOf(call), method, *answer);
        } else {
          checks_->OnKeyguardRefusal(KeyguardNow(), CallerOf(call), method, ReasonOf(answer.status()));
        }
      } else if (&host == &dcc_->host() && call.method == "Responses" && answer.ok()) {
        estate::v1::ResponseBatch batch;
        if (!batch.ParseFromString(*answer)) return;
        for (const auto& response : batch.responses())
          checks_->OnDeviceResponse(clockwork_.Now(), Eui64(response.device()), AsBytes(response.message()));
      } else if (&host == &orchestrator_->host() && answer.ok() &&
                 (call.method == "GetIncident" || call.method == "Act" || call.method == "SubmitVote" ||
                  call.method == "OpenIncident")) {
        checks_->OnIncidentView(clockwork_.Now(), call.caller, *answer);
      }
    };
  }

  // A time server that lies, or an operator who sets the clock.
  void LookAtClocks() {
    for (Process* process : {&orchestrator_->process(), &keyguard_->process()}) {
      if (!fates_.Strikes(Fault::kClockJumps, process->name())) continue;
      const auto by = static_cast<int64_t>(fates_.Draw(process->name() + " jump", 2 * kLongestJump));
      SetClock(*process, Millis(by - static_cast<int64_t>(kLongestJump)));
    }
    clockwork_.After(kClockLook, [this] { LookAtClocks(); });
  }
  void SetClock(Process& process, Millis error) {
    if (process.wall_error() == error) return;
    story_.Tell(process.name(), "its clock is wrong by {} s", error.count() / 1000);
    process.SetWallError(error);
    if (&process == &keyguard_->process()) keyguard_->SetSignerClock(error);
  }

  void StopFaults() {
    if (fates_.stopped()) return;
    fates_.Stop();
    story_.Tell("world", "faults stop");
    SetClock(orchestrator_->process(), Millis(0));
    SetClock(keyguard_->process(), Millis(0));
    for (const std::string& token : {keyguard_->recovery_token()}) stage_.hsm.hsm->SetPresent(token, true);
  }

  // --- the end ---

  static void WriteBelow(const std::map<std::string, Bytes>& files, const std::string& root) {
    for (const auto& [path, octets] : files) {
      fs::create_directories(fs::path(root + "/" + path).parent_path());
      SMKI_CHECK(PosixFiles().WriteDurably(root + "/" + path, octets).ok());
    }
  }

  std::map<Eui64, std::map<std::string, Bytes>> CellsOf(const std::vector<sim::FleetDevice>& devices) const {
    std::map<Eui64, std::map<std::string, Bytes>> out;
    for (const sim::FleetDevice& device : devices) {
      for (const auto& [cell, anchor] : device.state.cells) {
        const auto identifier = anchor->key.identifier();
        out[device.enrolment.eui][cell.ToString()] = Bytes(identifier.begin(), identifier.end());
      }
    }
    return out;
  }

  Run Judge() {
    Run run;
    run.closed = people_->incident_closed();
    if (people_->page()) {
      run.recovered = people_->page()->progress().recovered();
      run.total = people_->page()->progress().total();
    }
    run.violations = checks_->violations();
    const bool alarm = !run.closed && intruder_->lied() && people_->last_failure().starts_with("JOURNAL_ROLLED_BACK");
    if (alarm) story_.Tell("world", "the orchestrator has found out that somebody else used its name");
    if (run.violations.empty() && !run.closed && !alarm) run.violations.push_back({"liveness", WhyNot()});
    if (run.violations.empty() && !alarm) JudgeEnd(run);
    for (const Violation& violation : run.violations)
      story_.Tell("VIOLATION", "{}: {}", violation.invariant, violation.what);
    run.strikes = fates_.strikes();
    run.story = story_.lines();
    run.temper = fates_.Temper();
    run.digest = story_.digest();
    run.simulated = std::chrono::duration_cast<Millis>(clockwork_.elapsed());
    run.events = clockwork_.events_run();
    return run;
  }

  void JudgeEnd(Run& run) {
    const std::string folder = stage_.scratch + "/end";
    fs::remove_all(folder);
    WriteBelow(orchestrator_->disk().Below("orchestrator/data"), folder);
    WriteBelow(keyguard_->disk().Below("keyguard/data"), folder);
    Checks::End end;
    end.campaign_folder = folder + "/orchestrator/data/evidence";
    end.evidence_folder = end.campaign_folder + "/" + people_->page()->incident();
    end.ledger_file = folder + "/orchestrator/data/ledger.sqlite";
    end.journal_file = folder + "/" + KeyguardMachine::kJournal;
    end.incident_closed = run.closed;
    for (const auto& [device, cell] : dcc_->lost_cells()) before_[device].erase(cell);
    end.device_cells_before = before_;
    const auto devices = dcc_->Devices();
    if (devices.ok()) end.device_cells = CellsOf(*devices);
    mounted_->StepAside();  // the checks read on the real disk
    checks_->AtEnd(end);
    run.violations = checks_->violations();
    const auto& p = people_->page()->progress();
    if (p.total() > 0 && p.recovered() + p.half_replaced() + p.refused() + p.silent() + p.waiting() != p.total()) {
      run.violations.push_back({"liveness", fmt::format("of {} Devices only {} are recovered or explained", p.total(),
                                                        p.recovered() + p.half_replaced() + p.refused() + p.silent())});
    }
  }

  std::string WhyNot() {
    std::string out = "eight hours after the last fault the incident is not closed";
    if (!orchestrator_->start_failure().empty())
      out += "; the orchestrator does not start: " + orchestrator_->start_failure();
    if (!keyguard_->start_failure().empty()) out += "; the keyguard does not start: " + keyguard_->start_failure();
    if (people_->page()) {
      for (const auto& step : people_->page()->steps()) {
        if (step.status() != "running" && step.status() != "ready" && step.status() != "failed") continue;
        out += fmt::format("; {} is {}", step.id(), step.status());
        for (const std::string& waits : step.waiting_for()) out += fmt::format(", waiting for {}", waits);
        if (!step.result().empty()) out += fmt::format(" ({})", step.result());
      }
    }
    if (!people_->last_refusal().empty()) out += "; the last that people were told: " + people_->last_refusal();
    return out;
  }

  const Stage& stage_;
  const EstateImage& image_;
  SeededOpenssl openssl_;
  Clockwork clockwork_;
  Fates fates_;
  Network network_;
  Story story_;
  World world_;
  std::unique_ptr<Mounted> mounted_;
  std::unique_ptr<Checks> checks_;
  std::unique_ptr<DccMachine> dcc_;
  std::unique_ptr<KeyguardMachine> keyguard_;
  std::unique_ptr<OrchestratorMachine> orchestrator_;
  std::unique_ptr<People> people_;
  std::unique_ptr<Intruder> intruder_;
  std::map<Eui64, std::map<std::string, Bytes>> before_;  // what every Device held
};

}  // namespace

StatusOr<Stage> MakeStage(const std::string& folder, const std::string& hsm_library, const std::string& runbooks,
                          size_t estates) {
  spdlog::set_level(spdlog::level::off);
  Stage stage;
  stage.scratch = folder;
  fs::create_directories(folder);
  SMKI_ASSIGN_OR_RETURN(stage.hsm, LoadHsm(hsm_library));
  SMKI_ASSIGN_OR_RETURN(const Bytes runbook, PosixFiles().Read(runbooks + "/appendix-l/method-3.yaml", 1 << 20));
  stage.runbook = ToString(runbook);
  for (size_t i = 0; i < estates; ++i) {
    SMKI_ASSIGN_OR_RETURN(stage.estates.emplace_back(),
                          MakeEstate(stage.hsm, i + 1, kFewDevices + i * kMoreDevices, folder, runbooks));
  }
  SMKI_ASSIGN_OR_RETURN(stage.module, hsm::pkcs11::Module::Load(hsm_library, ""));
  return stage;
}

Run Simulate(const Stage& stage, const RunOptions& options) {
  WholeWorld world(stage, options);
  Run run = world.Play();
  run.seed = options.seed;
  return run;
}

}  // namespace smki::simulation
