// A whole recovery with real processes, as people would do it: an estate is generated, its servers run, and every
// person acts with smkictl and their own site file. The drill is one; tests of crashes and attacks are others.
//
// Not thread-safe. Whatever happens, the destructor leaves no process behind. Every command is written to
// transcript.txt.
#pragma once

#include <array>
#include <functional>
#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "base/status.h"
#include "sim/scenario/fail_points.h"
#include "sim/scenario/process.h"
#include "sim/scenario/scenarios.h"

namespace smki::sim {

struct RehearsalOptions {
  std::string folder;       // of the estate; must not exist or be empty
  std::string programs;     // folder of our programs; empty: that of the running one
  std::string runbooks;     // folder of runbooks
  uint64_t devices = 1000;  // of supplier-a
  uint64_t seed = 7;
  Scenario scenario = *FindScenario("method-3");
  std::vector<std::string> environment;  // "NAME=value", of every server at every start
  uint64_t max_restarts = 20;            // a server that dies at once is a fault of its own
  std::set<std::string> interactive;     // roles whose steps are left to people: of kPlayableRoles
  std::optional<FailPointChoice> fail;   // where a server of StartServers ends itself
};

// Roles that people can play themselves while the rehearsal plays the others.
inline constexpr std::array<const char*, 4> kPlayableRoles = {"incident-lead", "incident-operator", "pma-member",
                                                              "key-custodian"};

// What a person of an interactive role is waited for.
struct Waiting {
  std::string step, title;
  std::string person, role;
  std::vector<std::string> commands;  // to be typed as they stand, one after the other
};

// What a person's smkictl said was done.
struct Acknowledged {
  std::string person;
  std::vector<std::string> arguments;
};

// A page of the incident as Drive last read it.
struct Page {
  nlohmann::json status;  // of `smkictl incident status --output json`; null before an incident is open
  bool closed() const;
  uint64_t sequence() const;
  // The step's status ("ready", ...); empty if there is no such step.
  std::string StepStatus(const std::string& id) const;
};

class Rehearsal {
 public:
  explicit Rehearsal(RehearsalOptions options);
  ~Rehearsal();

  // --- The estate and its servers ---
  // smki-sim generate.
  Status Generate();
  // Instead of Generate: goes on with the estate in `folder`, for one more incident. FAILED_PRECONDITION with what is
  // wrong with it if it is not whole, one of its servers may run, or (by CheckAllClosed, once they run) an incident is
  // not closed.
  Status Reuse();
  Status CheckAllClosed();
  Status StartServers();
  // `environment`: "NAME=value", e.g. SMKI_FAIL_POINT=....
  Status Start(ServerName server, const std::vector<std::string>& environment = {});
  // SIGKILL.
  void Kill(ServerName server);
  // SIGTERM, then SIGKILL after a while. The exit code; 0 if it was not running.
  int Stop(ServerName server);
  bool Running(ServerName server);
  pid_t Pid(ServerName server) const;  // -1 if it was never started or has been stopped
  // Ends the server if it runs, then starts it.
  Status Restart(ServerName server, const std::vector<std::string>& environment = {});
  // How often Drive found a server dead and started it again.
  uint64_t restarts() const { return restarts_; }
  // A server ended itself where options.fail says.
  bool fail_point_reached();

  // --- People ---
  // smkictl as `person`. An error only if it could not be run; what it says is in the result.
  StatusOr<ProcessExit> Act(const std::string& person, const std::vector<std::string>& arguments);
  // The same with --output json. An error with the reason code if it exits with anything but 0.
  StatusOr<nlohmann::json> Ask(const std::string& person, const std::vector<std::string>& arguments);
  // Another of our programs, as the estate's staff or the compromised party would run it.
  StatusOr<ProcessExit> Run(const std::string& program, const std::vector<std::string>& arguments);

  // --- The incident ---
  // The lead opens it.
  Status Open();
  // Does whatever the incident waits for, whoever must do it, until `step` is done (or skipped); empty: until the
  // incident is closed and its evidence folder complete. Starts a dead server again without a fail point, and opens the
  // key again when it was closed by a crash. Gives up when nothing has moved for `patience`.
  Status Drive(const std::string& step = "", Millis patience = Millis(120'000));
  const Page& page() const { return page_; }
  // Every act of a person that succeeded, in order.
  const std::vector<Acknowledged>& acknowledged() const { return acknowledged_; }
  // Called once for each thing that Drive leaves to a person of an interactive role.
  std::function<void(const Waiting&)> on_waiting;
  // Called after each page that Drive reads; may be empty.
  std::function<void(const Page&)> on_page;
  // What the person of a decide step chooses; without an entry the first choice.
  std::map<std::string, std::string> choices;
  // Members who vote and custodians who come, in this order.
  std::vector<std::string> members = {"anna.pma", "bruno.pma", "carla.pma"};
  std::vector<std::string> custodians = {"kira.custodian", "liam.custodian", "mona.custodian", "nils.custodian",
                                         "otto.custodian"};
  std::vector<std::string> symmetric_custodians = {"pia.custodian", "quin.custodian", "rosa.custodian",
                                                   "sven.custodian", "tara.custodian"};
  std::string lead = "lena.lead";
  std::string team_member = "owen.operator";
  std::string auditor = "ada.auditor";

  // --- Afterwards ---
  // The evidence folder that the incident names, absolute.
  std::string EvidenceFolder() const;
  // `smkictl ledger verify --anchor`, its JSON. Needs no server.
  StatusOr<nlohmann::json> VerifyEvidence();
  // `smki-sim verify-fleet`: what every Device really holds. Servers must be stopped.
  StatusOr<nlohmann::json> VerifyFleet();
  // SHA-256 of the trust policy, taken before anything happened: the anchor.
  const std::string& anchor() const { return anchor_; }

  const RehearsalOptions& options() const { return options_; }
  RehearsalOptions& mutable_options() { return options_; }  // before anything is started
  std::string Path(const std::string& relative) const { return options_.folder + "/" + relative; }

 private:
  std::string Program(const std::string& name) const { return options_.programs + "/" + name; }
  void Record(const std::vector<std::string>& command, const StatusOr<ProcessExit>& result);
  Status KeepServersRunning();
  Status ReadPage();
  // What one step waits for, if it is a person's to do. True if something was done.
  StatusOr<bool> Serve(const nlohmann::json& step);
  StatusOr<bool> Attest(const nlohmann::json& step);
  // What the scenario's parties do by themselves before `step`; true once all of it is done.
  StatusOr<bool> LetPartiesAct(const std::string& step);
  StatusOr<bool> LetStaffAct(const std::string& step);
  StatusOr<bool> Decide(const nlohmann::json& step);
  StatusOr<bool> StartStep(const nlohmann::json& step, const std::string& role);
  StatusOr<bool> Vote(const nlohmann::json& step);
  StatusOr<bool> PresentShares(const nlohmann::json& step);
  StatusOr<bool> Close();
  std::string PersonFor(const std::string& role) const;
  // rehearsal_people.cc
  bool IsLeft(const std::string& role) const { return options_.interactive.contains(role); }
  // Tells once what `person` is to type, and that Drive waits for a person. Always false: nothing was done.
  bool Leave(const nlohmann::json& step, const std::string& person, const std::string& role,
             const std::vector<std::vector<std::string>>& acts);
  Status AwaitOpening();
  Status PutAsideOldKeys() const;
  StatusOr<std::vector<nlohmann::json>> ListIncidents();
  // A person's act as Drive does it: an act on a stale page, or against a server that is away, is done again from the
  // next page.
  StatusOr<bool> Try(const std::string& person, const std::vector<std::string>& arguments);

  RehearsalOptions options_;
  std::array<std::unique_ptr<Process>, 3> servers_;
  uint64_t restarts_ = 0;
  std::string anchor_;
  Page page_;
  std::set<std::string> voted_;  // "digest person"
  std::string refusal_;          // reason code of the last Try
  std::set<std::string> acted_;  // steps before which the parties have acted
  size_t staff_done_ = 0;
  std::vector<Acknowledged> acknowledged_;
  std::map<std::string, int> failures_;                // step -> starts after a failure
  std::map<std::string, std::set<std::string>> told_;  // of on_waiting, by step that waits
  bool waits_for_person_ = false;                      // the page at hand does
  std::set<std::string> closed_before_;                // incidents of a reused estate
};

}  // namespace smki::sim
