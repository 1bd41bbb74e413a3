// Calls: direct, through an address, and of the few host functions that device code knows (vprintf, assert, malloc).
#pragma once

#include <deque>

#include "select.h"

namespace vgpu {

// Op::kind of call_host.
enum class HostFunction : uint8_t { vprintf, assertfail, malloc, free };

// The functions of the module that one kernel reaches, in the order in which they were met; the kernel is the first.
class CallTable {
 public:
  CallTable(const ptx::Module &module, const Image &image) : module_(module), image_(image) {}
  uint32_t reach(uint32_t module_index);       // index into Program::functions
  void reach_all_addresses();                  // every function whose address is in the module's data
  const std::deque<uint32_t> &reached() const { return reached_; }
  const ptx::Module &module() const { return module_; }
  const Image &image() const { return image_; }

 private:
  const ptx::Module &module_;
  const Image &image_;
  std::deque<uint32_t> reached_;
};

void select_call(const Selection &, const ptx::Instruction &);

}  // namespace vgpu
