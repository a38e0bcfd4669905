// smkictl incident watch: follows an incident until it is closed or a step is done.
#pragma once

#include <string>

#include "cli/command.h"

namespace smki::cli {

struct WatchOptions {
  std::string incident;    // empty: the newest
  std::string until_step;  // empty: until closed
  bool until_closed = false;
  unsigned patience_seconds = 60;  // for a server that is away
};

// On a terminal: one line an event and a progress line that is drawn over. In a pipe: one line an event. With JSON: one
// object a line. After a restart of the server it goes on behind the last event it showed. Fails if the step has
// failed.
Status WatchIncident(Command& command, Person& person, const WatchOptions& options);

// "03:12:45  done        draft-direction  ..." for one event.
std::string EventLine(const recovery::v1::WatchEvent& event, const Style& style);

}  // namespace smki::cli
