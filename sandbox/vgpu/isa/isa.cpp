#include "isa.h"

#include <algorithm>
#include <array>

namespace vgpu {

namespace {

// Kinds of the operands of a LANES row, from the element types: d:W a:w ...; 8-byte elements take X and x.
struct u8 { char is[1]; };
struct s8 { char is[1]; };
struct u16 { char is[2]; };
struct s16 { char is[2]; };
struct u32 { char is[4]; };
struct s32 { char is[4]; };
struct f32 { char is[4]; };
struct u64 { char is[8]; };
struct s64 { char is[8]; };
struct f64 { char is[8]; };

struct Signature {
  char text[24] = {};
  template <class D, class... Sources>
  static constexpr Signature of() {
    Signature made;
    const char *fields[] = {" a:", " b:", " c:", " v0:"};
    size_t at = 0;
    for (const char *p = "d:"; *p; ++p) made.text[at++] = *p;
    made.text[at++] = sizeof(D) == 8 ? 'X' : 'W';
    const bool wide[] = {sizeof(Sources) == 8 ...};
    for (size_t i = 0; i < sizeof...(Sources); ++i) {
      for (const char *p = fields[i]; *p; ++p) made.text[at++] = *p;
      made.text[at++] = wide[i] ? 'x' : 'w';
    }
    return made;
  }
};
template <class... Types>
constexpr Signature kSignature = Signature::of<Types...>();

constexpr Form kForms[] = {
#define LANES1(name, pattern, cls, slots, section, D, A, ...) \
  {#name, pattern, Class::cls, slots, section, kSignature<D, A>.text},
#define LANES2(name, pattern, cls, slots, section, D, A, B, ...) \
  {#name, pattern, Class::cls, slots, section, kSignature<D, A, B>.text},
#define LANES3(name, pattern, cls, slots, section, D, A, B, C, ...) \
  {#name, pattern, Class::cls, slots, section, kSignature<D, A, B, C>.text},
#define LANES4(name, pattern, cls, slots, section, D, A, B, C, E, ...) \
  {#name, pattern, Class::cls, slots, section, kSignature<D, A, B, C, E>.text},
#define PLAIN(name, pattern, cls, slots, section, signature) {#name, pattern, Class::cls, slots, section, signature},
#define WATCHED(name, pattern, cls, slots, section, signature) {#name, pattern, Class::cls, slots, section, signature},
#define LOAD(name, pattern, cls, slots, section, signature, ...) \
  {#name, pattern, Class::cls, slots, section, signature},
#define STORE(name, pattern, cls, slots, section, signature, ...) \
  {#name, pattern, Class::cls, slots, section, signature},
#define VECTOR_ATOM(name, pattern, cls, slots, section, signature, ...) \
  {#name, pattern, Class::cls, slots, section, signature},
#define WIDE_ATOM(name, pattern, cls, slots, section, signature, ...) \
  {#name, pattern, Class::cls, slots, section, signature},
#define ATOM(name, pattern, cls, slots, section, signature, ...) \
  {#name, pattern, Class::cls, slots, section, signature},
#define PRODUCT(name, pattern, slots, section, signature, ...) \
  {#name, pattern, Class::matrix, slots, section, signature},
#define WMMA_LOAD(name, pattern, cls, slots, section, signature, ...) \
  {#name, pattern, Class::cls, slots, section, signature},
#define WMMA_STORE(name, pattern, cls, slots, section, signature, ...) \
  {#name, pattern, Class::cls, slots, section, signature},
#include "all.def"
};
static_assert(sizeof kForms / sizeof kForms[0] == form_count, "one row per form");

// Qualifiers that `*` may swallow.
constexpr std::string_view kHints[] = {
    "weak", "relaxed", "acquire", "release", "acq_rel", "sc", "volatile", "mmio", "cta", "cluster", "gpu", "sys", "gl",
    "ca", "cg", "cs", "lu", "cv", "wb", "wt", "nc", "uni", "v2", "v4", "L1::evict_normal", "L1::evict_unchanged",
    "L1::evict_first", "L1::evict_last", "L1::no_allocate", "L2::evict_normal", "L2::evict_first", "L2::evict_last",
    "L2::cache_hint", "L2::64B", "L2::128B", "L2::256B", "fractional", "range", "b64", "proxy", "async", "global",
    "shared::cta", "acquire::gpu", "generic", "alias", "L2", "L2::evict_unchanged", "cvt", "mbarrier_init",
    "param::entry", "sync_restrict::shared::cta", "sync_restrict::shared::cluster",
};

std::string_view take_token(std::string_view &text) {
  const size_t dot = text.find('.');
  const std::string_view token = text.substr(0, dot);
  text = dot == std::string_view::npos ? std::string_view() : text.substr(dot + 1);
  return token;
}

bool is_choice(std::string_view choices, std::string_view token) {
  while (!choices.empty()) {
    const size_t bar = choices.find('|');
    if (choices.substr(0, bar) == token) return true;
    choices = bar == std::string_view::npos ? std::string_view() : choices.substr(bar + 1);
  }
  return false;
}

bool matches(std::string_view pattern, std::string_view opcode) {
  if (pattern.empty()) return opcode.empty();
  std::string_view rest = pattern, after = opcode;
  std::string_view want = take_token(rest);
  if (want == "*") {
    if (matches(rest, opcode)) return true;
    const std::string_view token = take_token(after);
    const bool hint = std::find(std::begin(kHints), std::end(kHints), token) != std::end(kHints);
    return !opcode.empty() && hint && matches(pattern, after);
  }
  const bool optional = want.back() == '?';
  if (optional) want.remove_suffix(1);
  if (!opcode.empty() && is_choice(want, take_token(after)) && matches(rest, after)) return true;
  return optional && matches(rest, opcode);
}

}  // namespace

const Form &form_row(uint16_t id) { return kForms[id]; }

FormFinder::FormFinder() {
  for (uint16_t id = 0; id < form_count; ++id) {
    std::string_view pattern = kForms[id].pattern;
    std::string_view bases = take_token(pattern);
    while (!bases.empty()) {
      const size_t bar = bases.find('|');
      by_base_[bases.substr(0, bar)].push_back(id);
      bases = bar == std::string_view::npos ? std::string_view() : bases.substr(bar + 1);
    }
  }
}

uint16_t FormFinder::find(std::string_view opcode) {
  const std::string key(opcode);
  const auto known = found_.find(key);
  if (known != found_.end()) return known->second;
  uint16_t result = form_count;
  const auto rows = by_base_.find(opcode.substr(0, opcode.find('.')));
  if (rows != by_base_.end()) {
    for (const uint16_t id : rows->second) {
      if (!matches(kForms[id].pattern, opcode)) continue;
      result = id;
      break;
    }
  }
  return found_[key] = result;
}

}  // namespace vgpu
