#include "run_errand.h"

#include <algorithm>
#include <new>
#include <optional>
#include <stdexcept>

#include "machine.h"
#include "packing.h"
#include "report_json.h"
#include "run_request.h"

namespace wall {
namespace {

// How a job ended; the Python end knows the same numbers.
enum class Ended : uint32_t { done = 0, fault = 1, out_of_memory = 2 };

constexpr uint64_t kZeroBytes = 1 << 16;

class JobRunner {
 public:
  JobRunner(std::shared_ptr<const vgpu::Module> module, const RunRequest &request, const RunJob &job, uint64_t &budget)
      : module_(module), machine_(module, request.limits), job_(job), budget_(budget) {}

  Ended run() {
    try {
      make_buffers();
    } catch (const std::bad_alloc &) {
      return Ended::out_of_memory;
    }
    for (const Step &step : job_.steps)
      if (!take(step)) return Ended::fault;
    return found_ ? Ended::fault : Ended::done;
  }

  // Reads the wanted buffers straight into the answer.
  void read_back(Answer &answer) const {
    for (size_t i = 0; i < job_.buffers.size(); ++i)
      if (job_.buffers[i].read_back)
        machine_.read(addresses_[i], answer.blob(job_.buffers[i].bytes), job_.buffers[i].bytes);
  }
  const std::vector<std::string> &reports() const { return reports_; }

 private:
  void make_buffers() {
    machine_.set_poison(job_.poison);
    for (const RunBuffer &buffer : job_.buffers) {
      addresses_.push_back(machine_.allocate(buffer.name, buffer.bytes, buffer.skew));
      if (buffer.has_data) machine_.write(addresses_.back(), buffer.data.data(), buffer.bytes);
    }
  }

  // False where the step did not run to its end. What was found in a launch that did is no reason to leave out those
  // after it.
  bool take(const Step &step) {
    if (const auto *clear = std::get_if<ClearStep>(&step)) {
      zero(clear->buffer);
      return true;
    }
    const vgpu::LaunchReport report = launch(std::get<LaunchStep>(step));
    reports_.push_back(vgpu::to_json(report));
    budget_ -= std::min(budget_, report.counts.warp_instructions);
    found_ = found_ || !report.faults.empty();
    return report.ended;
  }

  void zero(uint32_t buffer) {
    static const uint8_t zeros[kZeroBytes] = {};
    const uint64_t bytes = job_.buffers.at(buffer).bytes;
    for (uint64_t at = 0; at < bytes; at += kZeroBytes)
      machine_.write(addresses_[buffer] + at, zeros, std::min(kZeroBytes, bytes - at));
  }

  vgpu::LaunchReport launch(const LaunchStep &step) {
    if (step.cluster.count() != 1)
      return refused(step, vgpu::FaultKind::unsupported, "the virtual GPU does not launch clusters of blocks");
    const vgpu::KernelInfo *kernel = find(step.launch.kernel);
    if (kernel == nullptr)
      return refused(step, vgpu::FaultKind::invalid_launch, "the image has no kernel " + step.launch.kernel);
    auto packed = pack(*kernel, step.arguments, addresses_);
    if (const auto *mistake = std::get_if<std::string>(&packed))
      return refused(step, vgpu::FaultKind::invalid_launch, *mistake);
    vgpu::Launch launch = step.launch;
    launch.params = std::get<std::vector<uint8_t>>(std::move(packed));
    return machine_.launch(launch, options(step), {budget_});
  }

  vgpu::Options options(const LaunchStep &step) const {
    vgpu::Options options;
    options.lines = options.caches = options.scoreboard = job_.profile;
    options.track_uninitialised = job_.track_uninitialised;
    options.check_races = job_.check_races;
    options.max_faults = job_.max_faults;
    options.order = job_.order;
    options.sample_blocks = job_.sample_blocks;
    options.sample_only = job_.sample_only;
    options.sample_seed = job_.sample_seed;
    options.timing = step.timing;
    return options;
  }

  const vgpu::KernelInfo *find(const std::string &name) const {
    for (const vgpu::KernelInfo &kernel : module_->kernels())
      if (kernel.name == name) return &kernel;
    return nullptr;
  }

  static vgpu::LaunchReport refused(const LaunchStep &step, vgpu::FaultKind kind, const std::string &message) {
    vgpu::LaunchReport report;
    vgpu::Fault fault{};
    fault.kind = kind;
    fault.message = message;
    fault.kernel = step.launch.kernel;
    report.faults.push_back(fault);
    report.ended = false;
    return report;
  }

  std::shared_ptr<const vgpu::Module> module_;
  vgpu::Machine machine_;
  const RunJob &job_;
  uint64_t &budget_;
  std::vector<uint64_t> addresses_;
  std::vector<std::string> reports_;
  bool found_ = false;
};

struct JobAnswer {
  Ended ended;
  std::vector<std::string> reports;
};

std::vector<JobAnswer> run_jobs(std::shared_ptr<const vgpu::Module> module, const RunRequest &request, Answer &answer) {
  std::vector<JobAnswer> answers;
  uint64_t budget = request.warp_instructions;
  for (const RunJob &job : request.jobs) {
    JobRunner runner(module, request, job, budget);
    const Ended ended = runner.run();
    if (ended == Ended::done) runner.read_back(answer);
    answers.push_back({ended, runner.reports()});
    if (ended != Ended::done) break;
  }
  return answers;
}

}  // namespace

void answer_run(const Request &request, Answer &answer) {
  const RunRequest run = RunRequest::read(request);
  std::vector<vgpu::Diagnostic> diagnostics;
  const std::shared_ptr<const vgpu::Module> module = vgpu::Module::load(run.ptx, diagnostics);
  Writer head;
  head.text(module ? "" : vgpu::to_json(diagnostics));
  const std::vector<JobAnswer> answers = module ? run_jobs(module, run, answer) : std::vector<JobAnswer>{};
  head.u32(static_cast<uint32_t>(answers.size()));
  for (const JobAnswer &one : answers) {
    head.u32(static_cast<uint32_t>(one.ended));
    head.u32(static_cast<uint32_t>(one.reports.size()));
    for (const std::string &report : one.reports) head.text(report);
  }
  answer.finish(head.bytes());
}

}  // namespace wall
