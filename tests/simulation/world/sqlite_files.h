// SQLite on simulated disks: a VFS that is this process's default while a Mounted lives. The first part of a path names
// the disk.
#pragma once

#include <map>
#include <string>

#include "tests/simulation/world/disk.h"

namespace smki::simulation {

class Mounted {
 public:
  // "orchestrator" -> its disk. The disks must outlive it, and it every database on them.
  explicit Mounted(std::map<std::string, Disk*> disks, Clockwork& clockwork);
  ~Mounted();
  Mounted(const Mounted&) = delete;
  // What is opened from now on is on the real disk.
  void StepAside();
};

}  // namespace smki::simulation
