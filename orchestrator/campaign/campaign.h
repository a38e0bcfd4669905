// Runs the use of the key: batches of (group, EUI-64, attempt) to the keyguard, commands to the gateway, responses
// back, until every Device of a wave has ended (ARCHITECTURE section 3).
//
// Order for each batch (I2): ledger intent, signature, log, delivery; for each response: log, then its effect. The
// state is a fold over the log, so whatever the moment of a crash, opening the campaign again goes on from there:
// a command that may not have been delivered is asked for again (the keyguard returns the same bytes) and sent again.
//
// Core's thread only. Nothing here blocks; everything goes through the seams.
#pragma once

#include <deque>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "base/executor.h"
#include "base/file.h"
#include "base/transport.h"
#include "ledger/ledger.h"
#include "ledger/record_log.h"
#include "orchestrator/campaign/judge.h"
#include "orchestrator/campaign/state.h"
#include "orchestrator/lifeline.h"
#include "orchestrator/settings.h"
#include "repository/store/store.h"
#include "smki/estate/v1/estate.pb.h"
#include "smki/keyguard/v1/keyguard.pb.h"

namespace smki::orchestrator {

struct CampaignProgress {
  CampaignCounts counts;
  uint64_t in_flight = 0;
  double per_second = 0;  // Devices ended, over the last seconds
  Millis remaining{0};    // at that rate; 0 if unknown
  std::string wave;
  std::map<std::string, uint64_t> failures;
  std::string held_by;  // why nothing is sent at the moment; empty if it runs
};

class Campaign {
 public:
  struct Seams {
    Executor& executor;
    Clock& clock;
    FileSystem& files;
    Transport& keyguard;
    Transport& estate;
    std::shared_ptr<const repository::Store> store;
    // Appends one entry of the incident to the ledger, durably.
    std::function<StatusOr<ledger::Entry>(const std::string& kind, Bytes payload)> record;
    // The key is closed although it is needed: have it opened again (one more ceremony), then call back. An error ends
    // the wave.
    std::function<void(std::function<void(Status)>)> reopen_key;
    // Contingency: the Symmetric Key, as the first command signed discloses it to its Device; kept as evidence before
    // any is delivered. May be called again after a restart.
    std::function<Status(ByteSpan)> disclosed = {};
  };
  struct Plan {
    std::string incident;
    procedures::Direction direction;
    Digest digest{};
    std::vector<procedures::Population> populations;  // in the order of direction.groups
    std::vector<GroupIntent> intents;                 // likewise
    CampaignSettings settings;
    uint64_t batches_before = 0;      // highest batch number that has an intent in the ledger
    uint64_t summarised_records = 0;  // log_records of the newest campaign.summary in the ledger
  };
  using Done = std::function<void(Status)>;

  // Opens or creates the log and folds it. kDataLoss if it belongs to another Direction or does not fit.
  static StatusOr<std::unique_ptr<Campaign>> Open(Seams seams, Plan plan, const std::string& log_path);

  // Begins the wave, or goes on with it after a restart. "canary": that many Devices more, spread evenly; "main": all
  // that are left. `done` gets OK once every Device begun has ended and the summary is in the ledger.
  void RunWave(const std::string& wave, Done done);
  bool running() const { return static_cast<bool>(done_); }
  // A wave has failed: what was under way then is known from the log only, so open it anew to go on.
  bool spoiled() const { return spoiled_; }
  // Paused: nothing new is sent; responses are still taken.
  void SetPaused(bool paused);
  // The last word on waves that were given up: no more answers are taken, and a summary counts what the log holds.
  // The log stays open for Progress.
  Status Conclude();
  uint64_t log_records() const { return log_->records(); }

  CampaignProgress Progress() const;
  const CampaignState& state() const { return state_; }
  const Digest& log_head() const { return log_->head(); }
  // Devices of the newest canary wave that were recovered, of how many.
  std::pair<uint64_t, uint64_t> CanaryResult() const;

 private:
  struct Batch {
    uint64_t number = 0;
    size_t group = 0;
    std::vector<Rank> ranks;
    std::vector<uint32_t> attempts;
    size_t fresh = 0;  // Devices without any signature yet: they count against limits.outstanding
  };
  struct Timeout {
    std::chrono::nanoseconds due;
    Rank rank;
    uint8_t attempt, sends;
  };
  // What a begun Device is waiting for: the command of its attempt once more, or of its next attempt; the keyguard's or
  // gateway's answer; its own answer.
  enum class Want : uint8_t { kNothing, kSame, kNext, kCall, kAnswer };

  Campaign(Seams seams, Plan plan);
  Status OpenLog(const std::string& path);

  // --- asking and sending (campaign.cc) ---
  void Pump();
  size_t TakeRate(size_t wanted);
  void GiveBackRate(size_t unused) { rate_tokens_ += static_cast<double>(unused); }
  bool PickBatch(size_t count, Batch& batch);
  void PutBack(const Batch& batch);
  Status AskBatch(const Batch& batch);
  void BeginWave(const std::string& wave);
  void OnSigned(const Batch& batch, StatusOr<keyguard::v1::SignResponse> response);
  Status LogSigned(const Batch& batch, const keyguard::v1::SignResponse& response, std::vector<Rank>& deliver);
  Status NoteDisclosure(const keyguard::v1::SignResponse& response);
  Status CheckCommand(const keyguard::v1::SignedCommand& item, Rank rank, uint32_t attempt) const;
  void Deliver(std::vector<Rank> ranks);
  void OnDelivered(const std::vector<Rank>& ranks, const ledger::CampaignSent& sent,
                   StatusOr<estate::v1::DeliverResponse> response);
  void SetWant(Rank rank, Want want);
  void Queue(Rank rank, Want want, bool first);
  void BackOff(Millis delay);
  void LoseKey(const std::string& why);
  void Fail(Status status);
  void MaybeFinish();
  Status Summarise();

  // --- answers (campaign_answers.cc) ---
  void OpenStream();
  void OnResponses(const std::string& octets);
  Status OnResponse(const estate::v1::Response& response);
  Status TakeResponse(const estate::v1::Response& response, Rank rank, const ReadResponse& read);
  Status Ignore(const estate::v1::Response& response, const std::string& reason, const std::string& detail);
  void ArmTimeouts();
  void OnTimeouts();
  // True if its command is to be sent once more.
  bool OnSilence(Rank rank);
  void EndDevice(Rank rank, DeviceOutcome outcome, const std::string& reason);
  void Prove();
  void OnProven(const std::vector<Rank>& ranks, StatusOr<keyguard::v1::ProveResponse> response);

  // Appends to the log and applies; ends the campaign if the log cannot be written (I10).
  template <typename Record>
  Status Log(ledger::CampaignType type, const Record& record);
  template <typename F>
  auto Guarded(F f) const {
    return lifeline_.Guard(std::move(f));
  }

  Seams seams_;
  Plan plan_;
  CampaignState state_;
  std::unique_ptr<ledger::RecordLog> log_;

  Done done_;
  std::vector<Rank> canary_ranks_;
  bool wave_open_ = false;          // begun in the log, and not done there
  uint64_t wave_done_records_ = 0;  // records of the log up to the newest wave-done
  bool paused_ = false, key_lost_ = false, spoiled_ = false;
  bool disclosure_noted_ = false;
  std::string held_by_;
  std::vector<std::deque<Rank>> ready_;             // by group: a command is wanted
  std::vector<Want> want_;                          // by rank
  std::unordered_map<Rank, std::string> commands_;  // of the Devices in flight, for re-sending
  size_t in_flight_ = 0;                            // Devices that want kCall or kAnswer
  size_t asking_ = 0, delivering_ = 0;              // calls under way
  uint64_t asked_fresh_ = 0;                        // in the Sign calls under way
  int fruitless_ = 0;                               // limit refusals in a row with nothing in flight
  uint64_t next_batch_ = 1;
  double window_ = 0;  // grows with answers, shrinks with silence
  double rate_tokens_ = 0;
  std::chrono::nanoseconds rate_time_{0}, hold_until_{0}, shrunk_at_{0};
  bool timeout_armed_ = false;
  std::deque<Timeout> timeouts_;
  std::unique_ptr<Transport::Watch> stream_;
  std::deque<Rank> to_prove_;
  bool proving_ = false;
  int proofs_failed_ = 0;
  std::deque<std::pair<std::chrono::nanoseconds, uint64_t>> rate_samples_;
  Lifeline lifeline_;  // last: ends before anything its callbacks use
};

}  // namespace smki::orchestrator
