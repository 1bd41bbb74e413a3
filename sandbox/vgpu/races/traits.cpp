#include "traits.h"

#include <algorithm>

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
  if (has_any(opcode, {"volatile", "relaxed", "acquire", "release", "acq_rel", "mmio"})) traits |= kRaceStrong;
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
  return ordering_of(opcode) | (values ? kRaceValues : 0);
}

// Bytes of the smallest piece that an operation touches; 0: it touches neither space.
uint32_t piece_of(const Op &op) {
  const std::string_view name = form_row(op.form).name;
  if (name.substr(0, 5) == "wmma_") return std::max<uint32_t>((op.v[1] >> 8) / 8, 1);
  return op.bytes ? op.bytes : 4;
}

uint32_t log2_of(uint32_t bytes) { return bytes >= 4 ? 2 : bytes >= 2 ? 1 : 0; }

}  // namespace

RaceTraits::RaceTraits(const Program &program) : of(program.ops.size()) {
  for (size_t i = 0; i < program.ops.size(); ++i) {
    const Op &op = program.ops[i];
    of[i] = traits_of(op, program.origins[i].text);
    const Class cls = form_row(op.form).cls;
    const bool generic = std::string_view(form_row(op.form).name).find("generic") != std::string_view::npos;
    const bool global = in_class(cls, {Class::global_load, Class::global_store, Class::global_atomic});
    const bool shared = in_class(cls, {Class::shared_load, Class::shared_store, Class::shared_atomic});
    const uint32_t shift = log2_of(piece_of(op));
    if (shared || generic) shared_shift = std::min(shared_shift, shift);
    if (global) global_shift = std::min(global_shift, shift);
  }
}

}  // namespace vgpu
