// A small evidence folder, made by hand: one incident, two groups of two Devices, every signature real. A test spoils
// one thing of the story before it is told, or one file afterwards.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "incident.h"
#include "ledger/campaign_records.h"
#include "ledger/journal_records.h"
#include "ledger/ledger.h"
#include "people.h"
#include "tests/unit/ledger/scratch.h"
#include "tests/unit/repository/small_pki.h"

namespace smki::cli::test {

struct Spoiled {
  std::string statement_signer;  // instead of who acted
  uint64_t statement_page = 0;   // added to the true one
  bool no_statement = false;     // of the last person who acted
  std::vector<std::string> approvers = {"ann", "bob", "cal"};
  std::vector<std::string> rejecting;  // then the Chair casts
  std::string cast_decision = "approve", cast_signer = "cho";
  std::string cast_leaves_out;  // whose rejection it does not list
  bool cast_lost = false;       // from the folder
  bool ceremony_signed_by_stranger = false;
  std::vector<std::string> attendants = {"kim", "kay"};
  std::optional<Eui64> burned_device;  // instead of the first
  uint64_t burned_counter = 0;         // added to the true one
  uint32_t burned_attempt = 0;         // added
  bool other_command_signed = false;   // the key signed something else
  bool burn_without_intent = false;
  bool other_items_announced = false;
  uint64_t campaign_counter = 0;      // added, in the campaign log only
  uint64_t summed_signatures = 0;     // added, in the summary only
  uint64_t summed_recovered = 0;      // added
  bool answer_lost = false;           // the last batch's: the campaign never had its commands
  bool outcome_all_the_same = false;  // of that batch, in the ledger
  bool response_by_stranger = false;
  bool cell_failed = false;
  bool other_key_in_cell = false;
  bool countersigned = true;
  bool entry_after_checkpoint = false;
  Digest drafted_against{};  // instead of the true head
  bool runbook_not_allowed = false;
  bool other_genesis_policy = false;
  // Instead of the true ones, when a step is decided.
  std::string statement_verb, statement_choice, statement_text, statement_factor;
  bool act_taken_out = false;  // the last statement stands alone
  std::string admitted_nonce;  // instead of the true one, in the journal
  Digest request_quotes{};     // as the ledger's head, instead of the true one
  Digest request_journal{};    // as the journal's head after its first record
  uint64_t told_records = 0;   // added to what the keyguard told of its journal
  Digest told_head{};          // instead of the true one
  Millis burned_later{0}, opened_earlier{0};
  std::vector<std::pair<std::string, std::string>> orders;  // order and person, before the first burn
  bool orders_before_opening = false;
  std::string order_signer;            // instead of the person it names
  std::string order_signed_as;         // another order in the signed document
  std::optional<Eui64> proven_device;  // taken for proven by the signer
  uint64_t outcome_counter = 0;        // added, in the first Device's response
  bool outcome_of_another_mode = false, response_of_another_code = false, response_with_mac = false;
  bool other_organisation_in_cell = false, cell_told_twice = false, cell_left_out = false, cell_beyond = false;
  ledger::DeviceOutcome recorded_outcome = ledger::DeviceOutcome::kRecovered;  // of the first Device
  bool device_certificate_revoked = false;
  // The revocation list in the folder: when it was issued, and who is revoked since when.
  Millis list_issued_later{0};
  std::string revoked;
  Millis revoked_later{0};
  // Closed before anything was directed; and what may not be there then.
  bool false_alarm = false, intent_without_direction = false, admitted_without_direction = false;
  bool never_admitted = false, empty_journal = false;
  // A step is skipped by a deviation; and one field of the request's or the approval's event, altered afterwards.
  bool deviates = false;
  std::string deviation_kind, deviation_field, deviation_value;
};

class EvidenceStory {
 public:
  explicit EvidenceStory(const Spoiled& spoiled = {});
  const std::string& folder() const { return folder_; }
  Digest anchor() const { return anchor_; }
  procedures::test::People& people() { return people_; }

 private:
  struct Command {
    Eui64 device;
    std::string group;
    uint64_t counter = 0;
    Bytes octets;  // whole
    pki::RawSignature signature{};
  };
  void Prepare();
  void ReachTie();
  void Tell();
  void TellEvent(procedures::Event event);
  void TellStatement(const procedures::Event& event);
  void Draft();
  void TellCastingVote();
  void TellCeremony();
  void TellCampaign();
  void TellFalseAlarm();
  void TellKeyguard(const std::string& what, uint64_t records, const Digest& head);
  Bytes List();
  std::vector<Command> Commands();
  void WriteCampaignLog(const std::vector<Command>& commands);
  Bytes Answer(const Command& command);
  void WriteStore();
  void Seal();
  void File(const std::string& file, ByteSpan octets);
  // Entries wait until a head is needed: one transaction each would take a second in all.
  void Append(const std::string& kind, const std::string& person, const std::string& payload);

  ledger::Entry Flush();

  Spoiled spoiled_;
  std::vector<ledger::NewEntry> pending_;
  Scratch scratch_;
  std::string folder_;
  Digest anchor_{};
  ManualClock clock_{procedures::test::Now()};
  procedures::test::People people_;
  procedures::test::Estate estate_{people_};
  repository::SmallPki small_;
  procedures::test::Incident incident_;
  pki::PrivateKey recovery_key_ = *pki::PrivateKey::Generate();
  pki::PrivateKey device_key_ = *pki::PrivateKey::Generate();
  std::unique_ptr<ledger::Ledger> ledger_;
  uint64_t events_ = 0;
  std::map<std::string, std::string>
      requests_;  // digests of deviations: as the machine was told, and of what was signed
  std::string direction_text_;
  Digest request_{};
  Digest first_journal_head_{};
};

}  // namespace smki::cli::test
