// A Module behind its interface: the tree, the places of its variables, and every kernel lowered.
#pragma once

#include "lower/image.h"
#include "machine.h"

namespace vgpu {

struct LoadedModule final : Module {
  std::unique_ptr<ptx::Module> tree;
  Image image;
  std::vector<Program> programs;
  std::vector<KernelInfo> infos;

  const std::vector<KernelInfo> &kernels() const override { return infos; }
  std::string target() const override { return tree->target; }
  const Program *find(const std::string &kernel) const {
    for (const Program &program : programs) {
      if (program.info.name == kernel) return &program;
    }
    return nullptr;
  }
};

}  // namespace vgpu
