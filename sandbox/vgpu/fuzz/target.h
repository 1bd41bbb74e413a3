// One input of a fuzzer: PTX text whose first eight bytes also choose how it is launched.
//
// An input is a PTX file as it is. Seeds begin with `//` and six characters, a comment to the parser, so a finding is
// replayed by loading the file; the fuzzer changes the settings as it changes any byte. Whatever comes, the text is
// refused with diagnostics or every kernel runs to its end, a fault, or its budget; anything else is a finding.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace vgpu_fuzz {

// Parses and lowers.
void try_loading(std::string_view input);

// Launches every kernel, twice: with counters alone, and as the first bytes say. Each launch has a Module and Machine
// of its own. Where neither ends in a fault, memory and the instructions executed must be the same.
void try_launching(std::string_view input);

// A change of one to four lines: bytes removed or replaced, numbers made extreme, lines doubled, swapped or removed.
// The result has at most `most` bytes.
std::string change_lines(std::string_view input, size_t most, uint64_t seed);

}  // namespace vgpu_fuzz
