// Where a module's variables and functions live in device memory: fixed when the module is loaded, the same in every
// Machine, so that their addresses are constants of the lowered code.
#pragma once

#include <string_view>
#include <unordered_map>
#include <vector>

#include "../exec/run.h"
#include "../ptx/tree.h"

namespace vgpu {

constexpr uint64_t kGuardBand = 512;                          // between allocations: no access may reach across
constexpr uint64_t kWorkspaceAddress = kGlobalBase + 1024;     // of a cooperative launch
constexpr uint64_t kWorkspaceBytes = 64;
constexpr uint64_t kParamAddress = kGlobalBase + 4096;  // the kernel's parameters, for code that takes their address
constexpr uint64_t kParamBytes = 32768;
constexpr uint64_t kFirstVariable = kParamAddress + kParamBytes + kGuardBand;

struct Placed { const ptx::Variable *variable; uint64_t address; };

struct Image {
  std::vector<Placed> variables;                              // .global and .const, by address
  std::unordered_map<std::string_view, uint64_t> address;     // of variables and functions
  std::unordered_map<std::string_view, uint32_t> function;    // index into ptx::Module::functions
  uint64_t end = kFirstVariable;                              // first address behind the last variable
};

Image place(const ptx::Module &);

// Adds an address to another; an initialiser may name a variable or a function.
uint64_t function_address(uint32_t index);

}  // namespace vgpu
