// What must hold after power cuts, read from the bytes that were left behind and not from the programs' own state:
// the octets that the signer ever gave away, its journal, the ledger and the campaign log of the evidence folder.
#pragma once

#include <string>
#include <vector>

#include "sim/scenario/rehearsal.h"

namespace smki::test {

// Empty if everything fits; else one line for each thing that does not.
std::vector<std::string> Reconcile(const sim::Rehearsal& rehearsal);

// A line of .powercut/points: one durable write, as the library named it.
struct Point {
  std::string program, operation, path, chain, frames;
  uint64_t number = 0;
};
struct Points {
  std::vector<Point> all;
  std::vector<std::string> cuts;           // "PROGRAM at OPERATION PATH"
  std::vector<std::string> failures;       // "PROGRAM WHAT"
  std::vector<std::string> sent_unsynced;  // "PROGRAM PATH"
};
Points ReadPoints(const std::string& estate);

}  // namespace smki::test
