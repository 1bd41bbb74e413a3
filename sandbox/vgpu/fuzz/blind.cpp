// Fuzzes without coverage, for compilers that have no libFuzzer, and replays inputs.
//
//   fuzz_blind SECONDS SEED FILE.ptx...     0 seconds: only the files as they are
//
// Exit 0: nothing found. A crash or a sanitizer's report is a finding; the text being tried is in fuzz_last.ptx.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <random>
#include <sstream>
#include <stdexcept>
#include <vector>

#include "target.h"

namespace {

std::string read_file(const std::string &path) {
  std::ifstream file(path, std::ios::binary);
  if (!file) throw std::runtime_error("cannot read " + path);
  std::stringstream text;
  text << file.rdbuf();
  return text.str();
}

void try_text(const std::string &text) {
  std::ofstream("fuzz_last.ptx", std::ios::binary) << text;
  vgpu_fuzz::try_launching(text);
}

}  // namespace

int main(int count, char **words) {
  if (count < 4) {
    std::fprintf(stderr, "fuzz_blind SECONDS SEED FILE.ptx...\n");
    return 2;
  }
  std::vector<std::string> seeds;
  for (int i = 3; i < count; ++i) seeds.push_back(read_file(words[i]));
  for (const std::string &seed : seeds) try_text(seed);
  std::mt19937_64 random(std::strtoull(words[2], nullptr, 10));
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(words[1]));
  uint64_t tried = 0;
  for (; std::chrono::steady_clock::now() < end; ++tried) {
    const std::string &seed = seeds[random() % seeds.size()];
    try_text(vgpu_fuzz::change_lines(seed, 2 * seed.size(), random()));
  }
  std::printf("%zu files and %llu changed ones tried, nothing found\n", seeds.size(), (unsigned long long)tried);
  return 0;
}
