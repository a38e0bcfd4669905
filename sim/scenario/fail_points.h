// The fail points that a rehearsal can meet, and whose process has each (docs/formats/fail-points.md).
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace smki::sim {

enum class ServerName { kSim, kKeyguard, kOrchestrator };
std::string Name(ServerName server);  // smki-sim | smki-keyguard | smki-orchestrator

struct FailPointName {
  const char* name;
  ServerName server;
};
// All but those of smkictl, which no server has. A test keeps the list equal to the document.
const std::vector<FailPointName>& FailPointNames();

// Where a server ends itself once, in the first process that has the point.
struct FailPointChoice {
  std::string name;
  uint64_t hit = 1;
  ServerName server = ServerName::kSim;
  // "SMKI_FAIL_POINT=signer.burn.synced:2".
  std::string Variable() const { return fmt::format("SMKI_FAIL_POINT={}:{}", name, hit); }
};
// "POINT" or "POINT:N", N from 1 to 1,000,000. kInvalidArgument, with every name, if there is no such point.
StatusOr<FailPointChoice> ParseFailPoint(const std::string& text);

}  // namespace smki::sim
