#include "traits.h"

#include <algorithm>
#include <set>

#include "../isa/isa.h"
#include "../lower/modifiers.h"

namespace vgpu {
namespace {

// The opcode of an instruction's text, without its guard.
std::string_view opcode_of(std::string_view text) {
  constexpr std::string_view spaces = " \t\r\n";
  const auto skip = [&](size_t at) { return std::min(text.find_first_not_of(spaces, at), text.size()); };
  size_t begin = skip(0);
  if (begin < text.size() && text[begin] == '@') begin = skip(std::min(text.find_first_of(spaces, begin), text.size()));
  return text.substr(begin, text.find_first_of(" \t\r\n;", begin) - begin);
}

bool in_class(Class cls, std::initializer_list<Class> classes) {
  return std::find(classes.begin(), classes.end(), cls) != classes.end();
}

bool has_any(std::string_view opcode, std::initializer_list<std::string_view> tokens) {
  return std::any_of(tokens.begin(), tokens.end(), [&](std::string_view each) { return has_token(opcode, each); });
}

uint16_t ordering_of(std::string_view opcode) {
  uint16_t traits = 0;
  if (has_any(opcode, {"volatile", "relaxed", "acquire", "release", "acq_rel", "mmio", "cv", "wt"}))
    traits |= kRaceStrong;
  if (has_token(opcode, "volatile")) traits |= kRaceVolatile;
  if (has_any(opcode, {"acquire", "acq_rel"})) traits |= kRaceAcquire;
  if (has_any(opcode, {"release", "acq_rel"})) traits |= kRaceRelease;
  if (has_any(opcode, {"cta", "cluster"})) traits |= kRaceBlockScope;
  return traits;
}

uint16_t traits_of(const Op &op, std::string_view text) {
  const Form &form = form_row(op.form);
  const std::string_view opcode = opcode_of(text), name = form.name;
  if (op.form == form_fence) return has_token(opcode, "proxy") ? 0 : kRaceFence | ordering_of(opcode);
  if (form.cls == Class::async_copy) {
    const bool reduces = name.substr(0, 9) == "cp_reduce";
    return kRaceAsync | (reduces ? kRaceStrong | kRaceAtomic : 0);
  }
  if (name.substr(0, 8) == "mbarrier") {
    const bool plain = op.form == form_mbarrier_init || op.form == form_mbarrier_inval;
    return plain ? 0 : kRaceStrong | kRaceAtomic;
  }
  if (in_class(form.cls, {Class::global_atomic, Class::shared_atomic}))
    return ordering_of(opcode) | kRaceStrong | kRaceAtomic;
  if (!in_class(form.cls, {Class::global_load, Class::global_store, Class::shared_load, Class::shared_store})) return 0;
  const bool values = name.substr(0, 3) == "st_";
  const bool read_only = form.cls == Class::global_load && (has_token(opcode, "nc") || opcode.substr(0, 3) == "ldu");
  return ordering_of(opcode) | (values ? kRaceValues : 0) | (read_only ? kRaceReadOnly | kRaceClosely : 0);
}

// The memory operand in an instruction's text, with its brackets.
std::string_view address_of(std::string_view text) {
  const size_t begin = text.find('['), end = text.find(']', begin);
  return begin == std::string_view::npos || end == std::string_view::npos ? std::string_view()
                                                                          : text.substr(begin, end - begin + 1);
}

bool compares(const Op &op) {
  const bool atomic = in_class(form_row(op.form).cls, {Class::global_atomic, Class::shared_atomic});
  return atomic && (op.kind == 1 || op.kind == 3 || op.kind == 4);       // .cas, .min, .max: exec/atomic_elements.h
}

// A load at the address of an atomic that compares is a guess that this one checks: `old = *p; do ... atomicCAS(p, .)`
// is how the programming guide makes atomics of its own, and that it may be stale does no harm. It counts as relaxed,
// and is a remark where it would be a race otherwise.
void mark_guesses(const Program &program, std::vector<uint16_t> &traits) {
  std::set<std::pair<uint32_t, std::string_view>> compared;
  for (size_t i = 0; i < program.ops.size(); ++i) {
    if (compares(program.ops[i])) compared.insert({program.origins[i].function, address_of(program.origins[i].text)});
  }
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const bool loads = in_class(form_row(program.ops[i].form).cls, {Class::global_load, Class::shared_load});
    if (loads && compared.count({program.origins[i].function, address_of(program.origins[i].text)}))
      traits[i] |= traits[i] & kRaceStrong ? 0 : kRaceStrong | kRaceGuess;
  }
}

// Bytes of the smallest piece that an operation touches; 0: it touches neither space.
uint32_t piece_of(const Op &op) {
  const std::string_view name = form_row(op.form).name;
  if (name.substr(0, 5) == "wmma_") return std::max<uint32_t>((op.v[1] >> 8) / 8, 1);
  if (op.form == form_ldmatrix || op.form == form_stmatrix) return 16;
  if (name.substr(0, 3) == "ld_" || name.substr(0, 3) == "st_") return op.bytes * op.n;        // aligned as a whole
  return op.bytes ? op.bytes : 4;
}

uint32_t log2_of(uint32_t bytes) { return bytes >= 16 ? 4 : bytes >= 8 ? 3 : bytes >= 4 ? 2 : bytes >= 2 ? 1 : 0; }

}  // namespace

RaceTraits::RaceTraits(const Program &program, bool closely) : of(program.ops.size()) {
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const Op &op = program.ops[i];
    of[i] = traits_of(op, program.origins[i].text) | (closely ? kRaceClosely : 0);
    const Class cls = form_row(op.form).cls;
    const bool generic = std::string_view(form_row(op.form).name).find("generic") != std::string_view::npos;
    const bool global = in_class(cls, {Class::global_load, Class::global_store, Class::global_atomic});
    const bool shared = in_class(cls, {Class::shared_load, Class::shared_store, Class::shared_atomic});
    const bool copies = cls == Class::async_copy && op.bytes != 0;         // to shared memory
    const uint32_t shift = log2_of(piece_of(op));
    if (shared || generic || copies) shared_shift = std::min(shared_shift, shift);
    if (global || copies) global_shift = std::min(global_shift, shift);
  }
  mark_guesses(program, of);
}

}  // namespace vgpu
