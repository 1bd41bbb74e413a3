// Changes that keep most of a text PTX: byte changes alone are refused by the parser nearly always.
#include <algorithm>
#include <cstddef>
#include <random>
#include <vector>

#include "target.h"

namespace vgpu_fuzz {
namespace {

using Random = std::mt19937_64;
using Lines = std::vector<std::string>;

Lines split_lines(std::string_view text) {
  Lines lines;
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('\n', at), text.size());
    lines.emplace_back(text.substr(at, end - at));
    at = end + 1;
  }
  if (lines.empty()) lines.emplace_back("");
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
  const size_t end = std::min(line.find_first_not_of("0123456789abcdefxABCDEF", digit), line.size());
  line.replace(digit, end - digit, extreme_number(random));
}

// The word at a random place becomes a word of another line: another register, type, modifier or opcode.
void replace_word(std::string &line, const std::string &other, Random &random) {
  constexpr const char *ends = " .,;[]{}()\t";
  const auto word_at = [&](const std::string &text) {
    const size_t start = std::min(text.find_first_not_of(ends, below(random, text.size() + 1)), text.size());
    return std::make_pair(start, std::min(text.find_first_of(ends, start), text.size()) - start);
  };
  const auto [from, bytes] = word_at(other);
  const auto [to, replaced] = word_at(line);
  line.replace(to, replaced, other.substr(from, bytes));
}

void change_line(std::string &line, const Lines &lines, Random &random) {
  if (line.empty()) return;
  const size_t at = below(random, line.size());
  switch (below(random, 6)) {
    case 0: line.erase(at, 1 + below(random, 4)); return;
    case 1: line[at] = char(32 + below(random, 95)); return;
    case 2: replace_number(line, random); return;
    default: replace_word(line, lines[below(random, lines.size())], random);
  }
}

}  // namespace

std::string change_lines(std::string_view input, size_t most, uint64_t seed) {
  Random random(seed);
  Lines lines = split_lines(input);
  for (uint64_t change = 1 + below(random, 4); change; --change) {
    const size_t at = below(random, lines.size());
    switch (below(random, 8)) {
      case 0: lines.erase(lines.begin() + std::ptrdiff_t(at)); break;
      case 1: lines.insert(lines.begin() + std::ptrdiff_t(at), lines[below(random, lines.size())]); break;
      case 2: std::swap(lines[at], lines[below(random, lines.size())]); break;
      default: change_line(lines[at], lines, random);
    }
    if (lines.empty()) lines.emplace_back("");
  }
  std::string changed;
  for (const std::string &line : lines) changed += line + "\n";
  return changed.substr(0, most);
}

}  // namespace vgpu_fuzz
