// What the errand "run" is asked to do, as read from its head; kernelevo/wire/run.py writes it.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "frame.h"
#include "machine.h"

namespace wall {

struct RunBuffer {
  std::string name;
  uint64_t bytes;
  uint32_t skew;
  bool read_back;
  bool has_data;
  std::string_view data;  // lies in the request
};

struct BufferArgument {
  uint32_t buffer;
};
using Argument = std::variant<BufferArgument, int64_t, double>;

struct LaunchStep {
  vgpu::Launch launch;  // its params are packed when the kernel is known
  vgpu::Dim3 cluster;
  vgpu::Timing timing;
  std::vector<Argument> arguments;
};
struct ClearStep {
  uint32_t buffer;
};
using Step = std::variant<LaunchStep, ClearStep>;

struct RunJob {
  uint32_t poison;
  bool profile, track_uninitialised, check_races;
  uint32_t max_faults;
  uint64_t order;
  uint32_t sample_blocks;
  bool sample_only;
  uint64_t sample_seed;
  std::vector<RunBuffer> buffers;
  std::vector<Step> steps;
};

struct RunRequest {
  std::string_view ptx;
  vgpu::Limits limits;
  uint64_t warp_instructions;  // budget of all launches together
  std::vector<RunJob> jobs;

  // Throws ProtocolError.
  static RunRequest read(const Request &);
};

}  // namespace wall
