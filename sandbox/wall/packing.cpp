#include "packing.h"

#include <cstring>

namespace wall {
namespace {

bool is_integer(const std::string &type) {
  return type[0] == 'u' || type[0] == 's' || type[0] == 'b';
}

bool fits(int64_t value, uint32_t bytes) {
  if (bytes >= 8) return true;
  const int64_t range = int64_t(1) << (8 * bytes);
  return value >= -range / 2 && value < range;
}

template <class T>
bool store(T value, const vgpu::ParamInfo &parameter, uint8_t *block) {
  std::memcpy(block + parameter.offset, &value, sizeof value);
  return true;
}

bool store_real(double value, const vgpu::ParamInfo &parameter, uint8_t *block) {
  if (parameter.type == "f32" && parameter.size == 4) return store(static_cast<float>(value), parameter, block);
  if (parameter.type == "f64" && parameter.size == 8) return store(value, parameter, block);
  return false;
}

bool store_integer(int64_t value, const vgpu::ParamInfo &parameter, uint8_t *block) {
  if (parameter.type[0] == 'f') return store_real(static_cast<double>(value), parameter, block);
  const bool scalar = parameter.size == 1 || parameter.size == 2 || parameter.size == 4 || parameter.size == 8;
  // A structure passed by value is declared as an array of b8.
  const bool structure = parameter.type == "b8" && parameter.size != 1;
  if (!is_integer(parameter.type) || !scalar || structure || !fits(value, parameter.size)) return false;
  std::memcpy(block + parameter.offset, &value, parameter.size);
  return true;
}

bool store_address(uint64_t address, const vgpu::ParamInfo &parameter, uint8_t *block) {
  return is_integer(parameter.type) && parameter.size == 8 && parameter.type != "b8" &&
         store(address, parameter, block);
}

bool store_argument(const Argument &argument, const vgpu::ParamInfo &parameter, const std::vector<uint64_t> &addresses,
                    uint8_t *block) {
  if (const auto *buffer = std::get_if<BufferArgument>(&argument))
    return store_address(addresses.at(buffer->buffer), parameter, block);
  if (const auto *integer = std::get_if<int64_t>(&argument)) return store_integer(*integer, parameter, block);
  return store_real(std::get<double>(argument), parameter, block);
}

std::string describe(const Argument &argument) {
  if (std::holds_alternative<BufferArgument>(argument)) return "a buffer";
  if (const auto *integer = std::get_if<int64_t>(&argument)) return "the integer " + std::to_string(*integer);
  return "the number " + std::to_string(std::get<double>(argument));
}

}  // namespace

std::variant<std::vector<uint8_t>, std::string> pack(const vgpu::KernelInfo &kernel,
                                                     const std::vector<Argument> &arguments,
                                                     const std::vector<uint64_t> &addresses) {
  if (arguments.size() != kernel.params.size())
    return "kernel " + kernel.name + " takes " + std::to_string(kernel.params.size()) +
           " arguments, but the launch passes " + std::to_string(arguments.size());
  std::vector<uint8_t> block(kernel.param_bytes);
  for (size_t i = 0; i < arguments.size(); ++i) {
    const vgpu::ParamInfo &parameter = kernel.params[i];
    // The kernel's declaration comes from the candidate.
    if (parameter.type.empty() || uint64_t(parameter.offset) + parameter.size > block.size() ||
        !store_argument(arguments[i], parameter, addresses, block.data()))
      return "argument " + std::to_string(i + 1) + " of kernel " + kernel.name + " is " + describe(arguments[i]) +
             ", but the kernel declares ." + parameter.type + " of " + std::to_string(parameter.size) + " bytes";
  }
  return block;
}

}  // namespace wall
