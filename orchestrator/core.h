// What everything in the orchestrator's core shares. Owned by Orchestrator; core's thread only.
#pragma once

#include <memory>

#include "base/clock.h"
#include "base/executor.h"
#include "base/file.h"
#include "base/random.h"
#include "base/transport.h"
#include "orchestrator/access/refusals.h"
#include "orchestrator/access/trust.h"
#include "orchestrator/incident/book.h"
#include "orchestrator/site.h"
#include "orchestrator/worker.h"
#include "repository/store/store.h"

namespace smki::orchestrator {

// The world outside: real in main, virtual in simulations and tests.
struct Outside {
  Executor& executor;
  Clock& clock;
  Random& random;
  FileSystem& files;
  Worker& worker;
  Transport& keyguard;
  Transport& estate;
};

// The rebuilt Repository as it is now. A store that was opened stays as it was when a newer one is swapped in.
class Repository {
 public:
  explicit Repository(std::string path) : path_(std::move(path)) {}
  StatusOr<std::shared_ptr<const repository::Store>> Current() {
    if (store_ == nullptr) {
      SMKI_ASSIGN_OR_RETURN(store_, repository::Store::Open(path_));
    }
    return store_;
  }
  // After a rebuild: the next Current() opens anew.
  void Forget() { store_.reset(); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
  std::shared_ptr<const repository::Store> store_;
};

class Campaigns;

struct Core {
  const Site& site;
  Outside outside;
  Trust& trust;
  IncidentBook& book;
  Refusals& refusals;
  Repository& repository;
  Campaigns& campaigns;

  UtcTime Now() const { return outside.clock.Now(); }
  const procedures::TrustPolicy& policy() const { return trust.policy(); }
};

}  // namespace smki::orchestrator
