#include "image.h"

#include <algorithm>

namespace vgpu {

uint64_t function_address(uint32_t index) { return kFunctionBase + 16 * (uint64_t(index) + 1); }

Image place(const ptx::Module &module) {
  Image image;
  uint64_t at = kFirstVariable;
  for (const ptx::Variable &variable : module.variables) {
    if (variable.space == Space::shared) continue;
    const uint64_t align = std::max<uint64_t>(variable.align, 256);
    at = (at + align - 1) / align * align;
    image.variables.push_back({&variable, at});
    image.address[variable.name] = at;
    at += variable.bytes + kGuardBand;
  }
  image.end = at;
  for (uint32_t i = 0; i < module.functions.size(); ++i) {
    image.function[module.functions[i].name] = i;
    image.address[module.functions[i].name] = function_address(i);
  }
  for (const ptx::Alias &alias : module.aliases) {
    const auto target = image.function.find(alias.target);
    if (target == image.function.end()) continue;      // a call of it says that the function is not declared
    const uint32_t index = target->second;
    image.function[alias.name] = index;
    image.address[alias.name] = function_address(index);
  }
  return image;
}

}  // namespace vgpu
