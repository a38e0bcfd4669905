// Every no is recorded in the ledger, but nobody can fill the ledger with them: of each code the first hundred in a
// minute singly, then their count. Core's thread only.
#pragma once

#include <map>
#include <string>

#include "base/clock.h"
#include "base/executor.h"
#include "orchestrator/incident/book.h"
#include "orchestrator/lifeline.h"

namespace smki::orchestrator {

class Refusals {
 public:
  static constexpr uint64_t kSinglyInMinute = 100;

  Refusals(IncidentBook& book, Executor& executor, Clock& clock) : book_(book), executor_(executor), clock_(clock) {}

  // `status` must be an error. What has no reason code is not a refusal but a fault, and is not recorded.
  void Record(const std::string& incident, const std::string& person, const std::string& method, const Status& status);

 private:
  struct Minute {
    std::chrono::nanoseconds begin{0};
    uint64_t singly = 0, counted = 0;
    std::string incident;
  };
  void Flush(const std::string& reason);

  IncidentBook& book_;
  Executor& executor_;
  Clock& clock_;
  std::map<std::string, Minute> minutes_;  // by code: as many as there are codes
  Lifeline lifeline_;
};

}  // namespace smki::orchestrator
