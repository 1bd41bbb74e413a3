#pragma once
// size_t is built into NVRTC.
typedef long ptrdiff_t;
namespace std {
using ::ptrdiff_t;
}  // namespace std
#ifndef NULL
#define NULL 0
#endif
#ifndef offsetof
#define offsetof(type, member) __builtin_offsetof(type, member)
#endif
