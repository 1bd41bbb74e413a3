// Nested scopes of a function body: register names (with ranges, %r<75>) to numbers, variable names to indices.
#pragma once

#include <cctype>
#include <cstdint>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace vgpu::ptx {

class Scopes {
 public:
  void clear() { scopes_.assign(1, {}); }
  void push() { scopes_.emplace_back(); }
  void pop() { scopes_.pop_back(); }

  // count < 0 declares one register of exactly that name.
  void declare_registers(std::string_view name, uint32_t first, int64_t count) {
    (count < 0 ? scopes_.back().registers : scopes_.back().ranges)[name] = {first, count < 0 ? 1 : uint32_t(count)};
  }
  void declare_variable(std::string_view name, uint32_t index) { scopes_.back().variables[name] = index; }

  // What the name stands for: a register's number or a variable's index in the function; -1: not that.
  struct Found { int32_t reg = -1, variable = -1; };

  // The innermost scope that knows the name decides, whatever it declares it as; there, a range comes before an exact
  // name, and %r01 is %r1 of a range (as ptxas has it).
  Found find(std::string_view name) const {
    size_t digits = name.size();
    while (digits > 0 && std::isdigit(static_cast<unsigned char>(name[digits - 1]))) --digits;
    uint32_t number = 0;
    for (size_t i = digits; i < name.size(); ++i) number = number * 10 + uint32_t(name[i] - '0');
    for (size_t i = scopes_.size(); i-- > 0;) {
      const auto range = scopes_[i].ranges.find(name.substr(0, digits));
      if (digits < name.size() && range != scopes_[i].ranges.end() && number < range->second.count) {
        return {static_cast<int32_t>(range->second.first + number), -1};
      }
      const auto exact = scopes_[i].registers.find(name);
      if (exact != scopes_[i].registers.end()) return {static_cast<int32_t>(exact->second.first), -1};
      const auto variable = scopes_[i].variables.find(name);
      if (variable != scopes_[i].variables.end()) return {-1, static_cast<int32_t>(variable->second)};
    }
    return {};
  }

 private:
  struct Range { uint32_t first, count; };
  struct Scope {
    std::unordered_map<std::string_view, Range> registers, ranges;
    std::unordered_map<std::string_view, uint32_t> variables;
  };
  std::vector<Scope> scopes_;
};

}  // namespace vgpu::ptx
