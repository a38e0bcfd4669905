// A runbook drawn: for a wall, and for a terminal.
#pragma once

#include <string>

#include "procedures/runbook.h"

namespace smki::procedures {

// The DOT language of Graphviz: a cluster for each phase, a node for each step, shaped by its kind; a line for what it
// requires, a dashed one with its outcome for `when`.
std::string GraphDot(const Runbook& runbook);

// The same as text, a line for each step in an order in which they can be done: what it waits for, and when it is left
// out. `width` columns.
std::string GraphText(const Runbook& runbook, size_t width = 120);

}  // namespace smki::procedures
