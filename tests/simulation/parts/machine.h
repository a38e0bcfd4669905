// A machine of the world: its disk, and how its processes end and begin again.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "tests/simulation/story.h"
#include "tests/simulation/world/disk.h"
#include "tests/simulation/world/network.h"

namespace smki::simulation {

// What every part of the world is given.
struct World {
  Clockwork& clockwork;
  Fates& fates;
  Network& network;
  Story& story;
};

// How long a supervisor waits before it starts a process again.
inline Nanos RestartDelay(World& world, const std::string& who) {
  return Millis(500 + world.fates.Draw(who + " restart", 60'000));
}

}  // namespace smki::simulation
