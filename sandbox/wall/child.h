// The forked child of one errand: locks itself in, does the errand, answers and ends.
#pragma once

#include "control.h"
#include "nvrtc_api.h"

namespace wall {

// Never returns to the zygote. `nvrtc` is null in a worker without a compiler.
[[noreturn]] void be_child(const ReceivedOrder &, const NvrtcApi *nvrtc);

}  // namespace wall
