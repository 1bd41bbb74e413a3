#include "run_request.h"

namespace wall {
namespace {

constexpr uint64_t kNoData = ~uint64_t(0);

vgpu::Dim3 read_dim3(Reader &head) {
  vgpu::Dim3 dim;
  dim.x = head.u32();
  dim.y = head.u32();
  dim.z = head.u32();
  return dim;
}

vgpu::Timing read_timing(Reader &head) {
  vgpu::Timing timing;
  for (uint32_t *field :
       {&timing.alu, &timing.fp64, &timing.special, &timing.shared, &timing.l1_hit, &timing.l2_hit, &timing.dram,
        &timing.atomic, &timing.shuffle, &timing.barrier, &timing.constant, &timing.matrix})
    *field = head.u32();
  timing.l1_bytes = head.u64();
  timing.l2_bytes = head.u64();
  return timing;
}

Argument read_argument(Reader &head) {
  enum Tag : uint32_t { buffer = 0, integer = 1, real = 2 };
  switch (head.u32()) {
    case buffer:
      return BufferArgument{head.u32()};
    case integer:
      return static_cast<int64_t>(head.u64());
    case real:
      return head.f64();
  }
  throw ProtocolError("there is no such kind of argument");
}

LaunchStep read_launch(Reader &head) {
  LaunchStep step;
  step.launch.kernel = head.text();
  step.launch.grid = read_dim3(head);
  step.launch.block = read_dim3(head);
  step.cluster = read_dim3(head);
  step.launch.dynamic_shared_bytes = head.u32();
  step.launch.cooperative = head.flag();
  step.timing = read_timing(head);
  const uint32_t arguments = head.u32();
  for (uint32_t i = 0; i < arguments; ++i) step.arguments.push_back(read_argument(head));
  return step;
}

Step read_step(Reader &head) {
  enum Tag : uint32_t { launch = 0, clear = 1 };
  switch (head.u32()) {
    case launch:
      return read_launch(head);
    case clear:
      return ClearStep{head.u32()};
  }
  throw ProtocolError("there is no such kind of step");
}

RunBuffer read_buffer(Reader &head, const Request &request) {
  RunBuffer buffer{};
  buffer.name = head.text();
  buffer.bytes = head.u64();
  buffer.skew = head.u32();
  buffer.read_back = head.flag();
  const uint64_t blob = head.u64();
  buffer.has_data = blob != kNoData;
  if (buffer.has_data) buffer.data = request.blob(blob);
  if (buffer.has_data && buffer.data.size() != buffer.bytes) throw ProtocolError("a buffer's data has another size");
  return buffer;
}

RunJob read_job(Reader &head, const Request &request) {
  RunJob job{};
  job.poison = head.u32();
  job.profile = head.flag();
  job.track_uninitialised = head.flag();
  job.check_races = head.flag();
  job.max_faults = head.u32();
  job.order = head.u64();
  job.sample_blocks = head.u32();
  job.sample_only = head.flag();
  job.sample_seed = head.u64();
  const uint32_t buffers = head.u32();
  for (uint32_t i = 0; i < buffers; ++i) job.buffers.push_back(read_buffer(head, request));
  const uint32_t steps = head.u32();
  for (uint32_t i = 0; i < steps; ++i) job.steps.push_back(read_step(head));
  return job;
}

}  // namespace

RunRequest RunRequest::read(const Request &request) {
  Reader head(request.head());
  RunRequest run{};
  run.ptx = request.blob(0);
  run.limits.threads_per_block = head.u32();
  run.limits.shared_bytes_per_block = head.u32();
  run.limits.sms = head.u32();
  run.limits.memory_bytes = head.u64();
  run.warp_instructions = head.u64();
  const uint32_t jobs = head.u32();
  for (uint32_t i = 0; i < jobs; ++i) run.jobs.push_back(read_job(head, request));
  return run;
}

}  // namespace wall
