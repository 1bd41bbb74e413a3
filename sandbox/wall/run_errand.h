// The errand "run": PTX and jobs in; what each launch did, and the buffers that are read back, out.
#pragma once

#include "frame.h"

namespace wall {

// Loads the module once and runs each job in a fresh machine, in order, until one does not run to its end.
void answer_run(const Request &, Answer &);

}  // namespace wall
