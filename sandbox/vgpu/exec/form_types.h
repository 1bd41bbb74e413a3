// Types of the operands of forms that the tables describe lane by lane, and of the elements of loads.
#pragma once

#include "../isa/isa.h"
#include "half.h"
#include "lanes.h"

namespace vgpu {

struct ElementType {
  u8 bytes;                  // 0: the form has no such operand, or the table does not say
  bool is_signed;            // narrow ones are extended by their sign
};
struct FormTypes {
  ElementType d, a, b, c, e;
  bool packed;               // two halves of a word, each for itself
};

namespace detail {

template <class T>
constexpr ElementType element() { return {u8(sizeof(T)), std::is_signed_v<T>}; }

constexpr bool ends_with_x2(const char *name) {
  u32 length = 0;
  while (name[length]) ++length;
  return length > 2 && name[length - 2] == 'x' && name[length - 1] == '2' && !(name[0] == 'c' && name[1] == 'v');
}

constexpr FormTypes kTypes[] = {
#define LANES1(name, p, cl, s, r, D, A, ...) {element<D>(), element<A>(), {}, {}, {}, ends_with_x2(#name)},
#define LANES2(name, p, cl, s, r, D, A, B, ...) {element<D>(), element<A>(), element<B>(), {}, {}, ends_with_x2(#name)},
#define LANES3(name, p, cl, s, r, D, A, B, C, ...) \
  {element<D>(), element<A>(), element<B>(), element<C>(), {}, ends_with_x2(#name)},
#define LANES4(name, p, cl, s, r, D, A, B, C, E, ...) \
  {element<D>(), element<A>(), element<B>(), element<C>(), element<E>(), false},
#define LOAD(name, p, cl, s, r, g, space, T) {element<T>(), {}, {}, {}, {}, false},
#define PLAIN(...) {},
#define WATCHED(...) {},
#define STORE(...) {},
#define ATOM(...) {},
#define PRODUCT(...) {},
#define WMMA_LOAD(...) {},
#define WMMA_STORE(...) {},
#define VECTOR_ATOM(...) {},
#define WIDE_ATOM(...) {},
#include "../isa/all.def"
};

}  // namespace detail

inline const FormTypes &types_of(uint16_t form) { return detail::kTypes[form]; }

// Whether bits of an element are copied to what is above it in its slot.
inline bool extends_sign(uint16_t form) { return types_of(form).d.is_signed && types_of(form).d.bytes < 4; }

}  // namespace vgpu
