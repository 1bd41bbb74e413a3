// Fuzzes the virtual GPU with mutated PTX: whatever comes, it is refused with diagnostics or runs within its budget.
//
//   fuzz_ptx SECONDS SEED FILE.ptx...     exit 0: nothing found; a crash or a sanitizer report is a finding
//
// Built with -fsanitize=address,undefined by scripts/native-sanitizers. Each input starts from a fresh Module and
// Machine, so that a finding is reproduced from its text alone; the text being tried is kept in fuzz_last.ptx.
// Mutations: bytes and lines removed, doubled, swapped or replaced by pieces of other lines, and numbers made extreme.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <new>
#include <random>
#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

#include "../machine.h"

namespace {

using Random = std::mt19937_64;

std::string read_file(const std::string &path) {
  std::ifstream file(path);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

std::vector<std::string> split_lines(const std::string &text) {
  std::vector<std::string> lines;
  std::istringstream stream(text);
  for (std::string line; std::getline(stream, line);) lines.push_back(line);
  return lines;
}

uint64_t below(Random &random, uint64_t bound) { return bound ? random() % bound : 0; }

std::string extreme_number(Random &random) {
  static const char *const numbers[] = {
      "0",          "-1",         "31", "32", "63", "64", "255", "2147483647", "-2147483648",
      "4294967295", "0f7F800000", "9223372036854775807", "18446744073709551615", "0x7fffffffffffffff"};
  return numbers[below(random, sizeof numbers / sizeof *numbers)];
}

void replace_number(std::string &line, Random &random) {
  const size_t digit = line.find_first_of("0123456789", below(random, line.size() + 1));
  if (digit == std::string::npos) return;
  const size_t end = line.find_first_not_of("0123456789abcdefxABCDEF", digit);
  line.replace(digit, (end == std::string::npos ? line.size() : end) - digit, extreme_number(random));
}

void mutate_line(std::string &line, const std::vector<std::string> &lines, Random &random) {
  if (line.empty()) return;
  const size_t at = below(random, line.size());
  switch (below(random, 4)) {
    case 0: line.erase(at, 1 + below(random, 4)); return;
    case 1: line[at] = char(32 + below(random, 95)); return;
    case 2: replace_number(line, random); return;
    default: {
      const std::string &other = lines[below(random, lines.size())];
      line.insert(at, other.substr(below(random, other.size() + 1), below(random, 12)));
    }
  }
}

std::string mutate(const std::string &text, Random &random) {
  std::vector<std::string> lines = split_lines(text);
  for (uint64_t change = 1 + below(random, 4); change; --change) {
    const size_t at = below(random, lines.size());
    switch (below(random, 6)) {
      case 0: lines.erase(lines.begin() + ptrdiff_t(at)); break;
      case 1: lines.insert(lines.begin() + ptrdiff_t(at), lines[below(random, lines.size())]); break;
      case 2: std::swap(lines[at], lines[below(random, lines.size())]); break;
      default: mutate_line(lines[at], lines, random);
    }
    if (lines.empty()) lines.emplace_back("");
  }
  std::string mutated;
  for (const std::string &line : lines) mutated += line + "\n";
  return mutated;
}

void launch_all(const std::shared_ptr<const vgpu::Module> &module, Random &random) {
  for (const vgpu::KernelInfo &kernel : module->kernels()) {
    vgpu::Limits limits;
    limits.memory_bytes = 64 << 20;
    vgpu::Machine machine(module, limits);
    machine.set_poison(uint32_t(random()));
    const uint64_t buffer = machine.allocate("buffer", 4096);
    vgpu::Launch launch;
    launch.kernel = kernel.name;
    launch.grid = {2, 1, 1};
    launch.block = {uint32_t(1 + below(random, 96)), 1, 1};
    launch.params.assign(kernel.param_bytes, 0);
    for (size_t at = 0; at + 8 <= launch.params.size(); at += 8) std::memcpy(&launch.params[at], &buffer, 8);
    vgpu::Options options;
    options.track_uninitialised = below(random, 2);
    options.caches = options.scoreboard = options.lines = !options.track_uninitialised;
    const vgpu::LaunchReport report = machine.launch(launch, options, {20000});
    if (report.counts.warp_instructions > 40000) throw std::logic_error("the budget did not hold");
  }
}

void try_text(const std::string &text, Random &random) {
  std::ofstream("fuzz_last.ptx") << text;
  std::vector<vgpu::Diagnostic> diagnostics;
  const auto module = vgpu::Module::load(text, diagnostics);
  if (!module && diagnostics.empty()) throw std::logic_error("refused without a diagnostic");
  if (!module) return;
  try {
    launch_all(module, random);
  } catch (const std::invalid_argument &) {
    // What a launch refuses with words is an answer too: an initialiser that names no variable, for one.
  } catch (const std::bad_alloc &) {
    // Nor is a program that asks for more memory than the machine has.
  }
}

}  // namespace

int main(int count, char **words) {
  if (count < 4) {
    std::fprintf(stderr, "fuzz_ptx SECONDS SEED FILE.ptx...\n");
    return 2;
  }
  std::vector<std::string> seeds;
  for (int i = 3; i < count; ++i) seeds.push_back(read_file(words[i]));
  Random random(std::strtoull(words[2], nullptr, 10));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(words[1]));
  uint64_t tried = 0, accepted = 0;
  for (const std::string &seed : seeds) try_text(seed, random);
  while (std::chrono::steady_clock::now() < end) {
    const std::string text = mutate(seeds[below(random, seeds.size())], random);
    std::vector<vgpu::Diagnostic> diagnostics;
    accepted += vgpu::Module::load(text, diagnostics) != nullptr;
    try_text(text, random);
    ++tried;
  }
  std::printf("%llu mutated inputs, %llu of them accepted by the parser, nothing found\n", (unsigned long long)tried,
              (unsigned long long)accepted);
  return accepted == 0;
}
