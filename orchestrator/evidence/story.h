// What happened in an incident, gathered from the ledger for people: who, when, what, how many. The report is a reading
// of the evidence, not evidence itself: everything in it can be found again in the ledger.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "orchestrator/incident/book.h"

namespace smki::orchestrator {

struct StoryStep {
  std::string id, title, phase, status, person, result, text;
  UtcTime started, finished;
  uint64_t attempts = 0;
};
struct StoryPhase {
  std::string name;
  double seconds = 0;  // from its first step's start to its last step's end
};
struct StoryFile {
  std::string name, file, sha256, person;
};
struct StoryRefusal {
  UtcTime time;
  std::string code, detail, person;
  uint64_t count = 1;
};
struct StoryDeviation {
  UtcTime time;
  std::string what, why, requested_by, witness, standing;
  std::vector<std::string> approved_by;
};
struct Story {
  std::string incident, title, runbook, runbook_version, runbook_digest, environment, policy_digest;
  std::string party, organisation, what, reported_by, received;
  std::string successor, successor_organisation;  // empty: nobody takes over
  std::string state, opened_by, closed_result, closed_text;
  UtcTime opened, ended;
  std::vector<StoryStep> steps;
  std::vector<StoryPhase> phases;
  std::vector<StoryDeviation> deviations;  // oldest first
  std::string direction_id, direction_digest;
  std::vector<std::string> approved_by, rejected_by;
  std::map<std::string, std::string> rejections;  // person -> reason
  std::string cast_by, cast;                      // the Chair, and approve or reject; empty: no casting vote
  std::vector<std::string> ceremonies;
  uint64_t devices = 0, recovered = 0, half_replaced = 0, refused = 0, silent = 0;
  uint64_t signatures = 0, batches = 0;
  std::map<std::string, uint64_t> refusal_counts;  // by reason code
  std::vector<StoryRefusal> refusals;              // the first kMaxRefusals
  std::vector<StoryFile> files;
  std::map<std::string, std::string> outputs;
  uint64_t ledger_entries = 0;
  std::string ledger_head;
};
inline constexpr size_t kMaxRefusals = 200;

StatusOr<Story> TellStory(IncidentBook& book, const Incident& incident, const procedures::TrustPolicy& policy,
                          const Digest& policy_digest);
std::string StoryMarkdown(const Story& story);
std::string StoryJson(const Story& story);  // one object, indented

}  // namespace smki::orchestrator
