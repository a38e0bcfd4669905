// What the signer's process may still ask of the kernel once its token and its journal are open: to read and write
// files, to talk on the socket it has, to start threads, to end. No new socket, no other program, no other process's
// memory, no new code. A violation ends the process, and with it the key (I5, I10).
#pragma once

#include "base/status.h"

namespace smki::hsm {

// For every thread of this process and all that it starts, for good. An error means that nothing was confined, and the
// process must not go on.
Status ConfineProcess();

}  // namespace smki::hsm
