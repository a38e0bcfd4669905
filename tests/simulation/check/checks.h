// Whether invariants I1 to I10 hold in a simulated world: after every event, and at the end.
//
// A second, independent reading. It knows only what a stranger could know: documents, messages and files, read with
// readers of its own that were written from docs/formats and GBCS.md. It shares base/, the primitives of pki/ and the
// generated protobuf classes with the system, and nothing else.
//
// One thread. Events are told in the order in which they happen; times never go back, but `now` is always the clock of
// the machine on which the event happens (the keyguard's for what the keyguard does), which may be wrong.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/eui64.h"
#include "base/time.h"

namespace smki::simulation {

struct Violation {
  std::string invariant;  // "I2"
  std::string what;       // one or two sentences: record, Device, attempt, time
};

class Checks {
 public:
  struct World {
    std::string policy;                 // exact text of the trust policy: the anchor
    std::vector<std::string> runbooks;  // exact texts of the runbook files
    // What would survive a power cut of that machine right now: durable octets only; nullopt if there is no such file.
    std::function<std::optional<Bytes>(const std::string& path)> durable;
    std::string journal_path, checkpoint_path;         // on the keyguard's machine
    std::string campaign_folder;                       // on the orchestrator's machine: EVIDENCE; empty: not looked at
    std::string ledger_path;                           // on the orchestrator's machine
    std::map<std::string, Bytes> token_public_points;  // by key name ("recovery"): 65 octets
    // The world's own time, which no machine's clock error touches. Without it the directed rate and jumps of the
    // keyguard's clock are not looked at, and the length of an activation is taken from its clock.
    std::function<UtcTime()> true_time;
  };
  explicit Checks(World world);
  // As caller of the keyguard: somebody else with the orchestrator's transport identity. What the ledger does not know
  // of is then no fault, as long as it is within the Direction; that it can be seen afterwards is.
  static constexpr char kIntruder[] = "intruder";
  ~Checks();
  Checks(const Checks&) = delete;

  // --- after every event ---

  // A real person really signed this with their own will: approval of a Direction, rejection, order, statement,
  // presentation, approval of a custody change. Told before anybody else can have the signature.
  void OnPersonSigned(UtcTime now, const std::string& person, ByteSpan document, ByteSpan cms);
  // A custodian really let their share go, for this ceremony request.
  void OnPersonPresented(UtcTime now, const std::string& person, const std::string& ceremony_request);
  // A login that succeeded, or its end; in the order of the token's own calls. Not told while tokens are made.
  void OnTokenLogin(UtcTime now, const std::string& key, bool logged_in);
  // The token lost its sessions by itself; told before the login that ends with them.
  void OnTokenSevered(const std::string& key);
  // CKM_ECDSA was done with the key over this digest. Told at the moment of the signature: what is durable then must
  // already have the burn.
  void OnTokenSign(UtcTime now, const std::string& key, const Digest& digest);
  // Serialised keyguard.v1 messages as they arrive, before the keyguard acts; Prepare is a stream of several.
  // `method`: "Prepare", "Sign", "Prove", "Close", "GetStatus", "Countersign", "ExportJournal", and of the persons'
  // listener "PersonsGetStatus", "GetCeremony", "PresentShare", "Order", "BeginCustodyChange", "GetCustody".
  void OnKeyguardRequest(UtcTime now, const std::string& caller, const std::string& method,
                         const std::vector<std::string>& messages);
  // What is durable is read at every answer. A serialised OK answer as it leaves the keyguard, before the network.
  // Answers come in the order of their requests for each caller and method.
  void OnKeyguardAnswer(UtcTime now, const std::string& caller, const std::string& method, const std::string& response);
  void OnKeyguardRefusal(UtcTime now, const std::string& caller, const std::string& method,
                         const std::string& reason_code);
  // A crash, or the ordinary end of a process or machine.
  void OnKeyguardDied(UtcTime now);
  void OnSignerDied(UtcTime now);
  void OnDeviceCommand(UtcTime now, Eui64 device, ByteSpan message);   // arrives at the Device
  void OnDeviceResponse(UtcTime now, Eui64 device, ByteSpan message);  // leaves the Device
  // A serialised recovery.v1.IncidentView that a person is answered with, as it leaves the orchestrator: an
  // acknowledgement of what is durable. One caller's pages must be told in the order in which they were made.
  void OnIncidentView(UtcTime now, const std::string& caller, const std::string& view);
  // A serialised estate.v1.DeliverRequest as it leaves the orchestrator.
  void OnDeliver(UtcTime now, const std::string& request);

  // --- at the end: faults have stopped, the incident is closed or given up ---

  struct End {
    std::string evidence_folder;  // EVIDENCE/INCIDENT (docs/formats/evidence.md), on a real disk; empty: none
    std::string ledger_file, journal_file,
        campaign_folder;  // live files, dumped; campaign_folder: EVIDENCE, may be empty
    // What every Device really holds: "supplier/digitalSignature" -> 8-octet key identifier.
    std::map<Eui64, std::map<std::string, Bytes>> device_cells;
    // What every Device held in the beginning; empty: not compared.
    std::map<Eui64, std::map<std::string, Bytes>> device_cells_before;
    bool incident_closed = false;
  };
  void AtEnd(const End& end);

  const std::vector<Violation>& violations() const;

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace smki::simulation
