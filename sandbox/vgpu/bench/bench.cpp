// Speed of the interpreter on compiled PTX, in million warp instructions a second of one core, best of several runs.
//
//   vgpu_bench FILE.ptx KERNEL GRID BLOCK SHARED ARGUMENT...   GRID and BLOCK are x,y,z; SHARED bytes of dynamic memory
//   vgpu_bench --load FILE.ptx     time to load, and kernels with the instructions that are not executed
// An ARGUMENT is buf:FLOATS (an array of f32 ramps), i32:VALUE, i64:VALUE or f32:VALUE.
// --watch=counters|timing|tracking|nothing comes first, then --plain for a run without quick paths.
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <fstream>
#include <iostream>
#include <sstream>
#include <string>
#include <vector>

#include "isa/isa.h"
#include "loaded_module.h"

namespace {

// Processor time of this process, so that other work on the machine disturbs little.
double milliseconds() { return double(std::clock()) * 1000 / CLOCKS_PER_SEC; }

std::string read_file(const std::string &path) {
  std::ifstream in(path);
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

std::shared_ptr<const vgpu::Module> load(const std::string &path) {
  std::vector<vgpu::Diagnostic> diagnostics;
  auto module = vgpu::Module::load(read_file(path), diagnostics);
  for (const auto &each : diagnostics)
    std::fprintf(stderr, "%s:%u: %s\n", path.c_str(), each.ptx_line, each.message.c_str());
  return module;
}

int show_load(const std::string &path) {
  const double start = milliseconds();
  const auto module = load(path);
  if (!module) return 1;
  std::printf("%s: %.2f ms\n", path.c_str(), (milliseconds() - start));
  for (const vgpu::Program &program : static_cast<const vgpu::LoadedModule &>(*module).programs) {
    uint32_t frame = program.functions[0].frame_bytes;
    std::printf("  %s: %zu operations, frame %u bytes\n", program.info.name.c_str(), program.ops.size(), frame);
    for (size_t i = 0; i < program.ops.size(); ++i) {
      if (program.ops[i].form != vgpu::form_unsupported) continue;
      std::printf("    line %u: %s: %s\n", program.origins[i].ptx_line, std::string(program.origins[i].text).c_str(),
                  program.notes[size_t(program.ops[i].offset)].c_str());
    }
  }
  return 0;
}

vgpu::Dim3 parse_shape(const char *text) {
  vgpu::Dim3 shape;
  std::sscanf(text, "%u,%u,%u", &shape.x, &shape.y, &shape.z);
  return shape;
}

void append(std::vector<uint8_t> &params, const void *value, size_t bytes) {
  params.resize((params.size() + bytes - 1) / bytes * bytes);
  const auto *from = static_cast<const uint8_t *>(value);
  params.insert(params.end(), from, from + bytes);
}

void add_argument(vgpu::Machine &machine, const std::string &argument, std::vector<uint8_t> &params) {
  const std::string kind = argument.substr(0, argument.find(':')), value = argument.substr(argument.find(':') + 1);
  if (kind == "buf") {
    std::vector<float> ramp(std::strtoull(value.c_str(), nullptr, 0));
    for (size_t i = 0; i < ramp.size(); ++i) ramp[i] = float(i % 1000) * 0.001f;
    const uint64_t address = machine.allocate("buffer " + std::to_string(params.size()), ramp.size() * 4);
    machine.write(address, ramp.data(), ramp.size() * 4);
    append(params, &address, 8);
  } else if (kind == "f32") {
    const float number = std::strtof(value.c_str(), nullptr);
    append(params, &number, 4);
  } else {
    const long long number = std::strtoll(value.c_str(), nullptr, 0);
    append(params, &number, kind == "i64" ? 8 : 4);
  }
}

vgpu::Options options_for(const std::string &watch) {
  vgpu::Options options;
  options.counters = watch != "nothing";
  options.caches = options.scoreboard = watch == "timing";
  options.track_uninitialised = watch == "tracking";
  return options;
}

int measure(const std::vector<std::string> &words, const vgpu::Options &options) {
  const auto module = load(words.at(0));
  if (!module) return 1;
  vgpu::Limits limits;
  limits.memory_bytes = uint64_t(2) << 30;
  vgpu::Machine machine(module, limits);
  vgpu::Launch launch;
  launch.kernel = words.at(1);
  launch.grid = parse_shape(words.at(2).c_str());
  launch.block = parse_shape(words.at(3).c_str());
  launch.dynamic_shared_bytes = uint32_t(std::stoul(words.at(4)));
  for (size_t i = 5; i < words.size(); ++i) add_argument(machine, words[i], launch.params);
  double best = 0;
  vgpu::LaunchReport report;
  for (int run = 0; run < 7; ++run) {
    const double start = milliseconds();
    report = machine.launch(launch, options, {uint64_t(1) << 40});
    const double rate = double(report.counts.warp_instructions) / (milliseconds() - start) / 1000;
    best = rate > best ? rate : best;
  }
  for (const vgpu::Fault &fault : report.faults) {
    std::printf("%s: %s (%s:%u) %s\n", name_of(fault.kind), fault.message.c_str(), fault.source.file.c_str(),
                fault.source.line, fault.instruction.c_str());
  }
  const vgpu::Counts &c = report.counts;
  std::printf(
      "%-16s %6.1f M warp instructions/s  (%.2f M, sectors/load %.2f, sectors/store %.2f, wavefronts/shared load "
      "%.2f)\n",
      launch.kernel.c_str(), best, double(c.warp_instructions) / 1e6,
      double(c.global_load_sectors) / double(c.global_load_requests ? c.global_load_requests : 1),
      double(c.global_store_sectors) / double(c.global_store_requests ? c.global_store_requests : 1),
      double(c.shared_load_wavefronts) / double(c.shared_load_requests ? c.shared_load_requests : 1));
  return report.faults.empty() ? 0 : 1;
}

}  // namespace

int main(int argc, char **argv) {
  std::vector<std::string> words(argv + 1, argv + argc);
  vgpu::Options options;
  if (!words.empty() && words[0].rfind("--watch=", 0) == 0) {
    options = options_for(words[0].substr(8));
    words.erase(words.begin());
  }
  if (!words.empty() && words[0] == "--plain") {
    options.plain = true;
    words.erase(words.begin());
  }
  if (words.size() == 2 && words[0] == "--load") return show_load(words[1]);
  if (words.size() >= 5) return measure(words, options);
  std::fprintf(stderr, "usage: vgpu_bench FILE.ptx KERNEL GRID BLOCK SHARED ARGUMENT... (see the head of bench.cpp)\n");
  return 2;
}
