// Prints libFuzzer's dictionary: every word of every opcode in the instruction table, and what a PTX file is made of.
#include <algorithm>
#include <cstdio>
#include <set>
#include <string>

#include "../isa/isa.h"

namespace {

// A pattern is words and signs (isa.h): `add.sat.s32`, `ld.global|shared*.u32`.
void add_words(const std::string &pattern, std::set<std::string> &words) {
  if (pattern[0] == '<') return;
  if (pattern.find_first_of("|?*") == std::string::npos) words.insert(pattern + " ");
  constexpr const char *signs = ".|?*";
  for (size_t start = 0, end; start < pattern.size(); start = end + 1) {
    end = std::min(pattern.find_first_of(signs, start), pattern.size());
    if (end > start) words.insert((start ? "." : "") + pattern.substr(start, end - start));
  }
}

}  // namespace

int main() {
  std::set<std::string> words = {
      ".version 8.0", ".target sm_80", ".address_size 64", ".visible .entry ", ".func ", ".param .u64 ", ".param .b32 ",
      ".reg .b32 %r<9>;", ".reg .b64 %rd<9>;", ".reg .pred %p<9>;", ".shared .align 16 .b8 ", ".local .align 8 .b8 ",
      ".const .u32 ", ".global .u32 ", ".extern .shared .b8 ", ".maxntid ", ".reqntid ", ".loc 1 1 1", ".file 1 ",
      ".branchtargets ", ".callprototype ", ".calltargets ", "call.uni ", "@%p1 ", "@!%p1 ", "bra ", "ret;", "exit;",
      "%tid.x", "%ctaid.x", "%ntid.x", "%laneid", "%clock", "0f7F800000", "0d7FF8000000000000", "4294967295"};
  for (uint16_t form = 0; form < vgpu::form_count; ++form) add_words(vgpu::form_row(form).pattern, words);
  for (const std::string &word : words) std::printf("\"%s\"\n", word.c_str());
}
